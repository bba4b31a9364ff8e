/* SPDX-License-Identifier: Apache-2.0
 * Sending, blocking, queueing and waiting for signals; calls that a signal interrupts.
 */
#include "harness.h"

#include <asm/signal.h>
#include <asm-generic/siginfo.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#define A    U_BASE
#define INFO (A + 256)
#define SET  A
#define OLD  (A + 8)
#define RT   40 /* a queueing one */

static u32 handled;

static void counts(s32 sig, u64 info, u64 uc)
{
	handled++;
}

static void checks_child_info(s32 sig, u64 info, u64 uc)
{
	handled++;
	u_expect(sig, SIGCHLD);
	u_expect(u_task()->regs.rsp & 15, 8);
	u_expect(u_get32(info), SIGCHLD);
	u_expect(u_get32(info + 8), CLD_EXITED);
	u_expect(u_get32(info + 16), 3);
	u_expect(u_get32(info + 20), 1000);
	u_expect(u_get32(info + 24), 5);
	u_task()->regs.rbx = 0xdead;
}

static void exits_5(void *arg)
{
	u_exit(5);
}

static void handles_SIGCHLD(void *arg)
{
	handled = 0;
	u_task()->regs.rbx = 0x1234;
	u_expect(u_sigaction(SIGCHLD, checks_child_info, SA_SIGINFO, 0), 0);
	u_expect(u_fork(exits_5, NULL), 3);
	u_sleep(0);
	while (!handled)
		u_syscall(__NR_sched_yield);
	u_expect(u_task()->regs.rbx, 0x1234);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 3);
	u_expect(handled, 1);
}

static void test_handler_gets_siginfo_and_registers_come_back(void **state)
{
	run_program(handles_SIGCHLD, EXITED(0));
}

static void block(sigmask mask)
{
	u_put64(SET, mask);
	u_expect(u_syscall(__NR_rt_sigprocmask, SIG_SETMASK, SET, 0, 8), 0);
}

static u64 pending(void)
{
	u_expect(u_syscall(__NR_rt_sigpending, OLD, 8), 0);
	return u_get64(OLD);
}

static long take(void)
{
	return u_syscall(__NR_rt_sigtimedwait, SET, INFO, 0, 8);
}

static void send_rt(u64 value)
{
	u_put32(INFO, RT);
	u_put32(INFO + 4, 0);
	u_put32(INFO + 8, (u32)SI_QUEUE);
	u_put64(INFO + 24, value);
	u_expect(u_syscall(__NR_rt_sigqueueinfo, 2, RT, INFO), 0);
}

static void queues(void *arg)
{
	block(sig_bit(RT) | sig_bit(SIGUSR1));
	send_rt(111);
	send_rt(222);
	u_expect(u_syscall(__NR_kill, 2, SIGUSR1), 0);
	u_expect(u_syscall(__NR_kill, 2, SIGUSR1), 0);
	u_expect(pending(), sig_bit(RT) | sig_bit(SIGUSR1));
	/* the standard one first and once; the other in order with their values */
	u_expect(take(), SIGUSR1);
	u_expect(take(), RT);
	u_expect(u_get64(INFO + 24), 111);
	u_expect(take(), RT);
	u_expect(u_get64(INFO + 24), 222);
	u_expect(pending(), 0);
	u_put64s(A + 16, 0, 3 * MSEC);
	u_expect(u_syscall(__NR_rt_sigtimedwait, SET, INFO, A + 16, 8), -EAGAIN);
}

static void test_real_time_signals_queue_and_standard_ones_do_not(void **state)
{
	run_program(queues, EXITED(0));
}

static void fills_the_queue(void *arg)
{
	block(sig_bit(RT));
	for (int i = 0; i < 16; i++)
		send_rt((u64)i);
	u_expect(u_syscall(__NR_rt_sigqueueinfo, 2, RT, INFO), -EAGAIN);
	u_expect(u_sigignore(RT), 0);
	u_expect(pending(), 0);
	u_expect(kern->sig_queued, 0);
}

static void test_queue_has_a_limit_and_ignoring_empties_it(void **state)
{
	harness.rlimit_sigpending = 16;
	run_program(fills_the_queue, EXITED(0));
}

