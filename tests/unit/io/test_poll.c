/* SPDX-License-Identifier: Apache-2.0
 * poll, ppoll, select, pselect6.
 */
#include <fcntl.h>
#include <asm/signal.h>

#include "io.h"
#include "fs/vfs.h"

static void pollfd(u32 i, int fd, u16 events)
{
	u_put32(A + i * 8, (u32)fd);
	u_put32(A + i * 8 + 4, events);
}

static u16 revents(u32 i)
{
	return (u16)(u_get32(A + i * 8 + 4) >> 16);
}

static u64 now(void)
{
	u_expect(u_syscall(__NR_clock_gettime, 1, A + 0x800), 0);
	return u_get64(A + 0x800) * 1000000000 + u_get64(A + 0x808);
}

static void reports_events(void *arg)
{
	int fd[2];

	io_pipe(fd, 0);
	pollfd(0, fd[0], POLL_IN);
	pollfd(1, fd[1], POLL_OUT);
	pollfd(2, 99, POLL_IN);
	pollfd(3, -1, POLL_IN);
	u_expect(u_syscall(__NR_poll, A, 4, -1), 2);
	u_expect(revents(0), 0);
	u_expect(revents(1), POLL_OUT);
	u_expect(revents(2), POLL_NVAL);
	u_expect(revents(3), 0);
	io_write(fd[1], "x", 1);
	u_expect(u_syscall(__NR_poll, A, 1, -1), 1);
	u_expect(revents(0), POLL_IN);
	u_syscall(__NR_close, fd[1]);
	pollfd(0, fd[0], POLL_OUT); /* HUP comes unasked */
	u_expect(u_syscall(__NR_poll, A, 1, -1), 1);
	u_expect(revents(0), POLL_HUP);
	u_expect(u_syscall(__NR_poll, A, 1u << 30, 0), -EINVAL);
	u_expect(u_syscall(__NR_poll, 8, 1, 0), -EFAULT);
}

static void test_events(void **state)
{
	run_program(reports_events, EXITED(0));
}

static void times_out(void *arg)
{
	u64 before = now();

	u_expect(u_syscall(__NR_poll, 0, 0, 50), 0);
	u_check(now() - before >= 50 * MSEC);
	u_check(now() - before < 80 * MSEC);
	u_put64s(B, 0, 20 * MSEC);
	before = now();
	u_expect(u_syscall(__NR_ppoll, 0, 0, B, 0, 0), 0);
	u_check(now() - before >= 20 * MSEC);
	u_expect(u_get64(B + 8), 0); /* nothing is left of it */
	u_put64s(B, 0, 1000000000);
	u_expect(u_syscall(__NR_ppoll, 0, 0, B, 0, 0), -EINVAL);
}

static void test_timeout(void **state)
{
	run_program(times_out, EXITED(0));
}

static int fds[2];
static int handled;

static void on_signal(s32 sig, u64 info, u64 uc)
{
	handled++;
}

static void writes_later(void *arg)
{
	u_sleep(10 * MSEC);
	io_write(fds[1], "x", 1);
}

static void wakes_up(void *arg)
{
	io_pipe(fds, 0);
	u_fork(writes_later, NULL);
	pollfd(0, fds[0], POLL_IN);
	u_expect(u_syscall(__NR_poll, A, 1, -1), 1);
	u_expect(revents(0), POLL_IN);
}

static void test_wake(void **state)
{
	run_program(wakes_up, EXITED(0));
}

static void signals_parent(void *arg)
{
	u_sleep(10 * MSEC);
	u_syscall(__NR_kill, u_syscall(__NR_getppid), SIGUSR1);
}

static void stops_parent(void *arg)
{
	long parent = u_syscall(__NR_getppid);

	u_sleep(10 * MSEC);
	u_syscall(__NR_kill, parent, SIGSTOP);
	u_sleep(10 * MSEC);
	u_syscall(__NR_kill, parent, SIGCONT);
}

static void is_interrupted(void *arg)
{
	u64 before;

	handled = 0;
	u_sigaction(SIGUSR1, on_signal, SA_RESTART, 0);
	u_fork(signals_parent, NULL);
	u_expect(u_syscall(__NR_poll, 0, 0, 1000), -EINTR); /* never restarted after a handler */
	u_expect(handled, 1);
	/* a stop has no handler: the call goes on for the rest of its time */
	before = now();
	u_fork(stops_parent, NULL);
	u_expect(u_syscall(__NR_poll, 0, 0, 50), 0);
	u_check(now() - before >= 50 * MSEC && now() - before < 70 * MSEC);
}

