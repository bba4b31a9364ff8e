/* SPDX-License-Identifier: Apache-2.0
 *
 * MKDIR, MKNOD, SYMLINK, LINK, UNLINK, RENAME.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

static bool exists(int fd, const char *name)
{
	return !faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void test_make(void **state)
{
	struct world *w = *state;
	uint64_t d;

	assert_int_equal(call_name(w, MKDIR, "new", w->rw, 0775), 0);
	d = walk_ent(w, 0)->handle;
	assert_int_equal(walk_ent(w, 0)->attr.mode, S_IFDIR | 0775);
	assert_int_equal(call_name(w, MKNOD, "file", d, S_IFREG | 0640), 0);
	assert_int_equal(last_attr(w).mode, S_IFREG | 0640);
	assert_int_equal(call_name(w, MKNOD, "fifo", d, S_IFIFO | 0640), 0);
	assert_int_equal(call_name(w, MKNOD, "sock", d, S_IFSOCK | 0640), 0);
	assert_int_equal(call_data(w, CHAN_OP_SYMLINK, "link\0/etc/x", 11, d, 0, 0, 0), 0);
	assert_true(S_ISLNK(last_attr(w).mode));
	assert_int_equal(call_name(w, READLINK, "link", d), 6);
	assert_memory_equal(w->out, "/etc/x", 6);
	assert_int_equal(call_name(w, MKDIR, "new", w->rw, 0775), -EEXIST);
	assert_true(exists(w->rw_fd, "new/file") && exists(w->rw_fd, "new/link"));
}

static void test_link(void **state)
{
	struct world *w = *state;
	uint64_t f = (uint64_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ);

	assert_int_equal(call_data(w, CHAN_OP_LINK, "hello\0two", 10, w->rw, w->rw, 0, 0), 0);
	assert_int_equal(last_attr(w).nlink, 2);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "\0three", 7, f, w->rw, 0, 0), 0);
	assert_int_equal(last_attr(w).nlink, 3);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "hello\0two", 10, w->rw, w->rw, 0, 0), -EEXIST);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "\0four", 6, w->rw, w->rw, 0, 0), -EPERM);
	/* the link itself, not the secret */
	assert_int_equal(call_data(w, CHAN_OP_LINK, "out\0out2", 9, w->rw, w->rw, 0, 0), 0);
	assert_true(S_ISLNK(last_attr(w).mode));
	/* a link out of a read-only grant would make its file writable */
	assert_int_equal(call_data(w, CHAN_OP_LINK, "hello\0h", 8, w->ro, w->rw, 0, 0), -EROFS);
	f = (uint64_t)call_name(w, OPEN, "hello", w->ro, CHAN_O_READ);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "\0h", 3, f, w->rw, 0, 0), -EROFS);
	assert_false(exists(w->rw_fd, "h"));
}

static void test_remove(void **state)
{
	struct world *w = *state;

	assert_int_equal(call_name(w, UNLINK, "dir", w->rw, 0), -EISDIR);
	assert_int_equal(call_name(w, UNLINK, "hello", w->rw, CHAN_UNLINK_DIR), -ENOTDIR);
	assert_int_equal(call_name(w, UNLINK, "dir", w->rw, CHAN_UNLINK_DIR), 0);
	assert_int_equal(call_name(w, UNLINK, "hello", w->rw, 0), 0);
	assert_int_equal(call_name(w, UNLINK, "hello", w->rw, 0), -ENOENT);
	assert_int_equal(call_name(w, UNLINK, "out", w->rw, 0), 0);
	assert_true(exists(w->top_fd, "secret/key"));
}

static int64_t rename2(
	struct world *w, uint64_t from, uint64_t to, const char *names, size_t n, uint64_t flags)
{
	return call_data(w, CHAN_OP_RENAME, names, n, from, to, flags, 0);
}

static void test_rename(void **state)
{
	struct world *w = *state;
	uint64_t dir;

	assert_int_equal(call_name(w, WALK, "dir", w->rw), 1);
	dir = walk_ent(w, 0)->handle;
	assert_int_equal(rename2(w, w->rw, dir, "hello\0bye", 10, 0), 0);
	assert_string_equal(get_file(w->rw_fd, "dir/bye"), "hello");
	put_file(w->rw_fd, "other", "other");
	assert_int_equal(rename2(w, dir, w->rw, "bye\0other", 10, CHAN_RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename2(w, dir, w->rw, "bye\0other", 10, CHAN_RENAME_EXCHANGE), 0);
	assert_string_equal(get_file(w->rw_fd, "other"), "hello");
	assert_int_equal(rename2(w, w->rw, w->rw, "none\0x", 7, 0), -ENOENT);
	assert_int_equal(rename2(w, w->rw, w->ro, "other\0x", 8, 0), -EROFS);
	assert_int_equal(rename2(w, w->rw, w->ro, "other\0hello", 12, 0), -EROFS);
	assert_int_equal(rename2(w, w->ro, w->rw, "hello\0x", 8, 0), -EROFS);
	assert_int_equal(rename2(w, w->ro, w->rw, "none\0x", 7, 0), -ENOENT);
	assert_string_equal(get_file(w->ro_fd, "hello"), "hello");
	assert_int_equal(rename2(w, w->rw, dir, "dir\0in", 7, 0), -EINVAL); /* into itself */
}

static void test_readonly(void **state)
{
	struct world *w = *state;
	char flag[128];

	assert_int_equal(call_name(w, MKDIR, "x", w->ro, 0755), -EROFS);
	assert_string_equal(w->denied_op, "mkdir");
	snprintf(flag, sizeof(flag), "--rw %s/ro", w->top);
	assert_string_equal(w->denied_flag, flag);
	assert_int_equal(call_name(w, MKDIR, "dir", w->ro, 0755), -EEXIST); /* mkdir -p */
	assert_int_equal(call_name(w, MKNOD, "x", w->ro, S_IFREG | 0644), -EROFS);
	assert_int_equal(call_data(w, CHAN_OP_SYMLINK, "x\0y", 3, w->ro, 0, 0, 0), -EROFS);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "hello\0x", 8, w->rw, w->ro, 0, 0), -EROFS);
	assert_int_equal(call_name(w, UNLINK, "hello", w->ro, 0), -EROFS);
	assert_int_equal(call_name(w, UNLINK, "none", w->ro, 0), -ENOENT);
	assert_int_equal(call_name(w, UNLINK, "dir", w->ro, CHAN_UNLINK_DIR), -EROFS);
	assert_false(exists(w->ro_fd, "x"));
	assert_true(exists(w->ro_fd, "hello") && exists(w->ro_fd, "dir"));
	assert_int_equal(w->denied, 6);
}

TESTS(create, WORLD_TEST(test_make), WORLD_TEST(test_link), WORLD_TEST(test_remove),
	WORLD_TEST(test_rename), WORLD_TEST(test_readonly));
