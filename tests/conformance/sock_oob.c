/* SPDX-License-Identifier: Apache-2.0 */
/* Urgent data of TCP and of local streams: the mark, the byte beside the others, the signal. */
#include "sockets.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

#include <linux/sockios.h>

static bool local;
static int client, server;
static volatile sig_atomic_t nurgent, nio;

static void connected_tcp(void)
{
	int port, listener = inet_listener("127.0.0.1", 5, &port);

	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	server = accept(listener, NULL, NULL);
	MUST(server >= 0);
	close(listener);
}

static void connected_local(void)
{
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	client = pair[0];
	server = pair[1];
}

static void connected(void)
{
	if (local)
		connected_local();
	else
		connected_tcp();
	set_nonblocking(server);
}

static void sent(const char *text, int flags)
{
	MUST(send_text(client, text, flags) == (long)strlen(text));
	if (!local)
		sleep_ms(20); /* natively it is on its way */
}

static void say_state(const char *label)
{
	int mark = -1, n = -1;

	MUST(ioctl(server, SIOCATMARK, &mark) == 0);
	MUST(ioctl(server, FIONREAD, &n) == 0);
	say("%s: at mark %d, readable %d", label, mark, n);
	say_events(label, server);
}

/* What is left behind a byte that was passed unread. Linux 6.17 counts that for ever, if local. */
static void say_rest(const char *label)
{
	int mark = -1;

	if (!local) {
		say_state(label);
		return;
	}
	MUST(ioctl(server, SIOCATMARK, &mark) == 0);
	say("%s: at mark %d", label, mark);
	say_events(label, server);
}

static void byte_beside(void)
{
	connected();
	say_state("nothing");
	say_recv("no byte", server, 10, MSG_OOB);
	sent("abc", MSG_OOB);
	say_state("arrived");
	say_recv("peeked", server, 10, MSG_OOB | MSG_PEEK);
	say_recv("byte", server, 10, MSG_OOB);
	say_state("byte was read");
	say_recv("byte again", server, 10, MSG_OOB);
	sent("def", 0);
	say_state("more");
	say_recv("to the mark", server, 10, 0);
	say_state("at the mark");
	say_recv("behind it", server, 10, 0);
	say_state("all");
	say_recv("end", server, 10, 0);
	say_recv("byte at the end", server, 10, MSG_OOB);
}

static void byte_passed(void)
{
	connected();
	sent("abc", MSG_OOB);
	sent("def", 0);
	say_recv("before", server, 10, 0);
	say_recv("behind", server, 10, 0);
	say_recv("too late", server, 10, MSG_OOB);
	say_rest("all");
}

static void byte_alone(void)
{
	connected();
	sent("x", MSG_OOB);
	say_state("alone");
	say_recv("peek", server, 10, MSG_PEEK);
	say_state("after the peek");
	say_recv("read", server, 10, 0);
	say_rest("after the read");
	say_recv("byte", server, 10, MSG_OOB);
}

static void bytes_in_line(void)
{
	connected();
	set_option(server, SOL_SOCKET, SO_OOBINLINE, 1);
	sent("abc", MSG_OOB);
	sent("def", 0);
	say_state("arrived");
	say_recv("not beside", server, 10, MSG_OOB);
	say_recv("to the mark", server, 10, 0);
	say_state("at the mark");
	say_recv("behind", server, 10, 0);
	say_state("all");
}

static void peeks(void)
{
	connected();
	sent("abc", MSG_OOB);
	sent("def", 0);
	say_recv("peek", server, 10, MSG_PEEK);
	say_recv("peek one", server, 1, MSG_PEEK);
	say_recv("read", server, 2, 0);
	say_recv("peek at the mark", server, 10, MSG_PEEK);
	say_recv("peek one", server, 1, MSG_PEEK);
	say_state("still there");
	say_recv("byte", server, 10, MSG_OOB);
	say_recv("read", server, 1, 0);
	say_recv("read", server, 10, 0);
}

