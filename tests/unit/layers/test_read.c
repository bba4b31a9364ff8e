/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives of strangers: what is taken, and what is refused with which sentence.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/unit/layers/test_layers.h"

static void paths_lose_what_is_no_component(void **state)
{
	struct tar t = {0};

	tar_member(&t, '5', "./", NULL, 0, NULL);
	tar_member(&t, '5', "./etc/", NULL, 0, NULL);
	tar_file(&t, "/etc//./motd", "hi");
	expect_log(&t, "dir  0755 0:0\n"
		       "dir etc 0755 0:0\n"
		       "file etc/motd 0644 0:0 2\n"
		       "  data 0+2\n");
}

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = {"..", "../x", "a/../../x", "/..", "a/.."};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct tar t = {0};

		tar_file(&t, names[i], "x");
		expect_refused(&t, "leads through \"..\"");
	}
}

static void member_through_symbolic_link_is_refused(void **state)
{
	struct tar t = {0};

	tar_member(&t, '2', "out", "/etc", 0, NULL);
	tar_file(&t, "out/passwd", "x");
	expect_refused(&t, "member \"out/passwd\" leads through the symbolic link \"out\"");
	tar_file(&t, "file", "x");
	tar_file(&t, "file/below", "x");
	expect_refused(&t, "is below \"file\", which is no directory");
}

static void hard_link_to_symbolic_link_is_one_too(void **state)
{
	struct tar t = {0};

	tar_member(&t, '2', "out", "/etc", 0, NULL);
	tar_member(&t, '1', "again", "out", 0, NULL);
	tar_file(&t, "again/passwd", "x");
	expect_refused(&t, "leads through the symbolic link \"again\"");
}

static void directory_in_place_of_symbolic_link_may_be_filled(void **state)
{
	struct tar t = {0};

	tar_member(&t, '2', "d", "/etc", 0, NULL);
	tar_member(&t, '5', "d", NULL, 0, NULL);
	tar_file(&t, "d/x", "");
	expect_log(&t, "link d -> /etc\ndir d 0755 0:0\nfile d/x 0644 0:0 0\n");
}

static void hard_links_stay_among_earlier_members(void **state)
{
	struct tar t = {0};

	tar_file(&t, "a", "x");
	tar_member(&t, '1', "b", "./a", 0, NULL);
	expect_log(&t, "file a 0644 0:0 1\n  data 0+1\nhard b = a\n");
	tar_member(&t, '1', "b", "a", 0, NULL);
	tar_file(&t, "a", "x");
	expect_refused(&t, "hard link to \"a\", which no member before it is");
	tar_member(&t, '1', "b", "/etc/shadow", 0, NULL);
	expect_refused(&t, "hard link to an absolute path");
	tar_member(&t, '1', "b", "../shadow", 0, NULL);
	expect_refused(&t, "hard link whose target leads through");
	tar_member(&t, '5', "d", NULL, 0, NULL);
	tar_member(&t, '1', "b", "d", 0, NULL);
	expect_refused(&t, "which no member before it is");
}

static void whiteouts_are_told_from_files(void **state)
{
	struct tar t = {0};

	tar_file(&t, "etc/.wh.motd", "");
	tar_file(&t, "etc/.wh..wh..opq", "");
	tar_file(&t, ".wh..wh..opq", "");
	tar_file(&t, ".wh..wh.plnk", "");
	tar_file(&t, ".wh..wh.plnk/7.7", "");
	expect_log(&t, "gone etc/motd\nopaque etc\nopaque \n");
}

static void broken_whiteouts_are_refused(void **state)
{
	static const char *const names[] = {".wh.", "a/.wh..", "a/.wh...", ".wh.d/x"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct tar t = {0};

		tar_file(&t, names[i], "");
		expect_refused(&t, "is no whiteout, but is named like one");
	}
}

static void devices_and_fifos_are_members(void **state)
{
	struct tar t = {0};

	tar_member(&t, '3', "null", NULL, 0, NULL);
	tar_member(&t, '6', "pipe", NULL, 0, NULL);
	expect_log(&t, "dev null 1,3\nfifo pipe\n");
}

static void attributes_and_names_come_in_every_byte(void **state)
{
	struct tar t = {0};

	tar_pax(&t, "path", "caf\xc3\xa9/\xff\xfe", 8);
	tar_file(&t, "x", "");
	tar_pax(&t, "SCHILY.xattr.user.a", "\0\xff\n", 3);
	tar_file(&t, "y", "");
	expect_log(&t, "file caf\xc3\xa9/\xff\xfe 0644 0:0 0\nfile y 0644 0:0 0\n  user.a=3\n");
}

