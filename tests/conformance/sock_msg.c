/* SPDX-License-Identifier: Apache-2.0 */
/* sendmsg and recvmsg: vectors, flags, descriptors and credentials that come along. */
#include "sockets.h"

#include <sys/uio.h>

static int pair[2];
static char control[2048];

/* -- sending -- */

struct parcel {
	struct msghdr m;
	struct iovec iov;
	size_t used;
};

static void parcel_start(struct parcel *p, const char *text)
{
	memset(p, 0, sizeof(*p));
	p->iov = (struct iovec){(char *)text, strlen(text)};
	p->m.msg_iov = &p->iov;
	p->m.msg_iovlen = 1;
	p->m.msg_control = control;
	memset(control, 0, sizeof(control));
}

static void parcel_add(struct parcel *p, int level, int type, const void *data, size_t size)
{
	struct cmsghdr *c = (struct cmsghdr *)(control + p->used);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), data, size);
	p->used += CMSG_SPACE(size);
	p->m.msg_controllen = p->used;
}

static long send_fds(int fd, const char *text, const int *fds, int n)
{
	struct parcel p;

	parcel_start(&p, text);
	parcel_add(&p, SOL_SOCKET, SCM_RIGHTS, fds, (size_t)n * sizeof(int));
	return sendmsg(fd, &p.m, MSG_NOSIGNAL);
}

/* -- receiving -- */

static int received[300], nreceived;

static void say_control(struct msghdr *m)
{
	struct ucred u;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET) {
			say("control level %d type %d", c->cmsg_level, c->cmsg_type);
		} else if (c->cmsg_type == SCM_RIGHTS) {
			nreceived = (int)(n / sizeof(int));
			memcpy(received, CMSG_DATA(c), n);
			say("rights: %d descriptors, length %zu", nreceived, c->cmsg_len);
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&u, CMSG_DATA(c), sizeof(u));
			say("credentials: process %s, uid %s, gid %s",
				u.pid == getpid()    ? "mine"
				: u.pid == getppid() ? "parent"
				: u.pid		     ? "another"
						     : "none",
				u.uid == getuid() ? "mine" : "another",
				u.gid == getgid() ? "mine" : "another");
		} else {
			say("control type %d", c->cmsg_type);
		}
	}
}

static long receive(int fd, size_t size, size_t room, int flags)
{
	static char buffer[1024];
	struct iovec iov = {buffer, size};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room ? control : NULL,
		.msg_controllen = room,
		.msg_flags = 0x5555};
	ssize_t n = recvmsg(fd, &m, flags);

	nreceived = 0;
	if (n < 0) {
		say("recvmsg: %s", errno_name(errno));
		return n;
	}
	say_bytes("recvmsg", buffer, (size_t)n < size ? (size_t)n : size);
	say("flags %#x, control length %zu", m.msg_flags, (size_t)m.msg_controllen);
	say_control(&m);
	return n;
}

/* -- data -- */

static void vectors_are_gathered_and_scattered(void)
{
	char a[4] = "", b[16] = "";
	struct iovec out[3] = {{"12345", 5}, {"", 0}, {"678", 3}}, in[2] = {{a, 3}, {b, 15}};

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(writev(pair[0], out, 3));
	R(readv(pair[1], in, 2));
	S(a);
	S(b);
	struct msghdr m = {.msg_iov = out, .msg_iovlen = 3};
	R(sendmsg(pair[0], &m, 0));
	m = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_flags = -1};
	R(recvmsg(pair[1], &m, 0));
	V(m.msg_flags);
	V(m.msg_namelen);
	V(m.msg_controllen);
	m.msg_iovlen = 0;
	R(sendmsg(pair[0], &m, 0));
	m.msg_iovlen = 1025;
	R(sendmsg(pair[0], &m, 0));
	R(recvmsg(pair[1], &m, MSG_DONTWAIT));
	m.msg_iovlen = 1;
	m.msg_iov = nowhere;
	R(sendmsg(pair[0], &m, 0));
	R(recvmsg(pair[1], &m, MSG_DONTWAIT));
	R(sendmsg(pair[0], nowhere, 0));
	R(recvmsg(pair[1], nowhere, 0));
	m = (struct msghdr){
		.msg_iov = out, .msg_iovlen = 1, .msg_name = control, .msg_namelen = -1u};
	R(sendmsg(pair[0], &m, 0));
}

