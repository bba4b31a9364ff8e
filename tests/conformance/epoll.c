/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ends[2];
static int set;

static void set_up(uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = 77};

	MUST(pipe2(ends, O_NONBLOCK) == 0);
	set = epoll_create1(0);
	MUST(set >= 0);
	R(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &e));
}

static void say_wait(const char *when, int timeout)
{
	struct epoll_event got[8];

	errno = 0;
	int n = epoll_wait(set, got, 8, timeout);
	say("%s: epoll_wait = %d %s", when, n, errno_name(n < 0 ? errno : 0));
	for (int i = 0; i < n; i++)
		say("  data %llu%s%s%s%s%s", (unsigned long long)got[i].data.u64,
			got[i].events & EPOLLIN ? " IN" : "",
			got[i].events & EPOLLOUT ? " OUT" : "",
			got[i].events & EPOLLHUP ? " HUP" : "",
			got[i].events & EPOLLERR ? " ERR" : "",
			got[i].events & EPOLLRDHUP ? " RDHUP" : "");
}

static void put(const char *text)
{
	MUST(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text));
}

static void epoll_level_triggered_repeats(void)
{
	char c;
	set_up(EPOLLIN);
	say_wait("empty", 0);
	put("ab");
	say_wait("two bytes", 0);
	say_wait("again", 0);
	R(read(ends[0], &c, 1));
	say_wait("one byte left", 0);
	R(read(ends[0], &c, 1));
	say_wait("drained", 0);
}

static void epoll_edge_triggered_reports_once(void)
{
	char c;
	set_up(EPOLLIN | EPOLLET);
	put("ab");
	say_wait("two bytes", 0);
	say_wait("again", 0);
	R(read(ends[0], &c, 1));
	say_wait("after partial read", 0);
	put("c");
	say_wait("after another write", 0);
	say_wait("again", 0);
	close(ends[1]);
	say_wait("after hangup", 0);
}

static void epoll_oneshot_needs_rearming(void)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 78};
	set_up(EPOLLIN | EPOLLONESHOT);
	put("a");
	say_wait("first", 0);
	put("b");
	say_wait("second", 0);
	R(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &e));
	say_wait("re-armed", 0);
	say_wait("again", 0);
}

static void epoll_hangup_and_error_are_always_reported(void)
{
	struct epoll_event e = {.events = 0, .data.u64 = 79};
	set_up(0);
	say_wait("open", 0);
	close(ends[1]);
	say_wait("writer closed", 0);
	MUST(pipe(ends) == 0);
	R(epoll_ctl(set, EPOLL_CTL_DEL, 3, NULL));
	R(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &e));
	close(ends[0]);
	say_wait("reader closed", 0);
}

static void epoll_ctl_refusals(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	set_up(EPOLLIN);
	make_file("a", "x");
	int file = open_file("a", O_RDONLY);

	R(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &e));
	R(epoll_ctl(set, EPOLL_CTL_MOD, ends[1], &e));
	R(epoll_ctl(set, EPOLL_CTL_DEL, ends[1], &e));
	R(epoll_ctl(set, EPOLL_CTL_ADD, file, &e));
	R(epoll_ctl(set, EPOLL_CTL_ADD, 99, &e));
	R(epoll_ctl(set, EPOLL_CTL_ADD, set, &e));
	R(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &e));
	R(epoll_ctl(99, EPOLL_CTL_ADD, ends[1], &e));
	R(epoll_ctl(set, 55, ends[0], &e));
	R(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
	R(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
}

static void epoll_wait_refusals(void)
{
	struct epoll_event got[2];
	set_up(EPOLLIN);
	R(epoll_wait(set, got, 0, 0));
	volatile int minus_one = -1;
	R(epoll_wait(set, got, minus_one, 0));
	R(epoll_wait(ends[0], got, 2, 0));
	R(epoll_wait(99, got, 2, 0));
	R(epoll_create(0));
	R(epoll_create1(0x10));
	put("x");
	struct epoll_event *volatile bad = (struct epoll_event *)8;
	R(epoll_wait(set, bad, 2, 0));
}

static void epoll_create_flags(void)
{
	int a = R(epoll_create1(EPOLL_CLOEXEC));
	V(fcntl(a, F_GETFD));
	int b = R(epoll_create(1));
	V(fcntl(b, F_GETFD));
}

static void epoll_mod_changes_events_and_data(void)
{
	struct epoll_event e = {.events = EPOLLOUT, .data.u64 = 5};
	set_up(EPOLLIN);
	R(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &e));
	say_wait("writable", 0);
	e.events = 0;
	R(epoll_ctl(set, EPOLL_CTL_MOD, ends[1], &e));
	say_wait("masked", 0);
	e.events = EPOLLIN;
	e.data.u64 = 6;
	put("x");
	R(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &e));
	say_wait("new data", 0);
}

