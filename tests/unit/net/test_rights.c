/* SPDX-License-Identifier: Apache-2.0
 * Descriptors in flight: their references, rings that nobody can reach, and what is left when
 * memory runs out on the way.
 */
#include "net.h"
#include "fs/vfs.h"

extern u64 heap_live;

static int ends[2];

static void make_pipe(void)
{
	u_expect(u_syscall(__NR_pipe2, A, O_NONBLOCK), 0);
	u_read(ends, A, sizeof(ends));
}

static long pipe_says(void)
{
	return u_syscall(__NR_read, ends[0], A, 1);
}

static int narrow(long fd)
{
	return (int)fd;
}

static void passes_descriptors(void *arg)
{
	char text[16];
	int got[4];
	long fd[2];
	u32 n;

	make_pipe();
	n_pair(SOCK_STREAM, fd);
	u_expect(n_send_fds(fd[0], "text", ends, 2), 4);
	u_expect(n_close(ends[1]), 0);
	u_expect(pipe_says(), -EAGAIN);
	u_expect(n_recv_fds(fd[1], text, sizeof(text), got, 4, &n), 4);
	u_expect(n, 2);
	u_expect(u_syscall(__NR_write, got[1], A, 1), 1);
	u_expect(u_syscall(__NR_read, got[0], A, 1), 1);
	n_close(got[1]);
	u_expect(pipe_says(), 0);
	/* no room: they are closed */
	make_pipe();
	u_expect(n_send_fds(fd[0], "text", &ends[1], 1), 4);
	n_close(ends[1]);
	u_expect(n_recv_fds(fd[1], text, sizeof(text), got, 0, &n), 4);
	u_expect(n, 0);
	u_expect(pipe_says(), 0);
}

static void test_passing(void **state)
{
	run_program(passes_descriptors, EXITED(0));
}

/* `links` pairs, each in the queue of the next, the last in the first's; and a pipe in one. */
static void ring(u32 links, int type)
{
	long fd[16][2];

	make_pipe();
	for (u32 i = 0; i < links; i++)
		n_pair(type, fd[i]);
	u_expect(n_send_fds(fd[0][0], "w", &ends[1], 1), 1);
	n_close(ends[1]);
	for (u32 i = 0; i < links; i++) {
		int next = narrow(fd[(i + 1) % links][1]);

		u_expect(n_send_fds(fd[i][0], "x", &next, 1), 1);
	}
	for (u32 i = 0; i < links; i++)
		u_expect(n_close(fd[i][1]), 0);
	u_expect(pipe_says(), -EAGAIN);
	for (u32 i = 0; i < links; i++)
		u_expect(n_close(fd[i][0]), 0);
	u_expect(pipe_says(), 0);
	n_close(ends[0]);
}

static void collects_rings(void *arg)
{
	u64 live;

	ring(1, SOCK_STREAM);
	live = heap_live;
	for (u32 links = 1; links <= 16; links++) {
		ring(links, SOCK_STREAM);
		ring(links, SOCK_DGRAM);
		ring(links, SOCK_SEQPACKET);
	}
	u_expect(heap_live, live);
}

static void test_rings(void **state)
{
	run_program(collects_rings, EXITED(0));
}

/* The only way to a socket is through a connection that was not accepted. */
static void through_a_backlog(void *arg)
{
	long listener = n_socket(AF_UNIX, SOCK_STREAM), fd = n_socket(AF_UNIX, SOCK_STREAM), p[2];
	int got[2], inner;
	char text[4];
	u32 n;

	u_expect(n_unix(__NR_bind, listener, "@l"), 0);
	u_expect(u_syscall(__NR_listen, listener, 4), 0);
	u_expect(n_unix(__NR_connect, fd, "@l"), 0);
	make_pipe();
	n_pair(SOCK_DGRAM, p);
	inner = narrow(p[1]);
	u_expect(n_send_fds(p[0], "w", &ends[1], 1), 1);
	u_expect(n_send_fds(fd, "x", &inner, 1), 1);
	n_close(ends[1]);
	n_close(p[1]);
	n_close(n_socket(AF_UNIX, SOCK_STREAM)); /* looks for rings */
	u_expect(pipe_says(), -EAGAIN);
	fd = u_syscall(__NR_accept, listener, 0, 0);
	u_expect(n_recv_fds(fd, text, sizeof(text), got, 2, &n), 1);
	u_expect(n, 1);
	u_expect(n_recv_fds(got[0], text, sizeof(text), got, 2, &n), 1);
	u_expect(n, 1);
	n_close(got[0]);
	u_expect(pipe_says(), 0);
	/* the listener itself is in the queue of its connection */
	make_pipe();
	fd = n_socket(AF_UNIX, SOCK_STREAM);
	u_expect(n_unix(__NR_connect, fd, "@l"), 0);
	inner = narrow(listener);
	u_expect(n_send_fds(fd, "w", &ends[1], 1), 1);
	u_expect(n_send_fds(fd, "l", &inner, 1), 1);
	n_close(ends[1]);
	n_close(listener);
	u_expect(pipe_says(), -EAGAIN);
	n_close(fd);
	u_expect(pipe_says(), 0);
}