static void flags_of_receiving(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_text(pair[0], "abcdef", 0));
	R(send_text(pair[0], "ghi", MSG_MORE));
	say_recv("peek", pair[1], 4, MSG_PEEK);
	say_recv("peek over borders", pair[1], 100, MSG_PEEK);
	say_recv("read", pair[1], 2, 0);
	say_recv("peek", pair[1], 100, MSG_PEEK);
	say_recv("read over borders", pair[1], 100, 0);
	say_recv("nothing", pair[1], 100, MSG_DONTWAIT);
	say_recv("nothing to peek", pair[1], 100, MSG_DONTWAIT | MSG_PEEK);
	R(send_text(pair[0], "xy", 0));
	say_recv("all that is there", pair[1], 10, MSG_DONTWAIT | MSG_WAITALL);
	R(send_text(pair[0], "xyz", 0));
	say_recv("true length", pair[1], 2, MSG_TRUNC);
	say_recv("no out-of-band data", pair[1], 2, MSG_OOB | MSG_DONTWAIT);
	say_recv("errors", pair[1], 2, MSG_ERRQUEUE | MSG_DONTWAIT);
	say_recv("nothing", pair[1], 2, MSG_DONTWAIT);
}

static void waiting_for_all(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 4; i++) {
			sleep_ms(10);
			send_text(pair[0], "part", 0);
		}
		_exit(0);
	}
	close(pair[0]);
	say_recv("whole", pair[1], 14, MSG_WAITALL);
	say_recv("until the end", pair[1], 14, MSG_WAITALL);
	reap("sender", pid);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	struct timeval t = {0, 40000};
	R(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	R(send_text(pair[0], "half", 0));
	say_recv("in time", pair[1], 8, MSG_WAITALL);
	say_recv("too late", pair[1], 8, MSG_WAITALL);
}

static void bad_buffers_lose_no_stream_data(void)
{
	struct iovec bad[2] = {{control, 2}, {nowhere, 2}};

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_text(pair[0], "abcd", 0));
	R(recv(pair[1], nowhere, 4, 0));
	R(readv(pair[1], bad, 2));
	say_recv("whole", pair[1], 100, 0);
	R(send(pair[0], nowhere, 4, 0));
	R(send(pair[0], in_kernel, 4, 0));
	R(recv(pair[1], in_kernel, 4, MSG_DONTWAIT));
	R(writev(pair[0], bad, 2));
	say_recv("nothing", pair[1], 100, MSG_DONTWAIT);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	R(send_text(pair[0], "abcd", 0));
	R(recv(pair[1], nowhere, 4, 0));
	say_recv("gone", pair[1], 100, MSG_DONTWAIT);
	R(send(pair[0], nowhere, 4, 0));
	say_recv("nothing", pair[1], 100, MSG_DONTWAIT);
}

/* -- rights -- */

static void descriptors_are_passed(void)
{
	make_file("a", "first");
	make_file("b", "second");
	int fds[2] = {open_file("a", O_RDONLY), open_file("b", O_RDONLY)};
	char buffer[16] = "";

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_fds(pair[0], "two", fds, 2));
	R(read(fds[0], buffer, 3));
	close(fds[0]);
	close(fds[1]);
	receive(pair[1], 100, sizeof(control), 0);
	memset(buffer, 0, sizeof(buffer));
	R(read(received[0], buffer, 15));
	S(buffer);
	V(fcntl(received[0], F_GETFD));
	show_file("a");
	fds[0] = received[1];
	R(send_fds(pair[0], "one", fds, 1));
	receive(pair[1], 100, sizeof(control), MSG_CMSG_CLOEXEC);
	V(fcntl(received[0], F_GETFD));
	T(lseek(received[0], 2, SEEK_SET) == lseek(fds[0], 0, SEEK_CUR));
}

static void descriptors_between_processes(void)
{
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	MUST(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		close(ends[1]);
		receive(pair[1], 100, sizeof(control), 0);
		_exit(write(received[0], "through", 7) == 7 ? 0 : 1);
	}
	MUST(send_fds(pair[0], "pipe", &ends[1], 1) == 4);
	close(ends[1]);
	reap("child", pid);
	say_recv("not a socket", ends[0], 1, 0);
	char buffer[16] = "";
	R(read(ends[0], buffer, 15));
	S(buffer);
	R(read(ends[0], buffer, 15));
}

