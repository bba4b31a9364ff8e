/* SPDX-License-Identifier: Apache-2.0
 * open(2), and the positions and flags of open files.
 */
#include <linux/fs.h>

#include "fs.h"

static struct stat st;

static void creation(void *arg)
{
	char text[16];
	long fd;

	u_expect(f_open("/a", O_WRONLY, 0), -ENOENT);
	fd = f_open("/a", O_RDWR | O_CREAT, 0666);
	u_check(fd >= 0);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_mode, S_IFREG | 0644);
	u_expect(f_open("/a", O_RDONLY | O_CREAT | O_EXCL, 0644), -EEXIST);
	u_expect(f_two(__NR_symlink, "/target", "/dangling"), 0);
	u_expect(f_open("/dangling", O_RDONLY | O_CREAT | O_EXCL, 0644), -EEXIST);
	u_expect(f_lstat("/target", &st), -ENOENT);
	u_check(f_open("/dangling", O_RDONLY | O_CREAT, 0644) >= 0);
	u_expect(f_lstat("/target", &st), 0);
	u_expect(f_mkdir("/d"), 0);
	u_expect(f_open("/d", O_RDONLY | O_CREAT, 0644), -EISDIR);
	u_expect(f_open("/d", O_WRONLY, 0), -EISDIR);
	u_expect(f_open("/new/", O_WRONLY | O_CREAT, 0644), -EISDIR);
	u_expect(f_open("/a/", O_RDONLY, 0), -ENOTDIR);
	u_expect(f_open("/a", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	u_expect(f_open("/a", O_CREAT | O_DIRECTORY, 0644), -EINVAL);
	/* whoever makes a file may use it, whatever its mode */
	fd = f_open("/ro", O_RDWR | O_CREAT, 0);
	u_expect(f_write(fd, "abc"), 3);
	u_expect(f_open("/ro", O_RDONLY, 0), -EACCES);
	/* truncation, appending */
	f_put("/a", "0123456789");
	f_put("/a", "xyz");
	f_holds("/a", "xyz");
	fd = f_open("/a", O_RDWR | O_APPEND, 0);
	u_expect(f_pwrite(fd, "!", 0), 1); /* Linux appends even then */
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_SET), 0);
	u_expect(f_write(fd, "?"), 1);
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_CUR), 5);
	u_expect(f_read(fd, text, sizeof(text)), 0);
	f_holds("/a", "xyz!?");
}

static void path_only(void *arg)
{
	long fd;

	f_put("/f", "text");
	f_two(__NR_symlink, "f", "/l");
	fd = f_open("/l", O_PATH | O_NOFOLLOW, 0);
	u_check(fd >= 0);
	u_expect(f_fstat(fd, &st), 0);
	u_check(S_ISLNK(st.st_mode));
	u_expect(u_syscall(__NR_read, fd, BUF, 1), -EBADF);
	u_expect(u_syscall(__NR_fchmod, fd, 0600), -EBADF);
	u_expect(f_at(__NR_readlinkat, fd, "", BUF, 10), 1);
	fd = f_open("/", O_PATH, 0);
	u_check(f_at(__NR_openat, fd, "f", O_RDONLY, 0) >= 0);
	u_expect(u_syscall(__NR_fcntl, fd, F_GETFL), O_PATH);
}

static void tmpfile_(void *arg)
{
	long fd = f_open("/", O_TMPFILE | O_RDWR, 0600), other;

	u_check(fd >= 0);
	u_expect(f_write(fd, "secret"), 6);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_nlink, 0);
	u_expect(f_open("/", O_TMPFILE | O_RDONLY, 0600), -EINVAL);
	u_write(BUF, "/proc/self/fd/0", 16);
	u_write(BUF + 14, (char[]){(char)('0' + fd), 0}, 2);
	u_write(BUF + 64, "/named", 7);
	u_expect(u_syscall(__NR_linkat, AT_FDCWD, BUF, AT_FDCWD, BUF + 64, AT_SYMLINK_FOLLOW), 0);
	f_holds("/named", "secret");
	/* a file whose last name went does not come back */
	other = f_open("/gone", O_RDWR | O_CREAT, 0600);
	u_expect(f_unlink("/gone"), 0);
	u_write(BUF + 14, (char[]){(char)('0' + other), 0}, 2);
	u_write(BUF + 64, "/again", 7);
	u_expect(u_syscall(__NR_linkat, AT_FDCWD, BUF, AT_FDCWD, BUF + 64, AT_SYMLINK_FOLLOW),
		-ENOENT);
}

static void positions(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);
	char text[16];

	u_expect(f_write(fd, "0123456789"), 10);
	u_expect(u_syscall(__NR_lseek, fd, -3, SEEK_END), 7);
	u_expect(f_read(fd, text, sizeof(text)), 3);
	u_expect(u_syscall(__NR_lseek, fd, -1, SEEK_SET), -EINVAL);
	u_expect(u_syscall(__NR_lseek, fd, 0, 9), -EINVAL);
	u_expect(u_syscall(__NR_pread64, fd, BUF, 4, -1), -EINVAL);
	u_expect(u_syscall(__NR_pread64, fd, BUF, 4, 8), 2);
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_CUR), 10);
	u_expect(f_pwrite(fd, "end", 20), 3);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_size, 23);
	u_expect(f_read(fd, text, sizeof(text)), 13); /* a hole of ten bytes first */
	u_check(!text[0] && !text[9] && !memcmp(text + 10, "end", 3));
}

static void flags(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), copy;

	u_expect(u_syscall(__NR_fcntl, fd, F_GETFL), O_RDWR | 0100000);
	u_expect(u_syscall(__NR_fcntl, fd, F_GETFD), FD_CLOEXEC);
	u_expect(u_syscall(__NR_fcntl, fd, F_SETFL, O_APPEND | O_WRONLY), 0);
	u_expect(u_syscall(__NR_fcntl, fd, F_GETFL), O_RDWR | O_APPEND | 0100000);
	copy = u_syscall(__NR_fcntl, fd, F_DUPFD, 20);
	u_expect(copy, 20);
	u_expect(u_syscall(__NR_fcntl, copy, F_GETFD), 0);
	u_expect(u_syscall(__NR_fcntl, fd, F_DUPFD, 5000), -EINVAL);
	u_expect(u_syscall(__NR_fcntl, 99, F_GETFD), -EBADF);
	u_expect(u_syscall(__NR_fcntl, fd, 9999), -EINVAL);
}

/* A bad buffer is refused although the file could be read. */
static void positions_fault(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);

	u_expect(f_write(fd, "0123"), 4);
	u_expect(u_syscall(__NR_pread64, fd, 0x10, 4, 0), -EFAULT);
	u_expect(u_syscall(__NR_pread64, fd, ~0ull - 10, 4, 0), -EFAULT);
	u_expect(u_syscall(__NR_pread64, fd, BUF, ~0ull, 0), -EINVAL);
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_program(fn, EXITED(0));                                                        \
	}
RUN(creation)
RUN(path_only)
RUN(tmpfile_)
RUN(flags)
RUN(positions_fault)
RUN(positions)

TESTS(open, cmocka_unit_test(test_creation), cmocka_unit_test(test_path_only),
	cmocka_unit_test(test_tmpfile_), cmocka_unit_test(test_flags),
	cmocka_unit_test(test_positions_fault), cmocka_unit_test(test_positions));
