/* SPDX-License-Identifier: Apache-2.0 */
/* A socket as a descriptor: options, ioctl, stat, poll and epoll, splice; and what is no socket. */
#include "sockets.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <linux/sockios.h>

static struct sockaddr_un address;
static socklen_t length;
static int pair[2];
static char buffer[256];

#define ADDRESS (struct sockaddr *)&address

/* -- options -- */

static const struct {
	int number;
	const char *name;
} options[] = {{SO_DEBUG, "SO_DEBUG"}, {SO_REUSEADDR, "SO_REUSEADDR"}, {SO_TYPE, "SO_TYPE"},
	{SO_ERROR, "SO_ERROR"}, {SO_DONTROUTE, "SO_DONTROUTE"}, {SO_BROADCAST, "SO_BROADCAST"},
	{SO_KEEPALIVE, "SO_KEEPALIVE"}, {SO_OOBINLINE, "SO_OOBINLINE"},
	{SO_PRIORITY, "SO_PRIORITY"}, {SO_REUSEPORT, "SO_REUSEPORT"}, {SO_RCVLOWAT, "SO_RCVLOWAT"},
	{SO_SNDLOWAT, "SO_SNDLOWAT"}, {SO_TIMESTAMP, "SO_TIMESTAMP"},
	{SO_ACCEPTCONN, "SO_ACCEPTCONN"}, {SO_PROTOCOL, "SO_PROTOCOL"}, {SO_DOMAIN, "SO_DOMAIN"},
	{SO_MARK, "SO_MARK"}, {SO_PASSCRED, "SO_PASSCRED"}, {9999, "9999"}};

static void options_of_a_fresh_socket(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

	for (int t = 0; t < 3; t++) {
		int fd = socket(AF_UNIX, types[t], 0);

		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
			say_option(options[i].name, fd, SOL_SOCKET, options[i].number);
	}
}

static void options_are_remembered(void)
{
	static const int settable[] = {SO_REUSEADDR, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE,
		SO_PRIORITY, SO_RCVLOWAT, SO_PASSCRED, SO_DONTROUTE};
	static const int fixed[] = {SO_TYPE, SO_ERROR, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN,
		SO_SNDLOWAT, SO_PEERCRED, 9999};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 3;

	for (size_t i = 0; i < sizeof(settable) / sizeof(settable[0]); i++) {
		R(setsockopt(fd, SOL_SOCKET, settable[i], &value, sizeof(value)));
		say_option("now", fd, SOL_SOCKET, settable[i]);
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		R(setsockopt(fd, SOL_SOCKET, fixed[i], &value, sizeof(value)));
	R(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value)));
}

static void options_check_their_arguments(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 1;
	socklen_t n = 2;

	R(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 3));
	R(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 0));
	R(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, (socklen_t)-1));
	R(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nowhere, 4));
	R(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 100));
	R(setsockopt(fd, 6, 1, &value, 4));
	R(setsockopt(fd, 0, 1, &value, 4));
	R(setsockopt(fd, 99, 1, &value, 4));
	R(setsockopt(fd, 99, 1, &value, (socklen_t)-1));
	value = 0x01020304;
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &n));
	V(n);
	V(value);
	n = 0;
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &n));
	n = (socklen_t)-1;
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &n));
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, nowhere));
	n = 4;
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, nowhere, &n));
	R(getsockopt(fd, 6, 1, &value, &n));
	n = 64;
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, buffer, &n));
	V(n);
}

static void buffer_sizes(void)
{
	static const int sizes[] = {0, 1, 2000, 5000, 40000, 100000, -1};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	say_option("default", fd, SOL_SOCKET, SO_SNDBUF);
	say_option("default", fd, SOL_SOCKET, SO_RCVBUF);
	for (int i = 0; i < 6; i++) {
		set_option(fd, SOL_SOCKET, SO_SNDBUF, sizes[i]);
		set_option(fd, SOL_SOCKET, SO_RCVBUF, sizes[i]);
		say_option("send", fd, SOL_SOCKET, SO_SNDBUF);
		say_option("receive", fd, SOL_SOCKET, SO_RCVBUF);
	}
}

