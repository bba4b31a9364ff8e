/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/syscall.h>

static int ends[2];

static void on_signal(int signal)
{
	(void)signal;
}

static void say_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	errno = 0;
	int n = poll(fds, count, timeout);
	say("poll = %d %s", n, errno_name(n < 0 ? errno : 0));
	for (nfds_t i = 0; i < count; i++)
		say("  %d:%s%s%s%s%s", (int)i, fds[i].revents & POLLIN ? " IN" : "",
			fds[i].revents & POLLOUT ? " OUT" : "",
			fds[i].revents & POLLHUP ? " HUP" : "",
			fds[i].revents & POLLERR ? " ERR" : "",
			fds[i].revents & POLLNVAL ? " NVAL" : "");
}

static void poll_pipe_states(void)
{
	MUST(pipe(ends) == 0);
	struct pollfd fds[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};

	say_poll(fds, 2, 0);
	MUST(write(ends[1], "x", 1) == 1);
	say_poll(fds, 2, 0);
	close(ends[1]);
	fds[1].fd = -1;
	say_poll(fds, 2, 0);
	char c;
	R(read(ends[0], &c, 1));
	say_poll(fds, 2, 0);
}

static void poll_writer_without_reader_is_error(void)
{
	MUST(pipe(ends) == 0);
	close(ends[0]);
	struct pollfd fd = {ends[1], POLLOUT, 0};
	say_poll(&fd, 1, 0);
	fd.events = 0;
	say_poll(&fd, 1, 0);
}

static void poll_full_pipe_is_not_writable(void)
{
	char block[4096] = {0};
	MUST(pipe2(ends, O_NONBLOCK) == 0);
	struct pollfd fd = {ends[1], POLLOUT, 0};
	while (write(ends[1], block, sizeof(block)) > 0)
		;
	say_poll(&fd, 1, 0);
	for (int i = 0; i < 16; i++)
		MUST(read(ends[0], block, sizeof(block)) > 0);
	say_poll(&fd, 1, 0);
}

static void poll_files_and_bad_descriptors(void)
{
	make_file("a", "x");
	struct pollfd fds[4] = {{open_file("a", O_RDWR), POLLIN | POLLOUT, 0}, {99, POLLIN, 0},
		{-1, POLLIN, 0}, {open_file("/dev/null", O_RDWR), POLLIN | POLLOUT, 0}};
	say_poll(fds, 4, 1000);
}

static void poll_timeout_elapses(void)
{
	MUST(pipe(ends) == 0);
	struct pollfd fd = {ends[0], POLLIN, 0};
	int64_t start = now_ns(CLOCK_MONOTONIC);
	say_poll(&fd, 1, 60);
	T(now_ns(CLOCK_MONOTONIC) - start >= 59000000);
	start = now_ns(CLOCK_MONOTONIC);
	say_poll(NULL, 0, 40);
	T(now_ns(CLOCK_MONOTONIC) - start >= 39000000);
}

static void poll_is_woken_by_another_process(void)
{
	MUST(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		sleep_ms(60);
		_exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
	}
	struct pollfd fd = {ends[0], POLLIN, 0};
	say_poll(&fd, 1, -1);
	reap("writer", pid);
}

static void poll_is_woken_by_hangup(void)
{
	MUST(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		sleep_ms(60);
		_exit(0);
	}
	close(ends[1]);
	struct pollfd fd = {ends[0], 0, 0};
	say_poll(&fd, 1, 10000);
	reap("writer", pid);
}

