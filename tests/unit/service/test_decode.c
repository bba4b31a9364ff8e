/* SPDX-License-Identifier: Apache-2.0
 *
 * Decode alone: what is malformed is refused, with the errno that says why.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/service/harness.h"

static int decode(
	unsigned op, const void *in, size_t len, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct chan_msg m = {.op = (uint16_t)op, .in_len = (uint32_t)len, .a = {a0, a1, a2, a3}};
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	if (len)
		memcpy(copy, in, len);
	r = service_decode(&m, copy, RAM_SIZE);
	free(copy);
	return r;
}

static void test_op(void **state)
{
	assert_int_equal(decode(CHAN_OP_NONE, "", 0, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(decode(CHAN_OP_COUNT, "", 0, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(decode(0xffff, "", 0, 0, 0, 0, 0), -ENOSYS);
}

/* Each row: a name and what decode says of it as a NAME (MKDIR) and as a PATH (WALK). */
static void test_names(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		int name, path;
	} row[] = {
		{"a", 1, 0, 0},
		{"...", 3, 0, 0},
		{".a", 2, 0, 0},
		{"", 0, -EINVAL, -EINVAL},
		{".", 1, -EINVAL, -EINVAL},
		{"..", 2, -EINVAL, -EINVAL},
		{"a/b", 3, -EINVAL, 0},
		{"/", 1, -EINVAL, -EINVAL},
		{"/a", 2, -EINVAL, -EINVAL},
		{"a/", 2, -EINVAL, -EINVAL},
		{"a//b", 4, -EINVAL, -EINVAL},
		{"a/..", 4, -EINVAL, -EINVAL},
		{"a/../b", 6, -EINVAL, -EINVAL},
		{"./a", 3, -EINVAL, -EINVAL},
		{"a/./b", 5, -EINVAL, -EINVAL},
		{"a\0b", 3, -EINVAL, -EINVAL},
		{"a\0", 2, -EINVAL, -EINVAL},
		{"\0", 1, -EINVAL, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(
			decode(CHAN_OP_MKDIR, row[i].text, row[i].len, 1, 0755, 0, 0), row[i].name);
		assert_int_equal(
			decode(CHAN_OP_WALK, row[i].text, row[i].len, 1, 0, 0, 0), row[i].path);
	}
}

static void test_stop_signals(void **state)
{
	for (uint64_t n = 0; n < 70; n++) {
		bool stops = n == SIGSTOP || n == SIGTSTP || n == SIGTTIN || n == SIGTTOU;

		assert_int_equal(decode(CHAN_OP_STOP, "", 0, n, 0, 0, 0), stops ? 0 : -EINVAL);
	}
}

static void test_lengths(void **state)
{
	char big[5000];

	memset(big, 'x', sizeof(big));
	assert_int_equal(decode(CHAN_OP_MKDIR, big, 255, 1, 0755, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_MKDIR, big, 256, 1, 0755, 0, 0), -ENAMETOOLONG);
	assert_int_equal(decode(CHAN_OP_WALK, big, 4095, 1, 0, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_WALK, big, 4096, 1, 0, 0, 0), -ENAMETOOLONG);
	big[1] = 0; /* "x", a target */
	assert_int_equal(decode(CHAN_OP_SYMLINK, big, 2 + 4095, 1, 0, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_SYMLINK, big, 2 + 4096, 1, 0, 0, 0), -ENAMETOOLONG);
	assert_int_equal(decode(CHAN_OP_SYMLINK, big, 2, 1, 0, 0, 0), -EINVAL);
	big[100] = 0;
	assert_int_equal(decode(CHAN_OP_SYMLINK, big, 200, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_STOP, big, 1, SIGSTOP, 0, 0, 0), -EINVAL);
	/* in_len beyond the ring's data: refused before a byte is looked at */
	assert_int_equal(
		service_decode(&(struct chan_msg){.op = CHAN_OP_LOG, .in_len = CHAN_DATA_SIZE + 1},
			NULL, RAM_SIZE),
		-EINVAL);
}

static void test_two_names(void **state)
{
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0b", 4, 1, 1, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0b", 3, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0", 2, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0\0", 3, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "\0b", 3, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0b\0c", 6, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0..", 5, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "a/b\0c", 6, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "", 0, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_RENAME, "a\0b", 4, 1, 1, 3, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_LINK, "\0b", 3, 1, 1, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_LINK, "b\0", 2, 1, 1, 0, 0), -EINVAL);
}

