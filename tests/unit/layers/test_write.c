/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers that are written: the same bytes whatever the circumstances, and read again as they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/layer/toc_write.h"
#include "tests/unit/layers/test_layers.h"

static struct layer_writer *begin(struct store *s, const struct layer_options *o)
{
	struct layer_writer *w = NULL;
	struct image_error e = {""};

	expect_ok(layer_begin(s, o, &w, &e), &e);
	return w;
}

static struct descriptor end(struct layer_writer *w, struct digest *diff_id)
{
	struct image_error e = {""};
	struct descriptor d;
	struct digest diff;

	expect_ok(layer_end(w, &d, diff_id ? diff_id : &diff, &e), &e);
	descriptor_clear(&d);
	return d;
}

static void add(struct layer_writer *w, const struct layer_entry *m, int fd)
{
	struct image_error e = {""};

	expect_ok(layer_add(w, m, fd, &e), &e);
}

/* Pseudo-random words, some of them again and again: compresses, but not to nothing. */
static int some_content(size_t n)
{
	int fd = memfd_create("content", MFD_CLOEXEC);
	char *p = malloc(n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245u + 12345u;
		p[i] = (char)(i % 96 < 64 ? x >> 24 : 'a');
	}
	assert_int_equal(write(fd, p, n), n);
	free(p);
	return fd;
}

static struct descriptor pack_one(
	struct store *s, const struct layer_options *o, int fd, size_t n, struct digest *diff_id)
{
	struct layer_entry m = {.path = "data", .mode = S_IFREG | 0644, .size = n};
	struct layer_writer *w = begin(s, o);

	add(w, &m, fd);
	return end(w, diff_id);
}

static void zstd_does_not_depend_on_threads(void **state)
{
	struct store *s = store_here();
	size_t n = 9u << 20; /* more than two jobs */
	int fd = some_content(n);
	struct descriptor one, d;

	for (int level = 0; level < 6; level += 5) {
		struct layer_options o = {COMPRESS_ZSTD, .level = level, .threads = 1};

		one = pack_one(s, &o, fd, n, NULL);
		assert_true(one.size < n);
		for (o.threads = 0; o.threads < 4; o.threads += 1 + o.threads % 2) {
			d = pack_one(s, &o, fd, n, NULL);
			assert_string_equal(d.digest.hex, one.digest.hex);
		}
	}
	close(fd);
	store_close(s);
}

static void every_compression_holds_the_same_archive(void **state)
{
	struct store *s = store_here();
	int fd = some_content(100000);
	struct digest diff[3];

	for (enum compression c = COMPRESS_NONE; c <= COMPRESS_ZSTD; c++) {
		struct layer_options o = {.compression = c};
		struct layer_limits limits = layer_limits_default;
		static struct log l;
		struct layer_sink sink = log_sink(&l);
		struct image_error e = {""};
		struct descriptor d = pack_one(s, &o, fd, 100000, &diff[c]);
		enum compression again;

		expect_ok(layer_media_type(d.media_type, &again, &e), &e);
		assert_int_equal(again, c);
		expect_ok(layer_read(s, &d, &diff[c], &limits, &sink, NULL, &e), &e);
		assert_string_equal(diff[c].hex, diff[0].hex);
	}
	close(fd);
	store_close(s);
}

/* What the archive of one layer says, as the reader tells it. */
static const char *read_back(struct store *s, const struct descriptor *d, const struct digest *diff)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct layer_sink sink = log_sink(&l);
	struct image_error e = {""};

	l.n = 0;
	expect_ok(layer_read(s, d, diff, &limits, &sink, NULL, &e), &e);
	return l.text;
}

