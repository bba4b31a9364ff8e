/* SPDX-License-Identifier: Apache-2.0
 * wait4, waitid; stop and continue.
 */
#include "harness.h"

#include <asm/signal.h>
#include <asm-generic/siginfo.h>
#include <linux/wait.h>

#define A	     U_BASE
#define CONTINUED    0xffff
#define STOPPED(sig) ((sig) << 8 | 0x7f)

static void pauses(void *arg)
{
	for (;;)
		u_syscall(__NR_pause);
}

static void yields(void *arg)
{
	for (;;)
		u_syscall(__NR_sched_yield);
}

static void watches_a_child(void *arg)
{
	long pid = u_fork(pauses, NULL);

	u_expect(u_syscall(__NR_wait4, -1, 0, WNOHANG, 0), 0);

	u_expect(u_syscall(__NR_kill, pid, SIGSTOP), 0);
	u_expect(u_syscall(__NR_waitid, P_PID, pid, A, WSTOPPED | WEXITED, 0), 0);
	u_expect(u_get32(A), SIGCHLD);
	u_expect(u_get32(A + 8), CLD_STOPPED);
	u_expect(u_get32(A + 24), SIGSTOP);
	/* told once */
	u_expect(u_syscall(__NR_wait4, -1, A, WNOHANG | WUNTRACED, 0), 0);

	u_expect(u_syscall(__NR_kill, pid, SIGCONT), 0);
	u_expect(u_syscall(__NR_wait4, -1, A, WCONTINUED, 0), pid);
	u_expect(u_get32(A), CONTINUED);
	u_expect(u_syscall(__NR_wait4, -1, A, WNOHANG | WCONTINUED, 0), 0);

	u_expect(u_syscall(__NR_kill, pid, SIGSTOP), 0);
	u_expect(u_syscall(__NR_wait4, -1, A, WUNTRACED, 0), pid);
	u_expect(u_get32(A), STOPPED(SIGSTOP));
	/* waits until it goes on */
	u_expect(u_syscall(__NR_kill, pid, SIGTERM), 0);
	u_expect(u_syscall(__NR_wait4, -1, A, WNOHANG, 0), 0);
	/* does not */
	u_expect(u_syscall(__NR_kill, pid, SIGKILL), 0);
	u_expect(u_syscall(__NR_waitid, P_ALL, 0, A, WEXITED | WNOWAIT, 0), 0);
	u_expect(u_get32(A + 8), CLD_KILLED);
	u_expect(u_get32(A + 24), SIGKILL);
	u_expect(u_syscall(__NR_wait4, pid, A, 0, 0), pid);
	u_expect(u_get32(A), KILLED(SIGKILL));
	u_expect(u_syscall(__NR_kill, pid, 0), -ESRCH);
}

static void test_each_change_of_a_child_is_told_once(void **state)
{
	run_program(watches_a_child, EXITED(0));
}

static void exits_at_once(void *arg)
{
}

static void ignores_children(void *arg)
{
	u_sigignore(SIGCHLD);
	u_fork(exits_at_once, NULL);
	u_expect(u_syscall(__NR_wait4, -1, 0, 0, 0), -ECHILD);
	u_check(!task_find(3));
}

static void test_children_of_who_ignores_SIGCHLD_leave_no_zombie(void **state)
{
	run_program(ignores_children, EXITED(0));
}

static void two_threads(void *arg)
{
	u_check(u_clone(U_THREAD, A + 0x8000, 0, 0, 0, yields, NULL) > 0);
	pauses(NULL);
}

static void stops_threads(void *arg)
{
	u_expect(u_fork(two_threads, NULL), 3);
	u_sleep(5 * MSEC);
	u_expect(u_syscall(__NR_kill, 3, SIGSTOP), 0);
	u_expect(u_syscall(__NR_wait4, -1, A, WUNTRACED, 0), 3);
	u_expect(u_get32(A), STOPPED(SIGSTOP));
	u_expect(process_find(3)->nstopped, 2);
	u_expect(u_syscall(__NR_kill, 3, SIGTERM), 0);
	u_sleep(5 * MSEC);
	u_expect(u_syscall(__NR_wait4, -1, A, WNOHANG, 0), 0);
	u_expect(u_syscall(__NR_kill, 3, SIGCONT), 0);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 3);
	u_expect(u_get32(A), KILLED(SIGTERM));
}

static void test_stop_is_told_when_every_thread_stopped(void **state)
{
	run_program(stops_threads, EXITED(0));
}

static void leads_a_stopped_group(void *arg)
{
	u_expect(u_fork(yields, NULL), 4);
	u_expect(u_syscall(__NR_setpgid, 4, 4), 0);
	u_expect(u_syscall(__NR_kill, 4, SIGSTOP), 0);
	u_expect(u_syscall(__NR_wait4, 4, A, WUNTRACED, 0), 4);
	u_exit(0);
}

static void orphans_a_group(void *arg)
{
	u_expect(u_fork(leads_a_stopped_group, NULL), 3);
	u_expect(u_syscall(__NR_wait4, 3, A, 0, 0), 3);
	u_expect(u_get32(A), EXITED(0));
	u_sleep(20 * MSEC);
	u_expect(u_syscall(__NR_kill, 4, 0), -ESRCH);
}

static void test_stopped_group_that_is_orphaned_gets_SIGHUP(void **state)
{
	run_program(orphans_a_group, EXITED(0));
}

static void stops_from_the_terminal(void *arg)
{
	u_expect(u_syscall(__NR_kill, 0, SIGTSTP), 0);
	u_expect(host_stops(), 1);
}

static void test_stop_of_the_foreground_stops_the_launcher(void **state)
{
	harness.console = true;
	run_program(stops_from_the_terminal, EXITED(0));
}

static void interrupted_handler(s32 sig, u64 info, u64 uc)
{
}

static void exits_later(void *arg)
{
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_kill, 2, SIGUSR1), 0);
	u_sleep(10 * MSEC);
	u_exit(3);
}

static void waits_through_signals(void *arg)
{
	u_expect(u_sigaction(SIGUSR1, interrupted_handler, SA_RESTART, 0), 0);
	u_fork(exits_later, NULL);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 3);
	u_expect(u_get32(A), EXITED(3));
	u_expect(u_sigaction(SIGUSR1, interrupted_handler, 0, 0), 0);
	u_fork(exits_later, NULL);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), -EINTR);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 4);
}

static void test_wait_restarts_with_SA_RESTART_only(void **state)
{
	run_program(waits_through_signals, EXITED(0));
}

TESTS(wait, cmocka_unit_test(test_each_change_of_a_child_is_told_once),
	cmocka_unit_test(test_children_of_who_ignores_SIGCHLD_leave_no_zombie),
	cmocka_unit_test(test_stop_is_told_when_every_thread_stopped),
	cmocka_unit_test(test_stopped_group_that_is_orphaned_gets_SIGHUP),
	cmocka_unit_test(test_stop_of_the_foreground_stops_the_launcher),
	cmocka_unit_test(test_wait_restarts_with_SA_RESTART_only));
