/* SPDX-License-Identifier: Apache-2.0
 * TCP and UDP over loopback: what is not reached, ports, ends of connections, queues.
 */
#include <stdlib.h>

#include "net.h"
#include "fs/vfs.h"

extern u64 heap_live;

/* -- what is not there -- */

static void only_loopback(void *arg)
{
	static const u32 others[] = {0x08080808, 0x0a000001, 0xc0a80001, 0xe0000001, 0x01020304};
	long tcp = n_socket(AF_INET, SOCK_STREAM), udp = n_socket(AF_INET, SOCK_DGRAM);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		u_expect(n_inet(__NR_connect, tcp, others[i], 80), -ENETUNREACH);
		u_expect(n_inet(__NR_connect, udp, others[i], 53), -ENETUNREACH);
		if (others[i] != 0xe0000001)
			u_expect(n_inet(__NR_bind, udp, others[i], 0), -EADDRNOTAVAIL);
	}
	u_expect(n_inet(__NR_connect, udp, 0xffffffff, 53), -EACCES);
	n_setopt(udp, SO_BROADCAST, 1);
	u_expect(n_inet(__NR_connect, udp, 0xffffffff, 53), -ENETUNREACH);
	u_expect(n_inet(__NR_connect, tcp, LOOPBACK, 80), -ECONNREFUSED);
	u_expect(n_inet(__NR_bind, tcp, LOOPBACK, 80), -EACCES);
	u_expect(n_socket(AF_INET, SOCK_RAW), -EPROTONOSUPPORT);
	u_expect(u_syscall(__NR_socket, AF_INET, SOCK_RAW, 1), -EPERM);
	for (int family = 3; family < 60; family++) {
		if (family != AF_INET6 && family != AF_NETLINK)
			u_expect(n_socket(family, SOCK_STREAM), -EAFNOSUPPORT);
	}
}

static void test_unreachable(void **state)
{
	harness.root = false;
	run_program(only_loopback, EXITED(0));
	assert_null(strstr(host_log(), "not granted")); /* -v was not asked for */
}

/* -- connections -- */

static void carries_bytes(void *arg)
{
	long listener = n_listen(2), fd[2];
	char buf[16] = {0};

	n_connected(listener, fd);
	for (int i = 0; i < 5; i++)
		u_expect(n_send(fd[0], "ab", 2, 0), 2);
	u_expect(n_recv(fd[1], buf, 3, MSG_PEEK), 3);
	u_expect(n_recv(fd[1], buf, 3, MSG_TRUNC), 3); /* thrown away */
	u_expect(n_recv(fd[1], buf, sizeof(buf), 0), 7);
	u_check(!memcmp(buf, "bababab", 7));
	u_expect(n_recv(fd[1], buf, 1, MSG_DONTWAIT), -EAGAIN);
	n_close(fd[0]);
	u_expect(n_recv(fd[1], buf, 1, 0), 0);
	u_expect(n_send(fd[1], "x", 1, 0), 1);
	u_expect(n_send(fd[1], "x", 1, MSG_NOSIGNAL), -EPIPE);
}

static void test_bytes(void **state)
{
	run_program(carries_bytes, EXITED(0));
}

/* Both ends do each of these in every order; nothing may be left over, whatever they do. */
enum step { SHUT_WRITE, SHUT_READ, SEND, RECEIVE, CLOSE, RESET, STEPS };

