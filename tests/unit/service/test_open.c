/* SPDX-License-Identifier: Apache-2.0
 *
 * OPEN, OPENDIR, READDIR: what may be opened, by which way, with what rights.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

#define RDWR (CHAN_O_READ | CHAN_O_WRITE)

static void test_open(void **state)
{
	struct world *w = *state;
	int64_t f = call_name(w, OPEN, "hello", w->rw, CHAN_O_READ);

	assert_true(f > 0);
	assert_int_equal(last_attr(w).size, 5);
	assert_int_equal(call_io(w, CHAN_OP_READ, (uint64_t)f, 0, 100, 50), 5);
	assert_memory_equal(w->mem.ram + 100, "hello", 5);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, (uint64_t)f, 0, 100, 5), -EBADF);
	f = call_name(w, OPEN, "hello", w->rw, CHAN_O_WRITE);
	assert_int_equal(call_io(w, CHAN_OP_READ, (uint64_t)f, 0, 100, 5), -EBADF);
	assert_int_equal(call_name(w, OPEN, "none", w->rw, CHAN_O_READ), -ENOENT);
	assert_int_equal(call_name(w, OPEN, "dir", w->rw, RDWR), -EISDIR);
	assert_int_equal(
		call_name(w, OPEN, "hello", w->rw, CHAN_O_READ | CHAN_O_DIRECTORY), -ENOTDIR);
	assert_true(call_name(w, OPEN, "dir", w->rw, CHAN_O_DIRECTORY) > 0);
	assert_true(call_name(w, OPEN, "hello", w->rw, CHAN_O_EXEC) > 0);
}

static void test_create(void **state)
{
	struct world *w = *state;
	int64_t f;

	f = call_name(w, OPEN, "new", w->rw, RDWR | CHAN_O_CREAT | CHAN_O_EXCL, 0666);
	assert_true(f > 0);
	assert_int_equal(last_attr(w).mode, S_IFREG | 0666); /* the umask is the shim's affair */
	assert_int_equal(
		call_name(w, OPEN, "new", w->rw, RDWR | CHAN_O_CREAT | CHAN_O_EXCL, 0666), -EEXIST);
	assert_true(call_name(w, OPEN, "new", w->rw, RDWR | CHAN_O_CREAT, 0666) > 0);
	f = call_name(w, OPEN, "hello", w->rw, RDWR | CHAN_O_TRUNC);
	assert_true(f > 0);
	assert_int_equal(last_attr(w).size, 0);
	/* through a link, dangling or not: no */
	assert_int_equal(symlinkat("../secret/made", w->rw_fd, "dangling"), 0);
	assert_int_equal(call_name(w, OPEN, "dangling", w->rw, RDWR | CHAN_O_CREAT, 0666), -ELOOP);
	assert_null(get_file(w->top_fd, "secret/made"));
	assert_int_equal(call_name(w, OPEN, "out", w->rw, CHAN_O_READ | CHAN_O_DIRECTORY), -ELOOP);
}

static void test_tmpfile(void **state)
{
	struct world *w = *state;
	int64_t f = call(w, OPEN, w->rw, RDWR | CHAN_O_TMPFILE, 0600);

	if (f == -EOPNOTSUPP)
		skip();
	assert_true(f > 0);
	memcpy(w->mem.ram, "temporary", 9);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, (uint64_t)f, 0, 0, 9), 9);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "\0named", 7, (uint64_t)f, w->rw, 0, 0), 0);
	assert_string_equal(get_file(w->rw_fd, "named"), "temporary");
	assert_int_equal(call(w, OPEN, w->ro, RDWR | CHAN_O_TMPFILE, 0600), -EROFS);
}

static void test_readonly(void **state)
{
	struct world *w = *state;

	assert_int_equal(call_name(w, OPEN, "hello", w->ro, RDWR), -EROFS);
	assert_string_equal(w->denied_op, "open");
	assert_int_equal(call_name(w, OPEN, "hello", w->ro, CHAN_O_WRITE), -EROFS);
	assert_int_equal(call_name(w, OPEN, "hello", w->ro, CHAN_O_READ | CHAN_O_TRUNC), -EROFS);
	assert_int_equal(w->denied, 1);
	assert_int_equal(
		call_name(w, OPEN, "new", w->ro, CHAN_O_READ | CHAN_O_CREAT, 0666), -EROFS);
	assert_null(get_file(w->ro_fd, "new"));
	assert_int_equal(w->denied, 2);
	/* what Linux allows on a read-only file system */
	assert_true(call_name(w, OPEN, "hello", w->ro, CHAN_O_READ | CHAN_O_CREAT, 0666) > 0);
	assert_int_equal(
		call_name(w, OPEN, "hello", w->ro, RDWR | CHAN_O_CREAT | CHAN_O_EXCL, 0666),
		-EEXIST);
	assert_int_equal(call_name(w, OPEN, "none", w->ro, RDWR), -ENOENT);
	assert_int_equal(w->denied, 2);
	assert_string_equal(get_file(w->ro_fd, "hello"), "hello");
}

