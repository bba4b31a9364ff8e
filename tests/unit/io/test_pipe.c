/* SPDX-License-Identifier: Apache-2.0
 * Pipes, FIFOs, splice and tee.
 */
#include <fcntl.h>
#include <asm/signal.h>
#include <string.h>

#include "io.h"
#include "fs/vfs.h"

#define PAGE	 4096
#define CAPACITY (16 * PAGE)

static void carries_bytes(void *arg)
{
	char buf[16] = {0};
	int fd[2];

	io_pipe(fd, 0);
	u_expect(fd[0], 0);
	u_expect(fd[1], 1);
	u_expect(io_write(fd[1], "hello", 5), 5);
	u_expect(io_write(fd[1], " you", 4), 4);
	u_expect(u_syscall(__NR_ioctl, fd[0], 0x541b /* FIONREAD */, A), 0);
	u_expect(u_get32(A), 9);
	u_expect(io_read(fd[0], buf, 6), 6);
	u_check(!memcmp(buf, "hello ", 6));
	u_expect(io_read(fd[0], buf, sizeof(buf)), 3);
	u_expect(u_syscall(__NR_read, fd[1], A, 1), -EBADF);
	u_expect(u_syscall(__NR_write, fd[0], A, 1), -EBADF);
	u_expect(u_syscall(__NR_close, fd[1]), 0);
	u_expect(io_read(fd[0], buf, 1), 0);
}

static void test_bytes(void **state)
{
	run_program(carries_bytes, EXITED(0));
}

static void fills_up(void *arg)
{
	static char page[PAGE];
	int fd[2];

	io_pipe(fd, O_NONBLOCK);
	u_expect(io_read(fd[0], page, 1), -EAGAIN);
	for (int i = 0; i < CAPACITY / PAGE; i++)
		u_expect(io_write(fd[1], page, PAGE), PAGE);
	u_expect(io_write(fd[1], page, 1), -EAGAIN);
	/* room is made by whole pages */
	u_expect(io_read(fd[0], page, 1), 1);
	u_expect(io_write(fd[1], page, 1), -EAGAIN);
	u_expect(io_read(fd[0], page, PAGE - 1), PAGE - 1);
	u_expect(io_write(fd[1], page, 100), 100);
	/* appended to the newest page; what does not fit there wholly waits */
	u_expect(io_write(fd[1], page, PAGE - 100), PAGE - 100);
	u_expect(io_write(fd[1], page, 1), -EAGAIN);
}

static void test_full(void **state)
{
	run_program(fills_up, EXITED(0));
}

static void large_write_is_partial(void *arg)
{
	static char data[CAPACITY + 5000];
	int fd[2];

	io_pipe(fd, O_NONBLOCK);
	u_expect(io_write(fd[1], data, sizeof(data)), CAPACITY);
	u_expect(io_read(fd[0], data, sizeof(data)), CAPACITY);
}

static void test_partial(void **state)
{
	run_program(large_write_is_partial, EXITED(0));
}

static int pipe_fd[2];
static int handled;

static void on_signal(s32 sig, u64 info, u64 uc)
{
	handled++;
}

static void writes_later(void *arg)
{
	u_sleep(10 * MSEC);
	u_expect(io_write(pipe_fd[1], "x", 1), 1);
}

static void reader_sleeps(void *arg)
{
	char c = 0;
	long pid;

	io_pipe(pipe_fd, 0);
	pid = u_fork(writes_later, NULL);
	u_expect(io_read(pipe_fd[0], &c, 1), 1);
	u_expect(c, 'x');
	u_expect(u_syscall(__NR_wait4, pid, 0, 0, 0), pid);
	u_expect(u_syscall(__NR_close, pipe_fd[1]), 0);
	u_expect(io_read(pipe_fd[0], &c, 1), 0);
}

static void test_sleep(void **state)
{
	run_program(reader_sleeps, EXITED(0));
}

static void signals_parent(void *arg)
{
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, u_syscall(__NR_getppid), SIGUSR1), 0);
	u_sleep(10 * MSEC);
	u_expect(io_write(pipe_fd[1], "x", 1), 1);
}

static void read_is_interrupted(void *arg)
{
	char c;

	handled = 0;
	io_pipe(pipe_fd, 0);
	u_sigaction(SIGUSR1, on_signal, 0, 0);
	u_fork(signals_parent, NULL);
	u_expect(io_read(pipe_fd[0], &c, 1), -EINTR);
	u_expect(handled, 1);
	u_expect(io_read(pipe_fd[0], &c, 1), 1);
	/* with SA_RESTART the call goes on */
	u_sigaction(SIGUSR1, on_signal, SA_RESTART, 0);
	u_fork(signals_parent, NULL);
	u_expect(io_read(pipe_fd[0], &c, 1), 1);
	u_expect(handled, 2);
}

static void test_interrupted(void **state)
{
	run_program(read_is_interrupted, EXITED(0));
}

static void nobody_reads(void *arg)
{
	int fd[2];

	handled = 0;
	u_sigaction(SIGPIPE, on_signal, 0, 0);
	io_pipe(fd, 0);
	u_expect(u_syscall(__NR_close, fd[0]), 0);
	u_expect(io_write(fd[1], "x", 1), -EPIPE);
	u_expect(handled, 1);
	u_expect(io_write(fd[1], "x", 0), 0);
}

static void test_epipe(void **state)
{
	run_program(nobody_reads, EXITED(0));
}

