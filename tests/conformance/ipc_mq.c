/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues. */
#include "behave.h"

#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char name[32];

static void clean(void)
{
	mq_unlink(name);
}

static const char *a_name(void)
{
	if (!*name)
		snprintf(name, sizeof(name), "/conf-%d", getpid());
	atexit(clean);
	return name;
}

static mqd_t queue(int flags, long max, long size)
{
	struct mq_attr a = {.mq_maxmsg = max, .mq_msgsize = size};
	mqd_t q = mq_open(a_name(), O_CREAT | O_RDWR | flags, 0600, &a);

	MUST(q >= 0);
	return q;
}

static void put(mqd_t q, const char *s, unsigned prio)
{
	errno = 0;
	int r = mq_send(q, s, strlen(s), prio);
	say("put %s: %d %s", s, r, r ? errno_name(errno) : "");
}

static void get(mqd_t q)
{
	char text[9000] = "";
	unsigned prio = 99;
	ssize_t n = mq_receive(q, text, sizeof(text), &prio);

	if (n < 0)
		say("get: %s", errno_name(errno));
	else
		say("get: %zd %s, priority %u", n, text, prio);
}

static void say_attr(mqd_t q)
{
	struct mq_attr a = {0};

	R(mq_getattr(q, &a));
	say("flags %lx max %ld size %ld now %ld", a.mq_flags, a.mq_maxmsg, a.mq_msgsize,
		a.mq_curmsgs);
}

static void open_refuses(void)
{
	char longname[400];
	struct mq_attr bad[] = {{.mq_maxmsg = 0, .mq_msgsize = 10},
		{.mq_maxmsg = 10, .mq_msgsize = 0}, {.mq_maxmsg = -1, .mq_msgsize = 10},
		{.mq_maxmsg = 70000, .mq_msgsize = 10}, {.mq_maxmsg = 1, .mq_msgsize = 20000000}};

	memset(longname, 'a', sizeof(longname));
	longname[399] = 0;
	R(syscall(SYS_mq_open, "none-such", O_RDWR, 0600, NULL));
	R(syscall(SYS_mq_open, "", O_RDWR | O_CREAT, 0600, NULL));
	R(syscall(SYS_mq_open, "/a", O_RDWR | O_CREAT, 0600, NULL));
	R(syscall(SYS_mq_open, ".", O_RDWR | O_CREAT, 0600, NULL));
	R(syscall(SYS_mq_open, "..", O_RDWR, 0600, NULL));
	R(syscall(SYS_mq_open, longname, O_RDWR | O_CREAT, 0600, NULL));
	R(syscall(SYS_mq_open, (void *)8, O_RDWR, 0600, NULL));
	R(syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, (void *)8));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		R(mq_open(a_name(), O_RDWR | O_CREAT, 0600, &bad[i]));
	R(syscall(SYS_mq_unlink, "none-such"));
	R(syscall(SYS_mq_unlink, "a/b"));
	R(syscall(SYS_mq_unlink, longname));
}

static void open_and_again(void)
{
	struct stat st;
	mqd_t q;

	umask(027);
	q = R(mq_open(a_name(), O_CREAT | O_RDWR, 0666, NULL));
	say_attr(q);
	V(fcntl(q, F_GETFD));
	V(fcntl(q, F_GETFL) & O_ACCMODE);
	R(fstat(q, &st));
	say("%o %d %d", st.st_mode, (int)st.st_nlink, (int)st.st_size);
	R(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL));
	mqd_t again = R(mq_open(name, O_CREAT | O_RDONLY | O_NONBLOCK, 0, NULL));
	R(mq_open(name, 3));
	say_attr(again);
	put(q, "through", 1);
	get(again);
	put(again, "no", 1);
	mqd_t w = R(mq_open(name, O_WRONLY));
	get(w);
	R(mq_unlink(name));
	R(mq_unlink(name));
	R(mq_open(name, O_RDWR));
	put(w, "still", 0);
	get(q);
	R(fstat(q, &st));
	V(st.st_nlink);
}

static void mode_0_may_be_made(void)
{
	mqd_t q = R(mq_open(a_name(), O_CREAT | O_WRONLY, 0, NULL));

	put(q, "x", 0);
}

static void priorities(void)
{
	mqd_t q = queue(O_NONBLOCK, 8, 100);

	put(q, "low", 1);
	put(q, "high", 9);
	put(q, "low again", 1);
	put(q, "", 9);
	put(q, "middle", 5);
	put(q, "top", 32767);
	put(q, "too high", 32768);
	for (int i = 0; i < 7; i++)
		get(q);
}