static void test_backlog(void **state)
{
	run_program(through_a_backlog, EXITED(0));
}

static void long_chain(void *arg)
{
	long inner[2], outer[2];

	make_pipe();
	n_pair(SOCK_DGRAM, inner);
	u_expect(n_send_fds(inner[0], "w", &ends[1], 1), 1);
	n_close(ends[1]);
	for (int i = 0; i < 5000; i++) {
		int fd = narrow(inner[1]);

		n_pair(SOCK_DGRAM, outer);
		u_expect(n_send_fds(outer[0], "x", &fd, 1), 1);
		n_close(inner[0]);
		n_close(inner[1]);
		inner[0] = outer[0];
		inner[1] = outer[1];
	}
	u_expect(pipe_says(), -EAGAIN);
	n_close(inner[0]);
	n_close(inner[1]);
	u_expect(pipe_says(), 0);
}

static void test_chain(void **state)
{
	harness.root = true; /* others have fewer in flight */
	run_program(long_chain, EXITED(0));
}

static void too_many(void *arg)
{
	int fds[200], sent = 0;
	long fd[2];

	u_put64s(A, 300, 300); /* RLIMIT_NOFILE */
	u_expect(u_syscall(__NR_setrlimit, 7, A), 0);
	for (int i = 0; i < 200; i++)
		fds[i] = 0;
	n_pair(SOCK_STREAM, fd);
	while (n_send_fds(fd[0], "x", fds, 200) == 1)
		sent++;
	u_expect(sent, 2); /* 400 are more than 300, but the limit is looked at before */
	u_expect(n_send_fds(fd[0], "x", fds, 200), -ETOOMANYREFS);
	u_expect(n_close(fd[1]), 0);
	n_pair(SOCK_STREAM, fd);
	u_expect(n_send_fds(fd[0], "x", fds, 200), 1);
}

static void test_limit(void **state)
{
	harness.root = false;
	run_program(too_many, EXITED(0));
}

/* Nothing is ever closed for the last time here. */
static void makes_rings_for_ever(void *arg)
{
	u64 live = 0;

	for (int i = 0; i < 10000; i++) {
		long fd[2];
		int one;

		n_pair(SOCK_STREAM, fd);
		one = narrow(fd[1]);
		u_expect(n_send_fds(fd[0], "x", &one, 1), 1);
		one = narrow(fd[0]);
		u_expect(n_send_fds(fd[0], "x", &one, 1), 1);
		n_close(fd[0]);
		n_close(fd[1]);
		if (i == 2000)
			live = heap_live;
	}
	u_check(heap_live < live + 20000);
}

static void test_bound(void **state)
{
	harness.root = true;
	run_program(makes_rings_for_ever, EXITED(0));
}

/* -- without memory -- */

static void one_of_each(void *arg)
{
	static char data[9000];
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	char text[16];
	int got[4];
	u32 n;

	for (int i = 0; i < 3; i++) {
		int fd[2], copy;

		if (u_syscall(__NR_socketpair, AF_UNIX, types[i], 0, B))
			continue;
		u_read(fd, B, sizeof(fd));
		copy = fd[0];
		n_send(fd[0], data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
		n_recv(fd[1], data, sizeof(data), MSG_DONTWAIT);
		n_send_fds(fd[0], "x", &copy, 1);
		n_send_fds(fd[0], "y", fd, 2);
		if (n_recv_fds(fd[1], text, sizeof(text), got, 4, &n) >= 0)
			for (u32 k = 0; k < n; k++)
				n_close(got[k]);
		n_close(fd[0]);
		n_close(fd[1]);
	}
}

static void test_memory_pairs_program(void *arg)
{
	n_without_memory(one_of_each);
}

static void test_memory_pairs(void **state)
{
	run_program(test_memory_pairs_program, EXITED(0));
}

static void server_and_client(void *arg)
{
	long l = n_socket(AF_UNIX, SOCK_STREAM), c = n_socket(AF_UNIX, SOCK_STREAM), s;
	char text[4];

	n_unix(__NR_bind, l, "@l");
	u_syscall(__NR_listen, l, 4);
	if (!n_unix(__NR_connect, c, "@l")) {
		n_send(c, "x", 1, MSG_NOSIGNAL);
		s = u_syscall(__NR_accept, l, 0, 0);
		n_recv(s, text, 1, MSG_DONTWAIT);
		n_close(s);
	}
	n_unix(__NR_connect, c, "@l");
	n_close(l);
	n_close(c);
}

static void test_memory_listener_program(void *arg)
{
	n_without_memory(server_and_client);
}

static void test_memory_listener(void **state)
{
	run_program(test_memory_listener_program, EXITED(0));
}

TESTS(rights, cmocka_unit_test(test_passing), cmocka_unit_test(test_rings),
	cmocka_unit_test(test_backlog), cmocka_unit_test(test_chain), cmocka_unit_test(test_limit),
	cmocka_unit_test(test_bound), cmocka_unit_test(test_memory_pairs),
	cmocka_unit_test(test_memory_listener));
