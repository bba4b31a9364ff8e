/* SPDX-License-Identifier: Apache-2.0 */
/* UDP between processes of one machine. */
#include "sockets.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

static struct sockaddr_storage address;
static socklen_t length;
static int server, client, port;

#define ADDRESS	    (struct sockaddr *)&address
#define TO(host, p) (length = inet_address(&address, host, p))

static void receive_from(int fd, int known)
{
	char buffer[100];
	struct sockaddr_storage from;
	socklen_t n = sizeof(from);
	ssize_t r =
		recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &n);

	if (r < 0) {
		say("recvfrom: %s", errno_name(errno));
		return;
	}
	say_bytes("recvfrom", buffer, (size_t)r);
	say_address("from", &from, n, known);
	say("address length %u", n);
}

static void datagrams_have_senders(void)
{
	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	port = inet_port(server);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	say_names("fresh", client, -1);
	say_events("fresh", client);
	TO("127.0.0.1", port);
	R(sendto(client, "hello", 5, 0, ADDRESS, length));
	say_names("client", client, -1);
	say_events("server", server);
	receive_from(server, inet_port(client));
	R(sendto(client, "", 0, 0, ADDRESS, length));
	R(sendto(client, "three", 5, 0, ADDRESS, length));
	receive_from(server, inet_port(client));
	say_recv("cut", server, 2, 0);
	R(sendto(client, "longer", 6, 0, ADDRESS, length));
	say_recv("peek", server, 3, MSG_PEEK);
	say_recv("true length", server, 3, MSG_TRUNC);
	say_recv("nothing", server, 3, MSG_DONTWAIT);
	TO("127.0.0.1", inet_port(client));
	R(sendto(server, "answer", 6, 0, ADDRESS, length));
	receive_from(client, port);
	receive_from(client, port);
}

static void bad_destinations(void)
{
	static char block[70000];

	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	TO("127.0.0.1", inet_port(server));
	R(send(client, "x", 1, 0));
	R(write(client, "x", 1));
	R(sendto(client, "x", 1, 0, ADDRESS, 8));
	R(sendto(client, "x", 1, 0, ADDRESS, 200));
	R(sendto(client, "x", 1, 0, nowhere, 16));
	R(sendto(client, nowhere, 1, 0, ADDRESS, length));
	R(sendto(client, block, 65507, 0, ADDRESS, length));
	R(sendto(client, block, 65508, 0, ADDRESS, length));
	R(sendto(client, block, 70000, 0, ADDRESS, length));
	TO("127.0.0.1", 0);
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	TO("::1", inet_port(server));
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	TO("255.255.255.255", 9); /* not allowed; or, with nothing but lo, there is no way */
	T(sendto(client, "x", 1, 0, ADDRESS, length) < 0 &&
		(errno == EACCES || errno == ENETUNREACH));
	T(connect(client, ADDRESS, length) < 0 && (errno == EACCES || errno == ENETUNREACH));
	R(recv(server, block, sizeof(block), 0));
	TO("127.0.0.1", inet_port(server));
	R(sendto(client, "x", 1, MSG_OOB, ADDRESS, length));
	address.ss_family = AF_UNSPEC;
	R(sendto(client, "unspecific", 10, 0, ADDRESS, length));
	receive_from(server, inet_port(client));
}

static void nobody_is_there(void)
{
	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	port = inet_port(server);
	close(server);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	TO("127.0.0.1", port);
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	sleep_ms(10);
	say_recv("not told", client, 1, MSG_DONTWAIT);
	R(connect(client, ADDRESS, length));
	say_names("client", client, port);
	R(send_text(client, "x", 0));
	sleep_ms(10);
	say_events("refused", client);
	say_recv("refused", client, 1, 0);
	say_recv("then nothing", client, 1, MSG_DONTWAIT);
	R(send_text(client, "x", 0));
	sleep_ms(10);
	R(send_text(client, "x", 0));
	sleep_ms(10);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
}

