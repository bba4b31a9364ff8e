/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <sys/syscall.h>

static int64_t start;

static void begin(void)
{
	start = now_ns(CLOCK_MONOTONIC);
}

static bool slept_at_least_ms(int ms)
{
	return now_ns(CLOCK_MONOTONIC) - start >= (int64_t)ms * 1000000;
}

static void nanosleep_sleeps_at_least_as_long(void)
{
	static const int ms[] = {1, 7, 50, 120};
	for (int i = 0; i < 4; i++) {
		struct timespec t = {0, ms[i] * 1000000};
		begin();
		R(nanosleep(&t, NULL));
		T(slept_at_least_ms(ms[i]));
	}
	struct timespec zero = {0, 0};
	R(nanosleep(&zero, NULL));
}

static void nanosleep_refusals(void)
{
	struct timespec bad = {0, 1000000000}, negative = {-1, 0}, less = {0, -1};
	R(nanosleep(&bad, NULL));
	R(nanosleep(&negative, NULL));
	R(nanosleep(&less, NULL));
	R(syscall(SYS_nanosleep, (void *)8, NULL));
	V(clock_nanosleep(12345, 0, &negative, NULL));
	V(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &negative, NULL));
}

static void clock_nanosleep_absolute(void)
{
	static const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
	for (int i = 0; i < 3; i++) {
		struct timespec t;
		clock_gettime(ids[i], &t);
		t.tv_nsec += 60000000;
		if (t.tv_nsec >= 1000000000) {
			t.tv_sec++;
			t.tv_nsec -= 1000000000;
		}
		begin();
		V(clock_nanosleep(ids[i], TIMER_ABSTIME, &t, NULL));
		T(slept_at_least_ms(59));
		V(clock_nanosleep(ids[i], TIMER_ABSTIME, &t, NULL));
	}
}

static void usleep_and_sleep(void)
{
	begin();
	R(usleep(30000));
	T(slept_at_least_ms(30));
	V(sleep(0));
	begin();
	V(sleep(1));
	T(slept_at_least_ms(1000));
}

static void *sleep_a_little(void *unused)
{
	sleep_ms(300);
	return unused;
}

static void threads_sleep_at_the_same_time(void)
{
	pthread_t t[20];
	begin();
	for (int i = 0; i < 20; i++)
		MUST(pthread_create(&t[i], NULL, sleep_a_little, NULL) == 0);
	for (int i = 0; i < 20; i++)
		pthread_join(t[i], NULL);
	T(slept_at_least_ms(300));
	T(!slept_at_least_ms(4000));
}

/* After the beginning. */
static void sleep_until_ms(int ms)
{
	int64_t end = start + (int64_t)ms * 1000000;
	struct timespec t = {end / 1000000000, end % 1000000000};

	MUST(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
}

static void sleepers_wake_in_order_of_deadline(void)
{
	int p[2];
	char order[6] = "";
	MUST(pipe(p) == 0);
	begin();
	for (int i = 4; i >= 0; i--)
		if (fork() == 0) {
			char c = (char)('0' + i);
			sleep_until_ms(100 + i * 250);
			_exit(write(p[1], &c, 1) == 1 ? 0 : 1);
		}
	for (int i = 0; i < 5; i++)
		MUST(read(p[0], order + i, 1) == 1);
	S(order);
	for (int i = 0; i < 5; i++)
		reap("sleeper", -1);
}

static void sleeping_while_others_compute(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (volatile unsigned long i = 0;; i++)
			;
	begin();
	for (int i = 0; i < 20; i++)
		sleep_ms(5);
	T(slept_at_least_ms(100));
	kill(pid, SIGKILL);
	reap("busy child", pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(nanosleep_sleeps_at_least_as_long),
	BEHAVIOUR(nanosleep_refusals), BEHAVIOUR(clock_nanosleep_absolute),
	BEHAVIOUR(usleep_and_sleep), BEHAVIOUR(threads_sleep_at_the_same_time),
	BEHAVIOUR(sleepers_wake_in_order_of_deadline), BEHAVIOUR(sleeping_while_others_compute),
	{0}};
