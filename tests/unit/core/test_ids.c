/* SPDX-License-Identifier: Apache-2.0
 * Identity, limits by number, scheduling parameters, restartable sequences.
 */
#include "harness.h"

#include <asm/prctl.h>
#include <asm/signal.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/resource.h>

#define A U_BASE

static void changes_ids(void *arg)
{
	u_expect(u_syscall(__NR_getuid), 1000);
	u_expect(u_syscall(__NR_setuid, 0), -EPERM);
	u_expect(u_syscall(__NR_setresuid, 1000, 1000, 1000), 0);
	u_expect(u_syscall(__NR_setresuid, -1, 0, -1), -EPERM);
	u_expect(u_syscall(__NR_setsid), -EPERM); /* a group's leader */
}

static void test_user_without_rights_keeps_its_ids(void **state)
{
	run_program(changes_ids, EXITED(0));
}

static void changes_limits(void *arg)
{
	u_put64s(A, 5, 4);
	u_expect(u_syscall(__NR_prlimit64, 0, RLIMIT_NOFILE, A, 0), -EINVAL);
	u_put64s(A, 5, 10);
	u_expect(u_syscall(__NR_prlimit64, 0, RLIMIT_NOFILE, A, A + 16), 0);
	u_expect(u_get64(A + 16), 1024);
	u_put64(A + 8, 11);
	u_expect(u_syscall(__NR_prlimit64, 0, RLIMIT_NOFILE, A, 0), -EPERM);
	u_expect(u_syscall(__NR_prlimit64, 0, 16, 0, A), -EINVAL);
}

static void test_hard_limits_only_go_down(void **state)
{
	run_program(changes_limits, EXITED(0));
}

static void asks_for_capabilities(void *arg)
{
	u_put32(A, _LINUX_CAPABILITY_VERSION_3);
	u_put32(A + 4, 0);
	u_expect(u_syscall(__NR_capget, A, A + 8), 0);
	u_expect(u_get32(A + 8), 0);
	u_put32(A, 1);
	u_expect(u_syscall(__NR_capget, A, 0), 0);
	u_expect(u_get32(A), _LINUX_CAPABILITY_VERSION_3);
}

static void test_capget_says_which_version_it_wants(void **state)
{
	run_program(asks_for_capabilities, EXITED(0));
}

static void asks_around(void *arg)
{
	u_expect(u_syscall(__NR_getrandom, A, 4000, 0), 4000);
	u_check(u_get64(A) != u_get64(A + 64));
	u_expect(u_syscall(__NR_uname, A), 0);
	u_expect(u_get32(A), 0x756e694c); /* "Linu" */
	u_expect(u_syscall(__NR_arch_prctl, ARCH_SET_FS, 1ull << 62), -EPERM);
	u_expect(u_syscall(__NR_sched_getaffinity, 0, 8, A), 8);
	u_expect(u_get64(A), 1);
	u_expect(u_syscall(__NR_getpriority, 0, 0), 20);
	u_expect(u_syscall(__NR_getrusage, 0, A), 0);
	u_expect(u_syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), -EPERM);
	u_expect(u_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0), 0);
	u_expect(u_syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), 0);
}

static void test_calls_about_the_system_answer_as_linux(void **state)
{
	run_program(asks_around, EXITED(0));
}

static void calls_what_is_absent(void *arg)
{
	u64 seen = kern->stats.syscalls_absent;

	u_expect(u_syscall(511), -ENOSYS);
	u_expect(u_syscall(100000), -ENOSYS);
	u_expect(u_syscall(~0ull), -ENOSYS);
	u_expect(kern->stats.syscalls_absent, seen + 3);
	/* the number is an int */
	u_expect(u_syscall(0x100000000ull + __NR_getpid), 2);
}

static void test_absent_calls_are_ENOSYS_and_counted(void **state)
{
	run_program(calls_what_is_absent, EXITED(0));
}

#define RSEQ	  (A + 0x100)
#define RSEQ_CS	  (A + 0x200)
#define ABORT_IP  (A + 0x304)
#define SIGNATURE 0x53053053u

static void register_rseq(void)
{
	u_expect(u_syscall(__NR_rseq, RSEQ, 32, 0, SIGNATURE), 0);
	u_expect(u_get32(RSEQ + 4), 0);
	u_expect(u_syscall(__NR_rseq, RSEQ, 32, 0, SIGNATURE), -EBUSY);
	u_put32(ABORT_IP - 4, SIGNATURE);
	u_put64s(RSEQ_CS, 0, u_here());
	u_put64s(RSEQ_CS + 16, 4, ABORT_IP);
}

static void yields(void *arg)
{
	u_syscall(__NR_sched_yield);
}

static void is_switched_away(void *arg)
{
	register_rseq();
	u_fork(yields, NULL);
	u_put64(RSEQ + 8, RSEQ_CS);
	/* the child runs meanwhile; to the kernel this is at the critical section's end */
	u_syscall(__NR_sched_yield);
	u_never("went on inside of the critical section");
}

static void test_rseq_aborts_a_section_that_was_switched_away(void **state)
{
	/* the abort address is not mapped for execution */
	run_program(is_switched_away, KILLED(SIGSEGV));
}

static void stays_outside(void *arg)
{
	register_rseq();
	u_put64(RSEQ_CS + 8, 0x1000); /* elsewhere */
	u_fork(yields, NULL);
	u_put64(RSEQ + 8, RSEQ_CS);
	u_syscall(__NR_sched_yield);
	u_expect(u_get64(RSEQ + 8), 0);
}

static void test_rseq_outside_of_the_section_is_cleared(void **state)
{
	run_program(stays_outside, EXITED(0));
}

TESTS(ids, cmocka_unit_test(test_user_without_rights_keeps_its_ids),
	cmocka_unit_test(test_hard_limits_only_go_down),
	cmocka_unit_test(test_capget_says_which_version_it_wants),
	cmocka_unit_test(test_calls_about_the_system_answer_as_linux),
	cmocka_unit_test(test_absent_calls_are_ENOSYS_and_counted),
	cmocka_unit_test(test_rseq_aborts_a_section_that_was_switched_away),
	cmocka_unit_test(test_rseq_outside_of_the_section_is_cleared));
