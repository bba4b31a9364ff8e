/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking things up: WALK, GETATTR, READLINK, ACCESS, STATFS, SETATTR, XATTR, handles.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

static void test_walk(void **state)
{
	struct world *w = *state;
	const struct chan_walk_ent *e;
	struct stat st;

	put_file(w->rw_fd, "dir/deep", "1234567");
	fstatat(w->rw_fd, "dir/deep", &st, 0);
	assert_int_equal(call_name(w, WALK, "dir/deep", w->rw), 2);
	e = walk_ent(w, 0);
	assert_true(S_ISDIR(e->attr.mode) && e->handle && !e->err);
	e = walk_ent(w, 1);
	assert_true(S_ISREG(e->attr.mode) && !e->handle && !e->err);
	assert_int_equal(e->attr.size, 7);
	assert_int_equal(e->attr.ino, st.st_ino);
	assert_int_equal(e->attr.dev, st.st_dev);
	assert_int_equal(e->attr.mtime, st.st_mtim.tv_sec);
	assert_int_equal(e->attr.mtime_ns, st.st_mtim.tv_nsec);
	assert_int_equal(e->attr.flags, 0);
	assert_int_equal(w->msg.out_len, 2 * sizeof(*e));
}

static void test_walk_stops(void **state)
{
	struct world *w = *state;

	assert_int_equal(call_name(w, WALK, "dir/none/more", w->rw), 1);
	assert_int_equal(walk_ent(w, 1)->err, -ENOENT);
	assert_int_equal(walk_ent(w, 1)->attr.mode, 0);
	assert_int_equal(w->msg.out_len, 2 * sizeof(struct chan_walk_ent));
	/* at a file, and at a link: neither is gone through */
	assert_int_equal(call_name(w, WALK, "hello/x", w->rw), 1);
	assert_int_equal(w->msg.out_len, sizeof(struct chan_walk_ent));
	assert_int_equal(call_name(w, WALK, "out/key", w->rw), 1);
	assert_true(S_ISLNK(walk_ent(w, 0)->attr.mode));
	assert_int_equal(walk_ent(w, 0)->handle, 0);
	assert_int_equal(w->msg.out_len, sizeof(struct chan_walk_ent));
}

static void test_walk_limits(void **state)
{
	struct world *w = *state;
	char path[2048] = "";
	int fd = dup(w->rw_fd), next;
	size_t n = 0;

	for (int i = 0; i < 40; i++) {
		mkdirat(fd, "d", 0755);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
		n += (size_t)snprintf(path + n, sizeof(path) - n, i ? "/d" : "d");
	}
	close(fd);
	assert_int_equal(call_name(w, WALK, path, w->rw), CHAN_WALK_MAX);
	assert_int_equal(w->msg.out_len, CHAN_WALK_MAX * sizeof(struct chan_walk_ent));
	memset(path, 'x', 300);
	memcpy(path, "dir/", 4);
	path[300] = 0;
	assert_int_equal(call_name(w, WALK, path, w->rw), 1);
	assert_int_equal(walk_ent(w, 1)->err, -ENAMETOOLONG);
}

static void test_handles(void **state)
{
	struct world *w = *state;
	uint32_t dir, file;

	assert_int_equal(call_name(w, WALK, "dir", w->rw), 1);
	dir = walk_ent(w, 0)->handle;
	assert_int_equal(call(w, GETATTR, dir), 0);
	assert_int_equal(call(w, FORGET, dir), 0);
	assert_int_equal(call(w, GETATTR, dir), -EBADF);
	assert_int_equal(call(w, FORGET, dir), -EBADF);
	/* the index lives on, the stale handle does not */
	assert_int_equal(call_name(w, WALK, "dir", w->rw), 1);
	assert_int_equal(walk_ent(w, 0)->handle & 0xfffff, dir & 0xfffff);
	assert_int_not_equal(walk_ent(w, 0)->handle, dir);
	assert_int_equal(call(w, GETATTR, dir), -EBADF);
	/* numbers that were never given */
	assert_int_equal(call(w, GETATTR, 0), -EBADF);
	assert_int_equal(call(w, GETATTR, 0xffffffff), -EBADF);
	assert_int_equal(call(w, GETATTR, w->rw | 1ull << 32), -EBADF);
	assert_int_equal(call(w, GETATTR, w->rw ^ 1ull << 31), -EBADF);
	for (uint64_t i = 0; i < 64; i++)
		if (i << 20 != w->rw >> 20 << 20)
			assert_int_equal(call(w, GETATTR, (w->rw & 0xfffff) | i << 20), -EBADF);
	/* of the wrong kind */
	file = (uint32_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ);
	assert_int_equal(call_name(w, WALK, "x", file), -ENOTDIR);
	assert_int_equal(call_name(w, GETATTR, "x", file), -ENOTDIR);
	assert_int_equal(call_name(w, MKDIR, "x", file, 0755), -ENOTDIR);
	assert_int_equal(call_io(w, CHAN_OP_READ, w->rw, 0, 0, 8), -EBADF);
	assert_int_equal(call(w, READDIR, file), -ENOTDIR);
}