static void every_kind_of_member_is_read_as_it_was_written(void **state)
{
	static const struct layer_xattr x = {"user.a", "\0\n\xff", 3};
	struct layer_options o = {.compression = COMPRESS_ZSTD, .keep_owner = true};
	struct store *s = store_here();
	struct layer_writer *w = begin(s, &o);
	int fd = some_content(5);
	struct descriptor d;
	struct digest diff;

	add(w, &(struct layer_entry){LAYER_NODE, .path = "\xff\xfe", .mode = S_IFDIR | 01777}, -1);
	add(w, &(struct layer_entry){LAYER_OPAQUE, .path = "\xff\xfe"}, -1);
	add(w, &(struct layer_entry){LAYER_WHITEOUT, .path = "\xff\xfe/b"}, -1);
	add(w,
		&(struct layer_entry){LAYER_NODE, .path = "\xff\xfe/c", .mode = S_IFREG | 04755,
			.uid = 3000000, .gid = 7, .size = 5, .xattrs = &x, .nxattrs = 1},
		fd);
	add(w, &(struct layer_entry){LAYER_HARDLINK, .path = "\xff\xfe/d", .target = "\xff\xfe/c"},
		-1);
	add(w,
		&(struct layer_entry){LAYER_NODE, .path = "\xff\xfe/e", .mode = S_IFLNK | 0777,
			.target = "../caf\xc3\xa9"},
		-1);
	add(w,
		&(struct layer_entry){
			LAYER_NODE, .path = "\xff\xfe/f", .mode = S_IFCHR | 0600, .rdev = 0x103},
		-1);
	d = end(w, &diff);
	assert_string_equal(read_back(s, &d, &diff),
		"dir \xff\xfe 1777 0:0\n"
		"opaque \xff\xfe\ngone \xff\xfe/b\n"
		"file \xff\xfe/c 4755 3000000:7 5\n  user.a=3\n  data 0+5\n"
		"hard \xff\xfe/d = \xff\xfe/c\n"
		"link \xff\xfe/e -> ../caf\xc3\xa9\n"
		"dev \xff\xfe/f 1,3\n");
	close(fd);
	store_close(s);
}

static void long_paths_survive(void **state)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD};
	struct store *s = store_here();
	struct layer_writer *w = begin(s, &o);
	char path[4001], expected[4100];
	struct descriptor d;
	struct digest diff;

	memset(path, 'p', 4000);
	for (size_t i = 200; i < 4000; i += 200)
		path[i] = '/';
	path[4000] = 0;
	add(w, &(struct layer_entry){LAYER_NODE, .path = path, .mode = S_IFREG | 0644}, -1);
	d = end(w, &diff);
	snprintf(expected, sizeof expected, "file %s 0644 0:0 0\n", path);
	assert_string_equal(read_back(s, &d, &diff), expected);
	store_close(s);
}

static void names_that_cannot_be_are_refused(void **state)
{
	static const char *const names[] = {"", "/abs", "a/../b", "a//b", ".wh.x", "./a"};
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s = store_here();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct layer_entry m = {.path = names[i], .mode = S_IFREG | 0644};
		struct layer_writer *w = begin(s, &o);
		struct image_error e = {""};
		struct descriptor d;
		struct digest diff;

		expect_failure(layer_add(w, &m, -1, &e), -EINVAL, &e, "cannot be a name");
		expect_failure(layer_end(w, &d, &diff, &e), -EINVAL, &e, "cannot be ended");
	}
	store_close(s);
}

static void members_come_in_the_order_of_a_walk(void **state)
{
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s = store_here();
	struct layer_writer *w = begin(s, &o);
	struct image_error e = {""};
	struct layer_entry m = {.mode = S_IFREG | 0644},
			   root = {.path = "", .mode = S_IFDIR | 0755};

	add(w, &root, -1);
	expect_failure(layer_add(w, &root, -1, &e), -EINVAL, &e, "after \".\"");
	m.path = "!"; /* 0x21 is below ".", as which archives know the root */
	add(w, &m, -1);
	m.path = "a/b";
	add(w, &m, -1);
	m.path = "a.b"; /* 0x2e is below "/", but what is in a comes first */
	add(w, &m, -1);
	m.path = "a/c";
	expect_failure(layer_add(w, &m, -1, &e), -EINVAL, &e, "after \"a.b\"");
	layer_abort(w);
	store_close(s);
}

/* -- holes -- */

#define MIB (1u << 20)

static void put(int fd, uint64_t at, const char *text)
{
	assert_int_equal(pwrite(fd, text, strlen(text), (off_t)at), strlen(text));
}

