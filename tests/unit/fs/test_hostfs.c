/* SPDX-License-Identifier: Apache-2.0
 * The host's files, through the real channel service: what is cached, what is not, what a host that
 * changes things meanwhile does to us.
 */
#include <stdio.h>
#include <unistd.h>

#include "fs.h"

static struct stat st;

static void host_put(const char *name, const char *text)
{
	int fd = openat(fs_host_rw, name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	u_check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static u64 all_calls(void)
{
	u64 n = 0;

	for (u32 i = 0; i < CHAN_OP_COUNT; i++)
		n += i == CHAN_OP_WAIT || i == CHAN_OP_FORGET ? 0 : fs_host_calls[i];
	return n;
}

static void reading_and_writing(void *arg)
{
	char text[32];
	long fd;

	f_put("/rw/a", "hello");
	f_holds("/rw/a", "hello");
	fd = f_open("/rw/a", O_RDWR | O_APPEND, 0);
	u_expect(f_write(fd, " world"), 6);
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_CUR), 11);
	u_expect(u_syscall(__NR_lseek, fd, -5, SEEK_END), 6);
	u_expect(f_read(fd, text, sizeof(text)), 5);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_size, 11);
	u_expect(u_syscall(__NR_ftruncate, fd, 2), 0);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_size, 2);
	u_expect(f_unlink("/rw/a"), 0);
	u_expect(f_stat("/rw/a", &st), -ENOENT);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_nlink, 0);
	u_expect(f_write(fd, "x"), 1); /* it lives on */
	u_expect(f_open("/rw/a", O_RDONLY, 0), -ENOENT);
}

/* Larger than one request can carry. */
static void large_buffers(void *arg)
{
	const u64 size = 0x60000;
	long fd = f_open("/rw/big", O_RDWR | O_CREAT, 0644);

	for (u64 at = 0; at < size; at += 4096)
		u_put64(U_BASE + 0x20000 + at, at);
	u_expect(u_syscall(__NR_write, fd, U_BASE + 0x20000 + 100, size - 100), size - 100);
	u_zero(U_BASE + 0x20000 + 4096, 8);
	u_expect(u_syscall(__NR_pread64, fd, U_BASE + 0x20000 + 100, size, 0), size - 100);
	for (u64 at = 4096; at < size; at += 4096)
		u_expect(u_get64(U_BASE + 0x20000 + at), at);
}

static void one_call_each(void *arg)
{
	u64 before;
	long fd;

	f_mkdir("/rw/d");
	f_mkdir("/rw/d/e");
	host_put("d/e/f", "deep");
	before = all_calls();
	u_expect(f_stat("/rw/d/e/f", &st), 0);
	u_expect(all_calls() - before, 1); /* one WALK */
	u_expect(f_stat("/rw/d/e/f", &st), 0);
	u_expect(all_calls() - before, 1); /* believed */
	fd = f_open("/rw/d/e/f", O_RDONLY, 0);
	u_expect(all_calls() - before, 2); /* one OPEN */
	u_expect(f_fstat(fd, &st), 0);
	u_expect(all_calls() - before, 2);
	u_expect(u_syscall(__NR_read, fd, BUF, 100), 4);
	u_expect(all_calls() - before, 3);
	f_close(fd);
	u_sleep(1100 * MSEC);
	u_expect(f_stat("/rw/d/e/f", &st), 0); /* all three names at once */
	u_expect(all_calls() - before, 4);
	u_expect(f_stat("/ro/none", &st), -ENOENT);
	u_expect(f_stat("/ro/none", &st), -ENOENT);
	u_expect(all_calls() - before, 5); /* where nobody writes, absence is believed too */
}

static void host_changes_things(void *arg)
{
	long dir;

	host_put("f", "one");
	f_holds("/rw/f", "one");
	u_expect(f_stat("/rw/late", &st), -ENOENT);
	host_put("late", "x");
	u_expect(f_stat("/rw/late", &st), 0); /* at once */
	/* replaced by another file: seen when it is opened, and within a second by its name */
	host_put("other", "two, longer");
	u_check(!renameat(fs_host_rw, "other", fs_host_rw, "f"));
	f_holds("/rw/f", "two, longer");
	u_expect(f_stat("/rw/f", &st), 0);
	u_expect(st.st_size, 11);
	u_check(!unlinkat(fs_host_rw, "f", 0));
	u_expect(f_open("/rw/f", O_RDONLY, 0), -ENOENT);
	u_sleep(1100 * MSEC);
	u_expect(f_stat("/rw/f", &st), -ENOENT);
	/* a directory that was moved is still the one that we have open */
	f_mkdir("/rw/d");
	dir = f_open("/rw/d", O_RDONLY | O_DIRECTORY, 0);
	u_check(!renameat(fs_host_rw, "d", fs_host_rw, "moved"));
	host_put("moved/in", "in");
	u_sleep(1100 * MSEC);
	u_check(f_at(__NR_openat, dir, "in", O_RDONLY, 0) >= 0);
	u_expect(f_stat("/rw/d", &st), -ENOENT);
	u_expect(f_stat("/rw/moved/in", &st), 0);
}