static void connected_sockets_hear_only_their_peer(void)
{
	int third = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);

	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	port = inet_port(server);
	client = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	TO("127.0.0.1", port);
	R(connect(client, ADDRESS, length));
	say_names("client", client, port);
	R(send_text(client, "to server", 0));
	receive_from(server, inet_port(client));
	TO("127.0.0.1", inet_port(client));
	R(sendto(third, "stranger", 8, 0, ADDRESS, length));
	R(sendto(server, "friend", 6, 0, ADDRESS, length));
	receive_from(client, port);
	receive_from(client, port);
	TO("127.0.0.1", inet_port(third));
	R(sendto(client, "elsewhere", 9, 0, ADDRESS, length));
	receive_from(third, inet_port(client));
	R(connect(client, ADDRESS, length));
	R(send_text(client, "now third", 0));
	receive_from(third, inet_port(client));
	address.ss_family = AF_UNSPEC;
	R(connect(client, ADDRESS, length));
	say_names("client", client, -1);
	R(send_text(client, "x", 0));
	R(connect(client, ADDRESS, 1));
	TO("127.0.0.1", port);
	R(connect(client, ADDRESS, 8));
	R(connect(client, ADDRESS, length));
	R(getpeername(client, ADDRESS, (length = 100, &length)));
}

static void names_of_unbound_sockets(void)
{
	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	client = inet_connected(SOCK_DGRAM, "127.0.0.1", inet_port(server));
	say_names("client", client, inet_port(server));
	address.ss_family = AF_UNSPEC;
	R(connect(client, ADDRESS, 16));
	say_names("client", client, -1);
	client = inet_connected(SOCK_DGRAM, "127.0.0.5", inet_port(server));
	say_names("client", client, inet_port(server));
	client = inet_bound(SOCK_DGRAM, "0.0.0.0", 0);
	TO("127.0.0.1", inet_port(server));
	R(sendto(client, "any", 3, 0, ADDRESS, length));
	receive_from(server, inet_port(client));
	say_names("client", client, -1);
	R(connect(client, ADDRESS, length));
	say_names("client", client, inet_port(server));
	address.ss_family = AF_UNSPEC;
	R(connect(client, ADDRESS, 16));
	say_names("client", client, -1);
	TO("0.0.0.0", inet_port(server));
	R(sendto(client, "to any", 6, 0, ADDRESS, length));
	receive_from(server, inet_port(client));
}

static int try_bind(int type, const char *host, int at, int option, bool v6only)
{
	struct sockaddr_storage a;
	socklen_t n = inet_address(&a, host, at);
	int fd = socket(a.ss_family, type, 0);

	if (option)
		set_option(fd, SOL_SOCKET, option, 1);
	if (v6only)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, (struct sockaddr *)&a, n) == 0)
		return fd;
	say("bind: %s", errno_name(errno));
	close(fd);
	return -1;
}

/* Which pairs may have the same port. */
static void ports_are_shared_or_not(void)
{
	static const struct {
		const char *first, *second;
		int option1, option2;
		bool only1, only2;
	} cases[] = {{"127.0.0.1", "127.0.0.1", 0, 0, 0, 0}, {"127.0.0.1", "127.0.0.2", 0, 0, 0, 0},
		{"0.0.0.0", "127.0.0.1", 0, 0, 0, 0},
		{"127.0.0.1", "127.0.0.1", SO_REUSEADDR, 0, 0, 0},
		{"127.0.0.1", "127.0.0.1", 0, SO_REUSEADDR, 0, 0},
		{"127.0.0.1", "127.0.0.1", SO_REUSEADDR, SO_REUSEADDR, 0, 0},
		{"0.0.0.0", "127.0.0.1", SO_REUSEADDR, SO_REUSEADDR, 0, 0},
		{"127.0.0.1", "127.0.0.1", SO_REUSEPORT, SO_REUSEPORT, 0, 0},
		{"127.0.0.1", "127.0.0.1", SO_REUSEPORT, 0, 0, 0},
		{"127.0.0.1", "127.0.0.1", SO_REUSEPORT, SO_REUSEADDR, 0, 0},
		{"::", "0.0.0.0", 0, 0, 0, 0}, {"::", "0.0.0.0", 0, 0, 1, 0},
		{"0.0.0.0", "::", 0, 0, 0, 1}, {"0.0.0.0", "::", 0, 0, 0, 0},
		{"::1", "127.0.0.1", 0, 0, 0, 0}, {"::", "::1", 0, 0, 0, 0},
		{"::", "::1", 0, 0, 1, 1}, {"::ffff:127.0.0.1", "127.0.0.1", 0, 0, 0, 0},
		{"::ffff:127.0.0.1", "::1", 0, 0, 0, 0}, {"::", "127.0.0.1", 0, 0, 0, 0}};
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int t = 0; t < 2; t++) {
			int a = try_bind(
				types[t], cases[i].first, 0, cases[i].option1, cases[i].only1);
			int b = try_bind(types[t], cases[i].second, inet_port(a), cases[i].option2,
				cases[i].only2);
			say("%s %s and %s, options %d %d: %s", t ? "tcp" : "udp", cases[i].first,
				cases[i].second, cases[i].option1, cases[i].option2,
				b >= 0 ? "both" : "one");
			close(a);
			close(b);
		}
	}
}