static void long_names_are_taken_up_to_the_limit(void **state)
{
	struct tar t = {0};
	char name[600];

	memset(name, 'n', sizeof name);
	name[255] = 0;
	tar_member(&t, 'L', "././@LongLink", NULL, 255, name);
	tar_file(&t, "x", "");
	tar_end(&t);
	{
		static struct log l;
		struct image_error e = {""};

		expect_ok(tar_read(&t, &l, &e), &e);
		assert_int_equal(strcspn(l.text + 5, " "), 255);
	}
	tar_free(&t);
	name[255] = 'n';
	name[256] = 0;
	tar_member(&t, 'L', "././@LongLink", NULL, 256, name);
	tar_file(&t, "x", "");
	expect_refused(&t, "component of more than 255 bytes");
}

static void archive_cut_short_is_refused(void **state)
{
	static struct log l;
	struct image_error e = {""};
	struct tar t = {0};

	tar_file(&t, "a", "hello");
	expect_failure(tar_read(&t, &l, &e), -EBADMSG, &e, "end of the archive is missing");
	t.n -= 512;
	expect_failure(tar_read(&t, &l, &e), -EBADMSG, &e, "cut short");
	tar_free(&t);
	tar_member(&t, '0', "a", NULL, 1u << 20, NULL);
	expect_failure(tar_read(&t, &l, &e), -EBADMSG, &e, "cut short");
	tar_free(&t);
}

static void what_follows_the_end_is_refused(void **state)
{
	struct tar t = {0};

	tar_file(&t, "a", "x");
	tar_end(&t);
	tar_file(&t, "hidden", "x");
	expect_refused(&t, "something follows the end");
}

static void what_is_no_archive_is_said_to_be_none(void **state)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct image_error e = {""};
	static const char text[2048] = "#!/bin/sh\n";

	expect_failure(
		bytes_read(text, sizeof text, &limits, &l, &e), -EBADMSG, &e, "no tar archive");
	expect_failure(bytes_read("", 0, &limits, &l, &e), -EBADMSG, &e, "no tar archive");
	expect_failure(bytes_read("\x1f\x8b\x08\0", 4, &limits, &l, &e), -EBADMSG, &e, "a.tar");
	expect_failure(bytes_read("\x28\xb5\x2f\xfd", 4, &limits, &l, &e), -EBADMSG, &e, "a.tar");
}

/* A tar of one file of so many zeros, as zstd. */
static void *packed_zeros(size_t size, size_t *n)
{
	struct tar t = {0};
	char *zeros = calloc(1, size);
	void *out;

	tar_member(&t, '0', "zeros", NULL, size, zeros);
	tar_end(&t);
	free(zeros);
	out = malloc(ZSTD_compressBound(t.n));
	*n = ZSTD_compress(out, ZSTD_compressBound(t.n), t.data, t.n, 1);
	tar_free(&t);
	return out;
}

static void bomb_is_refused_by_its_ratio(void **state)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct image_error e = {""};
	size_t n;
	void *bomb = packed_zeros(80u << 20, &n);

	expect_failure(bytes_read(bomb, n, &limits, &l, &e), -EFBIG, &e, "as only bombs do");
	free(bomb);
}

static void small_archives_may_pack_well(void **state)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct image_error e = {""};
	size_t n;
	void *packed = packed_zeros(16u << 20, &n);

	expect_ok(bytes_read(packed, n, &limits, &l, &e), &e);
	assert_true(limits.bytes < layer_limits_default.bytes - (16u << 20));
	assert_int_equal(limits.entries, layer_limits_default.entries - 1);
	free(packed);
}

static void limits_end_an_archive(void **state)
{
	static struct log l;
	struct layer_limits few = {.bytes = 1u << 20, .entries = 2, .ratio = 1000};
	struct layer_limits small = {.bytes = 4096, .entries = 10, .ratio = 1000};
	struct image_error e = {""};
	struct tar t = {0};

	tar_file(&t, "a", "");
	tar_file(&t, "b", "");
	tar_file(&t, "c", "");
	tar_end(&t);
	expect_failure(bytes_read(t.data, t.n, &few, &l, &e), -EFBIG, &e, "limit of members");
	tar_free(&t);
	tar_member(&t, '0', "a", NULL, 1ull << 32, NULL);
	tar_end(&t);
	expect_failure(bytes_read(t.data, t.n, &small, &l, &e), -EFBIG, &e, "member \"a\" would");
	tar_free(&t);
}

static int stop(void *arg, const struct layer_entry *m, struct image_error *e)
{
	return image_fail(e, -EDQUOT, "the sink has enough");
}

static void sink_stops_the_reading(void **state)
{
	struct layer_sink sink = {stop, NULL, NULL};
	struct layer_limits limits = layer_limits_default;
	struct image_error e = {""};
	struct tar t = {0};
	FILE *f = tmpfile();

	tar_file(&t, "a", "x");
	tar_end(&t);
	assert_int_equal(fwrite(t.data, t.n, 1, f), 1);
	rewind(f);
	expect_failure(layer_read_fd(fileno(f), "a.tar", &limits, &sink, NULL, &e), -EDQUOT, &e,
		"has enough");
	fclose(f);
	tar_free(&t);
}

