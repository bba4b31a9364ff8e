/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader and images that nobody made well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel-shim/abi/erofs.h"
#include "tests/unit/flat/flat.h"
#include "tests/unit/flat/read_all.h"

static const struct layer_xattr xattr = {"user.x", "value", 5};

/* A bit of everything; the file's bytes. */
static uint8_t *sample(size_t *n)
{
	struct flat_image *f;
	struct making m;
	uint8_t *bytes;
	off_t size;

	make_begin(&m);
	m.xattrs = &xattr;
	m.nxattrs = 1;
	assert_int_equal(put_file(&m, "dir/file", "content"), 0);
	assert_int_equal(put_link(&m, "link", "dir/file"), 0);
	assert_int_equal(put_node(&m, "device", S_IFCHR | 0600, 0), 0);
	assert_int_equal(put_node(&m, "holes", S_IFREG | 0600, 100000), 0);
	assert_int_equal(put_data(&m, "x", 1, 50000), 0);
	assert_int_equal(put_hard(&m, "hard", "dir/file"), 0);
	f = make_end(&m);
	size = lseek(m.fd, 0, SEEK_END);
	bytes = malloc((size_t)size);
	assert_non_null(bytes);
	assert_int_equal(pread(m.fd, bytes, (size_t)size, 0), size);
	finish(&m, f);
	*n = (size_t)size;
	return bytes;
}

static int file_of(const uint8_t *bytes, size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

static void no_flipped_byte_does_harm(void **state)
{
	size_t n;
	uint8_t *bytes = sample(&n);
	size_t meta = n - EROFS_BLOCK;
	int fd = file_of(bytes, n);

	/* Of the metadata each byte, to some values that are often wrong. */
	for (size_t at = meta; at < n; at++) {
		static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};

		for (size_t v = 0; v < sizeof values; v++) {
			assert_int_equal(pwrite(fd, &values[v], 1, (off_t)at), 1);
			read_all(fd);
		}
		assert_int_equal(pwrite(fd, bytes + at, 1, (off_t)at), 1);
	}
	close(fd);
	free(bytes);
}

static void a_changed_superblock_is_refused(void **state)
{
	struct image_error e;
	struct flat_image *f;
	size_t n;
	uint8_t *bytes = sample(&n);

	for (size_t at = EROFS_SUPER_OFFSET; at < EROFS_SUPER_OFFSET + sizeof(struct erofs_super);
		at++) {
		int fd;

		/* Whether there is a checksum is what the checksum cannot say. */
		if (at - EROFS_SUPER_OFFSET == offsetof(struct erofs_super, feature_compat))
			continue;
		bytes[at] ^= 0x10;
		fd = file_of(bytes, n);
		assert_int_equal(flat_map(fd, &f, &e), -EUCLEAN);
		close(fd);
		bytes[at] ^= 0x10;
	}
	free(bytes);
}

static void a_file_that_is_cut_off_is_refused(void **state)
{
	struct image_error e;
	struct flat_image *f;
	size_t n;
	uint8_t *bytes = sample(&n);

	for (size_t left = 0; left < n; left += 512) {
		int fd = file_of(bytes, left);

		assert_true(flat_map(fd, &f, &e) < 0);
		close(fd);
	}
	free(bytes);
}

/* Cut off while it is open: what a mapping would answer with a signal. */
static void a_file_that_is_cut_off_later_is_an_error(void **state)
{
	struct flat_image *f;
	struct flat_node root;
	size_t n;
	uint8_t *bytes = sample(&n);
	int fd = file_of(bytes, n);

	assert_int_equal(flat_map(fd, &f, NULL), 0);
	assert_int_equal(ftruncate(fd, EROFS_BLOCK), 0);
	assert_int_equal(flat_root(f, &root), -EUCLEAN);
	flat_unmap(f);
	close(fd);
	free(bytes);
}

static void lookups_say_what_is_wrong(void **state)
{
	struct flat_image *f;
	struct flat_node node;
	struct making m;
	char name[300];

	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = 0;
	make_begin(&m);
	assert_int_equal(put_file(&m, "f", "x"), 0);
	assert_int_equal(put_link(&m, "a", "b"), 0);
	assert_int_equal(put_link(&m, "b", "/a"), 0);
	assert_int_equal(put_link(&m, "out", "../../f"), 0);
	assert_int_equal(put_link(&m, "slash", "f/"), 0);
	f = make_end(&m);
	assert_int_equal(flat_lookup(f, "none", true, &node), -ENOENT);
	assert_int_equal(flat_lookup(f, "f/x", true, &node), -ENOTDIR);
	assert_int_equal(flat_lookup(f, "f/", true, &node), -ENOTDIR);
	assert_int_equal(flat_lookup(f, "slash", true, &node), -ENOTDIR);
	assert_int_equal(flat_lookup(f, "a", true, &node), -ELOOP);
	assert_int_equal(flat_lookup(f, "a", false, &node), 0);
	assert_true(S_ISLNK(node.st.st_mode));
	assert_int_equal(flat_lookup(f, name, true, &node), -ENAMETOOLONG);
	assert_int_equal(flat_lookup(f, "/../out", true, &node), 0);
	assert_true(S_ISREG(node.st.st_mode));
	finish(&m, f);
}

int run_damage_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_flipped_byte_does_harm),
		cmocka_unit_test(a_changed_superblock_is_refused),
		cmocka_unit_test(a_file_that_is_cut_off_is_refused),
		cmocka_unit_test(a_file_that_is_cut_off_later_is_an_error),
		cmocka_unit_test(lookups_say_what_is_wrong),
	};

	return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