static void two_listeners_on_one_port(void)
{
	static const int options[] = {SO_REUSEADDR, SO_REUSEPORT};

	for (int i = 0; i < 2; i++) {
		int a = try_bind(SOCK_STREAM, "127.0.0.1", 0, options[i], false);
		int b = try_bind(SOCK_STREAM, "127.0.0.1", inet_port(a), options[i], false);
		R(listen(a, 1));
		R(listen(b, 1));
		int c = try_bind(SOCK_STREAM, "127.0.0.1", inet_port(a), options[i], false);
		T(c >= 0);
		close(a);
		R(listen(b, 1));
	}
}

/* A server that starts again while connections of the last one are open. */
static void a_port_with_connections(void)
{
	int listener = try_bind(SOCK_STREAM, "127.0.0.1", 0, SO_REUSEADDR, false);

	MUST(listen(listener, 4) == 0);
	port = inet_port(listener);
	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	server = accept(listener, NULL, NULL);
	T(try_bind(SOCK_STREAM, "127.0.0.1", port, SO_REUSEADDR, false) >= 0);
	close(listener);
	T(try_bind(SOCK_STREAM, "127.0.0.1", port, 0, false) >= 0);
	int again = try_bind(SOCK_STREAM, "127.0.0.1", port, SO_REUSEADDR, false);
	R(listen(again, 4));
	R(send_text(client, "works", 0));
	say_recv("server", server, 10, 0);
}

static void version_six(void)
{
	server = inet_bound(SOCK_DGRAM, "::1", 0);
	port = inet_port(server);
	say_names("server", server, port);
	client = socket(AF_INET6, SOCK_DGRAM, 0);
	say_names("fresh", client, -1);
	TO("::1", port);
	R(sendto(client, "six", 3, 0, ADDRESS, length));
	receive_from(server, inet_port(client));
	R(connect(client, ADDRESS, length));
	say_names("client", client, port);
	TO("127.0.0.1", port);
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	R(bind(socket(AF_INET6, SOCK_DGRAM, 0), ADDRESS, length));
	TO("::1", port);
	R(bind(socket(AF_INET6, SOCK_DGRAM, 0), ADDRESS, 16));
	R(connect(socket(AF_INET6, SOCK_STREAM, 0), ADDRESS, 16));
	TO("2001:db8::1", port);
	R(bind(socket(AF_INET6, SOCK_DGRAM, 0), ADDRESS, length));
	TO("fe80::1", port);
	R(bind(socket(AF_INET6, SOCK_DGRAM, 0), ADDRESS, length));
	TO("ff02::1", port);
	R(bind(socket(AF_INET6, SOCK_STREAM, 0), ADDRESS, length));
}