static void holes_are_found_in_content(void **state)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	struct extents x;

	assert_int_equal(ftruncate(fd, 10 * MIB), 0);
	put(fd, MIB + 5, "one");
	put(fd, MIB + 40000, "near");
	put(fd, 9 * MIB, "two");
	assert_int_equal(extents_find(fd, 0, 10 * MIB, &x), 0);
	assert_int_equal(x.n, 2);
	assert_int_equal(x.list[0].from, MIB);
	assert_int_equal(x.list[0].to, MIB + 40960);
	assert_int_equal(x.list[1].from, 9 * MIB);
	assert_int_equal(x.list[1].to, 9 * MIB + 4096);
	extents_free(&x);
	close(fd);
}

static void sparse_files_are_short_in_the_archive_whoever_filled_them(void **state)
{
	static const char *const shapes[] = {"middle", "start", "end", "nothing"};
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s = store_here();
	char *zeros = calloc(1, 4 * MIB);

	for (int i = 0; i < 4; i++) {
		int holes = memfd_create("holes", MFD_CLOEXEC), full = memfd_create("full", 0);
		struct descriptor a, b;
		struct digest diff;

		assert_int_equal(ftruncate(holes, 4 * MIB), 0);
		assert_int_equal(write(full, zeros, 4 * MIB), 4 * MIB);
		for (int both = 0; both < 2 && i < 3; both++)
			put(both ? full : holes,
				i == 0	 ? 2 * MIB
				: i == 1 ? 0
					 : 4 * MIB - 3,
				"end");
		a = pack_one(s, &o, holes, 4 * MIB, &diff);
		b = pack_one(s, &o, full, 4 * MIB, NULL);
		if (a.size > 16384 || strcmp(a.digest.hex, b.digest.hex))
			fail_msg("%s: %llu bytes, %s and %s", shapes[i], (unsigned long long)a.size,
				a.digest.hex, b.digest.hex);
		assert_non_null(strstr(read_back(s, &a, &diff), "file data 0644 0:0 4194304\n"));
		close(holes);
		close(full);
	}
	free(zeros);
	store_close(s);
}

/* A layer of two files that are holes but for some bytes: whether it has a table. */
static bool has_table(struct store *s, uint64_t one, uint64_t other)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD};
	struct layer_writer *w = begin(s, &o);
	const uint64_t sizes[] = {one, other};
	struct image_error e = {""};
	struct descriptor d;
	struct digest diff;
	bool has;

	for (size_t i = 0; i < 2; i++) {
		struct layer_entry m = {
			.path = i ? "b" : "a", .mode = S_IFREG | 0644, .size = sizes[i]};
		int fd = memfd_create("holes", MFD_CLOEXEC);

		assert_int_equal(ftruncate(fd, (off_t)sizes[i]), 0);
		put(fd, 0, "begin");
		add(w, &m, fd);
		close(fd);
	}
	expect_ok(layer_end(w, &d, &diff, &e), &e);
	has = d.annotations;
	descriptor_clear(&d);
	return has;
}

static void with_too_much_of_holes_a_layer_has_no_table(void **state)
{
	struct store *s = store_here();

	assert_true(has_table(s, 2 * MIB, 3 * MIB));
	assert_false(has_table(s, 2 * MIB, TOC_HOLES_MAX - MIB));
	store_close(s);
}

/* Each part of a file has its name again. */
static void table_that_would_be_too_long_is_none(void **state)
{
	enum { PARTS = TOC_MAX / 4000 };
	struct frame *frames = calloc(PARTS, sizeof *frames);
	char name[4001];
	struct layer_entry m = {
		.path = name, .mode = S_IFREG | 0644, .size = (uint64_t)PARTS * FRAME_SIZE};
	struct store *s = store_here();
	struct toc *t = toc_new();
	struct blob_writer *blob;
	struct image_error e = {""};
	json_t *annotations;
	uint64_t size;

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = 0;
	for (size_t i = 0; i < PARTS; i++)
		frames[i] = (struct frame){.from = i + 1,
			.to = i + 2,
			.at = i * FRAME_SIZE,
			.size = FRAME_SIZE,
			.last = i + 1 == PARTS};
	expect_ok(blob_begin(s, &blob, &e), &e);
	expect_ok(toc_add(t, &m, name, m.size, &e), &e);
	assert_false(toc_is_none(t)); /* nobody knows yet */
	expect_ok(toc_end(t, frames, PARTS, PARTS + 1, 0, blob, &annotations, &e), &e);
	assert_null(annotations);
	expect_ok(blob_end(blob, NULL, UINT64_MAX, NULL, &size, &e), &e);
	assert_int_equal(size, 0);
	toc_free(t);
	free(frames);
	store_close(s);
}

