/* SPDX-License-Identifier: Apache-2.0 */
/* TCP between processes of one machine: names, connecting, data, every way for it to end. */
#include "sockets.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#include <linux/sockios.h>

static struct sockaddr_storage address;
static socklen_t length;
static int port, listener, client, server;

#define ADDRESS	    (struct sockaddr *)&address
#define TO(host, p) (length = inet_address(&address, host, p))

/* A listener and both ends of a connection to it. */
static void connected(const char *host)
{
	listener = inet_listener(host, 5, &port);
	client = inet_connected(SOCK_STREAM, host, port);
	server = accept(listener, NULL, NULL);
	MUST(server >= 0);
}

static void creation_as_nobody(void)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return;
	R(socket(AF_INET, SOCK_RAW, 1));
	R(socket(AF_INET6, SOCK_RAW, 58));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	TO("127.0.0.1", 1000);
	R(bind(fd, ADDRESS, length));
}

static void creation_checks_its_arguments(void)
{
	R(socket(AF_INET, SOCK_STREAM, 0));
	R(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	R(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	R(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
	R(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
	R(socket(AF_INET, SOCK_STREAM, 300));
	R(socket(AF_INET, SOCK_STREAM, -1));
	R(socket(AF_INET, SOCK_RDM, 0));
	R(socket(AF_INET, 0, 0));
	R(socket(AF_INET6, SOCK_STREAM, 0));
	R(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
	R(socket(AF_INET6, SOCK_STREAM, IPPROTO_UDP));
	R(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	int pair[2];
	R(socketpair(AF_INET, SOCK_STREAM, 0, pair));
	in_child("nobody", creation_as_nobody);
}

static void addresses_to_bind(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	say_names("unbound", fd, -1);
	TO("127.0.0.1", 0);
	R(bind(fd, ADDRESS, 8));
	R(bind(fd, ADDRESS, 0));
	R(bind(fd, ADDRESS, 129));
	R(bind(fd, nowhere, length));
	address.ss_family = AF_INET6;
	R(bind(fd, ADDRESS, length));
	address.ss_family = 99;
	R(bind(fd, ADDRESS, length));
	TO("198.51.100.1", 0);
	R(bind(fd, ADDRESS, length));
	TO("127.0.0.1", 0);
	address.ss_family = AF_UNSPEC;
	R(bind(fd, ADDRESS, length));
	TO("127.0.0.1", 0);
	R(bind(fd, ADDRESS, length));
	say_names("bound", fd, -1);
	R(bind(fd, ADDRESS, length));
	port = inet_port(fd);
	T(port >= 1024);
	TO("127.0.0.1", port);
	R(bind(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, length));
	TO("0.0.0.0", port);
	R(bind(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, length));
	TO("127.0.0.2", port);
	R(bind(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, length));
	TO("127.0.0.1", port);
	R(bind(socket(AF_INET, SOCK_DGRAM, 0), ADDRESS, length));
	TO("0.0.0.0", 0);
	address.ss_family = AF_UNSPEC;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	R(bind(fd, ADDRESS, length));
	say_names("unspecific", fd, -1);
}

static void both_ends_have_names(void)
{
	listener = inet_listener("127.0.0.1", 5, &port);
	say_names("listener", listener, port);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TO("127.0.0.1", port);
	R(connect(client, ADDRESS, length));
	say_names("client", client, port);
	length = sizeof(address);
	server = accept(listener, ADDRESS, &length);
	say_address("accepted from", &address, length, inet_port(client));
	V(length);
	say_names("server", server, port);
	T(inet_port(server) == port);
	R(connect(client, ADDRESS, TO("127.0.0.1", port)));
	R(listen(client, 1));
	R(accept(client, NULL, NULL));
	R(bind(client, ADDRESS, TO("127.0.0.1", 0)));
	length = 5;
	memset(&address, 0x55, sizeof(address));
	R(getsockname(client, ADDRESS, &length));
	V(length);
	V(((unsigned char *)&address)[5]);
}

static void any_address_means_loopback(void)
{
	listener = inet_listener("0.0.0.0", 5, &port);
	say_names("listener", listener, port);
	client = inet_connected(SOCK_STREAM, "0.0.0.0", port);
	say_names("client", client, port);
	server = accept(listener, NULL, NULL);
	say_names("server", server, inet_port(client));
	client = inet_connected(SOCK_STREAM, "127.1.2.3", port);
	say_names("client", client, port);
	server = accept(listener, NULL, NULL);
	say_names("server", server, inet_port(client));
}

static void listening_binds_by_itself(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	R(accept(fd, NULL, NULL));
	R(listen(fd, 1));
	R(listen(fd, 5));
	say_names("listener", fd, -1);
	say_option("accepts", fd, SOL_SOCKET, SO_ACCEPTCONN);
	say_events("listener", fd);
	set_nonblocking(fd);
	R(accept(fd, NULL, NULL));
	R(connect(fd, ADDRESS, TO("127.0.0.1", inet_port(fd))));
	R(send_text(fd, "x", 0));
	say_recv("listener", fd, 1, 0);
	R(listen(socket(AF_INET, SOCK_DGRAM, 0), 1));
	R(accept(socket(AF_INET, SOCK_DGRAM, 0), NULL, NULL));
}

static void nobody_listens(void)
{
	int fd = inet_bound(SOCK_STREAM, "127.0.0.1", 0);

	port = inet_port(fd);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TO("127.0.0.1", port);
	R(connect(client, ADDRESS, length));
	say_events("client", client);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	R(connect(client, ADDRESS, length));
	MUST(listen(fd, 1) == 0);
	R(connect(client, ADDRESS, length));
	R(connect(client, ADDRESS, 8));
	R(connect(client, ADDRESS, 200));
	R(connect(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, 8));
	address.ss_family = AF_INET6;
	R(connect(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, length));
	R(connect(socket(AF_INET, SOCK_STREAM, 0), nowhere, length));
}

static void connecting_without_waiting(void)
{
	listener = inet_listener("127.0.0.1", 5, &port);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TO("127.0.0.1", port);
	R(connect(client, ADDRESS, length));
	struct pollfd p = {client, POLLOUT, 0};
	R(poll(&p, 1, 2000));
	say_events("client", client);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	R(connect(client, ADDRESS, length));
	R(connect(client, ADDRESS, length));
	R(send_text(client, "x", 0));
	/* refused */
	int fd = inet_bound(SOCK_STREAM, "127.0.0.1", 0);
	TO("127.0.0.1", inet_port(fd));
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	R(connect(client, ADDRESS, length));
	p.fd = client;
	R(poll(&p, 1, 2000));
	say_events("refused", client);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	R(connect(client, ADDRESS, length));
	poll((p.fd = client, &p), 1, 2000);
	R(connect(client, ADDRESS, length));
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	R(connect(client, ADDRESS, length));
	poll((p.fd = client, &p), 1, 2000);
	R(getpeername(client, ADDRESS, &length));
	say_recv("refused", client, 1, 0);
	say_recv("refused", client, 1, 0);
	R(send_text(client, "x", 0));
}

static void accepting_without_waiting(void)
{
	listener = inet_listener("127.0.0.1", 5, &port);
	set_nonblocking(listener);
	R(accept(listener, NULL, NULL));
	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	say_events("listener", listener);
	server = (int)R(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	V(fcntl(server, F_GETFL) & O_NONBLOCK);
	V(fcntl(server, F_GETFD));
	R(accept4(listener, NULL, NULL, 0x10));
	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	MUST(send_text(client, "bye", 0) == 3);
	close(client);
	sleep_ms(20);
	server = (int)R(accept(listener, NULL, NULL));
	say_recv("server", server, 10, 0);
	say_recv("server", server, 10, 0);
	say_names("server", server, port);
}

static void bytes_in_both_directions(void)
{
	connected("127.0.0.1");
	say_events("fresh", client);
	R(send_text(client, "abc", 0));
	R(send_text(client, "defg", MSG_MORE));
	R(send_text(client, "h", 0));
	say_recv("peek", server, 5, MSG_PEEK);
	say_recv("all", server, 8, MSG_WAITALL);
	say_recv("nothing", server, 8, MSG_DONTWAIT);
	R(write(server, "answer", 6));
	say_recv("client", client, 100, 0);
	R(send_text(client, "discarded", 0));
	say_events("with data", server);
	R(recv(server, NULL, 9, MSG_TRUNC));
	say_recv("nothing", server, 8, MSG_DONTWAIT);
	say_recv("nothing", server, 8, MSG_DONTWAIT | MSG_PEEK);
	struct sockaddr_storage from;
	socklen_t n = sizeof(from);
	char buffer[16];
	R(send_text(client, "from", 0));
	R(recvfrom(server, buffer, 16, 0, (struct sockaddr *)&from, &n));
	V(n);
	R(sendto(client, "to", 2, 0, ADDRESS, TO("127.0.0.1", 1)));
	say_recv("to", server, 16, 0);
	R(send(client, nowhere, 5, 0));
	R(send_text(client, "x", 0));
	R(recv(server, nowhere, 5, 0));
	say_recv("not lost", server, 16, 0);
	R(write(client, "", 0));
	R(read(server, buffer, 0));
}

static void closing_one_direction(void)
{
	connected("127.0.0.1");
	R(send_text(client, "last", 0));
	R(shutdown(client, SHUT_WR));
	sleep_ms(10);
	say_events("client", client);
	say_events("server", server);
	R(send_text(client, "x", 0));
	say_recv("server", server, 10, 0);
	say_recv("server", server, 10, 0);
	R(send_text(server, "still", 0));
	say_recv("client", client, 10, 0);
	say_names("server", server, port);
	R(shutdown(server, SHUT_WR));
	sleep_ms(10);
	say_events("client", client);
	say_events("server", server);
	say_recv("client", client, 10, 0);
	R(getpeername(client, ADDRESS, (length = 100, &length)));
	R(getpeername(server, ADDRESS, (length = 100, &length)));
	R(send_text(server, "x", 0));
	R(shutdown(client, SHUT_WR));
	R(shutdown(client, 7));
}

static void closing_for_reading(void)
{
	connected("127.0.0.1");
	R(send_text(client, "kept", 0));
	sleep_ms(10);
	R(shutdown(server, SHUT_RD));
	say_events("server", server);
	say_events("client", client);
	say_recv("server", server, 10, 0);
	say_recv("server", server, 10, 0);
	R(send_text(client, "more", 0));
	sleep_ms(10);
	say_recv("server", server, 10, 0);
	R(send_text(server, "back", 0));
	say_recv("client", client, 10, 0);
	R(shutdown(socket(AF_INET, SOCK_STREAM, 0), SHUT_RDWR));
	R(shutdown(listener, SHUT_RD));
	say_option("accepts", listener, SOL_SOCKET, SO_ACCEPTCONN);
	R(accept(listener, NULL, NULL));
	R(connect(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, TO("127.0.0.1", port)));
}

static void the_peer_closed(void)
{
	connected("127.0.0.1");
	R(send_text(server, "last", 0));
	R(close(server));
	sleep_ms(10);
	say_events("client", client);
	say_recv("client", client, 10, 0);
	say_recv("client", client, 10, 0);
	say_names("client", client, port);
	R(send_text(client, "into the void", 0));
	sleep_ms(10);
	say_events("client", client);
	R(send_text(client, "x", 0));
	say_recv("client", client, 10, 0);
	R(getpeername(client, ADDRESS, (length = 100, &length)));
	say_events("client", client);
}

static void the_peer_closed_with_unread_data(void)
{
	connected("127.0.0.1");
	R(send_text(client, "unread", 0));
	R(send_text(server, "kept", 0));
	sleep_ms(10);
	R(close(server));
	sleep_ms(10);
	say_events("client", client);
	say_recv("client", client, 10, 0);
	say_recv("client", client, 10, 0);
	say_recv("client", client, 10, 0);
	say_events("client", client);
	R(send_text(client, "x", 0));
	connected("127.0.0.1");
	R(send_text(client, "unread", 0));
	sleep_ms(10);
	R(close(server));
	sleep_ms(10);
	R(send_text(client, "x", 0));
	R(send_text(client, "x", 0));
	say_recv("client", client, 10, 0);
}

static void closing_at_once(void)
{
	struct linger l = {1, 0};

	connected("127.0.0.1");
	R(setsockopt(server, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	R(close(server));
	sleep_ms(10);
	say_events("client", client);
	say_option("error", client, SOL_SOCKET, SO_ERROR);
	say_recv("client", client, 10, 0);
	R(getpeername(client, ADDRESS, (length = 100, &length)));
	connected("127.0.0.1");
	l.l_linger = 2;
	R(setsockopt(server, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	R(send_text(server, "lingers", 0));
	R(close(server));
	say_recv("client", client, 10, 0);
	say_recv("client", client, 10, 0);
}

static void the_listener_closes(void)
{
	listener = inet_listener("127.0.0.1", 5, &port);
	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	R(close(listener));
	sleep_ms(10);
	say_events("client", client);
	say_recv("client", client, 10, 0);
	R(connect(socket(AF_INET, SOCK_STREAM, 0), ADDRESS, TO("127.0.0.1", port)));
}

static void write_twice(void)
{
	R(send(client, "x", 1, 0));
	sleep_ms(10);
	R(send(client, "x", 1, 0));
	say("not reached");
}

static void broken_connections_raise_sigpipe(void)
{
	connected("127.0.0.1");
	close(server);
	sleep_ms(10);
	in_child("writer", write_twice);
}

static void unconnected_sockets(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	say_events("fresh", fd);
	R(read(fd, &c, 1));
	R(send_text(fd, "x", 0));
	R(getpeername(fd, ADDRESS, (length = 100, &length)));
	int n = -1;
	R(ioctl(fd, FIONREAD, &n));
	V(n);
	R(shutdown(fd, SHUT_WR));
}

static void connections_can_be_undone(void)
{
	connected("127.0.0.1");
	address.ss_family = AF_UNSPEC;
	R(connect(client, ADDRESS, 16));
	sleep_ms(10);
	say_events("client", client);
	R(getpeername(client, ADDRESS, (length = 100, &length)));
	say_recv("server", server, 10, 0);
	R(connect(client, ADDRESS, TO("127.0.0.1", port)));
	server = accept(listener, NULL, NULL);
	R(send_text(client, "again", 0));
	say_recv("server", server, 10, 0);
}

static void more_than_the_buffers_hold(void)
{
	static char block[65536];
	long total = 0, back = 0, n;

	connected("127.0.0.1");
	set_nonblocking(client);
	set_nonblocking(server);
	while ((n = write(client, block, sizeof(block))) > 0)
		total += n;
	say("errno %s", errno_name(errno));
	T(total > 100000);
	sleep_ms(10);
	say_events("full", client);
	while (back < total) {
		struct pollfd p = {server, POLLIN, 0};
		if (poll(&p, 1, 1000) != 1)
			break;
		while ((n = read(server, block, sizeof(block))) > 0)
			back += n;
	}
	T(total == back);
	sleep_ms(10);
	say_events("empty", client);
}

static void large_transfers_between_processes(void)
{
	enum { SIZE = 3000000 };
	static char data[SIZE];

	connected("127.0.0.1");
	pid_t pid = fork();
	if (pid == 0) {
		close(server);
		for (int i = 0; i < SIZE; i++)
			data[i] = (char)(i * 7);
		_exit(write(client, data, SIZE) == SIZE ? 0 : 1);
	}
	close(client);
	long total = 0, wrong = 0;
	for (ssize_t n; (n = read(server, data, 7000)) > 0;) {
		for (ssize_t i = 0; i < n; i++)
			wrong += data[i] != (char)((total + i) * 7);
		total += n;
	}
	V(total);
	V(wrong);
	reap("writer", pid);
}

static void many_small_writes(void)
{
	connected("127.0.0.1");
	pid_t pid = fork();
	if (pid == 0) {
		close(server);
		for (int i = 0; i < 20000; i++)
			if (send(client, &i, sizeof(i), 0) != sizeof(i))
				_exit(1);
		_exit(0);
	}
	close(client);
	int i = 0, wrong = 0, got;
	while (recv(server, &got, sizeof(got), MSG_WAITALL) == sizeof(got))
		wrong += got != i++;
	V(i);
	V(wrong);
	reap("writer", pid);
}

static void how_much_is_queued(void)
{
	int n = -1;

	connected("127.0.0.1");
	R(send_text(client, "abcde", 0));
	sleep_ms(10);
	R(ioctl(server, FIONREAD, &n));
	V(n);
	say_recv("part", server, 2, 0);
	R(ioctl(server, FIONREAD, &n));
	V(n);
	R(ioctl(client, SIOCOUTQ, &n));
	V(n);
	R(ioctl(listener, FIONREAD, &n));
	R(ioctl(client, SIOCATMARK, &n));
	V(n);
}

static void *late_client(void *unused)
{
	sleep_ms(30);
	int fd = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	sleep_ms(30);
	MUST(send_text(fd, "late", 0) == 4);
	return unused;
}

static void accept_and_read_wait(void)
{
	pthread_t thread;

	listener = inet_listener("127.0.0.1", 3, &port);
	MUST(pthread_create(&thread, NULL, late_client, NULL) == 0);
	server = accept(listener, NULL, NULL);
	say_recv("server", server, 10, 0);
	pthread_join(thread, NULL);
}

static void a_full_backlog_makes_others_wait(void)
{
	listener = inet_listener("127.0.0.1", 0, &port);
	client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	TO("127.0.0.1", port);
	int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	R(connect(other, ADDRESS, length));
	say_events("waits", other);
	R(connect(other, ADDRESS, length));
	R(getpeername(other, ADDRESS, (length = 100, &length)));
	R(send_text(other, "x", 0));
	say_recv("waits", other, 1, 0);
	server = (int)R(accept(listener, NULL, NULL));
	struct pollfd p = {other, POLLOUT, 0};
	R(poll(&p, 1, 5000));
	say_events("connected", other);
	server = (int)R(accept(listener, NULL, NULL));
	R(send_text(other, "there", 0));
	say_recv("server", server, 10, 0);
}

static void files_are_sent(void)
{
	make_file("a", "contents of a file");
	int fd = open_file("a", O_RDONLY), ends[2];

	connected("127.0.0.1");
	MUST(pipe(ends) == 0);
	R(sendfile(client, fd, NULL, 100));
	say_recv("server", server, 100, 0);
	MUST(write(ends[1], "piped", 5) == 5);
	R(splice(ends[0], NULL, client, NULL, 100, 0));
	say_recv("server", server, 100, 0);
	R(send_text(server, "to pipe", 0));
	R(splice(client, NULL, ends[1], NULL, 100, 0));
	char buffer[16] = "";
	R(read(ends[0], buffer, 15));
	S(buffer);
}

const struct behaviour behaviours[] = {BEHAVIOUR(creation_checks_its_arguments),
	BEHAVIOUR(addresses_to_bind), BEHAVIOUR(both_ends_have_names),
	BEHAVIOUR(any_address_means_loopback), BEHAVIOUR(listening_binds_by_itself),
	BEHAVIOUR(nobody_listens), BEHAVIOUR(connecting_without_waiting),
	BEHAVIOUR(accepting_without_waiting), BEHAVIOUR(bytes_in_both_directions),
	BEHAVIOUR(closing_one_direction), BEHAVIOUR(closing_for_reading),
	BEHAVIOUR(the_peer_closed), BEHAVIOUR(the_peer_closed_with_unread_data),
	BEHAVIOUR(closing_at_once), BEHAVIOUR(the_listener_closes),
	BEHAVIOUR(broken_connections_raise_sigpipe), BEHAVIOUR(unconnected_sockets),
	BEHAVIOUR(connections_can_be_undone), BEHAVIOUR(more_than_the_buffers_hold),
	BEHAVIOUR(large_transfers_between_processes), BEHAVIOUR(many_small_writes),
	BEHAVIOUR(how_much_is_queued), BEHAVIOUR(accept_and_read_wait),
	BEHAVIOUR(a_full_backlog_makes_others_wait), BEHAVIOUR(files_are_sent), {0}};