static void both_versions_on_one_socket(void)
{
	int dual = inet_bound(SOCK_DGRAM, "::", 0), four = socket(AF_INET, SOCK_DGRAM, 0);

	port = inet_port(dual);
	say_names("dual", dual, port);
	TO("127.0.0.1", port);
	R(sendto(four, "four", 4, 0, ADDRESS, length));
	receive_from(dual, inet_port(four));
	TO("::ffff:127.0.0.1", inet_port(four));
	R(bind(four, ADDRESS, length));
	R(sendto(dual, "mapped", 6, 0, ADDRESS, length));
	receive_from(four, port);
	int six = socket(AF_INET6, SOCK_DGRAM, 0);
	set_option(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	R(connect(six, ADDRESS, length));
	R(sendto(six, "x", 1, 0, ADDRESS, length));
	/* the same for streams */
	int listener = inet_listener("::", 4, &port);
	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	length = sizeof(address);
	server = accept(listener, ADDRESS, &length);
	say_address("accepted from", &address, length, inet_port(client));
	say_names("server", server, port);
	client = inet_connected(SOCK_STREAM, "::ffff:127.0.0.1", port);
	say_names("client", client, port);
	server = accept(listener, NULL, NULL);
	client = inet_connected(SOCK_STREAM, "::1", port);
	server = accept(listener, NULL, NULL);
	say_names("server", server, inet_port(client));
	client = inet_connected(SOCK_STREAM, "::", port);
	say_names("client", client, port);
	R(send_text(client, "six", 0));
	server = accept(listener, NULL, NULL);
	say_recv("server", server, 10, 0);
}

static void shutting_down(void)
{
	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	R(shutdown(server, SHUT_WR));
	client = inet_connected(SOCK_DGRAM, "127.0.0.1", inet_port(server));
	R(shutdown(client, SHUT_RD));
	say_events("client", client);
	say_recv("end", client, 10, 0);
	say_recv("end", client, 10, MSG_DONTWAIT);
	R(send_text(client, "x", 0));
	R(shutdown(client, SHUT_WR));
	say_events("client", client);
	R(send(client, "x", 1, 0));
	R(shutdown(client, 5));
}

static void a_queue_that_is_full_drops(void)
{
	static char block[5000];
	int got = 0;

	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	set_option(server, SOL_SOCKET, SO_RCVBUF, 20000);
	client = inet_connected(SOCK_DGRAM, "127.0.0.1", inet_port(server));
	for (int i = 0; i < 100; i++)
		MUST(send(client, block, sizeof(block), 0) == sizeof(block));
	while (recv(server, block, sizeof(block), MSG_DONTWAIT) == sizeof(block))
		got++;
	say("errno %s", errno_name(errno));
	T(got > 1 && got < 20);
	R(send_text(client, "after", 0));
	say_recv("server", server, 10, 0);
}

static void many_datagrams_between_processes(void)
{
	int n, sum = 0;

	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	port = inet_port(server);
	pid_t pid = fork();
	if (pid == 0) {
		client = inet_connected(SOCK_DGRAM, "127.0.0.1", port);
		for (int i = 1; i <= 200; i++) {
			int back = 0;
			if (send(client, &i, sizeof(i), 0) != sizeof(i) ||
				recv(client, &back, sizeof(back), 0) != sizeof(back) || back != i)
				_exit(1);
		}
		n = 0;
		send(client, &n, sizeof(n), 0);
		_exit(0);
	}
	do {
		length = sizeof(address);
		if (recvfrom(server, &n, sizeof(n), 0, ADDRESS, &length) != sizeof(n))
			break;
		sum += n;
		if (n)
			sendto(server, &n, sizeof(n), 0, ADDRESS, length);
	} while (n);
	V(sum);
	reap("client", pid);
}

static void messages_and_queues(void)
{
	struct iovec iov[2] = {{"ab", 2}, {"cd", 2}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	char control[100];
	int n = -1;

	server = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	TO("127.0.0.1", inet_port(server));
	m.msg_name = &address;
	m.msg_namelen = length;
	R(sendmsg(client, &m, 0));
	R(ioctl(server, FIONREAD, &n));
	V(n);
	char in[8] = "";
	iov[0] = (struct iovec){in, 3};
	m = (struct msghdr){.msg_iov = iov,
		.msg_iovlen = 1,
		.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	R(recvmsg(server, &m, 0));
	S(in);
	V(m.msg_flags);
	V(m.msg_namelen);
	V(m.msg_controllen);
	say_address("from", &address, m.msg_namelen, inet_port(client));
	R(ioctl(server, FIONREAD, &n));
	V(n);
}

const struct behaviour behaviours[] = {BEHAVIOUR(datagrams_have_senders),
	BEHAVIOUR(bad_destinations), BEHAVIOUR(nobody_is_there),
	BEHAVIOUR(connected_sockets_hear_only_their_peer), BEHAVIOUR(names_of_unbound_sockets),
	BEHAVIOUR(ports_are_shared_or_not), BEHAVIOUR(two_listeners_on_one_port),
	BEHAVIOUR(a_port_with_connections), BEHAVIOUR(version_six),
	BEHAVIOUR(both_versions_on_one_socket), BEHAVIOUR(shutting_down),
	BEHAVIOUR(a_queue_that_is_full_drops), BEHAVIOUR(many_datagrams_between_processes),
	BEHAVIOUR(messages_and_queues), {0}};
