/* SPDX-License-Identifier: Apache-2.0 */
/* Local sockets that keep messages apart: datagrams and sequenced packets. */
#include "sockets.h"

static struct sockaddr_un address;
static socklen_t length;
static int pair[2];

#define ADDRESS (struct sockaddr *)&address
#define PATH(p) (length = unix_address(&address, p))

static void messages_stay_apart(void)
{
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	R(send_text(pair[0], "one", 0));
	R(send_text(pair[0], "", 0));
	R(send_text(pair[0], "three", 0));
	say_recv("first", pair[1], 100, 0);
	say_recv("empty", pair[1], 100, 0);
	say_recv("cut", pair[1], 2, 0);
	say_recv("none", pair[1], 100, MSG_DONTWAIT);
	R(send_text(pair[0], "longer", 0));
	say_recv("peeked", pair[1], 3, MSG_PEEK);
	say_recv("true length", pair[1], 3, MSG_PEEK | MSG_TRUNC);
	say_recv("true length", pair[1], 3, MSG_TRUNC);
	say_recv("none", pair[1], 100, MSG_DONTWAIT);
	R(write(pair[0], "", 0));
	R(read(pair[1], &length, 0));
	say_recv("still there", pair[1], 100, MSG_DONTWAIT);
}

static void a_closed_pair_of_datagrams(void)
{
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	say_events("open", pair[0]);
	R(send_text(pair[1], "last", 0));
	close(pair[1]);
	say_events("peer closed", pair[0]);
	say_recv("last", pair[0], 100, 0);
	say_recv("no end", pair[0], 100, MSG_DONTWAIT);
	R(send_text(pair[0], "x", 0));
	R(send_text(pair[0], "x", 0));
	R(getpeername(pair[0], ADDRESS, (length = sizeof(address), &length)));
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	R(send_text(pair[0], "unread", 0));
	close(pair[1]);
	say_events("peer closed", pair[0]);
	R(send_text(pair[0], "x", 0));
	say_option("error", pair[0], SOL_SOCKET, SO_ERROR);
}

static void receive_from(int fd)
{
	char buffer[100];
	struct sockaddr_un from;
	socklen_t n = sizeof(from);
	ssize_t r;

	memset(&from, 0, sizeof(from));
	r = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &n);
	if (r < 0) {
		say("recvfrom: %s", errno_name(errno));
		return;
	}
	say_bytes("recvfrom", buffer, (size_t)r);
	say_address("from", &from, n, 0);
}

static void datagrams_have_senders(void)
{
	int server = unix_bound(SOCK_DGRAM, "server"), client = unix_bound(SOCK_DGRAM, "client");
	int nameless = socket(AF_UNIX, SOCK_DGRAM, 0);

	PATH("server");
	R(sendto(client, "named", 5, 0, ADDRESS, length));
	R(sendto(nameless, "nameless", 8, 0, ADDRESS, length));
	R(sendto(server, "myself", 6, 0, ADDRESS, length));
	receive_from(server);
	receive_from(server);
	receive_from(server);
	receive_from(server);
	R(sendto(nameless, "x", 1, 0, NULL, 0));
	PATH("nobody");
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	make_file("file", "");
	PATH("file");
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	unix_listener(SOCK_STREAM, "stream", 1);
	PATH("stream");
	R(sendto(client, "x", 1, 0, ADDRESS, length));
	R(sendto(client, "x", 1, 0, ADDRESS, 2));
	R(sendto(client, "x", 1, 0, ADDRESS, 200));
	R(sendto(client, "x", 1, 0, nowhere, 10));
	R(sendto(client, nowhere, 1, 0, ADDRESS, length));
	PATH("server");
	R(sendto(client, nowhere, 1, 0, ADDRESS, length));
	close(client);
	R(sendto(nameless, "after", 5, 0, ADDRESS, length));
	receive_from(server);
}

static void datagrams_can_connect(void)
{
	int server = unix_bound(SOCK_DGRAM, "server"), client = unix_bound(SOCK_DGRAM, "client");
	int third = unix_bound(SOCK_DGRAM, "third");

	PATH("server");
	R(connect(client, ADDRESS, length));
	say_names("client", client, 0);
	R(send_text(client, "hello", 0));
	PATH("third");
	R(sendto(client, "elsewhere", 9, 0, ADDRESS, length));
	receive_from(server);
	receive_from(third);
	PATH("client");
	R(connect(server, ADDRESS, length));
	R(sendto(third, "x", 1, 0, ADDRESS, length));
	R(connect(third, ADDRESS, length));
	PATH("third");
	R(sendto(server, "x", 1, 0, ADDRESS, length));
	PATH("third");
	R(connect(client, ADDRESS, length));
	R(send_text(server, "x", 0));
	R(send_text(client, "now here", 0));
	receive_from(third);
	address.sun_family = AF_UNSPEC;
	R(connect(client, ADDRESS, 2));
	say_names("client", client, 0);
	R(send_text(client, "x", 0));
	R(connect(client, ADDRESS, 1));
	R(connect(client, ADDRESS, 0));
	PATH("missing");
	R(connect(client, ADDRESS, length));
	R(listen(client, 1));
	R(accept(client, NULL, NULL));
}

static void a_connection_drops_what_others_sent(void)
{
	int server = unix_bound(SOCK_DGRAM, "server"), client = unix_bound(SOCK_DGRAM, "client");

	PATH("server");
	R(connect(client, ADDRESS, length));
	PATH("client");
	R(sendto(server, "before", 6, 0, ADDRESS, length));
	unix_bound(SOCK_DGRAM, "third");
	PATH("third");
	R(connect(client, ADDRESS, length));
	receive_from(client);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
}

