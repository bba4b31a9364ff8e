/* SPDX-License-Identifier: Apache-2.0
 * Beginning and end of processes.
 */
#include "harness.h"

#include <asm/signal.h>
#include <linux/prctl.h>

#define A U_BASE

static void exits_7(void *arg)
{
	u_syscall(__NR_exit_group, 7);
}

static void test_exit_status_reaches_the_host(void **state)
{
	run_program(exits_7, EXITED(7));
}

static void kills_itself(void *arg)
{
	u_expect(u_syscall(__NR_getpid), 2);
	u_expect(u_syscall(__NR_getppid), 1);
	u_syscall(__NR_kill, 2, SIGTERM);
	u_never("alive after SIGTERM");
}

static void test_fatal_signal_is_the_wait_status(void **state)
{
	run_program(kills_itself, KILLED(SIGTERM));
}

static void writes_and_exits_5(void *arg)
{
	u_expect(u_get32(A), 11);
	u_put32(A, 22);
	u_expect(u_syscall(__NR_getpid), 3);
	u_expect(u_syscall(__NR_getppid), 2);
	u_exit(5);
}

static void forks(void *arg)
{
	u_put32(A, 11);
	u_task()->regs.rbx = 0x1234;
	u_expect(u_fork(writes_and_exits_5, NULL), 3);
	u_expect(u_syscall(__NR_wait4, -1, A + 64, 0, 0), 3);
	u_expect(u_get32(A + 64), EXITED(5));
	u_expect(u_get32(A), 11);
	u_expect(u_task()->regs.rbx, 0x1234);
	u_expect(u_syscall(__NR_wait4, -1, 0, 0, 0), -ECHILD);
}

static void test_fork_gives_the_child_a_memory_of_its_own(void **state)
{
	run_program(forks, EXITED(0));
}

static void shares_and_leaves(void *arg)
{
	u_put32(A, 1);
	u_syscall(__NR_sched_yield);
	u_put32(A, 2);
}

static void vforks(void *arg)
{
	u_put32(A, 0);
	u_expect(u_vfork(shares_and_leaves, NULL), 3);
	u_expect(u_get32(A), 2);
	u_expect(u_syscall(__NR_wait4, -1, 0, 0, 0), 3);
}

static void test_vfork_waits_for_the_child_and_shares_memory(void **state)
{
	run_program(vforks, EXITED(0));
}

static void sees_pid_1_as_parent(void *arg)
{
	u_sleep(5 * MSEC);
	u_expect(u_syscall(__NR_getppid), 1);
}

static void leaves_an_orphan(void *arg)
{
	u_fork(sees_pid_1_as_parent, NULL);
	u_exit(1);
}

static void makes_an_orphan(void *arg)
{
	u_fork(leaves_an_orphan, NULL);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 3);
	u_expect(u_get32(A), EXITED(1));
	u_sleep(20 * MSEC);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), -ECHILD);
	u_expect(u_syscall(__NR_kill, 4, 0), -ESRCH);
}

static void test_orphan_goes_to_pid_1_which_reaps_it(void **state)
{
	run_program(makes_an_orphan, EXITED(0));
}

static void orphan_of_a_subreaper(void *arg)
{
	u_sleep(5 * MSEC);
	u_expect(u_syscall(__NR_getppid), 2);
	u_exit(9);
}

static void leaves_that_orphan(void *arg)
{
	u_fork(orphan_of_a_subreaper, NULL);
	u_exit(1);
}

static void adopts(void *arg)
{
	u_expect(u_syscall(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1), 0);
	u_fork(leaves_that_orphan, NULL);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 3);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 4);
	u_expect(u_get32(A), EXITED(9));
}

static void test_subreaper_adopts_orphans(void **state)
{
	run_program(adopts, EXITED(0));
}

static void sleeps_for_ever(void *arg)
{
	for (;;)
		u_syscall(__NR_pause);
}

static void leaves_children_behind(void *arg)
{
	u_expect(u_fork(sleeps_for_ever, NULL), 3);
	u_syscall(__NR_sched_yield);
	u_exit(9);
}

static void test_sandbox_ends_with_its_first_program(void **state)
{
	run_program(leaves_children_behind, EXITED(9));
}

TESTS(process, cmocka_unit_test(test_exit_status_reaches_the_host),
	cmocka_unit_test(test_fatal_signal_is_the_wait_status),
	cmocka_unit_test(test_fork_gives_the_child_a_memory_of_its_own),
	cmocka_unit_test(test_vfork_waits_for_the_child_and_shares_memory),
	cmocka_unit_test(test_orphan_goes_to_pid_1_which_reaps_it),
	cmocka_unit_test(test_subreaper_adopts_orphans),
	cmocka_unit_test(test_sandbox_ends_with_its_first_program));
