/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that accept connections by themselves: accepting KIND [ADDRESS]. ADDRESS is a port of the
 * loopback, by default 9000, or a path.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			perror(#x);                                                                \
			exit(99);                                                                  \
		}                                                                                  \
	} while (0)

static int listen_port(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(!bind(fd, (struct sockaddr *)&a, sizeof a) && !listen(fd, 64));
	return fd;
}

static int listen_path(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t size = (socklen_t)(sizeof a.sun_family + strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, path, strlen(path));
	if (*path == '@')
		*a.sun_path = 0;
	CHECK(!bind(fd, (struct sockaddr *)&a, *path == '@' ? size : size + 1) && !listen(fd, 64));
	return fd;
}

static int listen_at(const char *address)
{
	return address && (*address == '/' || *address == '@')
		       ? listen_path(address)
		       : listen_port(address ? (unsigned)atoi(address) : 9000);
}

static void put(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void echo(int fd)
{
	static _Thread_local char data[100000];
	ssize_t n;

	while ((n = read(fd, data, sizeof data)) > 0)
		for (ssize_t done = 0, part; done < n; done += part)
			if ((part = write(fd, data + done, (size_t)(n - done))) < 0)
				return;
}

static void *echo_and_close(void *fd)
{
	echo((int)(long)fd);
	close((int)(long)fd);
	return NULL;
}

/* -- what is done with a connection -- */

static void greet(int fd)
{
	put(fd, "220 ready\n");
	echo(fd);
}

static void count_connections(int fd)
{
	static unsigned n;
	char text[16];

	snprintf(text, sizeof text, "%u\n", ++n);
	put(fd, text);
}

/* Answers when the client has ended its side. */
static void measure(int fd)
{
	static char data[65536];
	unsigned long sum = 0, all = 0;
	char text[64];
	ssize_t n;

	while ((n = read(fd, data, sizeof data)) > 0)
		for (ssize_t i = 0; i < n; i++, all++)
			sum = sum * 31 + (unsigned char)data[i];
	snprintf(text, sizeof text, "%lu %lu\n", all, sum);
	put(fd, text);
}

static void send_much(int fd)
{
	char line[32];

	for (unsigned i = 0; i < 400000; i++) {
		snprintf(line, sizeof line, "%09u\n", i);
		if (write(fd, line, 10) != 10)
			exit(0);
	}
}

/* Says goodbye at once and goes on listening, which takes it a while. */
static void end_and_read(int fd)
{
	char data[1000], text[64];
	unsigned all = 0;
	ssize_t n;

	put(fd, "over\n");
	CHECK(!shutdown(fd, SHUT_WR));
	while ((n = read(fd, data, sizeof data)) > 0)
		all += (unsigned)n;
	usleep(100000);
	snprintf(text, sizeof text, "%u came\n", all);
	put(STDERR_FILENO, text);
}

static void end_and_leave(int fd)
{
	put(fd, "over\n");
	CHECK(!shutdown(fd, SHUT_WR));
	usleep(100000);
}

static void crash(int fd)
{
	put(fd, "so long\n");
	raise(SIGSEGV);
}

static void refuse(int fd)
{
	put(fd, "no\n");
}

/* Not as an answer, and long after the client has sent it. */
static void note(int fd)
{
	char data[100];
	ssize_t n = read(fd, data, sizeof data);

	usleep(200000);
	CHECK(n > 0 && write(STDERR_FILENO, data, (size_t)n) == n);
}

static void one_after_another(const char *address, void (*talk)(int fd))
{
	int listener = listen_at(address);

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		CHECK(fd >= 0);
		talk(fd);
		close(fd);
	}
}

/* -- servers that are made otherwise -- */

static void threads(const char *address)
{
	int listener = listen_at(address);
	pthread_t t;

	for (;;) {
		long fd = accept(listener, NULL, NULL);

		CHECK(fd >= 0 && !pthread_create(&t, NULL, echo_and_close, (void *)fd));
	}
}

static void fork_each(const char *address)
{
	int listener = listen_at(address);

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		CHECK(fd >= 0);
		if (!fork()) {
			echo(fd);
			exit(0);
		}
		close(fd);
	}
}

static void prefork(const char *address)
{
	int listener = listen_at(address);

	for (int i = 0; i < 3; i++)
		if (!fork())
			for (;;)
				echo_and_close((void *)(long)accept(listener, NULL, NULL));
	while (wait(NULL) > 0)
		;
}

static void daemonise(const char *address)
{
	if (fork())
		exit(0);
	setsid();
	one_after_another(address, echo);
}

/* It listens long before it is ready. */
static void slow(const char *address)
{
	int listener = listen_at(address);
	struct timespec t0, t;

	usleep(300000);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do
		clock_gettime(CLOCK_MONOTONIC, &t);
	while ((t.tv_sec - t0.tv_sec) * 1000 + (t.tv_nsec - t0.tv_nsec) / 1000000 < 300);
	put(STDERR_FILENO, "made\n");
	for (;;)
		close(accept(listener, NULL, NULL));
}

static void two(const char *address)
{
	(void)address;
	struct pollfd p[] = {{listen_port(9001), POLLIN, 0}, {listen_port(9002), POLLIN, 0},
		{listen_path("/tmp/third"), POLLIN, 0}};
	static const char *const said[] = {"one\n", "two\n", "three\n"};

	for (;;) {
		CHECK(poll(p, 3, -1) > 0);
		for (int i = 0; i < 3; i++) {
			if (!p[i].revents)
				continue;
			int fd = accept(p[i].fd, NULL, NULL);

			put(fd, said[i]);
			close(fd);
		}
	}
}

static void spin(const char *address)
{
	listen_at(address);
	for (;;)
		;
}

static const struct {
	const char *kind;
	void (*serve)(const char *address);
	void (*talk)(int fd);
} kinds[] = {
	{"echo", NULL, echo},
	{"greet", NULL, greet},
	{"count", NULL, count_connections},
	{"measure", NULL, measure},
	{"much", NULL, send_much},
	{"ends", NULL, end_and_read},
	{"leaves", NULL, end_and_leave},
	{"crash", NULL, crash},
	{"refuse", NULL, refuse},
	{"note", NULL, note},
	{"threads", threads, NULL},
	{"fork", fork_each, NULL},
	{"prefork", prefork, NULL},
	{"daemon", daemonise, NULL},
	{"slow", slow, NULL},
	{"two", two, NULL},
	{"spin", spin, NULL},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].kind, argv[1]))
			continue;
		if (kinds[i].serve)
			kinds[i].serve(argv[2]);
		else
			one_after_another(argv[2], kinds[i].talk);
	}
	return 98;
}