static void test_interrupted(void **state)
{
	run_program(is_interrupted, EXITED(0));
}

/* The signal is blocked but for the call: it arrives in it, and is blocked again afterwards. */
static void swaps_the_mask(void *arg)
{
	handled = 0;
	u_sigaction(SIGUSR1, on_signal, 0, 0);
	u_put64(A, sig_bit(SIGUSR1));
	u_expect(u_syscall(__NR_rt_sigprocmask, SIG_BLOCK, A, 0, 8), 0);
	u_syscall(__NR_kill, u_syscall(__NR_getpid), SIGUSR1);
	u_expect(u_syscall(__NR_poll, 0, 0, 10), 0);
	u_expect(handled, 0);
	u_put64(A, 0);
	u_expect(u_syscall(__NR_ppoll, 0, 0, 0, A, 8), -EINTR);
	u_expect(handled, 1);
	u_syscall(__NR_kill, u_syscall(__NR_getpid), SIGUSR1);
	u_put64s(B, 0, 0);
	u_put64(A, ~0ull);
	u_expect(u_syscall(__NR_ppoll, 0, 0, B, A, 8), 0);
	u_expect(handled, 1);
	u_expect(u_syscall(__NR_ppoll, 0, 0, B, A, 4), -EINVAL);
}

static void test_mask(void **state)
{
	run_program(swaps_the_mask, EXITED(0));
}

static void selects(void *arg)
{
	int fd[2];

	io_pipe(fd, 0);
	u_put64(A, 1u << fd[0] | 1ull << 63);
	u_put64(A + 8, 1u << fd[1]);
	u_put64(A + 16, 0);
	u_put64s(B, 5, 0);
	u_expect(u_syscall(__NR_select, fd[1] + 1, A, A + 8, A + 16, B), 1);
	u_expect(u_get64(A), 0); /* also the bit that lies past the number of descriptors */
	u_expect(u_get64(A + 8), 1u << fd[1]);
	/* what is left of the time */
	u_check(u_get64(B) * 1000000 + u_get64(B + 8) > 4900000);
	io_write(fd[1], "x", 1);
	u_put64(A, 1u << fd[0]);
	u_expect(u_syscall(__NR_select, 64, A, A + 8, 0, 0), 2);
	u_put64(A, 1u << 20);
	u_expect(u_syscall(__NR_select, 64, A, 0, 0, 0), -EBADF);
	u_expect(u_syscall(__NR_select, -1, A, 0, 0, 0), -EINVAL);
	u_put64s(B, 0, 3000000); /* microseconds are carried over */
	u_put64(A, 0);
	u_expect(u_syscall(__NR_select, 64, A, 0, 0, B), 0);
	u_put64s(B, ~0ull, 0);
	u_expect(u_syscall(__NR_select, 0, 0, 0, 0, B), -EINVAL);
}

static void test_select(void **state)
{
	run_program(selects, EXITED(0));
}

static void pselects(void *arg)
{
	handled = 0;
	u_sigaction(SIGUSR1, on_signal, 0, 0);
	u_put64(A, sig_bit(SIGUSR1));
	u_syscall(__NR_rt_sigprocmask, SIG_BLOCK, A, 0, 8);
	u_syscall(__NR_kill, u_syscall(__NR_getpid), SIGUSR1);
	u_put64(A, 0);
	u_put64s(A + 16, A, 8);
	u_put64s(B, 10, 0);
	u_expect(u_syscall(__NR_pselect6, 0, 0, 0, 0, B, A + 16), -EINTR);
	u_expect(handled, 1);
	u_fork(signals_parent, NULL); /* in 10 ms */
	u_expect(u_syscall(__NR_pselect6, 0, 0, 0, 0, B, A + 16), -EINTR);
	u_check(u_get64(B) == 9 && u_get64(B + 8) > 900 * MSEC);
}

static void test_pselect(void **state)
{
	run_program(pselects, EXITED(0));
}

TESTS(poll, cmocka_unit_test(test_events), cmocka_unit_test(test_timeout),
	cmocka_unit_test(test_wake), cmocka_unit_test(test_interrupted),
	cmocka_unit_test(test_mask), cmocka_unit_test(test_select), cmocka_unit_test(test_pselect));
