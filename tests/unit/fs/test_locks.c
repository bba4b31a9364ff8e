/* SPDX-License-Identifier: Apache-2.0
 * flock(2), record locks and OFD locks between processes.
 */
#include <sys/file.h>
#include <sys/wait.h>

#include "fs.h"

#define FLOCK BUF

static long fd_of_file(void)
{
	return f_open("/f", O_RDWR | O_CREAT, 0644);
}

static long record(long fd, int cmd, short type, s64 start, s64 len)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	long r;

	u_write(FLOCK, &fl, sizeof(fl));
	r = u_syscall(__NR_fcntl, fd, cmd, FLOCK);
	return r;
}

static void wait_for(long pid, int status)
{
	u_expect(u_syscall(__NR_wait4, pid, BUF + 64, 0, 0), pid);
	u_expect(u_get32(BUF + 64), status);
}

static int order;
static long shared;

static void flock_child(void *arg)
{
	long fd = fd_of_file();

	u_expect(u_syscall(__NR_flock, fd, LOCK_SH | LOCK_NB), -EAGAIN);
	u_expect(u_syscall(__NR_flock, shared, LOCK_EX | LOCK_NB), 0); /* one open file: ours too */
	order = 1;
	u_expect(u_syscall(__NR_flock, fd, LOCK_EX), 0);
	u_expect(order, 2);
}

static void flocks(void *arg)
{
	long pid, a, b;

	shared = fd_of_file();
	order = 0;
	u_expect(u_syscall(__NR_flock, shared, LOCK_EX), 0);
	pid = u_fork(flock_child, NULL);
	u_sleep(10 * MSEC);
	u_expect(order, 1);
	order = 2;
	u_expect(u_syscall(__NR_flock, shared, LOCK_UN), 0);
	wait_for(pid, 0);
	/* shared with shared, not with exclusive; dropped by the last close */
	a = fd_of_file();
	b = fd_of_file();
	u_expect(u_syscall(__NR_flock, a, LOCK_SH), 0);
	u_expect(u_syscall(__NR_flock, b, LOCK_SH), 0);
	u_expect(u_syscall(__NR_flock, b, LOCK_EX | LOCK_NB), -EAGAIN);
	f_close(a);
	u_expect(u_syscall(__NR_flock, b, LOCK_EX | LOCK_NB), 0);
	u_expect(u_syscall(__NR_flock, b, 77), -EINVAL);
}

static void record_child(void *arg)
{
	struct flock fl;

	u_expect(record(shared, F_SETLK, F_RDLCK, 0, 5), -EAGAIN);
	u_expect(record(shared, F_SETLK, F_WRLCK, 20, 5), 0);
	u_expect(record(shared, F_GETLK, F_WRLCK, 0, 100), 0);
	u_read(&fl, FLOCK, sizeof(fl));
	u_check(fl.l_type == F_WRLCK && fl.l_start == 0 && fl.l_len == 8);
	u_expect(fl.l_pid, u_syscall(__NR_getppid));
	u_expect(record(shared, F_SETLK, F_RDLCK, 8, 2), 0); /* the hole that was cut */
	u_expect(record(shared, F_SETLK, F_WRLCK, 10, 1), -EAGAIN);
	order = 1;
	u_expect(record(shared, F_SETLKW, F_WRLCK, 0, 8), 0);
	u_expect(order, 2);
}

static void records(void *arg)
{
	long pid, other;

	shared = fd_of_file();
	order = 0;
	u_expect(record(shared, F_SETLK, F_WRLCK, 0, 5), 0);
	u_expect(record(shared, F_SETLK, F_WRLCK, 5, 10), 0); /* becomes one with the first */
	u_expect(record(shared, F_SETLK, F_UNLCK, 8, 2), 0);
	pid = u_fork(record_child, NULL);
	u_sleep(10 * MSEC);
	u_expect(order, 1);
	order = 2;
	u_expect(record(shared, F_SETLK, F_UNLCK, 0, 5), 0);
	u_expect(record(shared, F_SETLK, F_UNLCK, 5, 3), 0);
	wait_for(pid, 0);
	/* closing any descriptor of the file drops all of the process's records */
	u_expect(record(shared, F_SETLK, F_WRLCK, 0, 0), 0);
	other = fd_of_file();
	u_expect(record(other, F_OFD_SETLK, F_RDLCK, 0, 1), -EAGAIN);
	f_close(other);
	other = fd_of_file();
	u_expect(record(other, F_OFD_SETLK, F_RDLCK, 0, 1), 0);
	u_expect(record(shared, F_SETLK, F_WRLCK, 0, 0), -EAGAIN);
	u_expect(record(shared, F_SETLK, F_RDLCK, -1, 0), -EINVAL);
	u_expect(record(shared, F_SETLK, 9, 0, 0), -EINVAL);
	u_expect(record(f_open("/f", O_RDONLY, 0), F_SETLK, F_WRLCK, 0, 1), -EBADF);
}

static void deadlock_child(void *arg)
{
	u_expect(record(shared, F_SETLK, F_WRLCK, 10, 1), 0);
	u_expect(record(shared, F_SETLKW, F_WRLCK, 0, 1), 0); /* after the parent gave up */
}

static void deadlock(void *arg)
{
	long pid;

	shared = fd_of_file();
	u_expect(record(shared, F_SETLK, F_WRLCK, 0, 1), 0);
	pid = u_fork(deadlock_child, NULL);
	u_sleep(10 * MSEC);
	u_expect(record(shared, F_SETLKW, F_WRLCK, 10, 1), -EDEADLK);
	u_expect(record(shared, F_SETLK, F_UNLCK, 0, 0), 0);
	wait_for(pid, 0);
	u_expect(record(shared, F_SETLK, F_WRLCK, 0, 0), 0); /* the child's went with it */
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_program(fn, EXITED(0));                                                        \
	}
RUN(flocks)
RUN(records)
RUN(deadlock)

TESTS(locks, cmocka_unit_test(test_flocks), cmocka_unit_test(test_records),
	cmocka_unit_test(test_deadlock));