/* -- of blobs -- */

static struct descriptor put(struct store *s, const void *data, size_t n, const char *type)
{
	struct descriptor d = {.size = n};
	struct image_error e = {""};

	snprintf(d.media_type, sizeof d.media_type, "%s", type);
	expect_ok(blob_put(s, data, n, &d.digest, &e), &e);
	return d;
}

static int read_layer(struct store *s, const struct descriptor *d, const struct digest *diff_id,
	struct image_error *e)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct layer_sink sink = log_sink(&l);

	l.n = 0;
	return layer_read(s, d, diff_id, &limits, &sink, NULL, e);
}

static void blob_is_held_against_descriptor_and_diff_id(void **state)
{
	struct store *s = store_here();
	struct image_error e = {""};
	struct digest diff;
	struct descriptor d;
	struct tar t = {0};

	tar_file(&t, "a", "hello");
	tar_end(&t);
	digest_of(t.data, t.n, &diff);
	d = put(s, t.data, t.n, OCI_LAYER);
	expect_ok(read_layer(s, &d, &diff, &e), &e);
	diff.hex[0] = diff.hex[0] == '0' ? '1' : '0';
	expect_failure(
		read_layer(s, &d, &diff, &e), -EBADMSG, &e, "unpacked archive has the digest");
	d.size++;
	expect_failure(read_layer(s, &d, NULL, &e), -EBADMSG, &e, "but its manifest says");
	d.size--;
	snprintf(d.media_type, sizeof d.media_type, "%s", OCI_LAYER_ZSTD);
	expect_failure(read_layer(s, &d, NULL, &e), -EBADMSG, &e, "by its first bytes");
	snprintf(d.media_type, sizeof d.media_type, "application/x-cpio");
	expect_failure(read_layer(s, &d, NULL, &e), -ENOTSUP, &e, "application/x-cpio");
	tar_free(&t);
	store_close(s);
}

/* A file in the store that is not what its name says. */
static void damaged_blob_is_said_to_be_damaged(void **state)
{
	struct store *s = store_here();
	struct image_error e = {""};
	struct descriptor d;
	struct tar t = {0};
	char path[128];
	FILE *f;

	tar_file(&t, "a", "hello");
	tar_end(&t);
	d = put(s, t.data, t.n, OCI_LAYER);
	snprintf(path, sizeof path, "s/blobs/sha256/%s", d.digest.hex);
	assert_int_equal(remove(path), 0);
	f = fopen(path, "w");
	t.data[512] = 'J';
	assert_int_equal(fwrite(t.data, t.n, 1, f), 1);
	fclose(f);
	expect_failure(read_layer(s, &d, NULL, &e), -EBADMSG, &e, d.digest.hex);
	f = fopen(path, "w");
	t.data[0] = 'b'; /* the header's checksum is wrong too */
	assert_int_equal(fwrite(t.data, t.n, 1, f), 1);
	fclose(f);
	expect_failure(read_layer(s, &d, NULL, &e), -EBADMSG, &e, d.digest.hex);
	tar_free(&t);
	store_close(s);
}

const struct CMUnitTest read_tests[] = {
	cmocka_unit_test(paths_lose_what_is_no_component),
	cmocka_unit_test(names_that_lead_out_are_refused),
	cmocka_unit_test(member_through_symbolic_link_is_refused),
	cmocka_unit_test(hard_link_to_symbolic_link_is_one_too),
	cmocka_unit_test(directory_in_place_of_symbolic_link_may_be_filled),
	cmocka_unit_test(hard_links_stay_among_earlier_members),
	cmocka_unit_test(whiteouts_are_told_from_files),
	cmocka_unit_test(broken_whiteouts_are_refused),
	cmocka_unit_test(devices_and_fifos_are_members),
	cmocka_unit_test(attributes_and_names_come_in_every_byte),
	cmocka_unit_test(long_names_are_taken_up_to_the_limit),
	cmocka_unit_test(archive_cut_short_is_refused),
	cmocka_unit_test(what_follows_the_end_is_refused),
	cmocka_unit_test(what_is_no_archive_is_said_to_be_none),
	cmocka_unit_test(bomb_is_refused_by_its_ratio),
	cmocka_unit_test(small_archives_may_pack_well),
	cmocka_unit_test(limits_end_an_archive),
	cmocka_unit_test(sink_stops_the_reading),
	IN_SCRATCH(blob_is_held_against_descriptor_and_diff_id),
	IN_SCRATCH(damaged_blob_is_said_to_be_damaged),
};
const size_t read_ntests = sizeof read_tests / sizeof *read_tests;