/* The content of a sparse member, as it arrives. */
static int compare_data(
	void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	memcpy((char *)arg + offset, data, n);
	return 0;
}

static int any_entry(void *arg, const struct layer_entry *m, struct image_error *e)
{
	return 0;
}

static void sparse_content_arrives_where_it_was(void **state)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD};
	struct layer_limits limits = layer_limits_default;
	struct store *s = store_here();
	int fd = memfd_create("holes", MFD_CLOEXEC);
	char *got = calloc(1, 3 * MIB), *expected = calloc(1, 3 * MIB);
	struct layer_sink sink = {any_entry, compare_data, got};
	struct image_error e = {""};
	struct descriptor d;
	struct digest diff;

	assert_int_equal(ftruncate(fd, 3 * MIB), 0);
	for (uint64_t at = 100; at < 3 * MIB - 10; at = at * 2 + 4001)
		put(fd, at, "content");
	assert_int_equal(pread(fd, expected, 3 * MIB, 0), 3 * MIB);
	d = pack_one(s, &o, fd, 3 * MIB, &diff);
	expect_ok(layer_read(s, &d, &diff, &limits, &sink, NULL, &e), &e);
	assert_memory_equal(got, expected, 3 * MIB);
	free(got);
	free(expected);
	close(fd);
	store_close(s);
}

static void file_that_shrank_is_an_error(void **state)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD};
	struct store *s = store_here();
	struct layer_writer *w = begin(s, &o);
	int fd = some_content(1000);
	struct layer_entry m = {.path = "f", .mode = S_IFREG | 0644, .size = 1001};
	struct image_error e = {""};

	expect_failure(layer_add(w, &m, fd, &e), -ESTALE, &e, "f: changed while it was read");
	layer_abort(w);
	close(fd);
	store_close(s);
}

static void levels_that_a_format_has_not_are_refused(void **state)
{
	struct layer_options zstd = {COMPRESS_ZSTD, .level = 20},
			     gzip = {COMPRESS_GZIP, .level = 10};
	struct store *s = store_here();
	struct layer_writer *w;
	struct image_error e = {""};

	expect_failure(layer_begin(s, &zstd, &w, &e), -EINVAL, &e, "zstd has 1 to 19");
	expect_failure(layer_begin(s, &gzip, &w, &e), -EINVAL, &e, "gzip has 1 to 9");
	store_close(s);
}

const struct CMUnitTest write_tests[] = {
	IN_SCRATCH(zstd_does_not_depend_on_threads),
	IN_SCRATCH(every_compression_holds_the_same_archive),
	IN_SCRATCH(every_kind_of_member_is_read_as_it_was_written),
	IN_SCRATCH(long_paths_survive),
	IN_SCRATCH(names_that_cannot_be_are_refused),
	IN_SCRATCH(members_come_in_the_order_of_a_walk),
	cmocka_unit_test(holes_are_found_in_content),
	IN_SCRATCH(sparse_files_are_short_in_the_archive_whoever_filled_them),
	IN_SCRATCH(sparse_content_arrives_where_it_was),
	IN_SCRATCH(with_too_much_of_holes_a_layer_has_no_table),
	IN_SCRATCH(table_that_would_be_too_long_is_none),
	IN_SCRATCH(file_that_shrank_is_an_error),
	IN_SCRATCH(levels_that_a_format_has_not_are_refused),
};
const size_t write_ntests = sizeof write_tests / sizeof *write_tests;
