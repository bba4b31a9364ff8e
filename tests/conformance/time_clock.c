/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/syscall.h>
#include <sys/time.h>

static const struct {
	const char *name;
	clockid_t id;
} clocks[] = {{"realtime", CLOCK_REALTIME}, {"monotonic", CLOCK_MONOTONIC},
	{"process cpu", CLOCK_PROCESS_CPUTIME_ID}, {"thread cpu", CLOCK_THREAD_CPUTIME_ID},
	{"monotonic raw", CLOCK_MONOTONIC_RAW}, {"realtime coarse", CLOCK_REALTIME_COARSE},
	{"monotonic coarse", CLOCK_MONOTONIC_COARSE}, {"boottime", CLOCK_BOOTTIME}};

enum { CLOCKS = sizeof(clocks) / sizeof(clocks[0]) };

static void clocks_exist_and_are_normalised(void)
{
	for (int i = 0; i < CLOCKS; i++) {
		struct timespec t = {-1, -1};
		int r = clock_gettime(clocks[i].id, &t);
		say("%s: %d, %s", clocks[i].name, r,
			t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1000000000 ? "normal"
										  : "odd");
	}
	struct timespec t;
	R(clock_gettime(12345, &t));
	R(clock_gettime(-1, &t));
}

/* Some clocks are system calls, which on a busy machine take their time. */
static void clocks_never_run_backwards(void)
{
	for (int i = 0; i < CLOCKS; i++) {
		int64_t last = now_ns(clocks[i].id), end = now_ns(CLOCK_MONOTONIC) + 1000000000;
		int backwards = 0;
		if (clocks[i].id == CLOCK_REALTIME || clocks[i].id == CLOCK_REALTIME_COARSE)
			continue;
		for (int k = 0; k < 20000 && now_ns(CLOCK_MONOTONIC) < end; k++) {
			int64_t now = now_ns(clocks[i].id);
			backwards += now < last;
			last = now;
		}
		say("%s: backwards %d", clocks[i].name, backwards);
	}
}

static int64_t system_call_ns(clockid_t id)
{
	struct timespec t = {0};
	MUST(syscall(SYS_clock_gettime, id, &t) == 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void vdso_and_system_call_agree(void)
{
	for (int i = 0; i < CLOCKS; i++) {
		int wrong = 0;
		for (int k = 0; k < 100; k++) {
			int64_t a = now_ns(clocks[i].id), b = system_call_ns(clocks[i].id),
				c = now_ns(clocks[i].id);
			/* The coarse clocks tick; the fine ones may not be out of order at all. */
			wrong += b < a || c < b;
		}
		say("%s: out of order %d", clocks[i].name, wrong);
	}
}

static void coarse_clock_follows_fine_clock(void)
{
	int wrong = 0;
	for (int k = 0; k < 100; k++) {
		int64_t before = now_ns(CLOCK_MONOTONIC), coarse = now_ns(CLOCK_MONOTONIC_COARSE);
		wrong += coarse > now_ns(CLOCK_MONOTONIC) || before - coarse > 1000000000;
	}
	V(wrong);
	int64_t monotonic = now_ns(CLOCK_MONOTONIC);
	T(now_ns(CLOCK_BOOTTIME) >= monotonic);
}

static void clock_resolutions(void)
{
	for (int i = 0; i < CLOCKS; i++) {
		struct timespec t = {-1, -1};
		int r = clock_getres(clocks[i].id, &t);
		say("%s: %d, %s", clocks[i].name, r,
			t.tv_sec == 0 && t.tv_nsec >= 1 && t.tv_nsec <= 20000000 ? "sane" : "odd");
	}
	R(clock_getres(CLOCK_MONOTONIC, NULL));
	R(clock_getres(12345, NULL));
}

static void gettimeofday_time_and_realtime_agree(void)
{
	struct timeval tv = {0, -1};
	struct timezone tz = {1, 1};
	int64_t before = now_ns(CLOCK_REALTIME);
	R(gettimeofday(&tv, &tz));
	int64_t after = now_ns(CLOCK_REALTIME);
	int64_t us = (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
	T(us >= before / 1000 && us <= after / 1000);
	T(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	time_t t = 0, r = time(&t);
	T(r == t);
	T(r >= before / 1000000000 - 1 && r <= now_ns(CLOCK_REALTIME) / 1000000000);
	T(r > 1700000000);
}

static void cpu_clocks_count_work_not_sleep(void)
{
	int64_t start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(200);
	T(now_ns(CLOCK_PROCESS_CPUTIME_ID) - start < 150000000);
	int64_t wall = now_ns(CLOCK_MONOTONIC);
	start = now_ns(CLOCK_THREAD_CPUTIME_ID);
	while (now_ns(CLOCK_THREAD_CPUTIME_ID) - start < 20000000)
		;
	T(now_ns(CLOCK_MONOTONIC) - wall >= 19000000);
	T(clock() != (clock_t)-1);
}

static void clock_of_another_process(void)
{
	clockid_t id;
	struct timespec t;
	E(clock_getcpuclockid(0, &id));
	R(clock_gettime(id, &t));
	E(clock_getcpuclockid(1 << 30, &id));
}

static void setting_the_clock_is_refused_or_not_tried(void)
{
	struct timespec bad = {0, 1000000000};
	R(clock_settime(CLOCK_REALTIME, &bad) == -1);
	struct timespec t = {1, 0};
	R(clock_settime(CLOCK_MONOTONIC, &t));
	R(clock_settime(12345, &t));
}

static void file_times_agree_with_the_clock(void)
{
	struct stat st;
	int64_t before = now_ns(CLOCK_REALTIME_COARSE);
	make_file("a", "x");
	int64_t after = now_ns(CLOCK_REALTIME);
	MUST(stat("a", &st) == 0);
	int64_t m = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	T(m >= before - 20000000 && m <= after + 20000000);
}

static void broken_down_time(void)
{
	char text[64];
	time_t t = 1700000000;
	struct tm tm;
	T(gmtime_r(&t, &tm) != NULL);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %a", &tm);
	S(text);
	setenv("TZ", "EST5EDT", 1);
	tzset();
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%H:%M %Z", &tm);
	S(text);
}

const struct behaviour behaviours[] = {BEHAVIOUR(clocks_exist_and_are_normalised),
	BEHAVIOUR(clocks_never_run_backwards), BEHAVIOUR(vdso_and_system_call_agree),
	BEHAVIOUR(coarse_clock_follows_fine_clock), BEHAVIOUR(clock_resolutions),
	BEHAVIOUR(gettimeofday_time_and_realtime_agree), BEHAVIOUR(cpu_clocks_count_work_not_sleep),
	BEHAVIOUR(clock_of_another_process), BEHAVIOUR(setting_the_clock_is_refused_or_not_tried),
	BEHAVIOUR(file_times_agree_with_the_clock), BEHAVIOUR(broken_down_time), {0}};