static void time_limits(void)
{
	struct timeval t = {0, 0};
	socklen_t n = sizeof(t);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	R(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &n));
	V(n);
	V(t.tv_sec);
	V(t.tv_usec);
	t = (struct timeval){3, 200000};
	R(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	R(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &n));
	V(t.tv_sec);
	V(t.tv_usec);
	R(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, 8));
	t.tv_usec = 1000000;
	R(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	t.tv_usec = -1;
	R(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	t = (struct timeval){0, 40000};
	R(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	int64_t before = now_ns(CLOCK_MONOTONIC);
	R(recv(fd, buffer, 1, 0));
	T(now_ns(CLOCK_MONOTONIC) - before >= 40000000);
	R(read(fd, buffer, 1));
	struct linger l = {1, 5};
	n = sizeof(l);
	R(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	l = (struct linger){7, 7};
	R(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
	V(l.l_onoff);
	V(l.l_linger);
}

static void least_bytes_to_read(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	set_option(pair[1], SOL_SOCKET, SO_RCVLOWAT, 6);
	send_text(pair[0], "abc", 0);
	pid_t pid = fork();
	if (pid == 0) {
		sleep_ms(30);
		send_text(pair[0], "defgh", 0);
		_exit(0);
	}
	say_recv("at least six", pair[1], 100, 0);
	reap("sender", pid);
}

/* -- ioctl -- */

static void how_much_is_queued(void)
{
	int n = -1;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(ioctl(pair[1], FIONREAD, &n));
	V(n);
	send_text(pair[0], "abc", 0);
	send_text(pair[0], "de", 0);
	R(ioctl(pair[1], FIONREAD, &n));
	V(n);
	R(ioctl(pair[0], SIOCOUTQ, &n));
	T(n > 0);
	say_recv("part", pair[1], 4, 0);
	R(ioctl(pair[1], FIONREAD, &n));
	V(n);
	say_recv("rest", pair[1], 4, 0);
	R(ioctl(pair[0], SIOCOUTQ, &n));
	V(n);
	R(ioctl(pair[1], FIONREAD, nowhere));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	send_text(pair[0], "abc", 0);
	send_text(pair[0], "de", 0);
	R(ioctl(pair[1], FIONREAD, &n));
	V(n);
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	send_text(pair[0], "abc", 0);
	send_text(pair[0], "de", 0);
	R(ioctl(pair[1], FIONREAD, &n));
	V(n);
	R(ioctl(unix_listener(SOCK_STREAM, "s", 1), FIONREAD, &n));
}

static void other_requests(void)
{
	int on = 1, n;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(ioctl(pair[0], FIONBIO, &on));
	say_recv("would block", pair[0], 1, 0);
	V((fcntl(pair[0], F_GETFL) & O_NONBLOCK) != 0);
	on = 0;
	R(ioctl(pair[0], FIONBIO, &on));
	V((fcntl(pair[0], F_GETFL) & O_NONBLOCK) != 0);
	R(ioctl(pair[0], FIOCLEX));
	V(fcntl(pair[0], F_GETFD));
	R(ioctl(pair[0], TCGETS, buffer));
	R(isatty(pair[0]));
	R(ioctl(pair[0], 0x12345, &n));
	R(ioctl(pair[0], FIOGETOWN, &n));
	V(n);
}

/* -- as a file -- */

static void as_a_file(void)
{
	struct stat st;
	char name[64], target[64] = "";

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(fstat(pair[0], &st));
	say("mode %o, links %d, size %d, block %d", st.st_mode, (int)st.st_nlink, (int)st.st_size,
		(int)st.st_blksize);
	T(st.st_uid == geteuid());
	R(fchmod(pair[0], 0600));
	fstat(pair[0], &st);
	say("mode %o", st.st_mode);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", pair[0]);
	MUST(readlink(name, target, sizeof(target) - 1) > 0);
	snprintf(buffer, sizeof(buffer), "socket:[%lu]", (unsigned long)st.st_ino);
	T(!strcmp(target, buffer));
	R(open(name, O_RDWR));
	R(lseek(pair[0], 0, SEEK_SET));
	R(pread(pair[0], buffer, 1, 0));
	R(pwrite(pair[0], buffer, 1, 0));
	R(ftruncate(pair[0], 0));
	R(fsync(pair[0]));
	P(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, pair[0], 0));
	R(fchdir(pair[0]));
	V(fcntl(pair[0], F_GETFL));
	R(fcntl(pair[0], F_SETFL, O_NONBLOCK));
	V(fcntl(pair[0], F_GETFL));
	R(flock(pair[0], LOCK_EX));
	R(fallocate(pair[0], 0, 0, 10));
	MUST(fstat(pair[1], &st) == 0);
	T(st.st_ino > 0);
}

static void duplicates_share_the_socket(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	int copy = dup(pair[0]);
	close(pair[0]);
	R(send_text(copy, "copy", 0));
	say_recv("peer", pair[1], 10, 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(send_text(copy, "child", 0) == 5 ? 0 : 1);
	close(copy);
	reap("child", pid);
	say_recv("peer", pair[1], 10, 0);
	say_recv("end", pair[1], 10, 0);
}

int behave_child(int argc, char **argv)
{
	int fd = atoi(argv[0]);

	return send_text(fd, "after exec", 0) == 10 ? 0 : 1;
}

static void sockets_survive_exec(void)
{
	char number[16];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	snprintf(number, sizeof(number), "%d", pair[0]);
	pid_t pid = fork();
	if (pid == 0) {
		execl(self_path(), "self", "--child", number, NULL);
		_exit(9);
	}
	reap("child", pid);
	say_recv("peer", pair[1], 100, 0);
}

/* -- waiting -- */

static void epoll_shows_edges_and_levels(void)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET}, out[4];
	int ep = epoll_create1(0);

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(epoll_ctl(ep, EPOLL_CTL_ADD, pair[1], &e));
	R(epoll_wait(ep, out, 4, 0));
	send_text(pair[0], "one", 0);
	R(epoll_wait(ep, out, 4, 0));
	R(epoll_wait(ep, out, 4, 0));
	send_text(pair[0], "two", 0);
	R(epoll_wait(ep, out, 4, 0));
	V(out[0].events);
	say_recv("both", pair[1], 10, 0);
	R(epoll_wait(ep, out, 4, 0));
	e.events = EPOLLIN | EPOLLOUT;
	R(epoll_ctl(ep, EPOLL_CTL_MOD, pair[1], &e));
	R(epoll_wait(ep, out, 4, 0));
	V(out[0].events);
	R(epoll_wait(ep, out, 4, 0));
	e.events = EPOLLIN | EPOLLRDHUP;
	R(epoll_ctl(ep, EPOLL_CTL_MOD, pair[1], &e));
	R(shutdown(pair[0], SHUT_WR));
	R(epoll_wait(ep, out, 4, 0));
	V(out[0].events);
	close(pair[0]);
	R(epoll_wait(ep, out, 4, 0));
	V(out[0].events);
	close(pair[1]);
	R(epoll_wait(ep, out, 4, 0));
}

static void *send_soon(void *text)
{
	sleep_ms(30);
	send_text(pair[0], text, 0);
	return NULL;
}

static void polling_waits_for_data_and_room(void)
{
	static char block[4096];
	pthread_t thread;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	struct pollfd p = {pair[1], POLLIN, 0};
	R(poll(&p, 1, 10));
	MUST(pthread_create(&thread, NULL, send_soon, "soon") == 0);
	R(poll(&p, 1, 5000));
	V(p.revents);
	pthread_join(thread, NULL);
	set_nonblocking(pair[0]);
	while (write(pair[0], block, sizeof(block)) > 0)
		;
	p = (struct pollfd){pair[0], POLLOUT, 0};
	R(poll(&p, 1, 10));
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		while (read(pair[1], block, sizeof(block)) > 0)
			;
		_exit(0);
	}
	R(poll(&p, 1, 5000));
	V(p.revents);
	close(pair[0]);
	reap("reader", pid);
}

static volatile int handled;

static void on_signal(int number)
{
	(void)number;
	handled++;
}

static void catch_with(int flags)
{
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = flags};

	MUST(sigaction(SIGUSR1, &a, NULL) == 0);
	handled = 0;
}