static void names(void *arg)
{
	char list[256];
	long fd;

	u_expect(f_mkdir("/rw/d"), 0);
	u_expect(f_mkdir("/rw/d"), -EEXIST);
	f_put("/rw/a", "a");
	u_expect(f_two(__NR_symlink, "a", "/rw/s"), 0);
	f_holds("/rw/s", "a");
	u_expect(f_two(__NR_link, "/rw/a", "/rw/d/hard"), 0);
	u_expect(f_stat("/rw/a", &st), 0);
	u_expect(st.st_nlink, 2);
	u_expect(f_rmdir("/rw/d"), -ENOTEMPTY);
	fd = f_open("/rw/d", O_RDONLY | O_DIRECTORY, 0);
	u_expect(f_two(__NR_rename, "/rw/d", "/rw/e"), 0);
	u_check(f_at(__NR_openat, fd, "hard", O_RDONLY, 0) >= 0); /* its handle is right still */
	f_holds("/rw/e/hard", "a");
	u_expect(f_two(__NR_rename, "/rw/e", "/rw/e/x"), -EINVAL);
	u_expect(f_two(__NR_rename, "/rw/a", "/a"), -EXDEV);
	u_expect(f_list(fd, list, sizeof(list)), 3);
	u_check(strstr(list, "hard "));
	u_expect(f_unlink("/rw/e/hard"), 0);
	u_expect(f_rmdir("/rw/e"), 0);
	u_expect(f_stat("/rw/a", &st), 0);
	u_expect(st.st_nlink, 1);
	u_expect(f_path(__NR_chmod, "/rw/a", 0600, 0), 0);
	u_expect(f_stat("/rw/a", &st), 0);
	u_expect(st.st_mode, S_IFREG | 0600);
	u_expect(f_path(__NR_mknod, "/rw/fifo", S_IFIFO | 0644, 0), 0);
	u_expect(f_lstat("/rw/fifo", &st), 0);
	u_check(S_ISFIFO(st.st_mode));
}

static void read_only(void *arg)
{
	u_check(f_open("/ro/there", O_RDONLY, 0) >= 0);
	u_expect(f_open("/ro/there", O_WRONLY, 0), -EROFS);
	u_expect(f_open("/ro/new", O_WRONLY | O_CREAT, 0644), -EROFS);
	u_expect(f_mkdir("/ro/d"), -EROFS);
	u_expect(f_unlink("/ro/there"), -EROFS);
	u_expect(f_path(__NR_chmod, "/ro/there", 0600, 0), -EROFS);
	u_expect(f_path(__NR_access, "/ro/there", 2, 0), -EROFS);
	u_expect(f_path(__NR_access, "/ro/there", 4, 0), 0);
	u_expect(f_path(__NR_truncate, "/ro/there", 0, 0), -EROFS);
}

/* Who owns it does not matter then. */
static void read_only_for_another_user(void *arg)
{
	f_put("/rw/mine", "x");
	u_expect(u_syscall(__NR_setuid, 1234), 0);
	u_expect(f_path(__NR_chmod, "/ro/there", 0600, 0), -EROFS);
	u_expect(f_path(__NR_chown, "/ro/there", 1234, 1234), -EROFS);
	u_expect(f_path(__NR_chmod, "/rw/mine", 0600, 0), -EPERM);
	u_expect(f_path(__NR_chown, "/rw/mine", 1234, 1234), -EPERM);
}

/* Whatever was asked, every handle but the grants' own goes back. */
static void handles(void *arg)
{
	char path[32];

	for (int i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "/rw/d%d", i);
		f_mkdir(path);
		u_expect(f_rmdir(path), 0);
		snprintf(path, sizeof(path), "/rw/f%d", i);
		f_put(path, "x");
		u_expect(f_unlink(path), 0);
	}
	u_expect(fs_host_calls[CHAN_OP_MKDIR] + fs_host_calls[CHAN_OP_OPEN],
		fs_host_calls[CHAN_OP_FORGET]);
}

static void run_hosted(u_fn fn)
{
	harness.host = &fs_host;
	run_program(fn, EXITED(0));
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_hosted(fn);                                                                    \
	}
RUN(reading_and_writing)
RUN(large_buffers)
RUN(one_call_each)
RUN(host_changes_things)
RUN(names)
RUN(read_only)
RUN(handles)

/* The program begins as root and can become the other user, whoever runs this test. */
static void test_read_only_for_another_user(void **state)
{
	harness.root = true;
	run_hosted(read_only_for_another_user);
}

TESTS(hostfs, cmocka_unit_test(test_reading_and_writing), cmocka_unit_test(test_large_buffers),
	cmocka_unit_test(test_one_call_each), cmocka_unit_test(test_host_changes_things),
	cmocka_unit_test(test_names), cmocka_unit_test(test_read_only),
	cmocka_unit_test(test_read_only_for_another_user), cmocka_unit_test(test_handles));