static void rights_divide_a_stream(void)
{
	int fd = open_file("/dev/null", O_RDWR);

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	send_text(pair[0], "before ", 0);
	send_fds(pair[0], "with", &fd, 1);
	send_text(pair[0], " after", 0);
	receive(pair[1], 100, sizeof(control), 0);
	receive(pair[1], 100, sizeof(control), 0);
	send_fds(pair[0], "long text", &fd, 1);
	receive(pair[1], 4, sizeof(control), 0);
	receive(pair[1], 100, sizeof(control), 0);
	send_fds(pair[0], "one", &fd, 1);
	send_fds(pair[0], "two", &fd, 1);
	receive(pair[1], 100, sizeof(control), MSG_PEEK);
	receive(pair[1], 100, sizeof(control), 0);
	receive(pair[1], 100, sizeof(control), 0);
	send_fds(pair[0], "", &fd, 1);
	receive(pair[1], 100, sizeof(control), MSG_DONTWAIT);
	send_fds(pair[0], "dropped", &fd, 1);
	say_recv("by recv", pair[1], 100, 0);
}

static void rights_without_enough_room(void)
{
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = open_file("/dev/null", O_RDWR);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	for (size_t room = 0; room <= CMSG_SPACE(3 * sizeof(int)); room += 4) {
		send_fds(pair[0], "x", fds, 3);
		say("room %zu", room);
		receive(pair[1], 10, room, 0);
		for (int i = 0; i < nreceived; i++)
			close(received[i]);
	}
	int last = open_file("/dev/null", O_RDONLY);
	V(last - fds[2]);
}

static void bad_rights(void)
{
	int fds[254], one = open_file("/dev/null", O_RDWR);
	struct parcel p;

	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
	for (int i = 0; i < 254; i++)
		fds[i] = one;
	R(send_fds(pair[0], "max", fds, 253));
	R(send_fds(pair[0], "more", fds, 254));
	R(send_fds(pair[0], "none", fds, 0));
	fds[1] = 77;
	R(send_fds(pair[0], "bad", fds, 2));
	fds[1] = -1;
	R(send_fds(pair[0], "bad", fds, 2));
	fds[0] = open("/dev/null", O_PATH);
	R(send_fds(pair[0], "path", fds, 1));
	receive(pair[1], 10, 16, 0);
	receive(pair[1], 10, sizeof(control), 0);
	receive(pair[1], 10, sizeof(control), 0);
	parcel_start(&p, "x");
	parcel_add(&p, SOL_SOCKET, 77, fds, 4);
	R(sendmsg(pair[0], &p.m, 0));
	parcel_start(&p, "other level");
	parcel_add(&p, 41, 1, fds, 4);
	R(sendmsg(pair[0], &p.m, 0));
	receive(pair[1], 100, sizeof(control), 0);
	parcel_start(&p, "two");
	parcel_add(&p, SOL_SOCKET, SCM_RIGHTS, &one, 4);
	parcel_add(&p, SOL_SOCKET, SCM_RIGHTS, &one, 4);
	R(sendmsg(pair[0], &p.m, 0));
	receive(pair[1], 100, sizeof(control), 0);
	p.m.msg_controllen = 8;
	R(sendmsg(pair[0], &p.m, 0));
	receive(pair[1], 100, sizeof(control), 0);
	((struct cmsghdr *)control)->cmsg_len = 3;
	p.m.msg_controllen = 24;
	R(sendmsg(pair[0], &p.m, 0));
	((struct cmsghdr *)control)->cmsg_len = 300;
	R(sendmsg(pair[0], &p.m, 0));
	p.m.msg_control = nowhere;
	R(sendmsg(pair[0], &p.m, 0));
	p.m.msg_control = NULL;
	R(sendmsg(pair[0], &p.m, 0));
	p.m.msg_controllen = 1u << 31;
	R(sendmsg(pair[0], &p.m, 0));
}

static void unread_descriptors_are_closed(void)
{
	int ends[2];
	char c;

	MUST(pipe(ends) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_fds(pair[0], "x", &ends[1], 1));
	close(ends[1]);
	R(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	R(read(ends[0], &c, 1));
	close(pair[1]);
	R(read(ends[0], &c, 1));
	MUST(pipe(ends) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_fds(pair[0], "x", &ends[1], 1));
	close(ends[1]);
	say_recv("read without control", pair[1], 10, 0);
	R(read(ends[0], &c, 1));
}

/* The pipe's writer is left only in a ring of sockets that nobody can reach: it must go. */
static void rings_of_sockets_are_collected(void)
{
	int ends[2], other[2];
	char c;

	MUST(pipe(ends) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_fds(pair[0], "w", &ends[1], 1));
	R(send_fds(pair[0], "itself", &pair[0], 1));
	R(send_fds(pair[0], "receiver", &pair[1], 1));
	close(ends[1]);
	close(pair[0]);
	close(pair[1]);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	close(pair[0]);
	close(pair[1]);
	R(read(ends[0], &c, 1));
	MUST(pipe(ends) == 0);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, other) == 0);
	R(send_fds(pair[0], "w", &ends[1], 1));
	R(send_fds(pair[0], "other", &other[1], 1));
	R(send_fds(other[0], "this", &pair[1], 1));
	close(ends[1]);
	close(pair[1]);
	close(other[1]);
	R(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	R(read(ends[0], &c, 1));
	R(fcntl(ends[0], F_SETFL, 0));
	close(pair[0]);
	close(other[0]);
	R(read(ends[0], &c, 1));
}