static void limits(void)
{
	mqd_t q = queue(O_NONBLOCK, 2, 5);
	char text[5];

	put(q, "12345", 0);
	put(q, "123456", 0);
	put(q, "b", 0);
	put(q, "c", 0);
	say_attr(q);
	R(mq_receive(q, text, 4, NULL));
	R(mq_receive(q, text, 5, NULL));
	R(mq_receive(q, (void *)8, 5, NULL));
	R(mq_receive(q, text, 5, NULL));
	R(mq_send(q, (void *)8, 3, 0));
	put(q, "d", 0);
	R(mq_receive(q, text, 5, (void *)8));
	say_attr(q);
}

static void bad_descriptors(void)
{
	struct mq_attr a;
	struct timespec bad = {0, 1000000000};
	mqd_t q = queue(0, 2, 5);

	make_file("f", "");
	int fd = open_file("f", O_RDWR);
	R(mq_send(fd, "x", 1, 0));
	R(mq_receive(fd, "x", 1, 0));
	R(mq_getattr(fd, &a));
	R(mq_notify(fd, NULL));
	R(mq_send(99, "x", 1, 40000));
	R(mq_send(99, "x", 1, 0));
	R(mq_timedsend(99, "x", 1, 0, &bad));
	R(mq_timedreceive(q, "x", 1, 0, &bad));
	R(mq_timedsend(q, "x", 1, 0, &bad));
	R(syscall(SYS_mq_timedsend, q, "x", 1, 0, 8));
	R(syscall(SYS_mq_getsetattr, q, 8, NULL));
	R(syscall(SYS_mq_getsetattr, q, NULL, 8));
	R(syscall(SYS_mq_notify, q, 8));
}

static void file_calls(void)
{
	char text[200] = "";
	mqd_t q = queue(O_NONBLOCK, 2, 5);

	put(q, "abc", 1);
	R(read(q, text, sizeof(text)));
	S(text);
	R(read(q, text, sizeof(text)));
	R(lseek(q, 6, SEEK_SET));
	memset(text, 0, sizeof(text));
	R(read(q, text, 5));
	S(text);
	R(write(q, "x", 1));
	R(ftruncate(q, 0));
	struct stat st;
	R(fchmod(q, 0640));
	R(fstat(q, &st));
	say("%o", st.st_mode);
}

static void setattr(void)
{
	struct mq_attr a = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 7}, old;
	mqd_t q = queue(0, 2, 5);

	R(mq_setattr(q, &a, &old));
	V(old.mq_flags);
	say_attr(q);
	get(q);
	T(fcntl(q, F_GETFL) & O_NONBLOCK);
	a.mq_flags = O_APPEND;
	R(mq_setattr(q, &a, NULL));
	a.mq_flags = 0;
	R(mq_setattr(q, &a, NULL));
	say_attr(q);
}

static void polling(void)
{
	mqd_t q = queue(O_NONBLOCK, 1, 5);
	struct pollfd p = {q, POLLIN | POLLOUT, 0};

	V(poll(&p, 1, 0));
	V(p.revents);
	put(q, "x", 0);
	V(poll(&p, 1, 0));
	V(p.revents);
	get(q);
	V(poll(&p, 1, 0));
	V(p.revents);
}

static void poll_is_woken(void)
{
	mqd_t q = queue(0, 1, 5);
	struct pollfd p = {q, POLLIN, 0};
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);
	pid_t pid = fork();

	if (pid == 0) {
		until_asleep(getppid());
		_exit(mq_send(q, "x", 1, 0));
	}
	R(epoll_ctl(ep, EPOLL_CTL_ADD, q, &e));
	R(poll(&p, 1, 5000));
	R(epoll_wait(ep, &e, 1, 5000));
	reap("sender", pid);
	p.events = POLLOUT;
	pid = fork();
	if (pid == 0) {
		char text[5];

		until_asleep(getppid());
		_exit(mq_receive(q, text, 5, NULL) != 1);
	}
	R(poll(&p, 1, 5000));
	reap("receiver", pid);
}

static void receiver_waits(void)
{
	mqd_t q = queue(0, 2, 100);
	pid_t pid = fork();

	if (pid == 0) {
		until_asleep(getppid());
		_exit(mq_send(q, "at last", 7, 3));
	}
	get(q);
	reap("sender", pid);
	say_attr(q);
}