/* A FIFO without a peer makes open(2) wait, a device may do anything: neither is opened. */
static void test_special(void **state)
{
	struct world *w = *state;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t before = now_ns();

	assert_int_equal(call_name(w, OPEN, "fifo", w->ro, CHAN_O_READ), -EACCES);
	assert_string_equal(w->denied_flag, "");
	assert_int_equal(mkfifoat(w->rw_fd, "pipe", 0666), 0);
	assert_int_equal(call_name(w, OPEN, "pipe", w->rw, CHAN_O_WRITE), -EACCES);
	assert_int_equal(call_name(w, OPEN, "pipe", w->rw, RDWR | CHAN_O_CREAT, 0666), -EACCES);
	assert_true(now_ns() - before < 2000000000u);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/rw/sock", w->top);
	assert_int_equal(bind(sock, (void *)&sa, sizeof(sa)), 0);
	close(sock);
	assert_int_equal(call_name(w, OPEN, "sock", w->rw, RDWR), -EACCES);
	if (!mknodat(w->rw_fd, "null", S_IFCHR | 0666, makedev(1, 3)))
		assert_int_equal(call_name(w, OPEN, "null", w->rw, CHAN_O_READ), -EACCES);
}

static int64_t grant_file(struct world *w, const char *name, bool writable)
{
	int fd = openat(w->top_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int64_t h;

	assert_true(fd >= 0);
	h = service_grant(w->s, fd, writable, name);
	close(fd);
	return h;
}

static void test_single_file(void **state)
{
	struct world *w = *state;
	uint64_t ro = (uint64_t)grant_file(w, "ro/hello", false);
	uint64_t rw = (uint64_t)grant_file(w, "rw/hello", true);
	uint64_t fifo = (uint64_t)grant_file(w, "ro/fifo", true);
	int64_t f;

	/* the node itself is not open */
	assert_int_equal(call(w, GETATTR, ro), 0);
	assert_int_equal(last_attr(w).flags, CHAN_ATTR_READONLY);
	assert_int_equal(call_io(w, CHAN_OP_READ, ro, 0, 0, 8), -EBADF);
	assert_int_equal(call_name(w, OPEN, "x", ro, CHAN_O_READ), -ENOTDIR);
	f = call(w, OPEN, ro, CHAN_O_READ);
	assert_true(f > 0);
	assert_int_equal(call_io(w, CHAN_OP_READ, (uint64_t)f, 0, 0, 8), 5);
	assert_int_equal(call(w, OPEN, ro, RDWR), -EROFS);
	assert_int_equal(call(w, OPEN, ro, CHAN_O_READ | CHAN_O_TRUNC), -EROFS);
	/* the open file opened once more: no way round the grant */
	assert_int_equal(call(w, OPEN, f, RDWR), -EROFS);
	f = call(w, OPEN, f, CHAN_O_READ);
	assert_true(f > 0);
	/* it is granted writable, so it is also when it was opened for reading first */
	f = call(w, OPEN, rw, CHAN_O_READ);
	f = call(w, OPEN, f, RDWR | CHAN_O_TRUNC);
	assert_true(f > 0);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, (uint64_t)f, 0, 0, 3), 3);
	assert_int_equal(call(w, OPEN, fifo, CHAN_O_READ), -EACCES);
	/* a file granted read-only stays so by another name for it in a writable grant */
	assert_int_equal(linkat(w->ro_fd, "hello", w->rw_fd, "alias", 0), 0);
	assert_int_equal(call_name(w, OPEN, "alias", w->rw, RDWR), -EROFS);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "\0two", 5,
				 (uint64_t)call(w, OPEN, ro, CHAN_O_READ), w->rw, 0, 0),
		-EROFS);
}