static void take_step(long fd, enum step step)
{
	char buf[8];

	switch (step) {
	case SHUT_WRITE:
		u_syscall(__NR_shutdown, fd, 1);
		break;
	case SHUT_READ:
		u_syscall(__NR_shutdown, fd, 0);
		break;
	case SEND:
		n_send(fd, "data", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case RECEIVE:
		n_recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	case RESET:
		u_put64s(B, 1, 0); /* struct linger: on, 0 s */
		u_syscall(__NR_setsockopt, fd, SOL_SOCKET, SO_LINGER, B, 8);
		n_close(fd);
		break;
	default:
		n_close(fd);
	}
	n_poll(fd);
}

static void every_order(void *arg)
{
	long listener = n_listen(2), fd[2];
	u64 live = 0;

	for (int n = 0; n < STEPS * STEPS * STEPS * STEPS; n++) {
		n_connected(listener, fd);
		take_step(fd[0], (enum step)(n % STEPS));
		take_step(fd[1], (enum step)(n / STEPS % STEPS));
		take_step(fd[0], (enum step)(n / STEPS / STEPS % STEPS));
		take_step(fd[1], (enum step)(n / STEPS / STEPS / STEPS));
		n_close(fd[0]);
		n_close(fd[1]);
		if (!n)
			live = heap_live;
		u_expect(heap_live, live);
	}
}

static void test_ends(void **state)
{
	run_program(every_order, EXITED(0));
}

static long listener;

static void connects_and_waits(void *arg)
{
	long fd = n_socket(AF_INET, SOCK_STREAM);
	u16 port = n_port(listener);

	n_close(listener);
	u_expect(n_inet(__NR_connect, fd, LOOPBACK, port), (long)arg);
}

static void backlog(void *arg)
{
	long first = n_socket(AF_INET, SOCK_STREAM), second = n_socket(AF_INET, SOCK_STREAM);

	listener = n_listen(0);
	u_expect(n_inet(__NR_connect, first, LOOPBACK, n_port(listener)), 0);
	u_fork(connects_and_waits, (void *)0);
	u_sleep(MSEC);
	u_fork(connects_and_waits, (void *)-ECONNREFUSED);
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_fcntl, second, 4, O_RDWR | O_NONBLOCK), 0);
	u_expect(n_inet(__NR_connect, second, LOOPBACK, n_port(listener)), -EINPROGRESS);
	u_expect(n_inet(__NR_connect, second, LOOPBACK, n_port(listener)), -EALREADY);
	u_check(u_syscall(__NR_accept, listener, 0, 0) >= 0); /* the first child comes in */
	u_sleep(10 * MSEC);
	u_expect(u_syscall(__NR_wait4, -1, A, 1 /* WNOHANG */, 0) > 0, 1);
	u_expect(u_get32(A), 0);
	n_close(listener); /* and nobody else */
	u_check(n_poll(second) & POLL_ERR);
	u_expect(n_inet(__NR_connect, second, LOOPBACK, 1), -ECONNREFUSED);
	u_check(u_syscall(__NR_wait4, -1, A, 0, 0) > 0);
	u_expect(u_get32(A), 0);
}

static void test_backlog(void **state)
{
	run_program(backlog, EXITED(0));
}

/* Each of those that share a port has its turn. */
static void shared_listeners(void *arg)
{
	long l[3], fd;
	u32 got[3] = {0};
	u16 port = 0;

	for (int i = 0; i < 3; i++) {
		l[i] = n_socket(AF_INET, SOCK_STREAM);
		n_setopt(l[i], SO_REUSEPORT, 1);
		u_expect(n_inet(__NR_bind, l[i], LOOPBACK, port), 0);
		u_expect(u_syscall(__NR_listen, l[i], 100), 0);
		u_expect(u_syscall(__NR_fcntl, l[i], 4, O_RDWR | O_NONBLOCK), 0);
		port = n_port(l[i]);
	}
	for (int i = 0; i < 60; i++) {
		fd = n_socket(AF_INET, SOCK_STREAM);
		u_expect(n_inet(__NR_connect, fd, LOOPBACK, port), 0);
		n_close(fd);
	}
	for (int i = 0; i < 3; i++) {
		while ((fd = u_syscall(__NR_accept, l[i], 0, 0)) >= 0) {
			got[i]++;
			n_close(fd);
		}
		u_check(got[i] > 5);
	}
	u_expect(got[0] + got[1] + got[2], 60);
}

static void test_shared(void **state)
{
	run_program(shared_listeners, EXITED(0));
}

static void ports_run_out(void *arg)
{
	long fd, n = 0;
	u64 live = heap_live;

	u_put64s(A, 100000, 100000);
	u_expect(u_syscall(__NR_setrlimit, 7, A), 0);
	for (;; n++) {
		fd = n_socket(AF_INET, SOCK_DGRAM);
		if (n_inet(__NR_bind, fd, LOOPBACK, 0))
			break;
	}
	u_expect(n, 28232);
	u_expect(n_inet(__NR_bind, fd, LOOPBACK, 0), -EADDRINUSE);
	u_expect(n_inet(__NR_connect, fd, LOOPBACK, 9), -EADDRNOTAVAIL);
	u_expect(n_inet(__NR_bind, fd, LOOPBACK, 5000), 0);
	for (; n >= 0; n--)
		n_close(n);
	u_check(heap_live < live + 20);
}