static void a_ring_that_can_be_reached_stays(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	R(send_fds(pair[0], "receiver", &pair[1], 1));
	int keep = dup(pair[1]);
	close(pair[1]);
	close(socket(AF_UNIX, SOCK_STREAM, 0));
	receive(keep, 100, sizeof(control), 0);
	R(send_text(pair[0], "works", 0));
	say_recv("through what came", received[0], 100, 0);
}

static void a_long_chain_of_queues(void)
{
	enum { LINKS = 3000 };
	int inner[2], outer[2], ends[2];
	char c;

	MUST(pipe(ends) == 0);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, inner) == 0);
	MUST(send_fds(inner[0], "w", &ends[1], 1) == 1);
	close(ends[1]);
	for (int i = 0; i < LINKS; i++) {
		MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, outer) == 0);
		MUST(send_fds(outer[0], "x", &inner[1], 1) == 1);
		close(inner[0]);
		close(inner[1]);
		memcpy(inner, outer, sizeof(inner));
	}
	R(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	R(read(ends[0], &c, 1));
	close(inner[0]);
	close(inner[1]);
	R(fcntl(ends[0], F_SETFL, 0));
	R(read(ends[0], &c, 1));
}

/* -- credentials -- */

static void credentials_come_when_asked_for(void)
{
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	say_option("passcred", pair[1], SOL_SOCKET, SO_PASSCRED);
	R(send_text(pair[0], "before", 0));
	set_option(pair[1], SOL_SOCKET, SO_PASSCRED, 1);
	say_option("passcred", pair[1], SOL_SOCKET, SO_PASSCRED);
	receive(pair[1], 100, sizeof(control), 0);
	R(send_text(pair[0], "mine", 0));
	receive(pair[1], 100, sizeof(control), 0);
	R(send_text(pair[0], "no room", 0));
	receive(pair[1], 100, 0, 0);
	R(send_text(pair[0], "some room", 0));
	receive(pair[1], 100, 20, 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(send_text(pair[0], "child", 0) == 5 ? 0 : 1);
	receive(pair[1], 100, sizeof(control), 0);
	reap("child", pid);
	pid = fork();
	if (pid == 0) {
		receive(pair[1], 100, sizeof(control), 0);
		_exit(0);
	}
	MUST(send_text(pair[0], "to child", 0) == 8);
	reap("child", pid);
}

static void credentials_can_be_sent(void)
{
	struct ucred u = {getpid(), getuid(), getgid()};
	int fd = open_file("/dev/null", O_RDWR);
	struct parcel p;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	set_option(pair[1], SOL_SOCKET, SO_PASSCRED, 1);
	parcel_start(&p, "sent");
	parcel_add(&p, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
	parcel_add(&p, SOL_SOCKET, SCM_RIGHTS, &fd, sizeof(fd));
	R(sendmsg(pair[0], &p.m, 0));
	receive(pair[1], 100, sizeof(control), 0);
	u.pid = getppid();
	parcel_start(&p, "parent");
	parcel_add(&p, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u) - 1);
	R(sendmsg(pair[0], &p.m, 0));
	u.pid = 0x3fffffff;
	parcel_start(&p, "nobody");
	parcel_add(&p, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
	R(sendmsg(pair[0], &p.m, 0));
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return;
	u = (struct ucred){getpid(), 0, 65534};
	parcel_start(&p, "root");
	parcel_add(&p, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
	R(sendmsg(pair[0], &p.m, 0));
	u = (struct ucred){getpid(), 65534, 0};
	parcel_start(&p, "root's group");
	parcel_add(&p, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
	R(sendmsg(pair[0], &p.m, 0));
	u = (struct ucred){getpid() - 1, 65534, 65534};
	parcel_start(&p, "another");
	parcel_add(&p, SOL_SOCKET, SCM_CREDENTIALS, &u, sizeof(u));
	R(sendmsg(pair[0], &p.m, 0));
}

static void different_senders_divide_a_stream(void)
{
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	set_option(pair[1], SOL_SOCKET, SO_PASSCRED, 1);
	send_text(pair[0], "mine ", 0);
	send_text(pair[0], "again", 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(send_text(pair[0], "child", 0) == 5 ? 0 : 1);
	reap("child", pid);
	receive(pair[1], 100, sizeof(control), 0);
	receive(pair[1], 100, sizeof(control), 0);
}

static void peers_have_credentials(void)
{
	struct ucred u;
	socklen_t n = sizeof(u);
	int listener = unix_listener(SOCK_STREAM, "s", 3), status;

	R(getsockopt(listener, SOL_SOCKET, SO_PEERCRED, &u, &n));
	T(u.pid == getpid() && u.uid == getuid() && u.gid == getgid());
	pid_t pid = fork();
	if (pid == 0) {
		int fd = unix_connected(SOCK_STREAM, "s");
		MUST(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n) == 0);
		_exit(u.pid == getppid() ? 0 : 1);
	}
	int fd = accept(listener, NULL, NULL);
	R(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n));
	T(u.pid == pid && u.uid == getuid() && u.gid == getgid());
	waitpid(pid, &status, 0);
	say_status("client", status);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	R(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &u, &n));
	T(u.pid == getpid());
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	n = 100;
	R(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n));
	V(n);
	V(u.pid);
	V((int)u.uid);
	n = 4;
	R(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n));
	V(n);
}

