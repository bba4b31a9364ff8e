/* SPDX-License-Identifier: Apache-2.0
 * Local sockets: the ends of connections, full buffers, waiting.
 */
#include <asm/signal.h>

#include "net.h"
#include "fs/vfs.h"

static char data[100000];

static void carries_bytes(void *arg)
{
	char buf[16] = {0};
	long fd[2];

	n_pair(SOCK_STREAM, fd);
	u_expect(n_send(fd[0], "hello", 5, 0), 5);
	u_expect(n_send(fd[0], " you", 4, 0), 4);
	u_expect(n_recv(fd[1], buf, 3, MSG_PEEK), 3);
	u_expect(n_recv(fd[1], buf, 7, 0), 7);
	u_check(!memcmp(buf, "hello y", 7));
	u_expect(n_recv(fd[1], buf, sizeof(buf), 0), 2);
	u_expect(n_recv(fd[1], buf, sizeof(buf), MSG_DONTWAIT), -EAGAIN);
	u_expect(n_close(fd[0]), 0);
	u_expect(n_recv(fd[1], buf, sizeof(buf), 0), 0);
	u_expect(n_send(fd[1], "x", 1, MSG_NOSIGNAL), -EPIPE);
	u_expect(n_poll(fd[1]), POLL_IN | POLL_RDNORM | POLL_OUT | POLL_WRNORM | POLL_WRBAND |
					POLL_HUP | POLL_RDHUP);
}

static void test_bytes(void **state)
{
	run_program(carries_bytes, EXITED(0));
}

/* Packets of every size, which are one allocation or several pages. */
static void sizes(void *arg)
{
	static char back[sizeof(data)];
	long fd[2];

	n_pair(SOCK_DGRAM, fd);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 + i / 251);
	for (size_t n = 0; n < sizeof(data); n = n * 3 + 1) {
		memset(back, 0, sizeof(back));
		u_expect(n_send(fd[0], data, n, 0), n);
		u_expect(n_recv(fd[1], back, sizeof(back), 0), n);
		u_check(!memcmp(data, back, n));
	}
	n_pair(SOCK_STREAM, fd);
	for (size_t at = 0; at < 50000; at += 7777)
		u_expect(n_send(fd[0], data + at, 7777, 0), 7777);
	for (size_t at = 0; at < 50000; at += 1000) {
		u_expect(n_recv(fd[1], back, 1000, MSG_WAITALL), 1000);
		u_check(!memcmp(data + at, back, 1000));
	}
}

static void test_sizes(void **state)
{
	run_program(sizes, EXITED(0));
}

static long pair[2];

static void drains(void *arg)
{
	char buf[4096];
	long r, all = 0;

	n_close(pair[0]);
	u_sleep(10 * MSEC);
	while ((r = n_recv(pair[1], buf, sizeof(buf), 0)) > 0)
		all += r;
	u_expect(r, 0);
	u_expect(all, 3 * sizeof(data));
}

static void writer_waits(void *arg)
{
	n_pair(SOCK_STREAM, pair);
	n_setopt(pair[0], SO_SNDBUF, 20000);
	u_fork(drains, NULL);
	n_close(pair[1]);
	for (int i = 0; i < 3; i++)
		u_expect(n_send(pair[0], data, sizeof(data), 0), sizeof(data));
	u_expect(n_close(pair[0]), 0);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0) > 0, 1);
	u_expect(u_get32(A), 0);
}

static void test_full(void **state)
{
	run_program(writer_waits, EXITED(0));
}

static void breaks_the_pipe(void *arg)
{
	long fd[2];

	n_pair(SOCK_STREAM, fd);
	n_close(fd[1]);
	n_send(fd[0], "x", 1, 0);
	u_fail(__FILE__, __LINE__, "SIGPIPE did not end the program");
}

static void breaks_datagrams(void *arg)
{
	long fd[2];

	n_pair(SOCK_DGRAM, fd);
	u_expect(u_syscall(__NR_shutdown, fd[1], 0), 0);
	u_expect(n_send(fd[0], "x", 1, 0), -EPIPE);
	u_expect(u_syscall(__NR_write, fd[0], A, 1), -EPIPE);
}

static void test_sigpipe(void **state)
{
	run_program(breaks_the_pipe, KILLED(SIGPIPE));
	run_program(breaks_datagrams, EXITED(0));
}

static long listener;

static void connects_twice(void *arg)
{
	for (int i = 0; i < 2; i++) {
		long fd = n_socket(AF_UNIX, SOCK_STREAM);

		u_expect(n_unix(__NR_connect, fd, "@listener"), 0);
		u_expect(n_send(fd, "early", 5, 0), 5);
	}
}