static void test_ports(void **state)
{
	harness.root = true; /* more descriptors than others may have */
	run_program(ports_run_out, EXITED(0));
}

/* -- datagrams -- */

static void datagrams(void *arg)
{
	long server = n_socket(AF_INET, SOCK_DGRAM), client = n_socket(AF_INET, SOCK_DGRAM);
	static char data[70000];
	int sent = 0;
	u16 port;

	u_expect(n_send(client, "x", 1, 0), -EDESTADDRREQ);
	u_expect(n_inet(__NR_bind, server, 0, 0), 0);
	port = n_port(server);
	u_expect(n_inet(__NR_connect, client, LOOPBACK, port), 0);
	u_expect(n_send(client, data, 65507, 0), 65507);
	u_expect(n_send(client, data, 65508, 0), -EMSGSIZE);
	u_expect(n_recv(server, data, sizeof(data), 0), 65507);
	/* a queue that is full loses what comes */
	n_setopt(server, SO_RCVBUF, 8000);
	for (int i = 0; i < 1000; i++)
		u_expect(n_send(client, data, 1000, 0), 1000);
	while (n_recv(server, data, 1000, MSG_DONTWAIT) == 1000)
		sent++;
	u_check(sent > 3 && sent < 20);
	n_close(server);
	u_expect(n_send(client, "x", 1, 0), 1);
	u_check(n_poll(client) & POLL_ERR);
	u_expect(n_send(client, "x", 1, 0), -ECONNREFUSED);
}

static void test_datagrams(void **state)
{
	run_program(datagrams, EXITED(0));
}

/* -- netlink: whatever a program sends, it gets an answer or none -- */

static void garbage(void *arg)
{
	static u8 q[4096], a[65536];
	long fd = u_syscall(__NR_socket, AF_NETLINK, SOCK_RAW, 0);

	for (u32 n = 0; n < 20000; n++) {
		u32 len = (u32)rand() % 80;

		for (u32 i = 0; i < len; i++)
			q[i] = (u8)rand();
		if (len >= 16 && n % 2) { /* a header that is nearly right */
			q[0] = (u8)(len - n % 3);
			q[1] = q[2] = q[3] = 0;
			q[4] = (u8)(16 + rand() % 16);
			q[5] = 0;
			q[6] |= 1;
		}
		u_expect(n_send(fd, q, len, 0), len);
		while (n_recv(fd, a, sizeof(a), MSG_DONTWAIT) > 0)
			;
	}
}

static void test_netlink(void **state)
{
	run_program(garbage, EXITED(0));
}

/* -- without memory -- */

static void one_of_each(void *arg)
{
	long l = n_socket(AF_INET6, SOCK_STREAM), c = n_socket(AF_INET, SOCK_STREAM), s;
	long udp = n_socket(AF_INET, SOCK_DGRAM), nl = n_socket(AF_NETLINK, SOCK_RAW);
	static const u8 dump[20] = {20, 0, 0, 0, 18, 0, 1, 3};
	static char data[9000];

	if (l >= 0 && !u_syscall(__NR_listen, l, 4) && c >= 0 &&
		!n_inet(__NR_connect, c, LOOPBACK, n_port(l))) {
		n_send(c, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT);
		s = u_syscall(__NR_accept, l, 0, 0);
		n_recv(s, data, 100, MSG_DONTWAIT);
		n_close(s);
	}
	if (udp >= 0 && !n_inet(__NR_bind, udp, LOOPBACK, 0) &&
		!n_inet(__NR_connect, udp, LOOPBACK, n_port(udp))) {
		n_send(udp, data, 5000, 0);
		n_recv(udp, data, 100, MSG_DONTWAIT);
	}
	n_send(nl, dump, sizeof(dump), 0);
	n_recv(nl, data, sizeof(data), MSG_DONTWAIT);
	n_close(l);
	n_close(c);
	n_close(udp);
	n_close(nl);
}

static void memory_runs_out(void *arg)
{
	n_without_memory(one_of_each);
}

static void test_memory(void **state)
{
	run_program(memory_runs_out, EXITED(0));
}

TESTS(inet, cmocka_unit_test(test_unreachable), cmocka_unit_test(test_bytes),
	cmocka_unit_test(test_ends), cmocka_unit_test(test_backlog), cmocka_unit_test(test_shared),
	cmocka_unit_test(test_ports), cmocka_unit_test(test_datagrams),
	cmocka_unit_test(test_netlink), cmocka_unit_test(test_memory));