static void test_arguments(void **state)
{
	assert_int_equal(decode(CHAN_OP_OPENDIR, "", 0, 0, 0, 0, 0), -EBADF);
	assert_int_equal(decode(CHAN_OP_OPENDIR, "", 0, 1ull << 32, 0, 0, 0), -EBADF);
	assert_int_equal(decode(CHAN_OP_OPENDIR, "", 0, 1, 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MKDIR, "a", 1, 1, 010000, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MKNOD, "a", 1, 1, S_IFCHR | 0600, 0, 0), -EPERM);
	assert_int_equal(decode(CHAN_OP_MKNOD, "a", 1, 1, S_IFBLK | 0600, 0, 0), -EPERM);
	assert_int_equal(decode(CHAN_OP_MKNOD, "a", 1, 1, 0644, 0, 0), -EPERM);
	assert_int_equal(decode(CHAN_OP_MKNOD, "a", 1, 1, S_IFIFO | 0644, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_OPEN, "a", 1, 1, CHAN_O_ALL + 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_OPEN, "a", 1, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_OPEN, "a", 1, 1, CHAN_O_READ, 010000, 0), -EINVAL);
	assert_int_equal(
		decode(CHAN_OP_OPEN, "a", 1, 1, CHAN_O_WRITE | CHAN_O_TMPFILE, 0, 0), -EINVAL);
	assert_int_equal(
		decode(CHAN_OP_OPEN, "", 0, 1, CHAN_O_READ | CHAN_O_TMPFILE, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_SEEK, "", 0, 1, 0, 5, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_UNLINK, "a", 1, 1, 2, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_ACCESS, "a", 1, 1, 8, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_FSYNC, "", 0, 1, 2, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_FLOCK, "", 0, 1, 3, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_FALLOCATE, "", 0, 1, 0, CHAN_OFF_STREAM, 1), -EINVAL);
	assert_int_equal(decode(CHAN_OP_FALLOCATE, "", 0, 1, 0, INT64_MAX, 1), -EINVAL);
	assert_int_equal(decode(CHAN_OP_POLL, "", 0, 1, 0x10000, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_LOG, "x", 1, CHAN_LOG_WARN + 1, 0, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MAP, "", 0, 1, 1, PAGE, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MAP, "", 0, 1, 0, PAGE, 1), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MAP, "", 0, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MAP, "", 0, 1, CHAN_OFF_STREAM, PAGE, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_MAP, "", 0, 1, 0, INT64_MAX, PAGE), -EINVAL);
	assert_int_equal(decode(CHAN_OP_UNMAP, "", 0, 0, ~0xfffull, PAGE, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_DISCARD, "", 0, 0, 1, PAGE, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_DISCARD, "", 0, 0, 0, RAM_SIZE + PAGE, 0), -EFAULT);
	assert_int_equal(decode(CHAN_OP_DISCARD, "", 0, 0, ~0xfffull, PAGE, 0), -EFAULT);
	assert_int_equal(decode(CHAN_OP_TTY, "", 0, 1, CHAN_TTY_SETS, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_TTY, "", 0, 1, CHAN_TTY_OUTQ + 1, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_TTY, "", 0, 1, CHAN_TTY_FLUSH, 3, 0), -EINVAL);
}

static void test_reserved(void **state)
{
	struct chan_msg m = {.op = CHAN_OP_STOP, .reserved = 1};

	assert_int_equal(service_decode(&m, NULL, RAM_SIZE), -EINVAL);
	m = (struct chan_msg){.op = CHAN_OP_STOP, .nseg = 1};
	assert_int_equal(service_decode(&m, NULL, RAM_SIZE), -EINVAL);
}

static int segs(uint64_t len, unsigned n, const struct chan_seg *seg)
{
	struct chan_msg m = {.op = CHAN_OP_READ, .nseg = (uint16_t)n, .a = {1, 0, len, 0}};

	for (unsigned i = 0; i < n && i < CHAN_SEGS_MAX; i++)
		m.seg[i] = seg[i];
	return service_decode(&m, NULL, RAM_SIZE);
}

static void test_segments(void **state)
{
	struct chan_seg many[CHAN_SEGS_MAX] = {{0, 1}};

	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){0, PAGE}), 0);
	assert_int_equal(segs(RAM_SIZE, 1, &(struct chan_seg){0, RAM_SIZE}), 0);
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){RAM_SIZE, 0}), 0);
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){RAM_SIZE, 1}), -EFAULT);
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){RAM_SIZE - 1, 2}), -EFAULT);
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){1, UINT64_MAX}), -EFAULT);
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){UINT64_MAX, 1}), -EFAULT);
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){UINT64_MAX, UINT64_MAX}), -EFAULT);
	/* window addresses are not RAM */
	assert_int_equal(segs(PAGE, 1, &(struct chan_seg){0x1000000000ull, 1}), -EFAULT);
	assert_int_equal(segs(9, CHAN_SEGS_MAX, many), 0);
	assert_int_equal(segs(9, CHAN_SEGS_MAX + 1, many), -EINVAL);
	assert_int_equal(segs(9, UINT16_MAX, many), -EINVAL);
	/* more than LEN together */
	assert_int_equal(segs(PAGE - 1, 1, &(struct chan_seg){0, PAGE}), -EINVAL);
	assert_int_equal(segs(3, 2, (struct chan_seg[]){{0, 2}, {0, 2}}), -EINVAL);
	assert_int_equal(segs(~0ull, 1, &(struct chan_seg){0, 1}), -EINVAL);
}