static pid_t signal_then_send(int fd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	until_asleep(getppid());
	kill(getppid(), SIGUSR1);
	until_asleep(getppid());
	send_text(fd, "late", 0);
	_exit(0);
}

static void signals_interrupt_or_restart(void)
{
	struct timeval t = {5, 0};
	pid_t pid;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	catch_with(SA_RESTART);
	pid = signal_then_send(pair[0]);
	say_recv("restarted", pair[1], 10, 0);
	V(handled);
	reap("sender", pid);
	catch_with(0);
	pid = signal_then_send(pair[0]);
	say_recv("interrupted", pair[1], 10, 0);
	V(handled);
	reap("sender", pid);
	say_recv("late", pair[1], 10, 0);
	/* with a time limit a call is never restarted */
	R(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	catch_with(SA_RESTART);
	pid = signal_then_send(pair[0]);
	say_recv("interrupted", pair[1], 10, 0);
	V(handled);
	reap("sender", pid);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	catch_with(0);
	pid = signal_then_send(pair[0]);
	say_recv("interrupted", pair[1], 10, 0);
	reap("sender", pid);
	catch_with(0);
	pid = signal_then_send(pair[0]);
	R(accept(unix_listener(SOCK_STREAM, "s", 1), NULL, NULL));
	V(handled);
	reap("sender", pid);
}

/* -- other ways to move data -- */

static void spliced_and_sent_files(void)
{
	int ends[2], n;

	make_file("a", "contents of a file");
	int fd = open_file("a", O_RDONLY);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(pipe(ends) == 0);
	R(sendfile(pair[0], fd, NULL, 100));
	say_recv("file", pair[1], 100, 0);
	MUST(write(ends[1], "piped", 5) == 5);
	R(splice(ends[0], NULL, pair[0], NULL, 100, 0));
	say_recv("from pipe", pair[1], 100, 0);
	send_text(pair[1], "to pipe", 0);
	R(splice(pair[0], NULL, ends[1], NULL, 100, 0));
	n = (int)R(read(ends[0], buffer, 100));
	say_bytes("pipe", buffer, (size_t)(n > 0 ? n : 0));
	loff_t off = 0;
	R(splice(pair[0], &off, ends[1], NULL, 100, 0));
	R(splice(ends[0], NULL, pair[0], &off, 100, 0));
	R(splice(pair[0], NULL, pair[1], NULL, 100, 0));
	R(tee(ends[0], pair[0], 100, 0));
	R(sendfile(fd, pair[0], NULL, 10));
	close(pair[1]);
	signal(SIGPIPE, SIG_IGN);
	MUST(write(ends[1], "piped", 5) == 5);
	R(splice(ends[0], NULL, pair[0], NULL, 100, 0));
	R(lseek(fd, 0, SEEK_SET));
	R(sendfile(pair[0], fd, NULL, 100));
}

/* -- what is no socket -- */

#define EACH(fd)                                                                                   \
	do {                                                                                       \
		R(bind(fd, ADDRESS, length));                                                      \
		R(listen(fd, 1));                                                                  \
		R(accept(fd, NULL, NULL));                                                         \
		R(accept4(fd, NULL, NULL, 0));                                                     \
		R(connect(fd, ADDRESS, length));                                                   \
		R(shutdown(fd, 0));                                                                \
		R(shutdown(fd, 9));                                                                \
		R(getsockname(fd, ADDRESS, &length));                                              \
		R(getpeername(fd, ADDRESS, &length));                                              \
		R(send(fd, buffer, 1, 0));                                                         \
		R(send(fd, in_kernel, 1, 0));                                                      \
		R(sendto(fd, buffer, 1, 0, nowhere, 10));                                          \
		R(recv(fd, buffer, 1, 0));                                                         \
		R(recvfrom(fd, buffer, 1, 0, nowhere, nowhere));                                   \
		R(recv(fd, in_kernel, 1, 0));                                                      \
		R(sendmsg(fd, nowhere, 0));                                                        \
		R(recvmsg(fd, nowhere, 0));                                                        \
		R(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nowhere, 4));                           \
		R(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, nowhere, nowhere));                     \
	} while (0)

