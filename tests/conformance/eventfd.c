/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that carry events: eventfd, timerfd, signalfd, socketpair. */
#include "behave.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static uint64_t value;

static void say_ready(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	int n = poll(&p, 1, 0);
	say("poll = %d%s%s", n, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "");
}

static void eventfd_adds_and_resets(void)
{
	int fd = R(eventfd(3, EFD_NONBLOCK));
	uint64_t add = 4;

	say_ready(fd);
	R(write(fd, &add, sizeof(add)));
	R(read(fd, &value, sizeof(value)));
	V(value);
	R(read(fd, &value, sizeof(value)));
	say_ready(fd);
}

static void eventfd_semaphore_counts_down(void)
{
	int fd = R(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));
	for (int i = 0; i < 3; i++) {
		value = 0;
		R(read(fd, &value, sizeof(value)));
		V(value);
	}
}

static void eventfd_limits(void)
{
	int fd = R(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	uint64_t v = UINT64_MAX;

	V(fcntl(fd, F_GETFD));
	R(write(fd, &v, sizeof(v)));
	v = UINT64_MAX - 1;
	R(write(fd, &v, sizeof(v)));
	say_ready(fd);
	v = 1;
	R(write(fd, &v, sizeof(v)));
	v = 0;
	R(write(fd, &v, sizeof(v)));
	R(read(fd, &v, 4));
	R(write(fd, &v, 4));
	R(read(fd, &v, sizeof(v)));
	T(v == UINT64_MAX - 1);
	R(eventfd(0, 0x1234));
}

static void eventfd_wakes_another_process(void)
{
	int fd = eventfd(0, 0);
	pid_t pid = fork();
	if (pid == 0) {
		uint64_t one = 1;
		sleep_ms(50);
		_exit(write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : 1);
	}
	R(read(fd, &value, sizeof(value)));
	V(value);
	reap("writer", pid);
}

static void timerfd_expires_once(void)
{
	struct itimerspec t = {.it_value = {0, 40000000}}, left;
	int fd = R(timerfd_create(CLOCK_MONOTONIC, 0));
	int64_t start = now_ns(CLOCK_MONOTONIC);

	say_ready(fd);
	R(timerfd_settime(fd, 0, &t, NULL));
	R(read(fd, &value, sizeof(value)));
	V(value);
	T(now_ns(CLOCK_MONOTONIC) - start >= 40000000);
	R(timerfd_gettime(fd, &left));
	V(left.it_value.tv_sec);
	V(left.it_value.tv_nsec);
	R(fcntl(fd, F_SETFL, O_NONBLOCK));
	R(read(fd, &value, sizeof(value)));
}

static void timerfd_interval_counts_expirations(void)
{
	struct itimerspec t = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}}, old;
	int fd = R(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));

	R(timerfd_settime(fd, 0, &t, NULL));
	sleep_ms(100);
	say_ready(fd);
	R(read(fd, &value, sizeof(value)));
	T(value >= 9);
	struct itimerspec off = {0};
	R(timerfd_settime(fd, 0, &off, &old));
	V(old.it_interval.tv_nsec);
	sleep_ms(30);
	R(read(fd, &value, sizeof(value)));
}

static void timerfd_absolute_and_refusals(void)
{
	struct itimerspec t = {0}, bad = {.it_value = {0, 1000000000}};
	int fd = R(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC));

	t.it_value.tv_sec = 1;
	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
	R(read(fd, &value, sizeof(value)));
	V(value);
	R(timerfd_settime(fd, 0, &bad, NULL));
	R(timerfd_settime(0, 0, &t, NULL));
	R(timerfd_settime(99, 0, &t, NULL));
	R(timerfd_create(12345, 0));
	R(timerfd_create(CLOCK_MONOTONIC, 0x1));
	R(read(fd, &value, 4));
}