static void epoll_close_removes_the_last_reference_only(void)
{
	set_up(EPOLLIN);
	int copy = dup(ends[0]);
	put("x");
	R(close(ends[0]));
	say_wait("copy still open", 0);
	R(close(copy));
	say_wait("all closed", 0);
}

static void epoll_sets_nest(void)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 100};
	set_up(EPOLLIN);
	int inner = set;
	set = epoll_create1(0);
	R(epoll_ctl(set, EPOLL_CTL_ADD, inner, &e));
	say_wait("outer, idle", 0);
	put("x");
	say_wait("outer, ready", 0);
	set = inner;
	say_wait("inner, ready", 0);
}

static void epoll_nesting_loop_is_refused(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int a = epoll_create1(0), b = epoll_create1(0);
	R(epoll_ctl(a, EPOLL_CTL_ADD, b, &e));
	R(epoll_ctl(b, EPOLL_CTL_ADD, a, &e));
}

static void epoll_timeout_elapses(void)
{
	set_up(EPOLLIN);
	int64_t start = now_ns(CLOCK_MONOTONIC);
	say_wait("idle", 60);
	T(now_ns(CLOCK_MONOTONIC) - start >= 59000000);
}

static void *late_writer(void *unused)
{
	sleep_ms(60);
	put("late");
	return unused;
}

static void epoll_is_woken_by_a_thread(void)
{
	pthread_t thread;
	set_up(EPOLLIN);
	MUST(pthread_create(&thread, NULL, late_writer, NULL) == 0);
	say_wait("blocked", -1);
	pthread_join(thread, NULL);
}

static void *late_adder(void *unused)
{
	struct epoll_event e = {.events = EPOLLOUT, .data.u64 = 123};
	sleep_ms(60);
	MUST(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &e) == 0);
	return unused;
}

static void epoll_add_while_waiting_wakes(void)
{
	pthread_t thread;
	set_up(EPOLLIN);
	MUST(pthread_create(&thread, NULL, late_adder, NULL) == 0);
	say_wait("blocked", 10000);
	pthread_join(thread, NULL);
}

static void epoll_max_events_limits_and_rotates(void)
{
	struct epoll_event got[2], e = {.events = EPOLLIN};
	int seen = 0;
	set = epoll_create1(0);
	for (int i = 0; i < 5; i++) {
		int fd = eventfd(1, 0);
		e.data.u64 = (uint64_t)i;
		MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0);
	}
	for (int round = 0; round < 5; round++) {
		int n = epoll_wait(set, got, 2, 0);
		say("round %d: %d events", round, n);
		for (int i = 0; i < n; i++)
			seen |= 1 << got[i].data.u64;
	}
	V(seen);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void epoll_pwait_unblocks_signal(void)
{
	struct epoll_event got[2];
	sigset_t blocked, none;
	set_up(EPOLLIN);
	signal(SIGUSR1, on_signal);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	R(epoll_pwait(set, got, 2, 50, &blocked));
	R(epoll_pwait(set, got, 2, 5000, &none));
	put("x");
	R(epoll_pwait(set, got, 2, 5000, NULL));
}

static void epoll_edge_out_after_drain(void)
{
	char block[4096] = {0};
	struct epoll_event e = {.events = EPOLLOUT | EPOLLET, .data.u64 = 9};
	set_up(EPOLLIN);
	MUST(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
	R(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL));
	R(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &e));
	say_wait("initially writable", 0);
	while (write(ends[1], block, sizeof(block)) > 0)
		;
	say_wait("full", 0);
	while (read(ends[0], block, sizeof(block)) > 0)
		;
	say_wait("drained", 0);
	say_wait("again", 0);
}

const struct behaviour behaviours[] = {BEHAVIOUR(epoll_level_triggered_repeats),
	BEHAVIOUR(epoll_edge_triggered_reports_once), BEHAVIOUR(epoll_oneshot_needs_rearming),
	BEHAVIOUR(epoll_hangup_and_error_are_always_reported), BEHAVIOUR(epoll_ctl_refusals),
	BEHAVIOUR(epoll_wait_refusals), BEHAVIOUR(epoll_create_flags),
	BEHAVIOUR(epoll_mod_changes_events_and_data),
	BEHAVIOUR(epoll_close_removes_the_last_reference_only), BEHAVIOUR(epoll_sets_nest),
	BEHAVIOUR(epoll_nesting_loop_is_refused), BEHAVIOUR(epoll_timeout_elapses),
	BEHAVIOUR(epoll_is_woken_by_a_thread), BEHAVIOUR(epoll_add_while_waiting_wakes),
	BEHAVIOUR(epoll_max_events_limits_and_rotates), BEHAVIOUR(epoll_pwait_unblocks_signal),
	BEHAVIOUR(epoll_edge_out_after_drain), {0}};
