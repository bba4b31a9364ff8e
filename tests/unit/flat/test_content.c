/* SPDX-License-Identifier: Apache-2.0
 *
 * Where content of files goes, and that it comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/flat/flat.h"

#define BLOCK 4096u

static uint8_t *noise(size_t n)
{
	uint8_t *data = malloc(n);

	assert_non_null(data);
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 31 + i / BLOCK * 7 + 1);
	return data;
}

static void assert_content(
	const struct flat_image *f, const char *path, const uint8_t *want, size_t n)
{
	uint8_t *got = malloc(n + 1);
	struct flat_node node;

	assert_non_null(got);
	assert_int_equal(flat_lookup(f, path, false, &node), 0);
	assert_int_equal(node.st.st_size, n);
	assert_int_equal(flat_read(f, &node, got, n + 1, 0), n);
	assert_memory_equal(got, want, n);
	if (n > 10)
		assert_int_equal(flat_read(f, &node, got, 100, n - 10), 10);
	assert_int_equal(flat_read(f, &node, got, 100, n), 0);
	free(got);
}

static void every_size_around_a_block_comes_back(void **state)
{
	static const size_t sizes[] = {0, 1, 4031, 4032, 4033, 4095, 4096, 4097, 8128, 8129, 8191,
		8192, 8193, 300000, 1048576};
	uint8_t *data = noise(1048576);
	struct flat_image *f;
	struct making m;
	char name[2] = "a";

	make_begin(&m);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		name[0] = (char)('a' + i);
		assert_int_equal(put_node(&m, name, S_IFREG | 0600, sizes[i]), 0);
		/* In pieces that fit no block. */
		for (size_t at = 0, n; at < sizes[i]; at += n) {
			n = sizes[i] - at < 5000 ? sizes[i] - at : 5000;
			assert_int_equal(put_data(&m, data + at, n, at), 0);
		}
	}
	f = make_end(&m);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		name[0] = (char)('a' + i);
		assert_content(f, name, data, sizes[i]);
	}
	finish(&m, f);
	free(data);
}

/* Holes before, between and after data, at block borders and off them, with and without a tail. */
static void holes_come_back_as_zeros(void **state)
{
	static const struct {
		size_t size, at, n, at2, n2;
	} cases[] = {
		{3000, 0, 0, 0, 0},
		{3000, 1000, 10, 0, 0},
		{4096, 0, 0, 0, 0},
		{10000, 0, 100, 9000, 1000},
		{10000, 0, 0, 0, 0},
		{10000, 9999, 1, 0, 0},
		{100000, 8192, 4096, 0, 0},
		{100000, 8191, 4098, 90000, 10000},
		{100001, 0, 100000, 0, 0},
		{102400, 0, 4096, 98304, 4096},
	};
	uint8_t *data = noise(102400), *want = malloc(102400);
	struct flat_image *f;
	struct making m;
	char name[2] = "a";

	assert_non_null(want);
	make_begin(&m);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		name[0] = (char)('a' + i);
		assert_int_equal(put_node(&m, name, S_IFREG | 0600, cases[i].size), 0);
		if (cases[i].n)
			assert_int_equal(
				put_data(&m, data + cases[i].at, cases[i].n, cases[i].at), 0);
		if (cases[i].n2)
			assert_int_equal(
				put_data(&m, data + cases[i].at2, cases[i].n2, cases[i].at2), 0);
	}
	f = make_end(&m);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		name[0] = (char)('a' + i);
		memset(want, 0, 102400);
		memcpy(want + cases[i].at, data + cases[i].at, cases[i].n);
		memcpy(want + cases[i].at2, data + cases[i].at2, cases[i].n2);
		assert_content(f, name, want, cases[i].size);
	}
	finish(&m, f);
	free(want);
	free(data);
}

static void a_file_of_terabytes_has_larger_chunks(void **state)
{
	const uint64_t size = 3ull << 40, at = (2ull << 40) + 12345;
	uint64_t data, end;
	struct flat_image *f;
	struct flat_node node;
	struct stat st;
	struct making m;
	char got[16];

	make_begin(&m);
	assert_int_equal(put_node(&m, "huge", S_IFREG | 0600, size), 0);
	assert_int_equal(put_data(&m, "begin", 5, 0), 0);
	assert_int_equal(put_data(&m, "middle", 6, at), 0);
	assert_int_equal(put_data(&m, "end", 3, size - 3), 0);
	f = make_end(&m);
	assert_int_equal(flat_lookup(f, "huge", false, &node), 0);
	assert_int_equal(node.st.st_size, size);
	assert_int_equal(flat_read(f, &node, got, 8, at - 1), 8);
	assert_memory_equal(got, "\0middle\0", 8);
	assert_int_equal(flat_read(f, &node, got, 16, size - 3), 3);
	assert_memory_equal(got, "end", 3);
	assert_int_equal(flat_data(f, &node, 1ull << 40, &data, &end), 0);
	assert_true(data <= at && end > at && end - data <= 1ull << 30);
	assert_int_equal(fstat(m.fd, &st), 0);
	assert_true(st.st_blocks < 10000);
	finish(&m, f);
}

static void what_is_too_large_is_refused(void **state)
{
	struct making m;

	make_begin(&m);
	assert_int_equal(put_node(&m, "x", S_IFREG | 0600, UINT64_MAX), -EFBIG);
	assert_non_null(strstr(m.e.text, "16 TiB"));
	make_abort(&m);
}

static void content_must_keep_to_its_size_and_order(void **state)
{
	struct making m;

	make_begin(&m);
	assert_int_equal(put_data(&m, "x", 1, 0), -EINVAL);
	assert_int_equal(put_node(&m, "x", S_IFREG | 0600, 10), 0);
	assert_int_equal(put_data(&m, "12345678901", 11, 0), -EINVAL);
	assert_int_equal(put_data(&m, "12345", 5, 5), 0);
	assert_int_equal(put_data(&m, "1", 1, 2), -EINVAL);
	assert_int_equal(put_data(&m, "1", 1, UINT64_MAX), -EINVAL);
	make_abort(&m);
}