static void accepts_what_waits(void *arg)
{
	char buf[8];

	listener = n_socket(AF_UNIX, SOCK_STREAM);
	u_expect(n_unix(__NR_bind, listener, "@listener"), 0);
	u_expect(u_syscall(__NR_listen, listener, 0), 0);
	u_fork(connects_twice, NULL);
	u_sleep(10 * MSEC); /* one is there, the other waits */
	for (int i = 0; i < 2; i++) {
		long fd = u_syscall(__NR_accept4, listener, 0, 0, 0);

		u_check(fd >= 0);
		u_expect(n_recv(fd, buf, sizeof(buf), 0), 5);
		u_expect(n_recv(fd, buf, sizeof(buf), 0), 0);
	}
}

static void test_accept(void **state)
{
	run_program(accepts_what_waits, EXITED(0));
}

/* A listener, clients that wait in and for its queue, and everybody leaves. */
static void connects_and_ends(void *arg)
{
	long fd = n_socket(AF_UNIX, SOCK_STREAM);

	n_close(listener);
	u_expect(n_unix(__NR_connect, fd, "/listener"), (long)arg);
}

static void listener_closes(void *arg)
{
	long fd = n_socket(AF_UNIX, SOCK_STREAM);
	int status;

	listener = n_socket(AF_UNIX, SOCK_STREAM);
	u_expect(n_unix(__NR_bind, listener, "/listener"), 0);
	u_expect(u_syscall(__NR_listen, listener, 0), 0);
	u_expect(n_unix(__NR_connect, fd, "/listener"), 0);
	u_fork(connects_and_ends, (void *)-ECONNREFUSED);
	u_sleep(10 * MSEC);
	u_expect(n_close(listener), 0);
	u_check(n_poll(fd) & POLL_ERR);
	u_expect(n_recv(fd, &status, 1, 0), -ECONNRESET);
	u_check(u_syscall(__NR_wait4, -1, A, 0, 0) > 0);
	u_expect(u_get32(A), 0);
}

static void test_close(void **state)
{
	run_program(listener_closes, EXITED(0));
}

static int handled;

static void on_signal(s32 sig, u64 info, u64 uc)
{
	handled++;
}

static void signals_parent(void *arg)
{
	u_sleep(10 * MSEC);
	u_syscall(__NR_kill, u_syscall(__NR_getppid), SIGUSR1);
	u_sleep(10 * MSEC);
	n_send(pair[0], "x", 1, 0);
}

static void is_interrupted(void *arg)
{
	char c;

	n_pair(SOCK_STREAM, pair);
	u_sigaction(SIGUSR1, on_signal, SA_RESTART, 0);
	u_fork(signals_parent, NULL);
	u_expect(n_recv(pair[1], &c, 1, 0), 1);
	u_expect(handled, 1);
	u_put64s(A, 5, 0);
	u_expect(u_syscall(__NR_setsockopt, pair[1], SOL_SOCKET, SO_RCVTIMEO, A, 16), 0);
	u_fork(signals_parent, NULL);
	u_expect(n_recv(pair[1], &c, 1, 0), -EINTR);
	u_expect(n_recv(pair[1], &c, 1, 0), 1);
	u_expect(n_recv(pair[1], &c, 1, 0), -EAGAIN); /* after five seconds */
}

static void test_interrupted(void **state)
{
	handled = 0;
	run_program(is_interrupted, EXITED(0));
}

static void reads_two(void *arg)
{
	char c[2];

	u_sleep(10 * MSEC);
	u_expect(n_recv(pair[1], c, 2, 0), 1);
	u_sleep(10 * MSEC);
	u_expect(n_close(pair[1]), 0);
}

/* A datagram queue that is full holds up strangers, and wakes them when there is room or no hope.
 */
static void full_queue(void *arg)
{
	long fd = n_socket(AF_UNIX, SOCK_DGRAM);
	int sent = 0;

	pair[1] = n_socket(AF_UNIX, SOCK_DGRAM);
	u_expect(n_unix(__NR_bind, pair[1], "@queue"), 0);
	u_expect(n_unix(__NR_connect, fd, "@queue"), 0);
	while (n_send(fd, "x", 1, MSG_DONTWAIT) == 1)
		sent++;
	u_expect(sent, 11);
	u_expect(n_poll(fd), 0);
	u_fork(reads_two, NULL);
	u_expect(n_close(pair[1]), 0);
	u_expect(n_send(fd, "x", 1, 0), 1);
	u_expect(n_send(fd, "x", 1, 0), -ECONNREFUSED);
	u_expect(n_send(fd, "x", 1, 0), -ENOTCONN);
}

static void test_queue(void **state)
{
	run_program(full_queue, EXITED(0));
}

TESTS(local, cmocka_unit_test(test_bytes), cmocka_unit_test(test_sizes),
	cmocka_unit_test(test_full), cmocka_unit_test(test_sigpipe), cmocka_unit_test(test_accept),
	cmocka_unit_test(test_close), cmocka_unit_test(test_interrupted),
	cmocka_unit_test(test_queue));
