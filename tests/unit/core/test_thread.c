/* SPDX-License-Identifier: Apache-2.0
 * Threads of one process, and exec among them.
 */
#include "harness.h"

#include <asm/signal.h>
#include <linux/futex.h>
#include <linux/sched.h>

#define A     U_BASE
#define FLAG  A
#define TID   (A + 16)
#define STACK (A + 0x8000)
#define FULL  (U_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static void second_thread(void *arg)
{
	u_expect(u_task()->fs_base, 0x7000);
	u_expect(u_task()->regs.rsp, STACK);
	u_expect(u_syscall(__NR_getpid), 2);
	u_expect(u_syscall(__NR_gettid), 3);
	u_syscall(__NR_sched_yield);
	u_put32(FLAG, 77);
	u_expect(u_syscall(__NR_futex, FLAG, FUTEX_WAKE_PRIVATE, 1), 1);
	u_sleep(MSEC); /* the other one is to wait first */
}

static void joins(void *arg)
{
	u_put32(FLAG, 0);
	u_put32(TID, 3);
	u_expect(u_clone(FULL, STACK, A + 8, TID, 0x7000, second_thread, NULL), 3);
	u_expect(u_get32(A + 8), 3);
	u_expect(u_syscall(__NR_futex, FLAG, FUTEX_WAIT_PRIVATE, 0, 0), 0);
	u_expect(u_get32(FLAG), 77);
	/* pthread_join: the kernel clears the word and wakes as the thread ends */
	u_expect(u_syscall(__NR_futex, TID, FUTEX_WAIT, 3, 0), 0);
	u_expect(u_get32(TID), 0);
	u_check(!task_find(3));
}

static void test_thread_shares_memory_and_is_joined_by_its_tid_word(void **state)
{
	run_program(joins, EXITED(0));
}

static void ends_the_process(void *arg)
{
	u_exit(3);
}

static void pauses(void *arg)
{
	u_syscall(__NR_pause);
	u_never("pause returned");
}

static void has_a_deadly_thread(void *arg)
{
	u_check(u_clone(U_THREAD, STACK, 0, 0, 0, ends_the_process, NULL) > 0);
	pauses(NULL);
}

static void test_exit_group_of_one_thread_ends_all(void **state)
{
	run_program(has_a_deadly_thread, EXITED(3));
}

static void outlives_the_leader(void *arg)
{
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_getpid), 2);
	u_expect(u_syscall(__NR_kill, 2, 0), 0);
	u_exit(6);
}

static void leader_leaves(void *arg)
{
	u_check(u_clone(U_THREAD, STACK, 0, 0, 0, outlives_the_leader, NULL) > 0);
	u_syscall(__NR_exit, 1);
}

static void test_process_lives_on_after_its_leader(void **state)
{
	run_program(leader_leaves, EXITED(6));
}

static void after_exec(void *arg)
{
	u_expect(u_syscall(__NR_gettid), 2);
	u_expect(u_syscall(__NR_getpid), 2);
	u_check(u_task()->proc->leader == u_task());
	u_expect(u_task()->proc->nthreads, 1);
	u_exit(4);
}

/* What execve does to tasks, without a file to load. */
static long becomes_after_exec(struct task *t, u64 arg)
{
	int r = process_kill_other_threads(t);

	if (r)
		return r;
	task_mm_release(t);
	task_exec_reset(t);
	t->regs.rip = u_entry(after_exec, NULL);
	return 0;
}

static void execs_from_a_thread(void *arg)
{
	u_expect(u_syscall(__NR_gettid), 3);
	u_kernel(becomes_after_exec, 0);
}

static void has_an_execing_thread(void *arg)
{
	u_check(u_clone(U_THREAD, STACK, 0, 0, 0, execs_from_a_thread, NULL) > 0);
	pauses(NULL);
}

static void test_exec_from_a_thread_takes_over_the_pid(void **state)
{
	run_program(has_an_execing_thread, EXITED(4));
}

static void handler(s32 sig, u64 info, u64 uc)
{
}

static long reset_for_exec(struct task *t, u64 arg)
{
	task_exec_reset(t);
	return 0;
}

static void has_handlers(void *arg)
{
	u_expect(u_sigaction(SIGUSR1, handler, 0, 0), 0);
	u_expect(u_sigignore(SIGUSR2), 0);
	u_expect(u_kernel(reset_for_exec, 0), 0);
	u_expect(u_task()->proc->sighand->action[SIGUSR1 - 1].handler, 0);
	u_expect(u_task()->proc->sighand->action[SIGUSR2 - 1].handler, 1);
	u_check(u_task()->proc->did_exec);
}

static void test_exec_resets_handlers_and_keeps_ignored_signals(void **state)
{
	run_program(has_handlers, EXITED(0));
}

static void bad_clones(void *arg)
{
	u_expect(u_clone(CLONE_THREAD, 0, 0, 0, 0, pauses, NULL), -EINVAL);
	u_expect(u_clone(CLONE_SIGHAND, 0, 0, 0, 0, pauses, NULL), -EINVAL);
	u_expect(u_clone(CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0, pauses, NULL), -EPERM);
}

static void test_clone_refuses_flags_that_do_not_go_together(void **state)
{
	run_program(bad_clones, EXITED(0));
}

TESTS(thread, cmocka_unit_test(test_thread_shares_memory_and_is_joined_by_its_tid_word),
	cmocka_unit_test(test_exit_group_of_one_thread_ends_all),
	cmocka_unit_test(test_process_lives_on_after_its_leader),
	cmocka_unit_test(test_exec_from_a_thread_takes_over_the_pid),
	cmocka_unit_test(test_exec_resets_handlers_and_keeps_ignored_signals),
	cmocka_unit_test(test_clone_refuses_flags_that_do_not_go_together));