static void sender_waits(void)
{
	mqd_t q = queue(0, 1, 100);
	put(q, "first", 1);
	pid_t pid = fork();

	if (pid == 0)
		_exit(mq_send(q, "second", 6, 3));
	until_asleep(pid);
	get(q);
	get(q);
	reap("sender", pid);
}

static void longest_waiting_receiver_first(void)
{
	mqd_t q = queue(0, 2, 100);
	char text[100] = "";
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			MUST(mq_receive(q, text, 100, NULL) == 1);
			_exit(text[0]);
		}
		until_asleep(pid[i]);
	}
	mq_send(q, "\1", 1, 0);
	mq_send(q, "\2", 1, 0);
	reap("first", pid[0]);
	reap("second", pid[1]);
}

static void timeouts(void)
{
	mqd_t q = queue(0, 1, 100);
	struct timespec t, past = {1, 0};
	char text[100];
	int64_t start = now_ns(CLOCK_MONOTONIC);

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 60000000;
	if (t.tv_nsec >= 1000000000)
		t = (struct timespec){t.tv_sec + 1, t.tv_nsec - 1000000000};
	R(mq_timedreceive(q, text, 100, NULL, &t));
	T(now_ns(CLOCK_MONOTONIC) - start >= 55000000);
	R(mq_timedreceive(q, text, 100, NULL, &past));
	R(mq_timedsend(q, "x", 1, 0, &past));
	R(mq_timedsend(q, "x", 1, 0, &past));
	R(mq_timedreceive(q, text, 100, NULL, &past));
}

static volatile int handled;
static volatile long got_value;
static volatile int got_code;
static void handler(int sig, siginfo_t *si, void *context)
{
	(void)context, (void)sig;
	handled++;
	got_value = si->si_value.sival_int;
	got_code = si->si_code;
}

static void on_signal(int sig, int flags)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	sigaction(sig, &sa, NULL);
}

static void signal_interrupts(void)
{
	mqd_t q = queue(0, 1, 100);
	pid_t pid;

	on_signal(SIGUSR1, 0);
	pid = signal_when_asleep(SIGUSR1);
	get(q);
	V(handled);
	reap("child", pid);
}

static void restart_goes_on(void)
{
	mqd_t q = queue(0, 1, 100);
	pid_t pid;

	on_signal(SIGUSR1, SA_RESTART);
	pid = fork();
	if (pid == 0) {
		until_asleep(getppid());
		kill(getppid(), SIGUSR1);
		until_asleep(getppid());
		_exit(mq_send(q, "x", 1, 0));
	}
	get(q);
	V(handled);
	reap("child", pid);
}

static void notify_by_signal(void)
{
	mqd_t q = queue(O_NONBLOCK, 4, 100);
	struct sigevent ev = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};

	on_signal(SIGUSR1, 0);
	R(mq_notify(q, &ev));
	R(mq_notify(q, &ev));
	char text[100] = "";
	R(read(q, text, 38));
	S(text);
	put(q, "first", 0);
	V(handled);
	V(got_value);
	V(got_code);
	put(q, "second", 0);
	V(handled);
	R(mq_notify(q, &ev));
	put(q, "not empty", 0);
	V(handled);
	for (int i = 0; i < 3; i++)
		get(q);
	put(q, "empty", 0);
	V(handled);
}

static void no_notice_while_somebody_receives(void)
{
	mqd_t q = queue(0, 4, 100);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char text[100];

	on_signal(SIGUSR1, 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(mq_receive(q, text, 100, NULL) != 1);
	until_asleep(pid);
	R(mq_notify(q, &ev));
	R(mq_send(q, "x", 1, 0));
	reap("receiver", pid);
	V(handled);
	R(mq_send(q, "y", 1, 0));
	V(handled);
}

static void notify_is_taken_back(void)
{
	mqd_t q = queue(O_NONBLOCK, 4, 100);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};

	on_signal(SIGUSR1, 0);
	R(mq_notify(q, NULL));
	R(mq_notify(q, &ev));
	R(mq_notify(q, NULL));
	put(q, "x", 0);
	V(handled);
	get(q);
	R(mq_notify(q, &ev));
	mqd_t other = mq_open(name, O_RDWR);
	R(mq_close(other));
	put(q, "x", 0);
	V(handled);
}

static void notify_ends_with_its_process(void)
{
	mqd_t q = queue(O_NONBLOCK, 4, 100);
	struct sigevent ev = {.sigev_notify = SIGEV_NONE};
	pid_t pid = fork();

	if (pid == 0)
		_exit(mq_notify(q, &ev) != 0);
	reap("child", pid);
	R(mq_notify(q, &ev));
	pid = fork();
	if (pid == 0)
		_exit(mq_notify(q, &ev) ? errno : 0);
	reap("child", pid);
}