static void dies_of_sigpipe(void *arg)
{
	int fd[2];

	io_pipe(fd, 0);
	u_syscall(__NR_close, fd[0]);
	io_write(fd[1], "x", 1);
	u_fail(__FILE__, __LINE__, "still alive");
}

static void test_sigpipe(void **state)
{
	run_program(dies_of_sigpipe, KILLED(SIGPIPE));
}

static void packets(void *arg)
{
	char buf[8] = {0};
	int fd[2];

	io_pipe(fd, O_DIRECT | O_NONBLOCK);
	u_expect(io_write(fd[1], "abc", 3), 3);
	u_expect(io_write(fd[1], "de", 2), 2);
	u_expect(io_read(fd[0], buf, 2), 2); /* the rest of the packet is lost */
	u_expect(io_read(fd[0], buf, 8), 2);
	u_check(!memcmp(buf, "de", 2));
	u_expect(io_read(fd[0], buf, 8), -EAGAIN);
}

static void test_packets(void **state)
{
	run_program(packets, EXITED(0));
}

static void bad_addresses(void *arg)
{
	int fd[2];

	io_pipe(fd, O_NONBLOCK);
	u_expect(u_syscall(__NR_write, fd[1], 8, 1), -EFAULT);
	u_expect(io_write(fd[1], "x", 1), 1);
	u_expect(u_syscall(__NR_read, fd[0], 8, 1), -EFAULT);
	u_expect(u_syscall(__NR_read, fd[0], A, 1), 1); /* nothing was lost */
	u_expect(u_syscall(__NR_pipe2, 8, 0), -EFAULT);
	u_expect(u_syscall(__NR_pipe2, A, O_APPEND), -EINVAL);
}

static void test_efault(void **state)
{
	run_program(bad_addresses, EXITED(0));
}

static void tees_and_splices(void *arg)
{
	char buf[8] = {0};
	int a[2], b[2];

	io_pipe(a, O_NONBLOCK);
	io_pipe(b, O_NONBLOCK);
	u_expect(u_syscall(__NR_tee, a[0], b[1], 100, 0), -EAGAIN);
	u_expect(io_write(a[1], "hello", 5), 5);
	u_expect(u_syscall(__NR_tee, a[0], b[1], 3, 0), 3);
	u_expect(io_write(a[1], "!", 1), 1); /* on the page that is shared now */
	u_expect(io_write(b[1], "?", 1), 1);
	u_expect(io_read(b[0], buf, 8), 4);
	u_check(!memcmp(buf, "hel?", 4));
	u_expect(u_syscall(__NR_splice, a[0], 0, b[1], 0, 2, 0), 2);
	u_expect(io_read(a[0], buf, 8), 4);
	u_check(!memcmp(buf, "llo!", 4));
	u_expect(io_read(b[0], buf, 8), 2);
	u_check(!memcmp(buf, "he", 2));
	u_expect(u_syscall(__NR_splice, a[0], A, b[1], 0, 1, 0), -ESPIPE);
	u_expect(u_syscall(__NR_splice, a[0], 0, a[1], 0, 1, 0), -EINVAL);
	u_expect(u_syscall(__NR_splice, a[1], 0, b[1], 0, 1, 0), -EBADF);
	u_syscall(__NR_close, a[1]);
	u_expect(u_syscall(__NR_splice, a[0], 0, b[1], 0, 1, 0), 0);
}

static void test_splice(void **state)
{
	run_program(tees_and_splices, EXITED(0));
}

static long make_fifo(struct task *t, u64 arg)
{
	return vfs_mknod(-100, "/fifo", 0010666, 0);
}

static void opens_for_writing(void *arg)
{
	long fd;

	u_sleep(5 * MSEC);
	fd = io_open("/fifo", O_WRONLY);
	u_check(fd >= 0);
	u_expect(io_write(fd, "z", 1), 1);
}

static void fifo(void *arg)
{
	char c = 0;
	long fd;

	u_expect(u_kernel(make_fifo, 0), 0);
	u_expect(io_open("/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
	fd = io_open("/fifo", O_RDONLY | O_NONBLOCK);
	u_check(fd >= 0);
	u_expect(io_read(fd, &c, 1), 0);
	/* no hang-up before the first writer */
	u_put32(A, (u32)fd);
	u_put32(A + 4, POLL_IN);
	u_expect(u_syscall(__NR_poll, A, 1, 0), 0);
	u_expect(u_syscall(__NR_close, fd), 0);
	u_fork(opens_for_writing, NULL);
	fd = io_open("/fifo", O_RDONLY); /* waits */
	u_check(fd >= 0);
	u_expect(io_read(fd, &c, 1), 1);
	u_expect(c, 'z');
	u_expect(io_read(fd, &c, 1), 0);
	u_expect(u_syscall(__NR_poll, A, 1, 0), 1);
	u_expect(u_get32(A + 4) >> 16, POLL_HUP);
}

static void test_fifo(void **state)
{
	run_program(fifo, EXITED(0));
}

TESTS(pipe, cmocka_unit_test(test_bytes), cmocka_unit_test(test_full),
	cmocka_unit_test(test_partial), cmocka_unit_test(test_sleep),
	cmocka_unit_test(test_interrupted), cmocka_unit_test(test_epipe),
	cmocka_unit_test(test_sigpipe), cmocka_unit_test(test_packets),
	cmocka_unit_test(test_efault), cmocka_unit_test(test_splice), cmocka_unit_test(test_fifo));
