/* SPDX-License-Identifier: Apache-2.0
 * Futexes: wait and wake, requeue, priority inheritance, robust lists.
 */
#include "harness.h"

#include <linux/futex.h>

#define A	   U_BASE
#define WORD	   A
#define OTHER	   (A + 4)
#define COUNT	   (A + 8)
#define OPERAND	   (A + 12)
#define STACK(n)   (A + 0x8000 + 0x1000u * (unsigned)(n))
#define futex(...) u_syscall(__NR_futex, __VA_ARGS__)

static void waits_by_bitset(void *arg)
{
	u_expect(futex(WORD, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, 1), 0);
	u_put32(COUNT, u_get32(COUNT) + 1);
}

static void two_waiters(void)
{
	u_put32(OTHER, 0);
	u_put32(COUNT, 0);
	for (int i = 0; i < 2; i++)
		u_check(u_clone(U_THREAD, STACK(i), 0, 0, 0, waits_by_bitset, NULL) > 0);
	u_syscall(__NR_sched_yield);
}

static void wakes_by_bitset(void *arg)
{
	two_waiters();
	u_expect(futex(WORD, FUTEX_WAKE_BITSET_PRIVATE, 9, 0, 0, 2), 0);
	u_expect(futex(WORD, FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 3), 1);
	u_syscall(__NR_sched_yield);
	u_expect(u_get32(COUNT), 1);
	u_expect(futex(WORD, FUTEX_WAKE_PRIVATE, 9), 1);
	u_expect(futex(WORD, FUTEX_WAKE_PRIVATE, 9), 0);
}

static void test_wake_takes_waiters_whose_bits_match(void **state)
{
	run_program(wakes_by_bitset, EXITED(0));
}

static void requeues(void *arg)
{
	two_waiters();
	u_expect(futex(WORD, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, OTHER, 5), -EAGAIN);
	u_expect(futex(WORD, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, OTHER, 0), 2);
	u_expect(futex(WORD, FUTEX_WAKE_PRIVATE, 1), 0);
	u_syscall(__NR_sched_yield);
	u_expect(u_get32(COUNT), 1);
	u_expect(futex(OTHER, FUTEX_WAKE_PRIVATE, 1), 1);
}

static void test_requeue_moves_waiters_to_the_other_word(void **state)
{
	run_program(requeues, EXITED(0));
}

static void wakes_with_an_operation(void *arg)
{
	two_waiters();
	/* OPERAND += 3; wake there if it was 0: nobody waits on either */
	u_expect(futex(OTHER, FUTEX_WAKE_OP_PRIVATE, 1, 1, OPERAND,
			 FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)),
		0);
	u_expect(u_get32(OPERAND), 3);
	/* WORD = 9; it was 0: wake one of those */
	u_expect(futex(OTHER, FUTEX_WAKE_OP_PRIVATE, 1, 1, WORD,
			 FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 0)),
		1);
	u_expect(u_get32(WORD), 9);
	u_expect(futex(WORD, FUTEX_WAKE_PRIVATE, 9), 1);
}

static void test_wake_op_changes_the_word_and_wakes_by_its_old_value(void **state)
{
	run_program(wakes_with_an_operation, EXITED(0));
}

static void bad_calls(void *arg)
{
	u_put32(WORD, 1);
	u_expect(futex(WORD, FUTEX_WAIT, 0, 0), -EAGAIN);
	u_expect(futex(WORD + 2, FUTEX_WAIT, 0, 0), -EINVAL);
	u_expect(futex(0x10, FUTEX_WAIT, 0, 0), -EFAULT);
	u_expect(futex(WORD, FUTEX_WAIT_BITSET_PRIVATE, 1, 0, 0, 0), -EINVAL);
	u_expect(futex(WORD, FUTEX_WAIT_REQUEUE_PI, 1, 0, WORD, 0), -EINVAL);
	u_put64s(A + 0x20, 0, NSEC_PER_SEC);
	u_expect(futex(WORD, FUTEX_WAIT, 1, A + 0x20), -EINVAL);
}

static void test_bad_futex_calls_are_refused(void **state)
{
	run_program(bad_calls, EXITED(0));
}

static void waits_with_timeouts(void *arg)
{
	u64 start = clock_mono_ns();

	u_put32(WORD, 77);
	u_put64s(A + 0x20, 0, 5 * MSEC);
	u_expect(futex(WORD, FUTEX_WAIT_PRIVATE, 77, A + 0x20), -ETIMEDOUT);
	u_check(clock_mono_ns() - start >= 5 * MSEC);
	u_check(clock_mono_ns() - start < 6 * MSEC);
	/* absolute */
	u_put64s(A + 0x20, (start + 9 * MSEC) / NSEC_PER_SEC, (start + 9 * MSEC) % NSEC_PER_SEC);
	u_expect(futex(WORD, FUTEX_WAIT_BITSET_PRIVATE, 77, A + 0x20, 0, -1), -ETIMEDOUT);
	u_check(clock_mono_ns() - start >= 9 * MSEC);
	u_check(clock_mono_ns() - start < 10 * MSEC);
}