static void signalfd_delivers_siginfo(void)
{
	struct signalfd_siginfo si;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	int fd = R(signalfd(-1, &mask, SFD_NONBLOCK));
	R(read(fd, &si, sizeof(si)));
	R(kill(getpid(), SIGUSR1));
	R(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42}));
	say_ready(fd);
	R(read(fd, &si, sizeof(si)));
	V(si.ssi_signo == SIGUSR1);
	V(si.ssi_code);
	T(si.ssi_pid == (uint32_t)getpid());
	R(read(fd, &si, sizeof(si)));
	V(si.ssi_signo == (uint32_t)SIGRTMIN);
	V(si.ssi_code);
	V(si.ssi_int);
	R(read(fd, &si, sizeof(si)));
	R(read(fd, &si, 10));
}

static void signalfd_mask_can_change(void)
{
	struct signalfd_siginfo si[2];
	sigset_t both, one;

	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	sigprocmask(SIG_BLOCK, &both, NULL);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	int fd = R(signalfd(-1, &one, SFD_NONBLOCK | SFD_CLOEXEC));
	raise(SIGUSR2);
	R(read(fd, si, sizeof(si)));
	R(signalfd(fd, &both, 0));
	raise(SIGUSR1);
	R(read(fd, si, sizeof(si)));
	V(si[0].ssi_signo);
	V(si[1].ssi_signo);
	R(signalfd(0, &both, 0));
	R(signalfd(99, &both, 0));
}

static void signalfd_receives_sigchld(void)
{
	struct signalfd_siginfo si;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	int fd = R(signalfd(-1, &mask, 0));
	pid_t pid = fork();
	if (pid == 0)
		_exit(9);
	R(read(fd, &si, sizeof(si)));
	T(si.ssi_pid == (uint32_t)pid);
	V(si.ssi_status);
	V(si.ssi_code == CLD_EXITED);
	reap("child", pid);
}

static void socketpair_stream_is_bidirectional(void)
{
	char buffer[16] = "";
	int s[2];

	R(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	R(write(s[0], "ping", 4));
	R(read(s[1], buffer, 15));
	S(buffer);
	R(send(s[1], "pong!", 5, 0));
	memset(buffer, 0, sizeof(buffer));
	R(recv(s[0], buffer, 15, 0));
	S(buffer);
	say_ready(s[0]);
	R(shutdown(s[0], SHUT_WR));
	R(read(s[1], buffer, 15));
	R(close(s[1]));
	R(send(s[0], "x", 1, MSG_NOSIGNAL));
}

static void socketpair_datagram_keeps_boundaries(void)
{
	char buffer[16] = "";
	int s[2];

	R(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
	R(write(s[0], "one", 3));
	R(write(s[0], "three", 5));
	R(read(s[1], buffer, 15));
	S(buffer);
	memset(buffer, 0, sizeof(buffer));
	R(recv(s[1], buffer, 2, 0));
	S(buffer);
	R(read(s[1], buffer, 15));
}

static void socketpair_passes_descriptors(void)
{
	char data = 'd', control[CMSG_SPACE(sizeof(int))] = {0}, buffer[16] = "";
	struct iovec iov = {&data, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int s[2];
	make_file("a", "passed");
	int fd = open_file("a", O_RDONLY);

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	R(sendmsg(s[0], &m, 0));
	close(fd);
	memset(control, 0, sizeof(control));
	R(recvmsg(s[1], &m, 0));
	c = CMSG_FIRSTHDR(&m);
	if (T(c && c->cmsg_type == SCM_RIGHTS)) {
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
		R(read(fd, buffer, 15));
		S(buffer);
	}
}

const struct behaviour behaviours[] = {BEHAVIOUR(eventfd_adds_and_resets),
	BEHAVIOUR(eventfd_semaphore_counts_down), BEHAVIOUR(eventfd_limits),
	BEHAVIOUR(eventfd_wakes_another_process), BEHAVIOUR(timerfd_expires_once),
	BEHAVIOUR(timerfd_interval_counts_expirations), BEHAVIOUR(timerfd_absolute_and_refusals),
	BEHAVIOUR(signalfd_delivers_siginfo), BEHAVIOUR(signalfd_mask_can_change),
	BEHAVIOUR(signalfd_receives_sigchld), BEHAVIOUR(socketpair_stream_is_bidirectional),
	BEHAVIOUR(socketpair_datagram_keeps_boundaries), BEHAVIOUR(socketpair_passes_descriptors),
	{0}};