static void poll_is_interrupted_by_signal(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	MUST(pipe(ends) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		until_asleep(getppid());
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	struct pollfd fd = {ends[0], POLLIN, 0};
	say_poll(&fd, 1, 10000);
	reap("signaller", pid);
}

static void ppoll_unblocks_signal_during_wait(void)
{
	struct timespec limit = {5, 0};
	sigset_t blocked, none;
	MUST(pipe(ends) == 0);
	signal(SIGUSR1, on_signal);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	R(sigprocmask(SIG_BLOCK, &blocked, NULL));
	R(raise(SIGUSR1));
	struct pollfd fd = {ends[0], POLLIN, 0};
	R(ppoll(&fd, 1, &limit, &none));
	limit.tv_sec = 0;
	R(ppoll(&fd, 1, &limit, &blocked));
	limit.tv_nsec = -1;
	R(ppoll(&fd, 1, &limit, NULL));
	V(limit.tv_nsec);
}

static void poll_bad_arguments(void)
{
	R(syscall(SYS_poll, (void *)8, 1L, 0L));
	R(syscall(SYS_poll, NULL, 1L, 0L));
	R(syscall(SYS_poll, NULL, 0L, 0L));
	R(syscall(SYS_poll, NULL, 1L << 30, 0L));
}

static void select_pipe_states(void)
{
	fd_set r, w;
	struct timeval now = {0, 0};
	MUST(pipe(ends) == 0);

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(ends[0], &r);
	FD_SET(ends[1], &w);
	R(select(ends[1] + 1, &r, &w, NULL, &now));
	V(FD_ISSET(ends[0], &r) != 0);
	V(FD_ISSET(ends[1], &w) != 0);
	MUST(write(ends[1], "x", 1) == 1);
	FD_SET(ends[0], &r);
	R(select(ends[1] + 1, &r, &w, NULL, &now));
	V(FD_ISSET(ends[0], &r) != 0);
	R(select(-1, NULL, NULL, NULL, &now));
	now.tv_sec = -1;
	R(select(0, NULL, NULL, NULL, &now));
}

static int size_of_table(void)
{
	static char text[4096];
	int fd = open_file("/proc/self/status", O_RDONLY);

	MUST(read(fd, text, sizeof(text) - 1) > 0);
	MUST(close(fd) == 0);
	return atoi(strstr(text, "FDSize:") + 7);
}

static void select_of_99(void)
{
	struct timeval now = {0, 0};
	fd_set r;

	V(size_of_table());
	FD_ZERO(&r);
	FD_SET(99, &r);
	R(select(100, &r, NULL, NULL, &now));
	V(FD_ISSET(99, &r) != 0);
}

static void select_past_the_table_in_child(void)
{
	select_of_99();
	R(dup2(0, 64));
	select_of_99();
	R(dup2(0, 300));
	R(close(300));
	select_of_99();
	in_child("a fork's table is as large as it needs", select_of_99);
	R(close(64));
	in_child("and smaller again", select_of_99);
}

/* What no table of this size can hold is ignored; within it, it is EBADF. A table's size is what
 * its process has had open, so in a child, which starts with what is open now. */
static void select_past_the_table(void)
{
	R(close_range(3, ~0u, 0)); /* whatever was inherited */
	in_child("child", select_past_the_table_in_child);
}

static void select_writes_back_remaining_time(void)
{
	fd_set r;
	struct timeval limit = {5, 0};
	MUST(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	FD_ZERO(&r);
	FD_SET(ends[0], &r);
	R(select(ends[0] + 1, &r, NULL, NULL, &limit));
	T(limit.tv_sec == 4 || (limit.tv_sec == 5 && limit.tv_usec == 0));
	limit = (struct timeval){0, 50000};
	FD_ZERO(&r);
	R(select(0, &r, NULL, NULL, &limit));
	V(limit.tv_sec);
	V(limit.tv_usec);
}

static void pselect_mask_and_timeout(void)
{
	fd_set r;
	sigset_t blocked, none;
	struct timespec limit = {5, 0};
	MUST(pipe(ends) == 0);
	signal(SIGUSR2, on_signal);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR2);
	FD_ZERO(&r);
	FD_SET(ends[0], &r);
	R(pselect(ends[0] + 1, &r, NULL, NULL, &limit, &none));
	V(limit.tv_sec);
	limit = (struct timespec){0, 30000000};
	FD_ZERO(&r);
	FD_SET(ends[0], &r);
	R(pselect(ends[0] + 1, &r, NULL, NULL, &limit, NULL));
	V(FD_ISSET(ends[0], &r) != 0);
	V(limit.tv_nsec);
}

static void poll_many_descriptors(void)
{
	enum { COUNT = 200 };
	struct pollfd fds[COUNT];
	int p[COUNT][2], ready = 0;
	for (int i = 0; i < COUNT; i++) {
		MUST(pipe(p[i]) == 0);
		fds[i] = (struct pollfd){p[i][0], POLLIN, 0};
		if (i % 7 == 0)
			MUST(write(p[i][1], "x", 1) == 1);
	}
	R(poll(fds, COUNT, 1000));
	for (int i = 0; i < COUNT; i++)
		ready += (fds[i].revents == POLLIN) == (i % 7 == 0);
	V(ready);
}

static void poll_same_descriptor_twice(void)
{
	MUST(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	struct pollfd fds[3] = {
		{ends[0], POLLIN, 0}, {ends[0], POLLIN | POLLOUT, 0}, {ends[0], 0, 0}};
	say_poll(fds, 3, 0);
}

const struct behaviour behaviours[] = {BEHAVIOUR(poll_pipe_states),
	BEHAVIOUR(poll_writer_without_reader_is_error), BEHAVIOUR(poll_full_pipe_is_not_writable),
	BEHAVIOUR(poll_files_and_bad_descriptors), BEHAVIOUR(poll_timeout_elapses),
	BEHAVIOUR(poll_is_woken_by_another_process), BEHAVIOUR(poll_is_woken_by_hangup),
	BEHAVIOUR(poll_is_interrupted_by_signal), BEHAVIOUR(ppoll_unblocks_signal_during_wait),
	BEHAVIOUR(poll_bad_arguments), BEHAVIOUR(select_pipe_states),
	BEHAVIOUR(select_past_the_table), BEHAVIOUR(select_writes_back_remaining_time),
	BEHAVIOUR(pselect_mask_and_timeout), BEHAVIOUR(poll_many_descriptors),
	BEHAVIOUR(poll_same_descriptor_twice), {0}};