static void test_wait_times_out_relative_and_absolute(void **state)
{
	run_program(waits_with_timeouts, EXITED(0));
}

static void child_waits(void *arg)
{
	u_put32(WORD, 0); /* a page of its own */
	u_put64s(A + 0x20, 0, 10 * MSEC);
	u_expect(futex(WORD, FUTEX_WAIT_PRIVATE, 0, A + 0x20), -ETIMEDOUT);
}

static void wakes_its_own_only(void *arg)
{
	u_put32(WORD, 0);
	u_fork(child_waits, NULL);
	u_sleep(5 * MSEC);
	u_expect(futex(WORD, FUTEX_WAKE_PRIVATE, 9), 0);
	u_expect(futex(WORD, FUTEX_WAKE, 9), 0);
	u_expect(u_syscall(__NR_wait4, -1, A + 64, 0, 0), 3);
	u_expect(u_get32(A + 64), EXITED(0));
}

static void test_same_address_in_another_process_is_another_futex(void **state)
{
	run_program(wakes_its_own_only, EXITED(0));
}

#define HEAD  (A + 0x40) /* struct robust_list_head: list, offset, pending */
#define ENTRY (A + 0x100)

static void dies_with_locks(void *arg)
{
	u_expect(futex(WORD, FUTEX_LOCK_PI_PRIVATE, 0, 0), 0);
	u_expect(u_get32(WORD) & FUTEX_TID_MASK, 3);
	u_put64s(HEAD, ENTRY, 8);
	u_put64(HEAD + 16, 0);
	u_put64(ENTRY, HEAD);
	u_put32(ENTRY + 8, 3);
	u_expect(u_syscall(__NR_set_robust_list, HEAD, 24), 0);
	u_syscall(__NR_sched_yield);
	u_syscall(__NR_sched_yield);
}

static void locks(void *arg)
{
	u_expect(futex(WORD, FUTEX_LOCK_PI_PRIVATE, 0, 0), 0);
	u_expect(u_get32(WORD), 2);
	u_expect(futex(WORD, FUTEX_LOCK_PI_PRIVATE, 0, 0), -EDEADLK);
	u_check(u_clone(U_THREAD, STACK(0), 0, 0, 0, dies_with_locks, NULL) > 0);
	u_syscall(__NR_sched_yield);
	u_syscall(__NR_sched_yield);
	u_expect(u_get32(WORD), (u32)(2 | FUTEX_WAITERS));
	u_expect(futex(WORD, FUTEX_UNLOCK_PI_PRIVATE), 0);
	u_expect(u_get32(WORD), 3); /* handed over */
	u_expect(futex(WORD, FUTEX_TRYLOCK_PI_PRIVATE), -EAGAIN);
	u_expect(futex(WORD, FUTEX_LOCK_PI_PRIVATE, 0, 0), 0);
	u_expect(u_get32(WORD), 2 | FUTEX_OWNER_DIED);
	u_expect(u_get32(ENTRY + 8), FUTEX_OWNER_DIED);
}

static void test_pi_lock_is_handed_over_also_by_a_dying_owner(void **state)
{
	run_program(locks, EXITED(0));
}

static void circular_robust_list(void *arg)
{
	u_put64s(HEAD, ENTRY, 8);
	u_put64(HEAD + 16, 0);
	u_put64(ENTRY, ENTRY);
	u_put32(ENTRY + 8, 2);
	u_expect(u_syscall(__NR_set_robust_list, HEAD, 24), 0);
	u_expect(u_syscall(__NR_set_robust_list, HEAD, 23), -EINVAL);
}

static void test_robust_list_without_end_does_not_hold_up_exit(void **state)
{
	run_program(circular_robust_list, EXITED(0));
}

TESTS(futex, cmocka_unit_test(test_wake_takes_waiters_whose_bits_match),
	cmocka_unit_test(test_requeue_moves_waiters_to_the_other_word),
	cmocka_unit_test(test_wake_op_changes_the_word_and_wakes_by_its_old_value),
	cmocka_unit_test(test_bad_futex_calls_are_refused),
	cmocka_unit_test(test_wait_times_out_relative_and_absolute),
	cmocka_unit_test(test_same_address_in_another_process_is_another_futex),
	cmocka_unit_test(test_pi_lock_is_handed_over_also_by_a_dying_owner),
	cmocka_unit_test(test_robust_list_without_end_does_not_hold_up_exit));
