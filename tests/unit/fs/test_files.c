/* SPDX-License-Identifier: Apache-2.0
 * Descriptor tables, limits, and copying from file to file.
 */
#include <linux/close_range.h>
#include <signal.h>
#include <sys/resource.h>

#include "fs.h"

static struct stat st;

static void set_limit(int which, u64 soft)
{
	u_put64s(BUF, soft, soft);
	u_expect(u_syscall(__NR_prlimit64, 0, which, BUF, 0), 0);
}

static void tables(void *arg)
{
	long fd;

	u_expect(f_open("/", O_RDONLY, 0), 0); /* nothing was inherited: the lowest is 0 */
	u_expect(u_syscall(__NR_dup, 0), 1);
	u_expect(u_syscall(__NR_dup2, 0, 5), 5);
	u_expect(u_syscall(__NR_dup2, 0, 0), 0);
	u_expect(u_syscall(__NR_dup3, 0, 0, 0), -EINVAL);
	u_expect(u_syscall(__NR_dup3, 0, 6, 1), -EINVAL);
	u_expect(u_syscall(__NR_dup2, 9, 6), -EBADF);
	u_expect(u_syscall(__NR_dup2, 0, 5000), -EBADF);
	u_expect(u_syscall(__NR_dup2, 0, -1), -EBADF);
	u_expect(u_syscall(__NR_dup, 0), 2);
	u_expect(f_close(1), 0);
	u_expect(f_close(1), -EBADF);
	u_expect(u_syscall(__NR_dup, 0), 1);
	u_expect(u_syscall(__NR_dup2, 0, 700), 700); /* the table grows */
	u_expect(u_syscall(__NR_close_range, 2, ~0u, CLOSE_RANGE_CLOEXEC), 0);
	u_expect(u_syscall(__NR_fcntl, 700, F_GETFD), FD_CLOEXEC);
	u_expect(u_syscall(__NR_fcntl, 1, F_GETFD), 0);
	u_expect(u_syscall(__NR_close_range, 2, ~0u, CLOSE_RANGE_UNSHARE), 0);
	u_expect(u_syscall(__NR_fcntl, 700, F_GETFD), -EBADF);
	u_expect(u_syscall(__NR_close_range, 3, 2, 0), -EINVAL);
	set_limit(RLIMIT_NOFILE, 4);
	u_expect(f_open("/", O_RDONLY, 0), 2);
	u_expect(f_open("/", O_RDONLY, 0), 3);
	u_expect(f_open("/new", O_WRONLY | O_CREAT, 0644), -EMFILE);
	u_expect(f_stat("/new", &st), -ENOENT); /* and it was not made */
	fd = u_syscall(__NR_dup2, 0, 4);
	u_expect(fd, -EBADF);
}

static int got_signal;

static void on_signal(s32 sig, u64 info, u64 uc)
{
	got_signal = sig;
}

static void size_limit(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);

	u_sigaction(SIGXFSZ, on_signal, 0, 0);
	set_limit(RLIMIT_FSIZE, 10);
	got_signal = 0;
	u_expect(f_write(fd, "01234567"), 8);
	u_expect(f_write(fd, "89abc"), 2); /* as much as fits */
	u_expect(got_signal, 0);
	u_expect(f_write(fd, "x"), -EFBIG);
	u_expect(got_signal, SIGXFSZ);
	got_signal = 0;
	u_expect(u_syscall(__NR_ftruncate, fd, 11), -EFBIG);
	u_expect(got_signal, SIGXFSZ);
	u_expect(u_syscall(__NR_ftruncate, fd, 3), 0);
}

static void copies(void *arg)
{
	long in, out;

	f_put("/in", "0123456789");
	in = f_open("/in", O_RDWR, 0);
	out = f_open("/out", O_RDWR | O_CREAT, 0644);
	u_expect(u_syscall(__NR_sendfile, out, in, 0, 4), 4);
	u_expect(u_syscall(__NR_lseek, in, 0, SEEK_CUR), 4);
	u_put64(BUF, 8);
	u_expect(u_syscall(__NR_sendfile, out, in, BUF, 100), 2);
	u_expect(u_get64(BUF), 10);
	f_holds("/out", "012389");
	u_put64s(BUF, 0, 6);
	u_expect(u_syscall(__NR_copy_file_range, in, BUF, out, BUF + 8, 3, 0), 3);
	f_holds("/out", "012389012");
	u_expect(u_syscall(__NR_copy_file_range, in, 0, in, 0, 3, 0), -EINVAL);
	u_expect(u_syscall(__NR_copy_file_range, in, 0, out, 0, 3, 1), -EINVAL);
	u_expect(u_syscall(__NR_sendfile, out, 99, 0, 4), -EBADF);
}

static void vectors(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);

	u_write(BUF + 256, "helloworld", 10);
	u_put64s(BUF, BUF + 256, 5);
	u_put64s(BUF + 16, 0, 0);
	u_put64s(BUF + 32, BUF + 261, 5);
	u_expect(u_syscall(__NR_writev, fd, BUF, 3), 10);
	f_holds("/f", "helloworld");
	u_expect(u_syscall(__NR_preadv2, fd, BUF, 3, 0, 0, 0), 10);
	u_expect(u_syscall(__NR_preadv2, fd, BUF, 3, -1, 0, 0), 0);    /* the file's own position */
	u_expect(u_syscall(__NR_pwritev2, fd, BUF, 1, 0, 0, 0x10), 5); /* RWF_APPEND */
	f_holds("/f", "helloworldhello");
	u_expect(u_syscall(__NR_preadv2, fd, BUF, 3, 0, 0, 0x8000), -EOPNOTSUPP);
	u_expect(u_syscall(__NR_writev, fd, BUF, 1025), -EINVAL);
	u_expect(u_syscall(__NR_readv, fd, BUF, -1), -EINVAL);
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_program(fn, EXITED(0));                                                        \
	}
RUN(tables)
RUN(size_limit)
RUN(copies)
RUN(vectors)

TESTS(files, cmocka_unit_test(test_tables), cmocka_unit_test(test_size_limit),
	cmocka_unit_test(test_copies), cmocka_unit_test(test_vectors));