static void sees_suspended_mask(s32 sig, u64 info, u64 uc)
{
	handled++;
	u_expect(u_task()->blocked, sig_bit(SIGUSR2) | sig_bit(SIGUSR1));
}

static void suspends(void *arg)
{
	handled = 0;
	u_expect(u_sigaction(SIGUSR1, sees_suspended_mask, 0, 0), 0);
	block(sig_bit(SIGUSR1));
	u_expect(u_syscall(__NR_tkill, 2, SIGUSR1), 0);
	u_expect(handled, 0);
	u_put64(A + 72, sig_bit(SIGUSR2));
	u_expect(u_syscall(__NR_rt_sigsuspend, A + 72, 8), -EINTR);
	u_expect(handled, 1);
	u_expect(u_task()->blocked, sig_bit(SIGUSR1));
}

static void test_sigsuspend_opens_its_mask_for_the_handler_only(void **state)
{
	run_program(suspends, EXITED(0));
}

static void sleeps_twice(void *arg)
{
	u64 start = clock_mono_ns();

	u_expect(u_sigaction(SIGUSR1, counts, SA_RESTART, 0), 0);
	u_put64s(A, 10, 0);
	/* 10 ms asleep, 10 ms stopped, 10 ms asleep, then the handler */
	u_expect(u_syscall(__NR_nanosleep, A, A + 32), -EINTR);
	u_expect(handled, 1);
	u_expect(u_get64(A + 32), 9);
	u_check(u_get64(A + 40) < 975 * MSEC);
	u_check(u_get64(A + 40) > 960 * MSEC);
	u_check(clock_mono_ns() - start < 40 * MSEC);
	u_expect(u_syscall(__NR_restart_syscall), -EINTR);
}

static void disturbs_a_sleeper(void *arg)
{
	handled = 0;
	u_expect(u_fork(sleeps_twice, NULL), 3);
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, 3, SIGSTOP), 0);
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, 3, SIGCONT), 0);
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, 3, SIGUSR1), 0);
	u_expect(u_syscall(__NR_wait4, -1, A + 64, 0, 0), 3);
	u_expect(u_get32(A + 64), EXITED(0));
}

static void test_nanosleep_goes_on_after_a_stop_and_ends_with_a_handler(void **state)
{
	run_program(disturbs_a_sleeper, EXITED(0));
}

static void stopped_for_a_while(void *arg)
{
	u64 start = clock_mono_ns();

	u_sleep(30 * MSEC);
	u_check(clock_mono_ns() - start >= 30 * MSEC);
	u_check(clock_mono_ns() - start < 32 * MSEC);
}

static void stops_a_sleeper(void *arg)
{
	u_expect(u_fork(stopped_for_a_while, NULL), 3);
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, 3, SIGSTOP), 0);
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, 3, SIGCONT), 0);
	u_expect(u_syscall(__NR_wait4, -1, A + 64, 0, 0), 3);
	u_expect(u_get32(A + 64), EXITED(0));
}

static void test_stop_does_not_move_the_deadline_of_nanosleep(void **state)
{
	run_program(stops_a_sleeper, EXITED(0));
}

static void kills(void *arg)
{
	u_expect(u_syscall(__NR_kill, 1, 0), -EPERM);
	u_expect(u_syscall(__NR_kill, -99, 0), -ESRCH);
	u_expect(u_syscall(__NR_kill, 0, 65), -EINVAL);
	u_expect(u_syscall(__NR_tgkill, 3, 2, 0), -ESRCH);
	u_expect(u_syscall(__NR_tgkill, 0, 2, 0), -EINVAL);
	u_expect(u_syscall(__NR_tgkill, 2, 2, 0), 0);
}

static void test_kill_refuses_what_is_not_there_or_not_allowed(void **state)
{
	run_program(kills, EXITED(0));
}