static void a_connected_peer_goes_and_comes(void)
{
	int server = unix_bound(SOCK_DGRAM, "server"), client = socket(AF_UNIX, SOCK_DGRAM, 0);

	PATH("server");
	MUST(connect(client, ADDRESS, length) == 0);
	close(server);
	say_events("client", client);
	R(send_text(client, "x", 0));
	R(send_text(client, "x", 0));
	unlink("server");
	server = unix_bound(SOCK_DGRAM, "server");
	R(send_text(client, "x", 0));
	R(connect(client, ADDRESS, length));
	R(send_text(client, "again", 0));
	receive_from(server);
}

static void a_queue_holds_only_so_many(void)
{
	int server = unix_bound(SOCK_DGRAM, "server");
	int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int sent = 0;

	PATH("server");
	MUST(connect(client, ADDRESS, length) == 0);
	while (send_text(client, "x", 0) == 1)
		sent++;
	say("errno %s", errno_name(errno));
	T(sent > 5 && sent < 300);
	say_events("full", client);
	receive_from(server);
	say_events("room for one", client);
	R(send_text(client, "x", 0));
	R(send_text(client, "x", 0));
	pid_t pid = fork();
	if (pid == 0) {
		MUST(fcntl(client, F_SETFL, 0) == 0);
		_exit(send_text(client, "waited", 0) == 6 ? 0 : 1);
	}
	until_asleep(pid);
	receive_from(server);
	reap("sender", pid);
}

static void datagrams_have_a_largest_size(void)
{
	static char block[300000];

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	set_option(pair[0], SOL_SOCKET, SO_SNDBUF, 20000);
	R(send(pair[0], block, 40000 - 32, MSG_DONTWAIT));
	R(send(pair[0], block, 40000 - 31, MSG_DONTWAIT));
	R(send(pair[0], block, sizeof(block), MSG_DONTWAIT));
	R(send(pair[0], block, 1, MSG_DONTWAIT));
	R(recv(pair[1], block, sizeof(block), 0));
	R(send(pair[0], block, 1, MSG_DONTWAIT));
}

static void shutting_down_datagrams(void)
{
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	R(send_text(pair[1], "kept", 0));
	R(shutdown(pair[0], SHUT_RD));
	say_events("closed for reading", pair[0]);
	say_events("its peer", pair[1]);
	R(send(pair[1], "x", 1, 0));
	say_recv("kept", pair[0], 100, 0);
	say_recv("end", pair[0], 100, 0);
	say_recv("end", pair[0], 100, MSG_DONTWAIT);
	R(shutdown(pair[0], SHUT_WR));
	say_events("closed", pair[0]);
	R(send(pair[0], "x", 1, 0));
	say_events("its peer", pair[1]);
	say_recv("peer", pair[1], 100, MSG_DONTWAIT);
}

static void packets_in_sequence(void)
{
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	say_events("fresh", pair[0]);
	R(send_text(pair[0], "one", 0));
	R(send_text(pair[0], "", 0));
	R(send_text(pair[0], "three", 0));
	say_recv("one", pair[1], 100, 0);
	say_recv("empty", pair[1], 100, 0);
	say_recv("cut", pair[1], 2, MSG_TRUNC);
	PATH("ignored");
	R(sendto(pair[0], "to", 2, 0, ADDRESS, length));
	say_recv("to", pair[1], 100, 0);
	R(send_text(pair[1], "last", 0));
	R(close(pair[1]));
	say_events("peer closed", pair[0]);
	say_recv("last", pair[0], 100, 0);
	say_recv("end", pair[0], 100, 0);
	say_recv("end", pair[0], 100, MSG_DONTWAIT);
	R(send(pair[0], "x", 1, 0));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	R(send_text(pair[0], "unread", 0));
	R(close(pair[1]));
	R(send(pair[0], "x", 1, 0));
	R(send(pair[0], "x", 1, 0));
	say_recv("end", pair[0], 100, 0);
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	R(shutdown(pair[0], SHUT_WR));
	R(send(pair[0], "x", 1, 0));
	say_recv("end", pair[1], 100, 0);
	say_events("its peer", pair[1]);
}

static void packets_over_a_connection(void)
{
	int listener = unix_listener(SOCK_SEQPACKET, "server", 2);
	int client = unix_connected(SOCK_SEQPACKET, "server");

	R(send_text(client, "a", 0));
	R(send_text(client, "bc", 0));
	int server = R(accept(listener, NULL, NULL));
	say_names("server", server, 0);
	say_recv("server", server, 100, 0);
	say_recv("server", server, 100, 0);
	R(send_text(server, "answer", 0));
	say_recv("client", client, 100, 0);
	R(connect(client, ADDRESS, PATH("server")));
	R(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS, PATH("server")));
	set_nonblocking(client);
	say_recv("nothing", client, 100, 0);
	int n = 0;
	while (send_text(client, "x", 0) == 1)
		n++;
	say("errno %s", errno_name(errno));
	T(n > 5 && n < 300);
	say_events("full", client);
	R(close(listener));
	R(shutdown(server, SHUT_RDWR));
	say_events("client", client);
	say_recv("client", client, 100, 0);
}

const struct behaviour behaviours[] = {BEHAVIOUR(messages_stay_apart),
	BEHAVIOUR(a_closed_pair_of_datagrams), BEHAVIOUR(datagrams_have_senders),
	BEHAVIOUR(datagrams_can_connect), BEHAVIOUR(a_connection_drops_what_others_sent),
	BEHAVIOUR(a_connected_peer_goes_and_comes), BEHAVIOUR(a_queue_holds_only_so_many),
	BEHAVIOUR(datagrams_have_a_largest_size), BEHAVIOUR(shutting_down_datagrams),
	BEHAVIOUR(packets_in_sequence), BEHAVIOUR(packets_over_a_connection), {0}};