static void what_is_no_socket(void)
{
	make_file("a", "");
	int file = open_file("a", O_RDWR), path = open("a", O_PATH), none = 77;

	length = unix_address(&address, "x");
	EACH(file);
	EACH(path);
	EACH(none);
	R(accept4(file, NULL, NULL, 0x1000000));
	R(accept4(none, NULL, NULL, 0x1000000));
}

static void sockets_cannot_be_opened_but_renamed_and_removed(void)
{
	struct stat st;

	unix_bound(SOCK_STREAM, "s");
	R(open("s", O_RDONLY));
	R(open("s", O_PATH));
	R(truncate("s", 0));
	R(stat("s", &st));
	say("mode %o, size %d", st.st_mode, (int)st.st_size);
	R(rename("s", "t"));
	R(unlink("t"));
	R(syscall(SYS_execve, "t", NULL, NULL));
	R(mknod("m", S_IFSOCK | 0600, 0));
	show_type("m");
}

const struct behaviour behaviours[] = {BEHAVIOUR(options_of_a_fresh_socket),
	BEHAVIOUR(options_are_remembered), BEHAVIOUR(options_check_their_arguments),
	BEHAVIOUR(buffer_sizes), BEHAVIOUR(time_limits), BEHAVIOUR(least_bytes_to_read),
	BEHAVIOUR(how_much_is_queued), BEHAVIOUR(other_requests), BEHAVIOUR(as_a_file),
	BEHAVIOUR(duplicates_share_the_socket), BEHAVIOUR(sockets_survive_exec),
	BEHAVIOUR(epoll_shows_edges_and_levels), BEHAVIOUR(polling_waits_for_data_and_room),
	BEHAVIOUR(signals_interrupt_or_restart), BEHAVIOUR(spliced_and_sent_files),
	BEHAVIOUR(what_is_no_socket), BEHAVIOUR(sockets_cannot_be_opened_but_renamed_and_removed),
	{0}};