static void uncatchable(void *arg)
{
	u_expect(u_sigaction(SIGKILL, counts, 0, 0), -EINVAL);
	u_expect(u_sigaction(SIGSTOP, counts, 0, 0), -EINVAL);
	u_expect(u_sigaction(65, counts, 0, 0), -EINVAL);
	block(~0ull);
	u_expect(u_task()->blocked, ~(sig_bit(SIGKILL) | sig_bit(SIGSTOP)));
	u_syscall(__NR_kill, 2, SIGKILL);
}

static void test_SIGKILL_is_neither_caught_nor_blocked(void **state)
{
	run_program(uncatchable, KILLED(SIGKILL));
}

static void gets_a_host_signal(void *arg)
{
	handled = 0;
	u_expect(u_sigaction(SIGINT, counts, 0, 0), 0);
	host_event(CHAN_EV_SIGNAL, SIGINT, 0);
	u_expect(u_syscall(__NR_pause), -EINTR);
	u_expect(handled, 1);
}

static void test_signal_of_the_host_reaches_the_program(void **state)
{
	run_program(gets_a_host_signal, EXITED(0));
}

static void waits_for_SIGINT(void *arg)
{
	u_expect(u_sigaction(SIGINT, counts, 0, 0), 0);
	u_expect(u_syscall(__NR_pause), -EINTR);
	u_exit(7);
}

/* A key is for the whole group that the program began with, kill(2) for the program alone. */
static void shares_a_key(void *arg)
{
	u_expect(u_fork(waits_for_SIGINT, NULL), 3);
	u_expect(u_sigaction(SIGINT, counts, 0, 0), 0);
	u_sleep(10 * MSEC);
	host_event(CHAN_EV_SIGNAL, SIGINT, CHAN_SIGNAL_PROCESS);
	u_expect(u_syscall(__NR_wait4, 3, A, 0, 0), -EINTR);
	u_expect(u_syscall(__NR_wait4, 3, A, WNOHANG, 0), 0);
	host_event(CHAN_EV_SIGNAL, SIGINT, CHAN_SIGNAL_KERNEL);
	u_expect(u_syscall(__NR_wait4, 3, A, 0, 0), -EINTR);
	u_expect(u_syscall(__NR_wait4, 3, A, 0, 0), 3);
	u_expect(u_get32(A), EXITED(7));
}

static void test_key_reaches_the_group_and_kill_the_program(void **state)
{
	run_program(shares_a_key, EXITED(0));
}

static void spins(void *arg)
{
	host_event(CHAN_EV_KILL, 9, 0);
	u_spin(100 * MSEC);
	u_never("alive after CHAN_EV_KILL");
}

static void test_kill_event_ends_a_program_that_never_calls(void **state)
{
	run_program(spins, KILLED(SIGKILL));
}

static void once(void *arg)
{
	handled = 0;
	u_expect(u_sigaction(SIGUSR1, counts, SA_RESETHAND | SA_NODEFER, 0), 0);
	u_expect(u_syscall(__NR_kill, 2, SIGUSR1), 0);
	u_expect(handled, 1);
	u_syscall(__NR_kill, 2, SIGUSR1);
}

static void test_SA_RESETHAND_handles_once(void **state)
{
	run_program(once, KILLED(SIGUSR1));
}

TESTS(signal, cmocka_unit_test(test_handler_gets_siginfo_and_registers_come_back),
	cmocka_unit_test(test_real_time_signals_queue_and_standard_ones_do_not),
	cmocka_unit_test(test_queue_has_a_limit_and_ignoring_empties_it),
	cmocka_unit_test(test_sigsuspend_opens_its_mask_for_the_handler_only),
	cmocka_unit_test(test_nanosleep_goes_on_after_a_stop_and_ends_with_a_handler),
	cmocka_unit_test(test_stop_does_not_move_the_deadline_of_nanosleep),
	cmocka_unit_test(test_kill_refuses_what_is_not_there_or_not_allowed),
	cmocka_unit_test(test_SIGKILL_is_neither_caught_nor_blocked),
	cmocka_unit_test(test_signal_of_the_host_reaches_the_program),
	cmocka_unit_test(test_key_reaches_the_group_and_kill_the_program),
	cmocka_unit_test(test_kill_event_ends_a_program_that_never_calls),
	cmocka_unit_test(test_SA_RESETHAND_handles_once));