static void replaced_files_leave_no_bytes_behind(void **state)
{
	const size_t n = 200 * BLOCK;
	uint8_t *data = noise(n);
	struct flat_image *f;
	struct stat st;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_node(&m, "a", S_IFREG | 0600, n), 0);
	assert_int_equal(put_data(&m, data, n, 0), 0);
	assert_int_equal(put_node(&m, "d/b", S_IFREG | 0600, n), 0);
	assert_int_equal(put_data(&m, data, BLOCK, n - BLOCK), 0);
	next_layer(&m);
	assert_int_equal(put_file(&m, "a", "small"), 0);
	assert_int_equal(put_white(&m, "d"), 0);
	f = make_end(&m);
	assert_int_equal(fstat(m.fd, &st), 0);
	assert_true(st.st_blocks * 512 < 10 * BLOCK);
	assert_string_equal(content_of(f, "a"), "small");
	finish(&m, f);
	free(data);
}

static void long_links_come_back(void **state)
{
	static const size_t sizes[] = {1, 4031, 4032, 4033, 4095};
	struct flat_image *f;
	struct flat_node node;
	struct making m;
	char text[4097], got[4097], name[2] = "a";

	make_begin(&m);
	for (size_t i = 0; i < 5; i++) {
		memset(text, 'x', sizeof text);
		text[sizes[i]] = 0;
		name[0] = (char)('a' + i);
		assert_int_equal(put_link(&m, name, text), 0);
	}
	f = make_end(&m);
	for (size_t i = 0; i < 5; i++) {
		name[0] = (char)('a' + i);
		assert_int_equal(flat_lookup(f, name, false, &node), 0);
		assert_int_equal(flat_read(f, &node, got, sizeof got, 0), sizes[i]);
		assert_int_equal(got[sizes[i] - 1], 'x');
	}
	finish(&m, f);
	make_begin(&m);
	memset(text, 'x', sizeof text);
	text[4096] = 0;
	assert_int_equal(put_link(&m, "a", text), -EINVAL);
	assert_int_equal(put_link(&m, "a", ""), -EINVAL);
	make_abort(&m);
}

static void attributes_are_packed_or_named(void **state)
{
	const struct layer_xattr x[] = {{"user.b", "123", 3}, {"odd.name", "1", 1},
		{"security.x", "v", 1}, {"system.posix_acl_access", "1", 1}, {"user.", "1", 1}};
	struct flat_image *f;
	struct flat_node node;
	struct making m;
	void *area;
	size_t n;

	make_begin(&m);
	m.xattrs = x;
	m.nxattrs = 5;
	assert_int_equal(put_file(&m, "f", "x"), 0);
	f = make_end(&m);
	assert_non_null(strstr(m.e.text, "odd.name"));
	assert_non_null(strstr(m.e.text, "user."));
	assert_int_equal(flat_lookup(f, "f", false, &node), 0);
	assert_int_equal(flat_xattrs(f, &node, &area, &n), 0);
	/* By name: security.x, system.posix_acl_access, user.b. */
	assert_int_equal(n, 12 + 8 + 8 + 8);
	assert_memory_equal((uint8_t *)area + 12, "\1\6\1\0xv", 6);
	assert_memory_equal((uint8_t *)area + 20, "\0\2\1\0001", 5);
	assert_memory_equal((uint8_t *)area + 28, "\1\1\3\0b123", 8);
	free(area);
	finish(&m, f);
}

static void attributes_that_are_too_large_are_named(void **state)
{
	char *value = calloc(1, 65536);
	const struct layer_xattr x[] = {
		{"user.fits", value, 65535}, {"user.large", value, 65536}, {"user.small", "1", 1}};
	struct flat_image *f;
	struct flat_node node;
	struct making m;
	void *area;
	size_t n;

	make_begin(&m);
	m.xattrs = x;
	m.nxattrs = 3;
	assert_int_equal(put_file(&m, "f", "x"), 0);
	f = make_end(&m);
	assert_non_null(strstr(m.e.text, "user.large"));
	assert_null(strstr(m.e.text, "user.fits"));
	assert_int_equal(flat_lookup(f, "f", false, &node), 0);
	assert_int_equal(flat_xattrs(f, &node, &area, &n), 0);
	assert_int_equal(n, 12 + (4 + 4 + 65535 + 1) + (4 + 5 + 1 + 2));
	free(area);
	free(value);
	finish(&m, f);
}

static void a_full_disk_is_said(void **state)
{
	struct making m;

	make_begin(&m);
	assert_int_equal(put_file(&m, "f", "x"), 0);
	/* A file of memory that may not grow answers as a disk without room. */
	assert_int_equal(ftruncate(m.fd, BLOCK), 0);
	assert_int_equal(fcntl(m.fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_true(flat_end(m.w, &m.e) < 0);
	assert_non_null(strstr(m.e.text, "writing the flat image"));
	close(m.fd);
}

int run_content_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_around_a_block_comes_back),
		cmocka_unit_test(holes_come_back_as_zeros),
		cmocka_unit_test(a_file_of_terabytes_has_larger_chunks),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(content_must_keep_to_its_size_and_order),
		cmocka_unit_test(replaced_files_leave_no_bytes_behind),
		cmocka_unit_test(long_links_come_back),
		cmocka_unit_test(attributes_are_packed_or_named),
		cmocka_unit_test(attributes_that_are_too_large_are_named),
		cmocka_unit_test(a_full_disk_is_said),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
