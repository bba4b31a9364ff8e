/* SPDX-License-Identifier: Apache-2.0
 * epoll.
 */
#include <fcntl.h>
#include <sys/epoll.h>

#include "io.h"

static long ctl(long ep, int op, long fd, u32 events, u64 data)
{
	u_put32(A, events);
	u_put64(A + 4, data);
	return u_syscall(__NR_epoll_ctl, ep, op, fd, A);
}

static long wait_now(long ep)
{
	return u_syscall(__NR_epoll_wait, ep, B, 16, 0);
}

static u32 event(u32 i)
{
	return u_get32(B + i * 12);
}

static u64 data(u32 i)
{
	return u_get64(B + i * 12 + 4);
}

static void levels(void *arg)
{
	int fd[2];
	char c;
	long ep = u_syscall(__NR_epoll_create1, 0);

	io_pipe(fd, 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, fd[0], EPOLLIN, 77), 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, fd[0], EPOLLIN, 0), -EEXIST);
	u_expect(wait_now(ep), 0);
	io_write(fd[1], "ab", 2);
	for (int i = 0; i < 3; i++) {
		u_expect(wait_now(ep), 1);
		u_expect(event(0), EPOLLIN);
		u_expect(data(0), 77);
	}
	io_read(fd[0], &c, 1);
	u_expect(wait_now(ep), 1);
	io_read(fd[0], &c, 1);
	u_expect(wait_now(ep), 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, fd[1], EPOLLOUT, 78), 0);
	io_write(fd[1], "a", 1);
	u_expect(wait_now(ep), 2);
	u_expect(u_syscall(__NR_epoll_wait, ep, B, 1, 0), 1);
	u_expect(ctl(ep, EPOLL_CTL_MOD, fd[1], 0, 0), 0);
	u_expect(wait_now(ep), 1);
	u_expect(ctl(ep, EPOLL_CTL_DEL, fd[0], 0, 0), 0);
	u_expect(ctl(ep, EPOLL_CTL_DEL, fd[0], 0, 0), -ENOENT);
	u_expect(ctl(ep, EPOLL_CTL_MOD, fd[0], 0, 0), -ENOENT);
	u_expect(wait_now(ep), 0);
}

static void test_levels(void **state)
{
	run_program(levels, EXITED(0));
}

static void edges(void *arg)
{
	int fd[2];
	long ep = u_syscall(__NR_epoll_create1, 0);

	io_pipe(fd, 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, fd[0], EPOLLIN | EPOLLET, 1), 0);
	io_write(fd[1], "a", 1);
	u_expect(wait_now(ep), 1);
	u_expect(wait_now(ep), 0);
	io_write(fd[1], "b", 1); /* still readable, but it is news */
	u_expect(wait_now(ep), 1);
	u_expect(wait_now(ep), 0);
	u_expect(ctl(ep, EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLET, 1), 0); /* looks again */
	u_expect(wait_now(ep), 1);

	u_expect(ctl(ep, EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLONESHOT, 2), 0);
	u_expect(wait_now(ep), 1);
	io_write(fd[1], "c", 1);
	u_expect(wait_now(ep), 0);
	u_expect(ctl(ep, EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLONESHOT, 2), 0);
	u_expect(wait_now(ep), 1);
	u_syscall(__NR_close, fd[1]);
	u_expect(wait_now(ep), 0); /* not even a hang-up */
}

static void test_edges(void **state)
{
	run_program(edges, EXITED(0));
}

static void closing(void *arg)
{
	int fd[2];
	long ep = u_syscall(__NR_epoll_create1, EPOLL_CLOEXEC), copy;

	io_pipe(fd, 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, fd[0], EPOLLIN, 1), 0);
	copy = u_syscall(__NR_dup, fd[0]);
	io_write(fd[1], "a", 1);
	u_syscall(__NR_close, fd[0]);
	u_expect(wait_now(ep), 1); /* the description is still open */
	u_syscall(__NR_close, copy);
	u_expect(wait_now(ep), 0);
	u_syscall(__NR_close, ep);
}

static void test_close(void **state)
{
	run_program(closing, EXITED(0));
}