static void test_thousands(void **state)
{
	struct world *w = *state;
	struct rlimit old, rl;
	unsigned n = 0;
	uint32_t last = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	rl = old;
	rl.rlim_cur = 2100 < old.rlim_max ? 2100 : old.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	assert_int_equal(service_prepare(w->s), 0); /* takes the limit into account */
	for (; n < 5000; n++) {
		if (call_name(w, WALK, "dir", w->rw) != 1)
			break;
		last = walk_ent(w, 0)->handle;
	}
	assert_int_equal(walk_ent(w, 0)->err, -ENFILE);
	assert_true(n > rl.rlim_cur / 2 && n < rl.rlim_cur);
	/* nothing is made when there is no handle to give */
	assert_int_equal(call_name(w, MKDIR, "more", w->rw, 0755), -ENFILE);
	assert_int_equal(faccessat(w->rw_fd, "more", F_OK, 0), -1);
	assert_int_equal(
		call_name(w, OPEN, "more", w->rw, CHAN_O_WRITE | CHAN_O_CREAT, 0644), -ENFILE);
	assert_int_equal(faccessat(w->rw_fd, "more", F_OK, 0), -1);
	/* one back, one more */
	assert_int_equal(call(w, FORGET, last), 0);
	assert_int_equal(call_name(w, WALK, "dir", w->rw), 1);
	assert_int_equal(call_name(w, WALK, "dir", w->rw), 0);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void test_getattr(void **state)
{
	struct world *w = *state;
	uint64_t f;

	assert_int_equal(call_name(w, GETATTR, "hello", w->rw), 0);
	assert_int_equal(last_attr(w).size, 5);
	assert_int_equal(last_attr(w).flags, 0);
	assert_int_equal(call_name(w, GETATTR, "hello", w->ro), 0);
	assert_int_equal(last_attr(w).flags, CHAN_ATTR_READONLY);
	assert_int_equal(call(w, GETATTR, w->ro), 0);
	assert_true(S_ISDIR(last_attr(w).mode));
	assert_int_equal(call_name(w, GETATTR, "out", w->rw), 0);
	assert_true(S_ISLNK(last_attr(w).mode));
	assert_int_equal(call_name(w, GETATTR, "none", w->rw), -ENOENT);
	assert_int_equal(w->msg.out_len, 0);
	assert_int_equal(call_name(w, GETATTR, "..", w->rw), -EINVAL);
	f = (uint64_t)call_name(w, OPEN, "hello", w->ro, CHAN_O_READ);
	assert_int_equal(call(w, GETATTR, f), 0);
	assert_int_equal(last_attr(w).flags, CHAN_ATTR_READONLY);
}

static void test_readlink(void **state)
{
	struct world *w = *state;

	assert_int_equal(call_name(w, READLINK, "out", w->rw), 9);
	assert_int_equal(w->msg.out_len, 9);
	assert_memory_equal(w->out, "../secret", 9);
	assert_int_equal(call_name(w, READLINK, "hello", w->rw), -EINVAL);
	assert_int_equal(call(w, READLINK, w->rw), -EINVAL);
	assert_int_equal(call_name(w, READLINK, "none", w->rw), -ENOENT);
}

static void test_access(void **state)
{
	struct world *w = *state;

	assert_int_equal(call_name(w, ACCESS, "hello", w->rw, R_OK | W_OK), 0);
	assert_int_equal(call_name(w, ACCESS, "hello", w->rw, X_OK), -EACCES);
	assert_int_equal(call_name(w, ACCESS, "hello", w->ro, R_OK), 0);
	assert_int_equal(call_name(w, ACCESS, "hello", w->ro, W_OK), -EROFS);
	assert_int_equal(call(w, ACCESS, w->rw, X_OK), 0);
	assert_int_equal(call_name(w, ACCESS, "none", w->rw, F_OK), -ENOENT);
	assert_int_equal(w->denied, 0); /* asking is not trying */
}

static void test_statfs(void **state)
{
	struct world *w = *state;
	struct chan_statfs st;

	assert_int_equal(call(w, STATFS, w->rw), 0);
	assert_int_equal(w->msg.out_len, sizeof(st));
	memcpy(&st, w->out, sizeof(st));
	assert_true(st.bsize && st.namelen);
}

static int64_t setattr(struct world *w, uint64_t h, const char *name, const struct chan_setattr *sa)
{
	char in[512];
	size_t n = strlen(name);

	memcpy(in, sa, sizeof(*sa));
	memcpy(in + sizeof(*sa), name, n);
	return call_data(w, CHAN_OP_SETATTR, in, sizeof(*sa) + n, h, 0, 0, 0);
}

static void test_setattr(void **state)
{
	struct world *w = *state;
	struct chan_setattr sa = {.valid = CHAN_SET_MODE, .mode = 0600};
	struct chan_attr a;
	uint64_t f;

	assert_int_equal(setattr(w, w->rw, "hello", &sa), 0);
	assert_int_equal(last_attr(w).mode, S_IFREG | 0600);
	sa = (struct chan_setattr){.valid = CHAN_SET_SIZE | CHAN_SET_ATIME | CHAN_SET_MTIME,
		.size = 2,
		.atime = 1000,
		.atime_ns = 5,
		.mtime = -7,
		.mtime_ns = 6};
	assert_int_equal(setattr(w, w->rw, "hello", &sa), 0);
	a = last_attr(w);
	assert_int_equal(a.size, 2);
	assert_int_equal(a.atime, 1000);
	assert_int_equal(a.mtime, -7);
	assert_int_equal(a.mtime_ns, 6);
	sa = (struct chan_setattr){.valid = CHAN_SET_MTIME_NOW};
	assert_int_equal(setattr(w, w->rw, "hello", &sa), 0);
	a = last_attr(w);
	assert_true(a.mtime > 1000000000);
	assert_int_equal(a.atime, 1000);

	sa = (struct chan_setattr){
		.valid = CHAN_SET_UID | CHAN_SET_GID, .uid = getuid(), .gid = getgid()};
	assert_int_equal(setattr(w, w->rw, "hello", &sa), 0);
	assert_int_equal(setattr(w, w->rw, "out", &sa), 0); /* the link, not what it points to */

	sa = (struct chan_setattr){.valid = CHAN_SET_MODE, .mode = 0700};
	assert_int_equal(setattr(w, w->rw, "", &sa), 0);
	assert_int_equal(last_attr(w).mode, S_IFDIR | 0700);
	assert_int_equal(setattr(w, w->rw, "out", &sa), -EOPNOTSUPP);
	sa = (struct chan_setattr){.valid = CHAN_SET_SIZE, .size = 0};
	assert_int_equal(setattr(w, w->rw, "dir", &sa), -EISDIR);
	assert_int_equal(setattr(w, w->rw, "out", &sa), -EINVAL);

	/* by an open file: the description must be writable, as with ftruncate(2) */
	f = (uint64_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ | CHAN_O_WRITE);
	sa.size = 100;
	assert_int_equal(setattr(w, f, "", &sa), 0);
	assert_int_equal(last_attr(w).size, 100);
	sa = (struct chan_setattr){.valid = CHAN_SET_MODE, .mode = 0640};
	assert_int_equal(setattr(w, f, "", &sa), 0);
	assert_int_equal(last_attr(w).mode, S_IFREG | 0640);
	sa = (struct chan_setattr){.valid = CHAN_SET_SIZE, .size = 100};
	f = (uint64_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ);
	assert_int_equal(setattr(w, f, "", &sa), -EINVAL);
	/* nothing asked for, nothing refused */
	sa = (struct chan_setattr){.valid = 0};
	assert_int_equal(setattr(w, w->ro, "hello", &sa), 0);
}

static void test_setattr_readonly(void **state)
{
	struct world *w = *state;
	static const struct chan_setattr each[] = {
		{.valid = CHAN_SET_MODE, .mode = 0777},
		{.valid = CHAN_SET_SIZE},
		{.valid = CHAN_SET_UID},
		{.valid = CHAN_SET_GID},
		{.valid = CHAN_SET_ATIME},
		{.valid = CHAN_SET_MTIME_NOW},
	};
	uint64_t f = (uint64_t)call_name(w, OPEN, "hello", w->ro, CHAN_O_READ);

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		assert_int_equal(setattr(w, w->ro, "hello", &each[i]), -EROFS);
		assert_int_equal(setattr(w, w->ro, "", &each[i]), -EROFS);
		assert_int_equal(setattr(w, f, "", &each[i]), -EROFS);
	}
	assert_string_equal(w->denied_op, "setattr");
	assert_int_equal(w->denied, 2); /* two paths: once each */
	assert_string_equal(get_file(w->ro_fd, "hello"), "hello");
}

