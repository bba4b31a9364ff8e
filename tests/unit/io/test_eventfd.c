/* SPDX-License-Identifier: Apache-2.0
 * Event, timer and signal descriptors.
 */
#include <asm/signal.h>
#include <string.h>
#include <linux/signalfd.h>
#include <linux/timerfd.h>
#include <linux/time.h>

#include "io.h"
#include "fs/vfs.h"

#define EFD_SEMAPHORE 1
#define EFD_NONBLOCK  O_NONBLOCK

static u64 get(long fd)
{
	u64 v = 0;

	u_expect(io_read(fd, &v, sizeof(v)), sizeof(v));
	return v;
}

static long put(long fd, u64 v)
{
	return io_write(fd, &v, sizeof(v));
}

static u32 ready(long fd)
{
	u_put32(A, (u32)fd);
	u_put32(A + 4, POLL_IN | POLL_OUT);
	u_syscall(__NR_poll, A, 1, 0);
	return u_get32(A + 4) >> 16;
}

static void counts(void *arg)
{
	long fd = u_syscall(__NR_eventfd2, 3, EFD_NONBLOCK);
	char small[4];

	u_expect(ready(fd), POLL_IN | POLL_OUT);
	u_expect(put(fd, 4), 8);
	u_expect(get(fd), 7);
	u_expect(ready(fd), POLL_OUT);
	u_expect(io_read(fd, small, 8), -EAGAIN);
	u_expect(io_read(fd, small, 4), -EINVAL);
	u_expect(put(fd, ~0ull), -EINVAL);
	u_expect(put(fd, ~0ull - 1), 8);
	u_expect(ready(fd), POLL_IN);
	u_expect(put(fd, 1), -EAGAIN);
	u_expect(put(fd, 0), 8);
	u_expect(get(fd), ~0ull - 1);
	fd = u_syscall(__NR_eventfd2, 2, EFD_SEMAPHORE | EFD_NONBLOCK);
	u_expect(get(fd), 1);
	u_expect(get(fd), 1);
	u_expect(io_read(fd, small, 8), -EAGAIN);
	u_expect(u_syscall(__NR_eventfd2, 0, 2), -EINVAL);
}

static void test_counts(void **state)
{
	run_program(counts, EXITED(0));
}

static long settime(long fd, int flags, u64 ns, u64 interval)
{
	u_put64s(A, interval / 1000000000, interval % 1000000000);
	u_put64s(A + 16, ns / 1000000000, ns % 1000000000);
	return u_syscall(__NR_timerfd_settime, fd, flags, A, 0);
}

static void ticks(void *arg)
{
	long fd = u_syscall(__NR_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
	u64 v;

	u_expect(io_read(fd, &v, 8), -EAGAIN);
	u_expect(settime(fd, 0, 10 * MSEC, 0), 0);
	u_expect(u_syscall(__NR_timerfd_gettime, fd, B), 0);
	u_check(u_get64(B + 24) > 9 * MSEC && u_get64(B + 24) <= 10 * MSEC);
	u_sleep(11 * MSEC);
	u_expect(ready(fd), POLL_IN);
	u_expect(get(fd), 1);
	u_expect(io_read(fd, &v, 8), -EAGAIN);
	u_expect(u_syscall(__NR_timerfd_gettime, fd, B), 0);
	u_expect(u_get64(B + 24), 0);

	u_expect(settime(fd, 0, 10 * MSEC, 10 * MSEC), 0);
	u_sleep(35 * MSEC);
	u_expect(get(fd), 3);
	u_sleep(10 * MSEC);
	u_expect(get(fd), 1);
	u_expect(settime(fd, 0, 0, 0), 0);
	u_sleep(30 * MSEC);
	u_expect(io_read(fd, &v, 8), -EAGAIN);
	/* a time that has passed fires at once */
	u_expect(settime(fd, TFD_TIMER_ABSTIME, 1, 0), 0);
	u_expect(get(fd), 1);
	u_expect(settime(fd, 4, 1, 0), -EINVAL);
	u_expect(u_syscall(__NR_timerfd_create, 99, 0), -EINVAL);
	/* a read that waits */
	fd = u_syscall(__NR_timerfd_create, CLOCK_REALTIME, 0);
	u_expect(settime(fd, 0, 20 * MSEC, 0), 0);
	u_expect(get(fd), 1);
}

static void test_ticks(void **state)
{
	run_program(ticks, EXITED(0));
}

static void signals_parent(void *arg)
{
	u_sleep(10 * MSEC);
	u_syscall(__NR_kill, u_syscall(__NR_getppid), SIGUSR1);
}

static void takes_signals(void *arg)
{
	struct signalfd_siginfo si[3];
	long fd, me = u_syscall(__NR_getpid), child;

	u_put64(A, sig_bit(SIGUSR1) | sig_bit(SIGUSR2));
	u_syscall(__NR_rt_sigprocmask, SIG_BLOCK, A, 0, 8);
	fd = u_syscall(__NR_signalfd4, -1, A, 8, SFD_NONBLOCK);
	u_expect(io_read(fd, si, sizeof(si)), -EAGAIN);
	u_expect(io_read(fd, si, 100), -EINVAL);
	u_syscall(__NR_kill, me, SIGUSR2);
	u_syscall(__NR_kill, me, SIGUSR1);
	u_expect(ready(fd), POLL_IN);
	u_expect(io_read(fd, si, sizeof(si)), 2 * sizeof(si[0]));
	u_expect(si[0].ssi_signo, SIGUSR1);
	u_expect(si[1].ssi_signo, SIGUSR2);
	u_expect(si[1].ssi_pid, me);
	u_expect(si[1].ssi_code, 0 /* SI_USER */);
	u_expect(ready(fd), 0);
	u_put64(A, sig_bit(SIGUSR2));
	u_expect(u_syscall(__NR_signalfd4, fd, A, 8, 0), fd);
	u_syscall(__NR_kill, me, SIGUSR1);
	u_expect(io_read(fd, si, sizeof(si)), -EAGAIN);
	u_put64(A, sig_bit(SIGUSR1));
	fd = u_syscall(__NR_signalfd4, -1, A, 8, 0);
	u_expect(io_read(fd, si, sizeof(si)), sizeof(si[0]));
	child = u_fork(signals_parent, NULL);
	u_expect(io_read(fd, si, sizeof(si)), sizeof(si[0])); /* waits */
	u_expect(si[0].ssi_pid, child);
}

static void test_signals(void **state)
{
	run_program(takes_signals, EXITED(0));
}

TESTS(eventfd, cmocka_unit_test(test_counts), cmocka_unit_test(test_ticks),
	cmocka_unit_test(test_signals));