static void refusals(void *arg)
{
	int fd[2];
	long ep = u_syscall(__NR_epoll_create, 1), file;

	io_pipe(fd, 0);
	u_expect(u_syscall(__NR_epoll_create, 0), -EINVAL);
	u_expect(u_syscall(__NR_epoll_create1, 1), -EINVAL);
	file = u_syscall(__NR_memfd_create, IO_BUF + 64, 0);
	u_check(file >= 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN, 0), -EPERM);
	u_expect(ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN, 0), -EBADF);
	u_expect(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 0), -EINVAL);
	u_expect(ctl(fd[0], EPOLL_CTL_ADD, fd[1], EPOLLIN, 0), -EINVAL);
	u_expect(ctl(ep, 9, fd[0], EPOLLIN, 0), -EINVAL);
	u_expect(
		ctl(ep, EPOLL_CTL_ADD, fd[0], EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE, 0), -EINVAL);
	u_expect(ctl(ep, EPOLL_CTL_ADD, fd[0], EPOLLIN | EPOLLEXCLUSIVE, 0), 0);
	u_expect(ctl(ep, EPOLL_CTL_MOD, fd[0], EPOLLIN, 0), -EINVAL);
	u_expect(u_syscall(__NR_epoll_wait, ep, B, 0, 0), -EINVAL);
	u_expect(u_syscall(__NR_epoll_wait, fd[0], B, 1, 0), -EINVAL);
	u_expect(u_syscall(__NR_epoll_ctl, ep, EPOLL_CTL_ADD, fd[1], 8), -EFAULT);
	io_write(fd[1], "x", 1);
	u_expect(u_syscall(__NR_epoll_wait, ep, 8, 1, 0), -EFAULT);
	u_expect(wait_now(ep), 1); /* it was not lost */
}

static void test_refusals(void **state)
{
	run_program(refusals, EXITED(0));
}

static void nests(void *arg)
{
	long ep[6];
	int fd[2];
	char c;

	for (int i = 0; i < 6; i++)
		ep[i] = u_syscall(__NR_epoll_create1, 0);
	io_pipe(fd, 0);
	for (int i = 0; i < 4; i++)
		u_expect(ctl(ep[i], EPOLL_CTL_ADD, ep[i + 1], EPOLLIN, (u64)i), 0);
	u_expect(ctl(ep[4], EPOLL_CTL_ADD, ep[0], EPOLLIN, 0), -ELOOP);
	u_expect(ctl(ep[4], EPOLL_CTL_ADD, ep[5], EPOLLIN, 0), -ELOOP); /* too deep */
	u_expect(ctl(ep[4], EPOLL_CTL_ADD, fd[0], EPOLLIN, 0), 0);
	u_expect(wait_now(ep[0]), 0);
	io_write(fd[1], "x", 1);
	u_expect(wait_now(ep[0]), 1);
	u_expect(wait_now(ep[2]), 1);
	io_read(fd[0], &c, 1);
	u_expect(wait_now(ep[0]), 0);
}

static void test_nests(void **state)
{
	run_program(nests, EXITED(0));
}

static int shared[2];

static void writes_later(void *arg)
{
	u_sleep(10 * MSEC);
	io_write(shared[1], "x", 1);
}

static void sleeps(void *arg)
{
	long ep = u_syscall(__NR_epoll_create1, 0);

	io_pipe(shared, 0);
	u_expect(ctl(ep, EPOLL_CTL_ADD, shared[0], EPOLLIN, 5), 0);
	u_expect(u_syscall(__NR_epoll_wait, ep, B, 16, 20), 0);
	u_put64s(A, 0, 20 * MSEC);
	u_expect(u_syscall(__NR_epoll_pwait2, ep, B, 16, A, 0, 8), 0);
	u_fork(writes_later, NULL);
	u_expect(u_syscall(__NR_epoll_wait, ep, B, 16, -1), 1);
	u_expect(data(0), 5);
}

static void test_sleeps(void **state)
{
	run_program(sleeps, EXITED(0));
}

TESTS(epoll, cmocka_unit_test(test_levels), cmocka_unit_test(test_edges),
	cmocka_unit_test(test_close), cmocka_unit_test(test_refusals), cmocka_unit_test(test_nests),
	cmocka_unit_test(test_sleeps));
