/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that takes a descriptor, with one that is not open, and with O_PATH. */
#include "behave.h"

#include <poll.h>
#include <sys/syscall.h>

struct call {
	const char *name;
	long number;
	/* Where the descriptor goes; the other arguments follow. */
	int position;
	long arguments[6];
};

static char buffer[4096];

#define B ((long)buffer)
static struct call calls[] = {{"read", SYS_read, 0, {0, 0, 1}}, {"write", SYS_write, 0, {0, 0, 1}},
	{"close", SYS_close, 0, {0}}, {"fstat", SYS_fstat, 0, {0}},
	{"lseek", SYS_lseek, 0, {0, 0, 0}}, {"ioctl", SYS_ioctl, 0, {0, 0x5401, 0}},
	{"pread64", SYS_pread64, 0, {0, 0, 1, 0}}, {"pwrite64", SYS_pwrite64, 0, {0, 0, 1, 0}},
	{"readv", SYS_readv, 0, {0, 0, 1}}, {"writev", SYS_writev, 0, {0, 0, 1}},
	{"dup", SYS_dup, 0, {0}}, {"dup2", SYS_dup2, 0, {0, 50}}, {"dup3", SYS_dup3, 0, {0, 50, 0}},
	{"fcntl F_GETFL", SYS_fcntl, 0, {0, F_GETFL}}, {"flock", SYS_flock, 0, {0, 1}},
	{"fsync", SYS_fsync, 0, {0}}, {"fdatasync", SYS_fdatasync, 0, {0}},
	{"ftruncate", SYS_ftruncate, 0, {0, 0}}, {"getdents64", SYS_getdents64, 0, {0, 0, 4096}},
	{"fchdir", SYS_fchdir, 0, {0}}, {"fchmod", SYS_fchmod, 0, {0, 0644}},
	{"fchown", SYS_fchown, 0, {0, -1, -1}}, {"fstatfs", SYS_fstatfs, 0, {0}},
	{"fallocate", SYS_fallocate, 0, {0, 0, 0, 1}},
	{"fadvise64", SYS_fadvise64, 0, {0, 0, 0, 0}}, {"readahead", SYS_readahead, 0, {0, 0, 1}},
	{"sync_file_range", SYS_sync_file_range, 0, {0, 0, 0, 0}}, {"syncfs", SYS_syncfs, 0, {0}},
	{"mmap", SYS_mmap, 4, {0, 4096, 1, 2, 0, 0}},
	{"epoll_wait", SYS_epoll_wait, 0, {0, 0, 1, 0}},
	{"epoll_ctl", SYS_epoll_ctl, 0, {0, 1, 0, 0}},
	{"timerfd_gettime", SYS_timerfd_gettime, 0, {0}},
	{"signalfd4", SYS_signalfd4, 0, {0, 0, 8, 0}},
	{"sendfile in", SYS_sendfile, 1, {1, 0, 0, 1}},
	{"copy_file_range", SYS_copy_file_range, 0, {0, 0, 1, 0, 1, 0}},
	{"splice", SYS_splice, 0, {0, 0, 1, 0, 1, 0}}, {"tee", SYS_tee, 0, {0, 1, 1, 0}},
	{"preadv", SYS_preadv, 0, {0, 0, 1, 0, 0}}, {"pwritev", SYS_pwritev, 0, {0, 0, 1, 0, 0}},
	{"connect", SYS_connect, 0, {0, 0, 16}}, {"accept", SYS_accept, 0, {0, 0, 0}},
	{"sendto", SYS_sendto, 0, {0, 0, 1, 0, 0, 0}},
	{"recvfrom", SYS_recvfrom, 0, {0, 0, 1, 0, 0, 0}},
	{"getsockname", SYS_getsockname, 0, {0, 0, 0}}, {"listen", SYS_listen, 0, {0, 1}},
	{"shutdown", SYS_shutdown, 0, {0, 2}}, {"fgetxattr", SYS_fgetxattr, 0, {0, 0, 0, 0}},
	{"flistxattr", SYS_flistxattr, 0, {0, 0, 0}}};

static void try_each(int fd)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct call *c = &calls[i];
		long a[6];
		for (int k = 0; k < 6; k++)
			a[k] = c->arguments[k];
		a[c->position] = fd;
		/* A zero second argument stands for a usable buffer. */
		if (c->position == 0 && a[1] == 0 && c->number != SYS_fallocate &&
			c->number != SYS_fadvise64 && c->number != SYS_sync_file_range &&
			c->number != SYS_lseek && c->number != SYS_splice &&
			c->number != SYS_copy_file_range && c->number != SYS_ftruncate &&
			c->number != SYS_readahead)
			a[1] = B;
		errno = 0;
		long r = syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
		say("%s: %ld %s", c->name, r, errno_name(r == -1 ? errno : 0));
	}
}

static void bad_descriptor_is_ebadf_in_every_call(void)
{
	memcpy(buffer, "user.x", 7);
	try_each(77);
}

static void negative_descriptor_is_ebadf_in_every_call(void)
{
	memcpy(buffer, "user.x", 7);
	/* Two calls create rather than use when told -1. */
	try_each(-2);
}

static void huge_descriptor_is_ebadf_in_every_call(void)
{
	memcpy(buffer, "user.x", 7);
	try_each(0x7fffffff);
}

static void at_calls_with_bad_directory(void)
{
	struct stat st;
	struct timespec t[2] = {{0}};
	R(openat(77, "x", O_RDONLY));
	R(mkdirat(77, "x", 0755));
	R(unlinkat(77, "x", 0));
	R(renameat(77, "x", AT_FDCWD, "y"));
	R(renameat(AT_FDCWD, ".", 77, "y"));
	R(linkat(77, "x", AT_FDCWD, "y", 0));
	R(symlinkat("x", 77, "y"));
	R(readlinkat(77, "x", buffer, 10));
	R(fchmodat(77, "x", 0644, 0));
	R(fchownat(77, "x", -1, -1, 0));
	R(fstatat(77, "x", &st, 0));
	R(faccessat(77, "x", F_OK, 0));
	R(utimensat(77, "x", t, 0));
	R(mknodat(77, "x", S_IFREG | 0644, 0));
	R(syscall(SYS_statx, 77, "x", 0, 0x7ff, buffer));
}

static void directory_descriptor_in_data_calls(void)
{
	int d = open_file(".", O_RDONLY | O_DIRECTORY);
	R(read(d, buffer, 1));
	R(write(d, "x", 1));
	R(pread(d, buffer, 1, 0));
	R(ftruncate(d, 0));
	R(fallocate(d, 0, 0, 10));
	R(fsync(d));
	struct pollfd p = {d, POLLIN | POLLOUT, 0};
	R(poll(&p, 1, 0));
}

const struct behaviour behaviours[] = {BEHAVIOUR(bad_descriptor_is_ebadf_in_every_call),
	BEHAVIOUR(negative_descriptor_is_ebadf_in_every_call),
	BEHAVIOUR(huge_descriptor_is_ebadf_in_every_call), BEHAVIOUR(at_calls_with_bad_directory),
	BEHAVIOUR(directory_descriptor_in_data_calls), {0}};