static void the_second_mark(void)
{
	connected();
	sent("abc", MSG_OOB);
	sent("def", MSG_OOB);
	say_state("two");
	say_recv("the later", server, 10, MSG_OOB);
	say_recv("read", server, 10, 0);
	say_recv("read", server, 10, 0);
	sent("x", MSG_OOB);
	sent("y", MSG_OOB);
	say_state("two alone");
	say_recv("byte", server, 10, MSG_OOB);
	say_recv("read", server, 10, 0);
	say_state("all");
}

static void odd_lengths(void)
{
	struct msghdr m = {0};
	char c = 0;
	struct iovec v = {&c, 1};

	connected();
	R(send(client, "", 0, MSG_OOB));
	sent("a", MSG_OOB);
	R(recv(server, &c, 0, MSG_OOB | MSG_PEEK));
	m.msg_iov = &v;
	m.msg_iovlen = 1;
	R(recvmsg(server, &m, MSG_OOB | MSG_PEEK));
	V(m.msg_flags);
	V(c);
	v.iov_len = 0;
	R(recvmsg(server, &m, MSG_OOB));
	V(m.msg_flags);
	R(recv(server, &c, 1, MSG_OOB));
}

static void waiting_for_all(void)
{
	char text[16] = "";

	connected();
	sent("abc", MSG_OOB);
	sent("def", 0);
	MUST(fcntl(server, F_SETFL, 0) == 0);
	R(recv(server, text, 5, MSG_WAITALL));
	S(text);
	R(recv(server, text, 3, MSG_WAITALL));
	S(text);
}

static void the_end_after_it(void)
{
	connected();
	sent("abc", MSG_OOB);
	close(client);
	sleep_ms(20);
	say_state("closed");
	say_recv("read", server, 10, 0);
	say_recv("end", server, 10, 0);
	say_recv("byte", server, 10, MSG_OOB);
}

static void on_urgent(int signo)
{
	nurgent += signo == SIGURG;
	nio += signo == SIGIO;
}

static void signals(void)
{
	connected();
	signal(SIGURG, on_urgent);
	signal(SIGIO, on_urgent);
	sent("a", MSG_OOB);
	V(nurgent);
	R(fcntl(server, F_SETOWN, getpid()));
	sent("b", MSG_OOB);
	V(nurgent);
	V(nio);
	sent("c", 0);
	V(nurgent);
	sent("de", MSG_OOB);
	V(nurgent);
	R(fcntl(server, F_SETOWN, 0));
	sent("f", MSG_OOB);
	V(nurgent);
	V(nio);
}

static void many_events(void)
{
	struct epoll_event e = {.events = EPOLLPRI | EPOLLET, .data.u32 = 7}, got;
	struct timeval now = {0, 0};
	int ep = epoll_create1(0);
	fd_set except;

	connected();
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, server, &e) == 0);
	R(epoll_wait(ep, &got, 1, 0));
	sent("a", MSG_OOB);
	R(epoll_wait(ep, &got, 1, 0));
	V(got.events);
	R(epoll_wait(ep, &got, 1, 0));
	FD_ZERO(&except);
	FD_SET(server, &except);
	R(select(server + 1, NULL, NULL, &except, &now));
	say_recv("byte", server, 1, MSG_OOB);
	FD_SET(server, &except);
	R(select(server + 1, NULL, NULL, &except, &now));
}

static void a_poll_is_woken(void)
{
	struct pollfd p;
	pid_t child;

	connected();
	p = (struct pollfd){.fd = server, .events = POLLPRI};
	child = fork();
	if (!child) {
		until_asleep(getppid());
		_exit(send(client, "u", 1, MSG_OOB) != 1);
	}
	R(poll(&p, 1, 5000));
	V(p.revents);
	reap("sender", child);
}

static void not_connected(void)
{
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0), mark = -1;
	char c;

	R(recv(fd, &c, 1, MSG_OOB));
	R(send(fd, "x", 1, MSG_OOB | MSG_NOSIGNAL));
	R(ioctl(fd, SIOCATMARK, &mark));
	V(mark);
}

/* -- local streams only -- */

