/* SPDX-License-Identifier: Apache-2.0
 * What happens at the limits: of tasks, of memory; and that nothing is left behind.
 */
#include "harness.h"

#include <asm/signal.h>
#include <linux/futex.h>

#include "mm/mm.h"

#define A     U_BASE
#define STACK (A + 0x8000)

static void pauses(void *arg)
{
	for (;;)
		u_syscall(__NR_pause);
}

static void forks_until_refused(void *arg)
{
	long n = 0, r;

	while ((r = u_fork(pauses, NULL)) > 0)
		n++;
	u_expect(r, -EAGAIN);
	u_expect(n, 19);
	u_expect(kern->ntasks, 20);
	u_expect(u_clone(U_THREAD, STACK, 0, 0, 0, pauses, NULL), -EAGAIN);
	u_expect(u_syscall(__NR_kill, -1, SIGKILL), 0);
	while (n--) {
		u_check(u_syscall(__NR_wait4, -1, A, 0, 0) > 0);
		u_expect(u_get32(A), KILLED(SIGKILL));
	}
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), -ECHILD);
	u_expect(kern->ntasks, 1);
}

static void test_task_limit_is_EAGAIN_and_kill_all_spares_the_caller(void **state)
{
	harness.pids_max = 20;
	run_program(forks_until_refused, EXITED(0));
}

static void second_thread(void *arg)
{
	u_put32(A + 8, 1);
	u_syscall(__NR_sched_yield);
	u_exit(0);
}

static void uses_everything(void *arg)
{
	u_check(u_clone(U_THREAD, STACK, 0, 0, 0, second_thread, NULL) > 0);
	u_expect(u_syscall(__NR_timer_create, 1, 0, A), 0);
	u_syscall(__NR_futex, A + 8, FUTEX_WAIT, 0, 0);
	u_sigignore(SIGUSR1);
	u_syscall(__NR_kill, u_syscall(__NR_getpid), SIGCONT);
}

static void makes_children(void *arg)
{
	u64 heap = 0, pages = 0;

	for (int i = 0; i < 40; i++) {
		u_check(u_fork(uses_everything, NULL) > 0);
		u_check(u_syscall(__NR_wait4, -1, 0, 0, 0) > 0);
		u_syscall(__NR_sched_yield);
		if (i == 2) {
			heap = heap_live;
			pages = pages_free_count();
		}
	}
	u_expect(heap_live, heap);
	u_expect(pages_free_count(), pages);
}

static void test_processes_that_ended_leave_nothing(void **state)
{
	run_program(makes_children, EXITED(0));
}

static void exits(void *arg)
{
}

static void forks_without_memory(void *arg)
{
	u64 heap, pages;
	long r;
	u32 refused = 0;

	u_fork(exits, NULL); /* warms up what is made once */
	u_syscall(__NR_wait4, -1, 0, 0, 0);
	for (;;) {
		heap = heap_live;
		pages = pages_free_count();
		heap_fail_at = refused + 1;
		r = u_fork(exits, NULL);
		heap_fail_at = 0;
		if (r > 0)
			break;
		u_expect(r, -ENOMEM);
		if (heap_live != heap)
			u_fail(__FILE__, __LINE__,
				"fork whose allocation %u fails leaves %ld blocks", refused + 1,
				(long)(heap_live - heap));
		if (pages_free_count() != pages)
			u_fail(__FILE__, __LINE__,
				"fork whose allocation %u fails leaves %ld pages", refused + 1,
				(long)(pages - pages_free_count()));
		u_expect(kern->ntasks, 1);
		refused++;
	}
	u_check(refused > 4);
	u_check(u_syscall(__NR_wait4, -1, 0, 0, 0) > 0);
}

static void test_fork_without_memory_is_undone(void **state)
{
	run_program(forks_without_memory, EXITED(0));
}

TESTS(limits, cmocka_unit_test(test_task_limit_is_EAGAIN_and_kill_all_spares_the_caller),
	cmocka_unit_test(test_processes_that_ended_leave_nothing),
	cmocka_unit_test(test_fork_without_memory_is_undone));