static void test_xattr(void **state)
{
	struct world *w = *state;
	int fd = openat(w->rw_fd, "hello", O_RDWR | O_CLOEXEC);
	int have = !fsetxattr(fd, "user.color", "blue", 4, 0);

	if (have) {
		fsetxattr(fd, "trusted.hidden", "x", 1, 0); /* root only; then it must not show */
		assert_int_equal(call_data(w, CHAN_OP_XATTR, "hello\0user.color", 17, w->rw,
					 CHAN_XATTR_GET, 0, 0),
			4);
		assert_memory_equal(w->out, "blue", 4);
		assert_int_equal(
			call_data(w, CHAN_OP_XATTR, "hello\0", 6, w->rw, CHAN_XATTR_LIST, 0, 0),
			11);
		assert_memory_equal(w->out, "user.color", 11);
	}
	close(fd);
	assert_int_equal(
		call_data(w, CHAN_OP_XATTR, "hello\0user.no", 14, w->rw, CHAN_XATTR_GET, 0, 0),
		-ENODATA);
	assert_int_equal(call_data(w, CHAN_OP_XATTR, "hello\0trusted.hidden", 21, w->rw,
				 CHAN_XATTR_GET, 0, 0),
		-ENODATA);
	assert_int_equal(call_data(w, CHAN_OP_XATTR, "hello\0security.selinux", 23, w->rw,
				 CHAN_XATTR_GET, 0, 0),
		-ENODATA);
	assert_int_equal(
		call_data(w, CHAN_OP_XATTR, "\0user.no", 9, w->rw, CHAN_XATTR_GET, 0, 0), -ENODATA);
	assert_int_equal(call_data(w, CHAN_OP_XATTR, "fifo\0", 5, w->ro, CHAN_XATTR_LIST, 0, 0), 0);
	assert_int_equal(
		call_data(w, CHAN_OP_XATTR, "out\0user.a", 11, w->rw, CHAN_XATTR_GET, 0, 0),
		-ENODATA);
}

