/* SPDX-License-Identifier: Apache-2.0
 * Operations that are somebody waiting and somebody else who ends it: signals, futexes, sockets,
 * event descriptors, semaphores. A ping-pong is one turn there and one back.
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/micro.h"

enum { TURN_OURS, TURN_THEIRS, TURN_NONE };

/* -- a signal to oneself -- */

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught++;
}

static void signal_begin(struct bench *b)
{
	signal(SIGUSR1, on_signal);
}

static void op_signal(struct bench *b)
{
	const sig_atomic_t before = caught;

	if (kill(getpid(), SIGUSR1) || caught != before + 1)
		err(1, "kill");
}

static void signal_end(struct bench *b)
{
	signal(SIGUSR1, SIG_DFL);
}

/* -- two threads and a futex -- */

static void turn_give(struct bench *b, uint32_t to)
{
	__atomic_store_n(&b->turn, to, __ATOMIC_SEQ_CST);
	if (syscall(SYS_futex, &b->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0)
		err(1, "futex");
}

/* Returns whose turn it became. */
static uint32_t turn_await(struct bench *b, uint32_t whose)
{
	uint32_t now;

	while ((now = __atomic_load_n(&b->turn, __ATOMIC_SEQ_CST)) == whose)
		syscall(SYS_futex, &b->turn, FUTEX_WAIT_PRIVATE, whose, NULL, NULL, 0);
	return now;
}

static void *futex_partner(void *arg)
{
	struct bench *b = arg;

	while (turn_await(b, TURN_OURS) == TURN_THEIRS)
		turn_give(b, TURN_OURS);
	return NULL;
}

static void futex_begin(struct bench *b)
{
	b->turn = TURN_OURS;
	if (pthread_create(&b->thread, NULL, futex_partner, b))
		errx(1, "no thread");
}

static void op_futex(struct bench *b)
{
	turn_give(b, TURN_THEIRS);
	turn_await(b, TURN_THEIRS);
}

static void futex_end(struct bench *b)
{
	turn_give(b, TURN_NONE);
	pthread_join(b->thread, NULL);
}

/* -- two processes and a stream -- */

static void echo_bytes(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1)
		if (write(fd, &c, 1) != 1)
			break;
	_exit(0);
}

static void unix_begin(struct bench *b)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		err(1, "socketpair");
	b->child = fork();
	if (b->child < 0)
		err(1, "fork");
	if (!b->child) {
		close(pair[0]);
		echo_bytes(pair[1]);
	}
	close(pair[1]);
	b->fd = pair[0];
}

static void no_delay(int fd)
{
	const int on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		err(1, "tcp");
}

static void tcp_begin(struct bench *b)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, size) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&at, &size))
		err(1, "listen");
	b->child = fork();
	if (b->child < 0)
		err(1, "fork");
	if (!b->child) {
		int fd = accept(listener, NULL, NULL);

		no_delay(fd);
		echo_bytes(fd);
	}
	close(listener);
	b->fd = socket(AF_INET, SOCK_STREAM, 0);
	no_delay(b->fd);
	if (connect(b->fd, (struct sockaddr *)&at, size))
		err(1, "connect");
}

static void op_stream(struct bench *b)
{
	char c = 'x';

	if (write(b->fd, &c, 1) != 1 || read(b->fd, &c, 1) != 1)
		err(1, "ping-pong");
}

static void stream_end(struct bench *b)
{
	close(b->fd);
	waitpid(b->child, NULL, 0);
}

/* -- what an event loop does for each event -- */

static void epoll_begin(struct bench *b)
{
	struct epoll_event ev = {.events = EPOLLIN};

	b->out[0] = eventfd(0, 0);
	b->fd = epoll_create1(0);
	if (b->out[0] < 0 || b->fd < 0 || epoll_ctl(b->fd, EPOLL_CTL_ADD, b->out[0], &ev))
		err(1, "epoll");
}

static void op_epoll(struct bench *b)
{
	struct epoll_event ev;
	uint64_t value = 1;

	if (write(b->out[0], &value, 8) != 8 || epoll_wait(b->fd, &ev, 1, -1) != 1 ||
		read(b->out[0], &value, 8) != 8)
		err(1, "epoll");
}

static void epoll_end(struct bench *b)
{
	close(b->fd);
	close(b->out[0]);
}

/* -- two processes and two semaphores of System V -- */

static int sem_add(int id, unsigned short which, short by)
{
	struct sembuf op = {which, by, 0};

	return semop(id, &op, 1);
}

static void sem_begin(struct bench *b)
{
	b->fd = semget(IPC_PRIVATE, 2, 0600);
	if (b->fd < 0)
		err(1, "semget");
	b->child = fork();
	if (b->child < 0)
		err(1, "fork");
	if (b->child)
		return;
	while (!sem_add(b->fd, 0, -1) && !sem_add(b->fd, 1, 1))
		;
	_exit(0);
}

static void op_sem(struct bench *b)
{
	if (sem_add(b->fd, 0, 1) || sem_add(b->fd, 1, -1))
		err(1, "semop");
}

static void sem_end(struct bench *b)
{
	semctl(b->fd, 0, IPC_RMID);
	waitpid(b->child, NULL, 0);
}

const struct op wait_ops[WAIT_OPS] = {
	{"signal", 2000, signal_begin, op_signal, signal_end},
	{"futex-ping-pong", 1000, futex_begin, op_futex, futex_end},
	{"unix-ping-pong", 1000, unix_begin, op_stream, stream_end},
	{"tcp-ping-pong", 1000, tcp_begin, op_stream, stream_end},
	{"eventfd-epoll", 1000, epoll_begin, op_epoll, epoll_end},
	{"sem-ping-pong", 1000, sem_begin, op_sem, sem_end},
};
