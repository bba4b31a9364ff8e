/* SPDX-License-Identifier: Apache-2.0
 * Interval timers, POSIX timers, clocks. Time is the harness's: what is exact here is exact.
 */
#include "harness.h"

#include <asm/signal.h>
#include <asm-generic/siginfo.h>
#include <linux/time.h>

#define A    U_BASE
#define SET  A
#define SPEC (A + 16) /* interval, value */
#define OLD  (A + 64)
#define INFO (A + 256)
#define ID   (A + 700)

static u32 handled;

static void block(sigmask mask)
{
	u_put64(SET, mask);
	u_expect(u_syscall(__NR_rt_sigprocmask, SIG_SETMASK, SET, 0, 8), 0);
}

static long take(void)
{
	return u_syscall(__NR_rt_sigtimedwait, SET, INFO, 0, 8);
}

static void put_spec(u64 interval, u64 value)
{
	u_put64s(SPEC, 0, interval);
	u_put64s(SPEC + 16, 0, value);
}

static void takes_alarms(void *arg)
{
	u64 start = clock_mono_ns();

	block(sig_bit(SIGALRM));
	put_spec(2000, 2000);
	u_expect(u_syscall(__NR_setitimer, ITIMER_REAL, SPEC, 0), 0);
	u_expect(take(), SIGALRM);
	u_expect(u_get32(INFO + 8), SI_KERNEL);
	u_expect(take(), SIGALRM);
	u_check(clock_mono_ns() - start >= 4 * MSEC);
	u_check(clock_mono_ns() - start < 5 * MSEC);
	put_spec(0, 0);
	u_expect(u_syscall(__NR_setitimer, ITIMER_REAL, SPEC, OLD), 0);
	u_expect(u_get64(OLD + 8), 2000);
	u_put64s(SPEC, 0, 20 * MSEC);
	u_expect(u_syscall(__NR_rt_sigtimedwait, SET, INFO, SPEC, 8), -EAGAIN);
	u_expect(u_syscall(__NR_alarm, 5), 0);
	u_expect(u_syscall(__NR_alarm, 0), 5);
}

static void test_interval_timer_repeats_until_it_is_set_to_zero(void **state)
{
	run_program(takes_alarms, EXITED(0));
}

static void make_timer(s32 clock)
{
	u_zero(A + 600, 64);
	u_put64(A + 600, 0xabc); /* sigev_value */
	u_put32(A + 608, SIGUSR1);
	u_put32(A + 612, 0); /* SIGEV_SIGNAL */
	u_expect(u_syscall(__NR_timer_create, clock, A + 600, ID), 0);
}

static void overruns(void *arg)
{
	block(sig_bit(SIGUSR1));
	make_timer(CLOCK_MONOTONIC);
	u_expect(u_get32(ID), 0);
	put_spec(MSEC, MSEC);
	u_expect(u_syscall(__NR_timer_settime, 0, 0, SPEC, 0), 0);
	u_sleep(20 * MSEC + MSEC / 2);
	u_expect(take(), SIGUSR1);
	u_expect(u_get32(INFO + 8), (u32)SI_TIMER);
	u_expect(u_get32(INFO + 16), 0);
	u_expect(u_get32(INFO + 20), 19);
	u_expect(u_get64(INFO + 24), 0xabc);
	u_expect(u_syscall(__NR_timer_getoverrun, 0), 19);
	u_expect(u_syscall(__NR_timer_gettime, 0, SPEC), 0);
	u_expect(u_get64(SPEC + 8), MSEC);
	u_check(u_get64(SPEC + 24) > 0 && u_get64(SPEC + 24) <= MSEC);
	u_expect(u_syscall(__NR_timer_delete, 0), 0);
	u_expect(u_syscall(__NR_timer_delete, 0), -EINVAL);
}

static void test_posix_timer_counts_the_expirations_it_could_not_tell(void **state)
{
	run_program(overruns, EXITED(0));
}