static void test_setattr(void **state)
{
	struct chan_setattr sa = {.valid = CHAN_SET_MODE, .mode = 0644};

	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa), 1, 0, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa) - 1, 1, 0, 0, 0), -EINVAL);
	sa.mode = 0100644;
	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa), 1, 0, 0, 0), -EINVAL);
	sa = (struct chan_setattr){.valid = CHAN_SET_ALL + 1};
	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa), 1, 0, 0, 0), -EINVAL);
	sa = (struct chan_setattr){.valid = CHAN_SET_SIZE, .size = 1ull << 63};
	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa), 1, 0, 0, 0), -EINVAL);
	sa = (struct chan_setattr){.valid = CHAN_SET_UID, .uid = UINT32_MAX};
	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa), 1, 0, 0, 0), -EINVAL);
	sa = (struct chan_setattr){.valid = CHAN_SET_ATIME, .atime_ns = 0x3fffffff}; /* UTIME_NOW */
	assert_int_equal(decode(CHAN_OP_SETATTR, &sa, sizeof(sa), 1, 0, 0, 0), -EINVAL);
}

static void test_xattr(void **state)
{
	assert_int_equal(decode(CHAN_OP_XATTR, "f\0user.a", 9, 1, CHAN_XATTR_GET, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_XATTR, "\0user.a", 8, 1, CHAN_XATTR_GET, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_XATTR, "f\0user.a", 8, 1, CHAN_XATTR_GET, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_XATTR, "f\0", 2, 1, CHAN_XATTR_GET, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_XATTR, "f\0", 2, 1, CHAN_XATTR_LIST, 0, 0), 0);
	assert_int_equal(decode(CHAN_OP_XATTR, "", 0, 1, CHAN_XATTR_LIST, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_XATTR, "..\0", 3, 1, CHAN_XATTR_LIST, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_XATTR, "f\0a\0b", 6, 1, CHAN_XATTR_GET, 0, 0), -EINVAL);
	assert_int_equal(decode(CHAN_OP_XATTR, "f\0a", 4, 1, 3, 0, 0), -EINVAL);
}

static void expect_described(const char *as, unsigned op, const void *in, size_t len, uint64_t a0,
	uint64_t a1, uint64_t a2, int64_t result)
{
	struct chan_msg m = {
		.op = (uint16_t)op, .in_len = (uint32_t)len, .a = {a0, a1, a2}, .result = result};
	char text[128];

	service_describe(&m, in, text, sizeof(text));
	assert_string_equal(text, as);
}

static void test_described(void **state)
{
	expect_described(
		"open(#7, 0x5, 0644, \"a.c\") = 12", CHAN_OP_OPEN, "a.c", 3, 7, 5, 0644, 12);
	expect_described("read(#12, stream, 4096) = EAGAIN", CHAN_OP_READ, "", 0, 12,
		CHAN_OFF_STREAM, 4096, -EAGAIN);
	expect_described(
		"rename(#1, #2, 0x0, \"a\", \"b\") = 0", CHAN_OP_RENAME, "a\0b", 4, 1, 2, 0, 0);
	/* what is not well-formed too, and nothing that a terminal obeys */
	expect_described("operation-999() = ENOSYS", 999, "x", 1, 1, 2, 3, -ENOSYS);
	expect_described(
		"getattr(#0, \"?[2J\") = -5000", CHAN_OP_GETATTR, "\033[2J", 4, 0, 0, 0, -5000);
	expect_described("mkdir(#18446744073709551615, 00) = EINVAL", CHAN_OP_MKDIR, "", UINT32_MAX,
		UINT64_MAX, 0, 0, -EINVAL);
}

/* A line that does not fit is cut, at any length. */
static void test_described_in_what_there_is(void **state)
{
	const struct chan_msg m = {.op = CHAN_OP_OPEN, .in_len = 8, .a = {1, 2, 3}, .result = -EIO};

	for (size_t size = 1; size < 48; size++) {
		char *text = malloc(size);

		assert_non_null(text);
		service_describe(&m, (const uint8_t *)"abc\0defg", text, size);
		assert_true(strlen(text) < size);
		free(text);
	}
}

TESTS(decode, cmocka_unit_test(test_described), cmocka_unit_test(test_described_in_what_there_is),
	cmocka_unit_test(test_op), cmocka_unit_test(test_names), cmocka_unit_test(test_lengths),
	cmocka_unit_test(test_stop_signals), cmocka_unit_test(test_two_names),
	cmocka_unit_test(test_arguments), cmocka_unit_test(test_reserved),
	cmocka_unit_test(test_segments), cmocka_unit_test(test_setattr),
	cmocka_unit_test(test_xattr));