/* What is shown of a name that the guest made up cannot drive a terminal. */
static void test_denied_text(void **state)
{
	struct world *w = *state;
	char want[128];

	assert_int_equal(call_name(w, MKDIR, "a\033[2Jb\xc2\x9b\xc3\xa9", w->ro, 0755), -EROFS);
	snprintf(want, sizeof(want), "%s/ro/a?[2Jb??\xc3\xa9", w->top);
	assert_string_equal(w->denied_path, want);
	snprintf(want, sizeof(want), "--rw %s/ro", w->top);
	assert_string_equal(w->denied_flag, want);
	assert_int_equal(call_name(w, MKDIR, "a\033[2Jb\xc2\x9b\xc3\xa9", w->ro, 0755), -EROFS);
	assert_int_equal(w->denied, 1);
	for (int i = 0; i < 2000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(call_name(w, MKDIR, name, w->ro, 0755), -EROFS);
	}
	assert_true(w->denied < 300); /* bounded */
}

/* A read-only grant below a writable one keeps its rights by whatever way it is reached. */
static void test_nested(void **state)
{
	struct world *w = *state;
	char path[96];
	uint64_t all, inner;
	int fd = open(w->top, O_PATH | O_CLOEXEC);

	all = (uint64_t)service_grant(w->s, fd, true, w->top);
	close(fd);
	fd = openat(w->top_fd, "secret/key", O_PATH | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/secret/key", w->top);
	assert_int_equal(service_deny(w->s, fd, path), 0);
	close(fd);

	assert_int_equal(call_name(w, WALK, "ro/dir", all), 2);
	assert_int_equal(walk_ent(w, 0)->attr.flags, CHAN_ATTR_READONLY);
	assert_int_equal(walk_ent(w, 1)->attr.flags, CHAN_ATTR_READONLY);
	inner = walk_ent(w, 0)->handle;
	assert_int_equal(call_name(w, OPEN, "hello", inner, CHAN_O_READ | CHAN_O_WRITE), -EROFS);
	assert_int_equal(call_name(w, UNLINK, "hello", inner, 0), -EROFS);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "hello\0h2", 9, inner, all, 0, 0), -EROFS);
	assert_int_equal(call_data(w, CHAN_OP_RENAME, "hello\0h2", 9, inner, all, 0, 0), -EROFS);
	/* its root is held like a mount point */
	assert_int_equal(call_data(w, CHAN_OP_RENAME, "ro\0x", 5, all, all, 0, 0), -EBUSY);
	assert_int_equal(
		call_data(w, CHAN_OP_RENAME, "rw\0ro", 6, all, all, CHAN_RENAME_EXCHANGE, 0),
		-EBUSY);
	assert_int_equal(call_name(w, UNLINK, "ro", all, CHAN_UNLINK_DIR), -EBUSY);
	/* and what is hidden is hidden */
	assert_int_equal(call_name(w, WALK, "secret/key", all), 1);
	assert_int_equal(walk_ent(w, 1)->err, -EACCES);
	inner = walk_ent(w, 0)->handle;
	assert_int_equal(call_name(w, OPEN, "key", inner, CHAN_O_READ), -EACCES);
	assert_int_equal(call_name(w, GETATTR, "key", inner), -EACCES);
	assert_int_equal(call_name(w, UNLINK, "key", inner, 0), -EACCES);
	assert_int_equal(call_data(w, CHAN_OP_RENAME, "key\0k", 6, inner, inner, 0, 0), -EACCES);
	assert_int_equal(call_data(w, CHAN_OP_LINK, "key\0k", 6, inner, inner, 0, 0), -EACCES);
	assert_int_equal(setattr(w, inner, "key",
				 &(struct chan_setattr){.valid = CHAN_SET_MODE, .mode = 0777}),
		-EACCES);
	assert_string_equal(get_file(w->top_fd, "secret/key"), "key");
	/* a writable grant inside a read-only one */
	assert_int_equal(call_name(w, WALK, "rw", all), 1);
	assert_int_equal(walk_ent(w, 0)->attr.flags, 0);
}

