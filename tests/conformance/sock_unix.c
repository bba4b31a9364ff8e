/* SPDX-License-Identifier: Apache-2.0 */
/* Local sockets with connections: names, listening, connecting, shutting down. */
#include "sockets.h"

#include <pthread.h>

static struct sockaddr_un address;
static socklen_t length;
static int pair[2];

#define ADDRESS (struct sockaddr *)&address
#define PATH(p) (length = unix_address(&address, p))

static void creation_checks_its_arguments(void)
{
	R(socket(AF_UNIX, SOCK_STREAM, 0));
	R(socket(AF_UNIX, SOCK_STREAM, 1));
	R(socket(AF_UNIX, SOCK_STREAM, 2));
	R(socket(AF_UNIX, SOCK_RDM, 0));
	R(socket(AF_UNIX, SOCK_RAW, 0));
	R(socket(AF_UNIX, 0, 0));
	R(socket(AF_UNIX, 11, 0));
	R(socket(AF_UNIX, -1, 0));
	R(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
	R(socket(AF_UNSPEC, SOCK_STREAM, 0));
	R(socket(45, SOCK_STREAM, 0));
	R(socket(46, SOCK_STREAM, 0));
	R(socket(-1, SOCK_STREAM, 0));
	int fd = R(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	V(fcntl(fd, F_GETFD));
	V(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	say_option("type", socket(AF_UNIX, SOCK_RAW, 0), SOL_SOCKET, SO_TYPE);
}

static void pairs_check_their_arguments(void)
{
	int other[2];

	R(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	V(pair[0]);
	V(pair[1]);
	R(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	V(fcntl(pair[0], F_GETFD));
	V(fcntl(pair[1], F_GETFD));
	R(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair));
	V(fcntl(pair[1], F_GETFL) & O_NONBLOCK);
	R(socketpair(AF_UNIX, SOCK_STREAM, 17, other));
	R(socketpair(AF_UNIX, 99, 0, other));
	R(socketpair(AF_UNIX, SOCK_STREAM | 0x1000000, 0, other));
	R(socketpair(45, SOCK_STREAM, 0, other));
	R(socketpair(45, SOCK_STREAM, 0, nowhere));
	say_names("pair", pair[0], 0);
}

static void a_name_in_the_file_system(void)
{
	int fd = R(socket(AF_UNIX, SOCK_STREAM, 0));

	say_names("unbound", fd, 0);
	PATH("name");
	R(bind(fd, ADDRESS, length));
	show_type("name");
	say_names("bound", fd, 0);
	R(bind(fd, ADDRESS, length));
	PATH("other");
	R(bind(fd, ADDRESS, length));
	show_type("other");
	PATH("name");
	R(bind(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	R(open("name", O_RDWR));
	R(close(fd));
	show_type("name");
	R(bind(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	R(unlink("name"));
	R(bind(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
}

static void modes_of_names(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	umask(0);
	R(fchmod(fd, 0640));
	PATH("a");
	R(bind(fd, ADDRESS, length));
	show_type("a");
	umask(077);
	unix_bound(SOCK_DGRAM, "b");
	show_type("b");
	R(chmod("b", 0666));
	show_type("b");
	umask(022);
	unix_bound(SOCK_SEQPACKET, "c");
	show_type("c");
}

static void bad_addresses_to_bind(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	PATH("x");
	R(bind(fd, ADDRESS, 0));
	R(bind(fd, ADDRESS, 1));
	R(bind(fd, ADDRESS, sizeof(address) + 1));
	R(bind(fd, ADDRESS, 200));
	R(bind(fd, ADDRESS, (socklen_t)-1));
	R(bind(fd, nowhere, length));
	R(bind(fd, NULL, length));
	address.sun_family = AF_INET;
	R(bind(fd, ADDRESS, length));
	PATH("missing/x");
	R(bind(fd, ADDRESS, length));
	make_file("file", "");
	PATH("file/x");
	R(bind(fd, ADDRESS, length));
	PATH("file");
	R(bind(fd, ADDRESS, length));
	PATH("");
	R(bind(fd, ADDRESS, length));
	say_names("empty path", fd, 0);
	int full = socket(AF_UNIX, SOCK_STREAM, 0);
	memset(&address, 'n', sizeof(address));
	address.sun_family = AF_UNIX;
	R(bind(full, ADDRESS, sizeof(address)));
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	R(getsockname(full, (struct sockaddr *)&a, &n));
	V(n);
	PATH("short");
	full = socket(AF_UNIX, SOCK_STREAM, 0);
	R(bind(full, ADDRESS, sizeof(address)));
	say_names("whole structure", full, 0);
}

static void abstract_names(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
	char name[32];

	snprintf(name, sizeof(name), "@sandbox-%d", (int)getpid());
	PATH(name);
	R(bind(fd, ADDRESS, length));
	R(bind(other, ADDRESS, length));
	R(connect(other, ADDRESS, length));
	R(listen(fd, 5));
	R(connect(other, ADDRESS, length - 1));
	R(connect(other, ADDRESS, length));
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	R(getpeername(other, (struct sockaddr *)&a, &n));
	T(n == length && !memcmp(&a, &address, n));
	/* zeroes count, and each type has names of its own */
	R(bind(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length + 3));
	R(bind(socket(AF_UNIX, SOCK_DGRAM, 0), ADDRESS, length));
	R(connect(socket(AF_UNIX, SOCK_DGRAM, 0), ADDRESS, length));
	close(fd);
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	R(bind(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
}

static void a_name_is_made_up_when_none_is_given(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un got;
	socklen_t n = sizeof(got);

	address.sun_family = AF_UNIX;
	R(bind(fd, ADDRESS, 2));
	R(getsockname(fd, (struct sockaddr *)&got, &n));
	V(n);
	T(got.sun_path[0] == 0 && strspn(got.sun_path + 1, "0123456789abcdef") >= 5);
	R(bind(fd, ADDRESS, 2));
	R(listen(fd, 1));
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&got, n));
}

static void connects_by_path(void)
{
	int listener = unix_listener(SOCK_STREAM, "server", 3);
	int client = R(socket(AF_UNIX, SOCK_STREAM, 0));
	char buffer[64] = "";

	PATH("client");
	R(bind(client, ADDRESS, length));
	PATH("server");
	R(connect(client, ADDRESS, length));
	R(connect(client, ADDRESS, length));
	R(write(client, "early", 5));
	length = sizeof(address);
	int server = R(accept(listener, ADDRESS, &length));
	say_address("accepted from", &address, length, 0);
	say_names("server", server, 0);
	say_names("client", client, 0);
	R(read(server, buffer, sizeof(buffer)));
	S(buffer);
	R(write(server, "answer", 6));
	say_recv("client", client, 64, 0);
	R(close(client));
	say_recv("server", server, 64, 0);
	say_names("server afterwards", server, 0);
	R(listen(client, 1));
	R(listen(server, 1));
	R(bind(server, ADDRESS, 2));
}

static void names_follow_the_file(void)
{
	int listener = unix_listener(SOCK_STREAM, "old", 3);

	MUST(rename("old", "new") == 0);
	PATH("old");
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	PATH("new");
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	MUST(symlink("new", "soft") == 0);
	MUST(link("new", "hard") == 0);
	PATH("soft");
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	PATH("hard");
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	say_names("listener", listener, 0);
	MUST(unlink("new") == 0 && unlink("hard") == 0);
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
}

static void bad_addresses_to_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	PATH("nobody");
	R(connect(fd, ADDRESS, length));
	R(connect(fd, ADDRESS, 2));
	R(connect(fd, ADDRESS, 1));
	R(connect(fd, ADDRESS, 111));
	R(connect(fd, nowhere, length));
	R(connect(fd, ADDRESS, 300));
	address.sun_family = AF_UNSPEC;
	R(connect(fd, ADDRESS, length));
	make_file("file", "");
	PATH("file");
	R(connect(fd, ADDRESS, length));
	PATH(".");
	R(connect(fd, ADDRESS, length));
	unix_bound(SOCK_STREAM, "idle");
	PATH("idle");
	R(connect(fd, ADDRESS, length));
	unix_bound(SOCK_DGRAM, "dgram");
	PATH("dgram");
	R(connect(fd, ADDRESS, length));
	close(unix_listener(SOCK_STREAM, "gone", 1));
	PATH("gone");
	R(connect(fd, ADDRESS, length));
	MUST(mknod("made", S_IFSOCK | 0644, 0) == 0);
	PATH("made");
	R(connect(fd, ADDRESS, length));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	unix_listener(SOCK_STREAM, "there", 1);
	PATH("there");
	R(connect(pair[0], ADDRESS, length));
	R(connect(fd, ADDRESS, length));
	int listener = unix_listener(SOCK_STREAM, "itself", 1);
	PATH("itself");
	R(connect(listener, ADDRESS, length));
}

static void listening_and_its_errors(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	R(listen(fd, 1));
	R(accept(fd, NULL, NULL));
	say_option("accepts", fd, SOL_SOCKET, SO_ACCEPTCONN);
	fd = unix_bound(SOCK_STREAM, "s");
	R(accept(fd, NULL, NULL));
	R(listen(fd, 0));
	R(listen(fd, -1));
	R(listen(fd, 100000));
	say_option("accepts", fd, SOL_SOCKET, SO_ACCEPTCONN);
	R(read(fd, &length, 1));
	R(write(fd, "x", 1));
	R(recv(fd, &length, 1, MSG_DONTWAIT));
	R(getpeername(fd, ADDRESS, (length = 110, &length)));
	say_events("listener", fd);
	R(listen(unix_bound(SOCK_DGRAM, "d"), 1));
	R(accept(unix_bound(SOCK_DGRAM, "e"), NULL, NULL));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(listen(pair[0], 1));
	R(accept(pair[0], NULL, NULL));
}

static void accepting_and_its_arguments(void)
{
	int listener = unix_listener(SOCK_STREAM, "s", 10);

	set_nonblocking(listener);
	R(accept(listener, NULL, NULL));
	R(accept4(listener, NULL, NULL, 0x10));
	for (int i = 0; i < 6; i++)
		unix_connected(SOCK_STREAM, "s");
	int fd = R(accept(listener, NULL, NULL));
	V(fcntl(fd, F_GETFL) & O_NONBLOCK);
	V(fcntl(fd, F_GETFD));
	fd = R(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	V((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	V(fcntl(fd, F_GETFD));
	length = 1;
	memset(&address, 0x55, sizeof(address));
	R(accept(listener, ADDRESS, &length));
	V(length);
	V(((unsigned char *)&address)[1]);
	length = (socklen_t)-1;
	R(accept(listener, ADDRESS, &length));
	R(accept(listener, ADDRESS, NULL));
	length = 100;
	R(accept(listener, nowhere, &length));
	R(accept(listener, NULL, NULL));
}

static void a_full_backlog_makes_others_wait(void)
{
	int listener = unix_listener(SOCK_STREAM, "s", 1), fd[8];

	PATH("s");
	for (int i = 0; i < 4; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		R(connect(fd[i], ADDRESS, length));
	}
	say_events("first", fd[0]);
	say_events("last", fd[3]);
	pid_t pid = fork();
	if (pid == 0) {
		int client = socket(AF_UNIX, SOCK_STREAM, 0);
		MUST(connect(client, ADDRESS, length) == 0);
		_exit(write(client, "waited", 6) == 6 ? 0 : 1);
	}
	until_asleep(pid);
	R(accept(listener, NULL, NULL));
	R(accept(listener, NULL, NULL));
	int server = R(accept(listener, NULL, NULL));
	say_recv("server", server, 64, 0);
	reap("client", pid);
}

static void connect_in_time_or_not_at_all(void)
{
	struct timeval t = {0, 50000};
	int fd;

	unix_listener(SOCK_STREAM, "s", 0);
	unix_connected(SOCK_STREAM, "s");
	PATH("s");
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	R(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
	int64_t before = now_ns(CLOCK_MONOTONIC);
	R(connect(fd, ADDRESS, length));
	T(now_ns(CLOCK_MONOTONIC) - before >= 50000000);
}

static void unaccepted_connections_are_reset(void)
{
	int listener = unix_listener(SOCK_STREAM, "s", 3);
	int client = unix_connected(SOCK_STREAM, "s");

	R(close(listener));
	say_events("client", client);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	say_recv("client", client, 10, 0);
	R(send_text(client, "x", 0));
	listener = unix_listener(SOCK_STREAM, "t", 3);
	client = unix_connected(SOCK_STREAM, "t");
	R(send_text(client, "x", 0));
	close(listener);
	R(send_text(client, "x", 0));
	say_recv("client", client, 10, 0);
	say_recv("client", client, 10, 0);
}

static void clients_that_left_are_still_accepted(void)
{
	int listener = unix_listener(SOCK_STREAM, "s", 3);
	int client = unix_connected(SOCK_STREAM, "s");

	MUST(send_text(client, "bye", 0) == 3);
	close(client);
	say_events("listener", listener);
	int server = R(accept(listener, NULL, NULL));
	say_events("server", server);
	say_recv("server", server, 10, 0);
	say_recv("server", server, 10, 0);
	R(send_text(server, "x", 0));
}

static void shutting_down_each_way(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	say_events("fresh", pair[0]);
	MUST(send_text(pair[0], "before", 0) == 6);
	say_events("with data", pair[1]);
	R(shutdown(pair[0], SHUT_WR));
	say_events("closed for writing", pair[0]);
	say_events("its peer", pair[1]);
	R(send_text(pair[0], "x", 0));
	say_recv("rest", pair[1], 100, 0);
	say_recv("end", pair[1], 100, 0);
	R(send_text(pair[1], "back", 0));
	say_recv("still open", pair[0], 100, 0);
	R(shutdown(pair[0], SHUT_RD));
	say_events("closed", pair[0]);
	say_events("its peer", pair[1]);
	R(send_text(pair[1], "x", 0));
	say_recv("closed", pair[0], 100, 0);
	R(shutdown(pair[0], SHUT_RDWR));
	R(shutdown(pair[0], 3));
	R(shutdown(pair[0], -1));
	R(shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RDWR));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(send_text(pair[0], "kept", 0) == 4);
	R(shutdown(pair[1], SHUT_RD));
	say_recv("after shutting down", pair[1], 100, 0);
	say_recv("after shutting down", pair[1], 100, 0);
	int listener = unix_listener(SOCK_STREAM, "s", 3);
	R(shutdown(listener, SHUT_RD));
	PATH("s");
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, length));
	R(accept(listener, NULL, NULL));
}

static void closing_with_unread_data_resets(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(send_text(pair[0], "unread", 0) == 6);
	MUST(send_text(pair[1], "there", 0) == 5);
	R(close(pair[1]));
	say_events("peer", pair[0]);
	say_recv("what came before", pair[0], 100, 0);
	say_recv("then", pair[0], 100, 0);
	say_recv("then", pair[0], 100, 0);
	say_events("peer", pair[0]);
	R(send_text(pair[0], "x", 0));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(close(pair[1]));
	say_events("peer", pair[0]);
	say_recv("read first", pair[0], 100, 0);
	R(send_text(pair[0], "x", 0));
}

static void write_to_closed(void)
{
	R(write(pair[0], "x", 1));
	say("not reached");
}

static void send_without_signal(void)
{
	R(send(pair[0], "x", 1, MSG_NOSIGNAL));
	signal(SIGPIPE, SIG_IGN);
	R(send(pair[0], "x", 1, 0));
	R(write(pair[0], "", 0));
	R(send(pair[0], "", 0, 0));
}

static void broken_connections_raise_sigpipe(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	close(pair[1]);
	in_child("writer", write_to_closed);
	in_child("careful writer", send_without_signal);
}

static void unconnected_streams(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char c;

	say_events("fresh", fd);
	R(read(fd, &c, 1));
	R(recv(fd, &c, 1, MSG_DONTWAIT));
	R(write(fd, "x", 1));
	R(write(fd, "", 0));
	R(read(fd, &c, 0));
	PATH("x");
	R(sendto(fd, "x", 1, 0, ADDRESS, length));
	R(getpeername(fd, ADDRESS, (length = 110, &length)));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	PATH("x");
	R(sendto(pair[0], "x", 1, 0, ADDRESS, length));
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	say_events("fresh", fd);
	R(read(fd, &c, 1));
	R(write(fd, "x", 1));
}

static void stream_fills_up_and_drains(void)
{
	static char block[4096];
	long total = 0, n;

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	say_recv("empty", pair[1], 10, 0);
	while ((n = write(pair[0], block, sizeof(block))) > 0)
		total += n;
	say("errno %s", errno_name(errno));
	T(total > 100000);
	say_events("full", pair[0]);
	long read_back = 0;
	while ((n = read(pair[1], block, sizeof(block))) > 0)
		read_back += n;
	T(total == read_back);
	say_events("empty again", pair[0]);
	set_option(pair[0], SOL_SOCKET, SO_SNDBUF, 4096);
	total = 0;
	while ((n = write(pair[0], "x", 1)) > 0)
		total++;
	T(total > 5 && total < 50);
}

static void large_transfers_between_processes(void)
{
	enum { SIZE = 1500000 };
	static char data[SIZE];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		for (int i = 0; i < SIZE; i++)
			data[i] = (char)(i * 7);
		_exit(write(pair[1], data, SIZE) == SIZE ? 0 : 1);
	}
	close(pair[1]);
	long total = 0, wrong = 0;
	for (ssize_t n; (n = read(pair[0], data, 7000)) > 0;) {
		for (ssize_t i = 0; i < n; i++)
			wrong += data[i] != (char)((total + i) * 7);
		total += n;
	}
	V(total);
	V(wrong);
	reap("writer", pid);
}

static void *late_client(void *unused)
{
	sleep_ms(30);
	int fd = unix_connected(SOCK_STREAM, "s");
	sleep_ms(30);
	MUST(send_text(fd, "late", 0) == 4);
	return unused;
}

static void accept_and_read_wait(void)
{
	int listener = unix_listener(SOCK_STREAM, "s", 3);
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, late_client, NULL) == 0);
	int fd = accept(listener, NULL, NULL);
	say_recv("server", fd, 10, 0);
	pthread_join(thread, NULL);
}

const struct behaviour behaviours[] = {BEHAVIOUR(creation_checks_its_arguments),
	BEHAVIOUR(pairs_check_their_arguments), BEHAVIOUR(a_name_in_the_file_system),
	BEHAVIOUR(modes_of_names), BEHAVIOUR(bad_addresses_to_bind), BEHAVIOUR(abstract_names),
	BEHAVIOUR(a_name_is_made_up_when_none_is_given), BEHAVIOUR(connects_by_path),
	BEHAVIOUR(names_follow_the_file), BEHAVIOUR(bad_addresses_to_connect),
	BEHAVIOUR(listening_and_its_errors), BEHAVIOUR(accepting_and_its_arguments),
	BEHAVIOUR(a_full_backlog_makes_others_wait), BEHAVIOUR(connect_in_time_or_not_at_all),
	BEHAVIOUR(unaccepted_connections_are_reset),
	BEHAVIOUR(clients_that_left_are_still_accepted), BEHAVIOUR(shutting_down_each_way),
	BEHAVIOUR(closing_with_unread_data_resets), BEHAVIOUR(broken_connections_raise_sigpipe),
	BEHAVIOUR(unconnected_streams), BEHAVIOUR(stream_fills_up_and_drains),
	BEHAVIOUR(large_transfers_between_processes), BEHAVIOUR(accept_and_read_wait), {0}};