static void test_inherited(void **state)
{
	struct world *w = *state;
	int fd = openat(w->top_fd, "secret/key", O_RDONLY | O_CLOEXEC), oflags = -1, p[2];
	uint64_t h = (uint64_t)service_inherit(w->s, fd, &oflags);
	struct chan_setattr sa = {.valid = CHAN_SET_MODE, .mode = 0777};

	assert_int_equal(oflags, O_RDONLY);
	assert_int_equal(call_io(w, CHAN_OP_READ, h, CHAN_OFF_STREAM, 0, 1), 1);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 1); /* one position, shared with the host */
	assert_int_equal(call_io(w, CHAN_OP_READ, h, 0, 0, 8), 3);
	/* given to be read, and for nothing else */
	assert_int_equal(call(w, OPEN, h, RDWR), -EACCES);
	assert_int_equal(call(w, OPEN, h, CHAN_O_READ | CHAN_O_TRUNC), -EACCES);
	assert_int_equal(call_data(w, CHAN_OP_SETATTR, &sa, sizeof(sa), h, 0, 0, 0), -EPERM);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "\0k", 3, h, w->rw, 0, 0), -EXDEV);
	assert_true(call(w, OPEN, h, CHAN_O_READ) > 0);
	close(fd);

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	h = (uint64_t)service_inherit(w->s, p[0], &oflags);
	assert_int_equal(call(w, GETATTR, h), 0);
	assert_int_equal(last_attr(w).flags, CHAN_ATTR_STREAM);
	assert_int_equal(call(w, OPEN, h, CHAN_O_WRITE), -EACCES);
	assert_true(call(w, OPEN, h, CHAN_O_READ) > 0);
	close(p[0]);
	close(p[1]);
	assert_int_equal(service_inherit(w->s, 1000, &oflags), -EBADF);
	fd = openat(w->top_fd, "secret", O_PATH | O_CLOEXEC);
	assert_int_equal(service_inherit(w->s, fd, &oflags), -EBADF);
	close(fd);
}

/* Collects the names of a directory, `step` forcing a fresh seek at every record or none. */
static unsigned count_entries(struct world *w, uint64_t dir, bool step, unsigned *seen)
{
	uint64_t cookie = 0;
	unsigned n = 0;

	for (;;) {
		int64_t len = call(w, READDIR, dir, cookie);

		assert_true(len >= 0 && len == w->msg.out_len);
		if (!len)
			return n;
		for (int64_t i = 0; i < len;) {
			struct chan_dirent d;
			const char *name =
				(const char *)w->out + i + offsetof(struct chan_dirent, name);

			memcpy(&d, w->out + i, sizeof(d));
			assert_int_equal(d.reclen % 8, 0);
			assert_true(i + d.reclen <= len);
			assert_int_equal(strlen(name), d.namelen);
			if (name[0] == 'f' && seen)
				seen[atoi(name + 1)]++;
			n++;
			cookie = d.cookie;
			i += d.reclen;
			if (step)
				break;
		}
	}
}

static void test_readdir(void **state)
{
	struct world *w = *state;
	unsigned seen[3000] = {0};
	int64_t d;
	char name[200];

	for (int i = 0; i < 3000; i++) {
		/* names of every length from 1 up, so that records of every size are packed */
		snprintf(name, sizeof(name), "dir/f%d%.*s", i, i % 100,
			"__________________________________________________________________________"
			"____"
			"______________________");
		close(openat(w->rw_fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
	assert_int_equal(call_name(w, WALK, "dir", w->rw), 1);
	d = call(w, OPENDIR, walk_ent(w, 0)->handle);
	assert_true(d > 0);
	assert_int_equal(count_entries(w, (uint64_t)d, false, seen), 3002); /* and "." and ".." */
	for (int i = 0; i < 3000; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(count_entries(w, (uint64_t)d, false, NULL), 3002); /* once more from 0 */
	assert_int_equal(call(w, FSYNC, d, 0), 0);
	assert_int_equal(call_io(w, CHAN_OP_READ, (uint64_t)d, 0, 0, 8), -EISDIR);
	d = call(w, OPENDIR, w->ro);
	assert_int_equal(count_entries(w, (uint64_t)d, true, NULL), 5);
	/* cookies that were never given out do no harm */
	call(w, READDIR, d, 0x123456789abcdefull);
	call(w, READDIR, d, ~0ull);
}

TESTS(open, WORLD_TEST(test_open), WORLD_TEST(test_create), WORLD_TEST(test_tmpfile),
	WORLD_TEST(test_readonly), WORLD_TEST(test_special), WORLD_TEST(test_single_file),
	WORLD_TEST(test_inherited), WORLD_TEST(test_readdir));