/* Nor does a grant of its own reach what is hidden, or what lies in it. */
static void test_hidden_is_not_granted(void **state)
{
	static const char *const names[] = {"secret", "secret/key", "secret/below"};
	struct world *w = *state;
	char path[96];
	int fd = openat(w->top_fd, "secret", O_PATH | O_CLOEXEC);

	assert_int_equal(mkdirat(w->top_fd, "secret/below", 0700), 0);
	assert_int_equal(service_deny(w->s, fd, NULL), 0);
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		fd = openat(w->top_fd, names[i], O_PATH | O_CLOEXEC);
		snprintf(path, sizeof(path), "%s/%s", w->top, names[i]);
		assert_int_equal(service_grant(w->s, fd, false, path), -EACCES);
		close(fd);
	}
	assert_true(service_grant(w->s, w->top_fd, true, w->top) > 0);
	assert_true(service_grant(w->s, w->rw_fd, true, w->top) > 0);
}

static int64_t grant_of(struct world *w, const char *name)
{
	int fd = openat(w->top_fd, name, O_PATH | O_CLOEXEC);
	int64_t handle = service_grant(w->s, fd, false, name);

	close(fd);
	return handle;
}

static void hide(struct world *w, const char *name)
{
	int fd = openat(w->top_fd, name, O_PATH | O_CLOEXEC);

	assert_int_equal(service_deny(w->s, fd, NULL), 0);
	close(fd);
}

/* What was found to lie in nothing hidden is looked at again when more is hidden. */
static void test_hidden_after_a_grant(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdirat(w->top_fd, "secret/below", 0700), 0);
	assert_int_equal(mkdirat(w->top_fd, "secret/below/that", 0700), 0);
	assert_int_equal(mkdirat(w->top_fd, "other", 0700), 0);
	hide(w, "other");
	assert_true(grant_of(w, "secret/below/that") > 0);
	assert_true(grant_of(w, "secret/below") > 0);
	assert_int_equal(grant_of(w, "other"), -EACCES);
	hide(w, "secret");
	assert_int_equal(grant_of(w, "secret/below/that"), -EACCES);
	assert_int_equal(grant_of(w, "secret/key"), -EACCES);
}