/* -- many at once -- */

static void several_messages_in_one_call(void)
{
	char text[4][16] = {"one", "second", "", "4"}, in[8][16];
	struct iovec iov[8];
	struct mmsghdr m[8];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){text[i], strlen(text[i])};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	R(sendmmsg(pair[0], m, 4, 0));
	V(m[1].msg_len);
	m[1].msg_hdr.msg_iov = nowhere;
	R(sendmmsg(pair[0], m, 3, 0));
	R(sendmmsg(pair[0], m + 1, 2, 0));
	R(sendmmsg(pair[0], m, 0, 0));
	R(sendmmsg(77, m, 1, 0));
	memset(m, 0, sizeof(m));
	memset(in, 0, sizeof(in));
	for (int i = 0; i < 8; i++) {
		iov[i] = (struct iovec){in[i], 15};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	int n = (int)R(recvmmsg(pair[1], m, 8, MSG_WAITFORONE, NULL));
	for (int i = 0; i < n; i++)
		say("%u bytes: %s", m[i].msg_len, in[i]);
	struct timespec t = {0, 30000000};
	R(send_text(pair[0], "last", 0));
	R(recvmmsg(pair[1], m, 1, 0, &t));
	T(t.tv_nsec > 0);
	R(recvmmsg(pair[1], m, 2, MSG_DONTWAIT, &t));
	t.tv_nsec = -1;
	R(recvmmsg(pair[1], m, 2, MSG_DONTWAIT, &t));
	R(recvmmsg(pair[1], m, 2, MSG_DONTWAIT, nowhere));
	R(recvmmsg(77, m, 2, MSG_DONTWAIT, NULL));
	R(recvmmsg(pair[1], m, 0, MSG_DONTWAIT, NULL));
}

const struct behaviour behaviours[] = {BEHAVIOUR(vectors_are_gathered_and_scattered),
	BEHAVIOUR(flags_of_receiving), BEHAVIOUR(waiting_for_all),
	BEHAVIOUR(bad_buffers_lose_no_stream_data), BEHAVIOUR(descriptors_are_passed),
	BEHAVIOUR(descriptors_between_processes), BEHAVIOUR(rights_divide_a_stream),
	BEHAVIOUR(rights_without_enough_room), BEHAVIOUR(bad_rights),
	BEHAVIOUR(unread_descriptors_are_closed), BEHAVIOUR(rings_of_sockets_are_collected),
	BEHAVIOUR(a_ring_that_can_be_reached_stays), BEHAVIOUR(a_long_chain_of_queues),
	BEHAVIOUR(credentials_come_when_asked_for), BEHAVIOUR(credentials_can_be_sent),
	BEHAVIOUR(different_senders_divide_a_stream), BEHAVIOUR(peers_have_credentials),
	BEHAVIOUR(several_messages_in_one_call), {0}};