static void wakes_absolutely(void *arg)
{
	u64 at = clock_mono_ns() + 7 * MSEC;

	block(sig_bit(SIGUSR1));
	make_timer(CLOCK_MONOTONIC);
	u_put64s(SPEC, 0, 0);
	u_put64s(SPEC + 16, at / NSEC_PER_SEC, at % NSEC_PER_SEC);
	u_expect(u_syscall(__NR_timer_settime, 0, TIMER_ABSTIME, SPEC, 0), 0);
	u_expect(take(), SIGUSR1);
	u_check(clock_mono_ns() >= at);
	u_check(clock_mono_ns() < at + MSEC);
	/* the past fires at once */
	u_expect(u_syscall(__NR_timer_settime, 0, TIMER_ABSTIME, SPEC, 0), 0);
	u_expect(take(), SIGUSR1);
	u_check(clock_mono_ns() < at + MSEC);
}

static void test_absolute_timer_fires_at_its_time_and_at_once_for_the_past(void **state)
{
	run_program(wakes_absolutely, EXITED(0));
}

static void counts(s32 sig, u64 info, u64 uc)
{
	handled++;
}

static void burns_time(void *arg)
{
	handled = 0;
	u_expect(u_sigaction(SIGVTALRM, counts, 0, 0), 0);
	put_spec(0, 3000);
	u_expect(u_syscall(__NR_setitimer, ITIMER_VIRTUAL, SPEC, 0), 0);
	u_sleep(50 * MSEC); /* does not count */
	u_expect(handled, 0);
	u_spin(2 * MSEC);
	u_expect(handled, 0);
	u_spin(20 * MSEC);
	u_expect(handled, 1);
}

static void test_virtual_timer_counts_user_time_only(void **state)
{
	run_program(burns_time, EXITED(0));
}

static void spins(void *arg)
{
	u_spin(100 * MSEC);
}

static void shares_the_processor(void *arg)
{
	u_fork(spins, NULL);
	u_fork(spins, NULL);
	u_sleep(50 * MSEC);
	/* both had about half: neither was starved */
	for (s32 tid = 3; tid <= 4; tid++) {
		u64 utime, stime;

		u_check(task_find(tid));
		task_times(task_find(tid), &utime, &stime);
		u_check(utime >= 15 * MSEC);
	}
	u_check(harness_kicks >= 4);
	u_expect(u_syscall(__NR_wait4, -1, 0, 0, 0) > 0, 1);
	u_expect(u_syscall(__NR_wait4, -1, 0, 0, 0) > 0, 1);
}

static void test_spinning_tasks_share_the_processor(void **state)
{
	run_program(shares_the_processor, EXITED(0));
}

static void reads_clocks(void *arg)
{
	u_expect(u_syscall(__NR_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, A), 0);
	u_expect(u_syscall(__NR_clock_gettime, -2, A), 0); /* thread clock, dynamic */
	u_expect(u_syscall(__NR_clock_gettime, 99, A), -EINVAL);
	u_expect(u_syscall(__NR_clock_gettime, CLOCK_REALTIME, A), 0);
	u_expect(u_get64(A), 1700000000);
	u_expect(u_syscall(__NR_clock_gettime, CLOCK_REALTIME, 8), -EFAULT);
	u_put64s(A, 0, NSEC_PER_SEC);
	u_expect(u_syscall(__NR_nanosleep, A, 0), -EINVAL);
	u_put64s(A, ~0ull, 0);
	u_expect(u_syscall(__NR_nanosleep, A, 0), -EINVAL);
}

static void test_clocks_and_times_are_checked(void **state)
{
	run_program(reads_clocks, EXITED(0));
}

TESTS(timer, cmocka_unit_test(test_interval_timer_repeats_until_it_is_set_to_zero),
	cmocka_unit_test(test_posix_timer_counts_the_expirations_it_could_not_tell),
	cmocka_unit_test(test_absolute_timer_fires_at_its_time_and_at_once_for_the_past),
	cmocka_unit_test(test_virtual_timer_counts_user_time_only),
	cmocka_unit_test(test_spinning_tasks_share_the_processor),
	cmocka_unit_test(test_clocks_and_times_are_checked));