/* In a child of its own mounts. What it could not do is its exit code 2, 1 is a wrong answer. */
static int grants_among_mounts(struct world *w)
{
	char plain[96], in_secret[96], sub[96], again[96];

	snprintf(plain, sizeof(plain), "%s/plain", w->top);
	snprintf(in_secret, sizeof(in_secret), "%s/secret/plain", w->top);
	snprintf(sub, sizeof(sub), "%s/secret/plain/sub", w->top);
	snprintf(again, sizeof(again), "%s/secret/plain/sub/again", w->top);
	if ((geteuid() ? unshare(CLONE_NEWUSER | CLONE_NEWNS) : unshare(CLONE_NEWNS)) ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount(plain, in_secret, NULL, MS_BIND, NULL))
		return 2;
	/* on what lies in it: above its root is the directory that it is of */
	if (mount(sub, again, NULL, MS_BIND, NULL))
		return 2;
	w->top_fd = open(w->top, O_PATH | O_CLOEXEC);
	hide(w, "secret");
	return grant_of(w, "plain/sub/again") > 0 && grant_of(w, "secret/plain/sub") == -EACCES &&
			       grant_of(w, "secret/plain/sub/again") == -EACCES
		       ? 0
		       : 1;
}

/* A directory that is mounted in two places lies in two, and one that lies in nothing hidden does
 * not speak for the other. */
static void test_hidden_by_a_mount(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	assert_int_equal(mkdirat(w->top_fd, "plain", 0700), 0);
	assert_int_equal(mkdirat(w->top_fd, "plain/sub", 0700), 0);
	assert_int_equal(mkdirat(w->top_fd, "plain/sub/again", 0700), 0);
	assert_int_equal(mkdirat(w->top_fd, "secret/plain", 0700), 0);
	pid = fork();
	if (!pid)
		_exit(grants_among_mounts(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(status, 0);
}

/* The host's procfs would lead to this process's own memory. */
static void test_procfs(void **state)
{
	struct world *w = *state;
	int fd = open("/", O_PATH | O_CLOEXEC);
	uint64_t root = (uint64_t)service_grant(w->s, fd, true, "/"), proc;
	char path[64];

	close(fd);
	snprintf(path, sizeof(path), "proc/%d/mem", getpid());
	assert_int_equal(call_name(w, WALK, path, root), 1);
	assert_int_equal(walk_ent(w, 1)->err, -EACCES);
	proc = walk_ent(w, 0)->handle;
	assert_true(proc > 0 && S_ISDIR(walk_ent(w, 0)->attr.mode)); /* to be mounted over */
	assert_int_equal(call(w, GETATTR, proc), 0);
	assert_int_equal(call_name(w, GETATTR, "version", proc), -EACCES);
	assert_int_equal(call_name(w, OPEN, "version", proc, CHAN_O_READ), -EACCES);
	assert_int_equal(call_name(w, WALK, "version", proc), 0);
	assert_int_equal(walk_ent(w, 0)->err, -EACCES);
	assert_int_equal(call_name(w, READLINK, "self", proc), -EACCES);
	assert_int_equal(call(w, OPENDIR, proc), -EACCES);
	assert_int_equal(call(w, OPEN, proc, CHAN_O_DIRECTORY), -EACCES);
	/* nor by its name in the directory above */
	assert_int_equal(call_name(w, OPEN, "proc", root, CHAN_O_DIRECTORY), -EACCES);
	assert_int_equal(call(w, FORGET, proc), 0);
	fd = open("/proc/self", O_PATH | O_CLOEXEC);
	proc = (uint64_t)service_grant(w->s, fd, true, "/proc/self");
	close(fd);
	assert_int_equal(call_name(w, OPEN, "mem", proc, CHAN_O_READ | CHAN_O_WRITE), -EACCES);
}

TESTS(name, WORLD_TEST(test_walk), WORLD_TEST(test_walk_stops), WORLD_TEST(test_walk_limits),
	WORLD_TEST(test_handles), WORLD_TEST(test_thousands), WORLD_TEST(test_getattr),
	WORLD_TEST(test_readlink), WORLD_TEST(test_access), WORLD_TEST(test_statfs),
	WORLD_TEST(test_setattr), WORLD_TEST(test_setattr_readonly), WORLD_TEST(test_xattr),
	WORLD_TEST(test_denied_text), WORLD_TEST(test_nested),
	WORLD_TEST(test_hidden_is_not_granted), WORLD_TEST(test_hidden_after_a_grant),
	WORLD_TEST(test_hidden_by_a_mount), WORLD_TEST(test_procfs));