static void notify_refuses(void)
{
	mqd_t q = queue(O_NONBLOCK, 4, 100);
	struct sigevent ev = {.sigev_notify = 77};
	char cookie[32] = "";

	R(mq_notify(q, &ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	R(mq_notify(q, &ev));
	ev.sigev_signo = -1;
	R(mq_notify(q, &ev));
	ev.sigev_notify = SIGEV_THREAD;
	ev.sigev_value.sival_ptr = (void *)8;
	R(syscall(SYS_mq_notify, q, &ev));
	ev.sigev_value.sival_ptr = cookie;
	R(syscall(SYS_mq_notify, q, &ev));
	ev.sigev_signo = q;
	R(syscall(SYS_mq_notify, q, &ev));
}

static volatile int thread_ran;
static void in_thread(union sigval v)
{
	thread_ran = v.sival_int;
}

static void notify_by_thread(void)
{
	mqd_t q = queue(O_NONBLOCK, 4, 100);
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = in_thread,
		.sigev_value.sival_int = 17};

	R(mq_notify(q, &ev));
	R(mq_notify(q, &ev));
	put(q, "x", 0);
	for (int i = 0; i < 500 && !thread_ran; i++)
		sleep_ms(20);
	V(thread_ran);
	thread_ran = 0;
	get(q);
	R(mq_notify(q, &ev));
	R(mq_notify(q, NULL));
	put(q, "y", 0);
	sleep_ms(100);
	V(thread_ran);
}

static void as_stranger(void)
{
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(mq_open(name, O_RDONLY));
	R(mq_open(name, O_WRONLY));
	R(mq_open(name, O_RDWR));
	R(mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, NULL));
	R(mq_unlink(name));
	struct mq_attr big = {.mq_maxmsg = 11, .mq_msgsize = 10};
	R(mq_open("/conf-other", O_RDONLY | O_CREAT, 0600, &big));
	big = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 8193};
	R(mq_open("/conf-other", O_RDONLY | O_CREAT, 0600, &big));
	R(mq_open("/conf-other", O_RDONLY | O_CREAT, 0600, NULL));
	R(mq_unlink("/conf-other"));
}

static void rights(void)
{
	mqd_t q = queue(O_NONBLOCK, 4, 100);

	in_child("stranger", as_stranger);
	R(fchmod(q, 0604));
	in_child("stranger", as_stranger);
}

static void bytes_are_limited(void)
{
	struct rlimit l = {1000, 1000};
	struct mq_attr a = {.mq_maxmsg = 10, .mq_msgsize = 100};

	become_nobody_else();
	R(setrlimit(RLIMIT_MSGQUEUE, &l));
	R(mq_open(a_name(), O_RDWR | O_CREAT, 0600, &a));
	a.mq_maxmsg = 1;
	R(mq_open(a_name(), O_RDWR | O_CREAT, 0600, &a));
}

static void sysctls(void)
{
	static const char *const names[] = {
		"msg_default", "msg_max", "msgsize_default", "msgsize_max", "queues_max"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", names[i]);
		show_file(path);
	}
}

const struct behaviour behaviours[] = {BEHAVIOUR(open_refuses), BEHAVIOUR(open_and_again),
	BEHAVIOUR(mode_0_may_be_made), BEHAVIOUR(priorities), BEHAVIOUR(limits),
	BEHAVIOUR(bad_descriptors), BEHAVIOUR(file_calls), BEHAVIOUR(setattr), BEHAVIOUR(polling),
	BEHAVIOUR(poll_is_woken), BEHAVIOUR(receiver_waits), BEHAVIOUR(sender_waits),
	BEHAVIOUR(longest_waiting_receiver_first), BEHAVIOUR(timeouts),
	BEHAVIOUR(signal_interrupts), BEHAVIOUR(restart_goes_on), BEHAVIOUR(notify_by_signal),
	BEHAVIOUR(no_notice_while_somebody_receives), BEHAVIOUR(notify_is_taken_back),
	BEHAVIOUR(notify_ends_with_its_process), BEHAVIOUR(notify_refuses),
	BEHAVIOUR(notify_by_thread), BEHAVIOUR(rights), BEHAVIOUR(bytes_are_limited),
	BEHAVIOUR(sysctls), {0}};