static void the_mark_of_a_byte_that_was_read(void)
{
	local = true;
	connected();
	sent("a", MSG_OOB);
	say_recv("byte", server, 1, MSG_OOB);
	say_state("nothing but the mark");
	say_recv("peek", server, 10, MSG_PEEK);
	say_state("the mark still");
	say_recv("read", server, 10, 0);
	say_state("no mark");
	sent("ab", MSG_OOB);
	say_recv("byte", server, 1, MSG_OOB);
	sent("cd", MSG_OOB);
	say_state("another");
	say_recv("over the old", server, 10, 0);
	say_recv("byte", server, 1, MSG_OOB);
	sent("e", 0);
	say_recv("read", server, 10, 0);
	say_state("all");
}

static void closing_before_it_is_read(void)
{
	local = true;
	connected();
	sent("a", MSG_OOB);
	close(server);
	say_option("unread", client, SOL_SOCKET, SO_ERROR);
	connected();
	sent("a", MSG_OOB);
	say_recv("byte", server, 1, MSG_OOB);
	close(server);
	say_option("read", client, SOL_SOCKET, SO_ERROR);
	R(send(client, "a", 1, MSG_OOB | MSG_NOSIGNAL));
}

static void no_room_for_it(void)
{
	static char block[4096];

	local = true;
	connected();
	set_nonblocking(client);
	while (send(client, block, sizeof(block), 0) > 0)
		;
	R(send(client, "a", 1, MSG_OOB));
	say_state("none");
	while (recv(server, block, sizeof(block), 0) > 0)
		;
	R(send(client, "abc", 3, MSG_OOB));
	say_state("one");
}

/* They come with the bytes, or with the only one. */
static void descriptors_beside_it(void)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	local = true;
	connected();
	*c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &client, sizeof(int));
	R(sendmsg(client, &m, MSG_OOB));
	R(recvmsg(server, &m, MSG_OOB));
	V(m.msg_controllen);
	V(m.msg_flags);
}

static void other_local_sockets_have_none(void)
{
	int pair[2];
	char c;

	for (int i = 0; i < 2; i++) {
		MUST(socketpair(AF_UNIX, i ? SOCK_DGRAM : SOCK_SEQPACKET, 0, pair) == 0);
		R(send(pair[0], "a", 1, MSG_OOB));
		R(recv(pair[1], &c, 1, MSG_OOB | MSG_DONTWAIT));
	}
}

#define LOCAL(fn)                                                                                  \
	static void local_##fn(void)                                                               \
	{                                                                                          \
		local = true;                                                                      \
		fn();                                                                              \
	}
LOCAL(byte_beside)
LOCAL(byte_passed)
LOCAL(byte_alone)
LOCAL(bytes_in_line)
LOCAL(peeks)
LOCAL(the_second_mark)
LOCAL(odd_lengths)
LOCAL(waiting_for_all)
LOCAL(the_end_after_it)
LOCAL(signals)
LOCAL(many_events)
LOCAL(a_poll_is_woken)
LOCAL(not_connected)

const struct behaviour behaviours[] = {BEHAVIOUR(byte_beside), BEHAVIOUR(byte_passed),
	BEHAVIOUR(byte_alone), BEHAVIOUR(bytes_in_line), BEHAVIOUR(peeks),
	BEHAVIOUR(the_second_mark), BEHAVIOUR(odd_lengths), BEHAVIOUR(waiting_for_all),
	BEHAVIOUR(the_end_after_it), BEHAVIOUR(signals), BEHAVIOUR(many_events),
	BEHAVIOUR(a_poll_is_woken), BEHAVIOUR(not_connected), BEHAVIOUR(local_byte_beside),
	BEHAVIOUR(local_byte_passed), BEHAVIOUR(local_byte_alone), BEHAVIOUR(local_bytes_in_line),
	BEHAVIOUR(local_peeks), BEHAVIOUR(local_the_second_mark), BEHAVIOUR(local_odd_lengths),
	BEHAVIOUR(local_waiting_for_all), BEHAVIOUR(local_the_end_after_it),
	BEHAVIOUR(local_signals), BEHAVIOUR(local_many_events), BEHAVIOUR(local_a_poll_is_woken),
	BEHAVIOUR(local_not_connected), BEHAVIOUR(the_mark_of_a_byte_that_was_read),
	BEHAVIOUR(closing_before_it_is_read), BEHAVIOUR(no_room_for_it),
	BEHAVIOUR(descriptors_beside_it), BEHAVIOUR(other_local_sockets_have_none), {0}};
