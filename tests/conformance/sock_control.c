/* SPDX-License-Identifier: Apache-2.0 */
/* What datagrams tell beside their bytes, and netlink as an address. */
#include "sockets.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* The hop limit of a route is the machine's, and so is an interface's index: shown as truths. */
static void show_control(const struct cmsghdr *c)
{
	int number = 0;

	say("level %d type %d length %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		T(info.ipi_ifindex == 1);
		say("to %x by %x", ntohl(info.ipi_addr.s_addr), ntohl(info.ipi_spec_dst.s_addr));
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		T(info.ipi6_ifindex == 1);
		T(IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr));
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		V(CMSG_DATA(c)[0]);
	} else {
		memcpy(&number, CMSG_DATA(c), sizeof(number));
		V(number);
	}
}

static void receive(int fd, size_t room)
{
	char text[16], control[512];
	struct iovec v = {text, sizeof(text)};
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};

	R(recvmsg(fd, &m, 0));
	V(m.msg_flags);
	V(m.msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		show_control(c);
}

static void told_of_ipv4(void)
{
	static const int options[] = {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS};
	int to = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	int from = inet_connected(SOCK_DGRAM, "127.0.0.1", inet_port(to));

	for (size_t i = 0; i < 3; i++) {
		set_option(to, IPPROTO_IP, options[i], 1);
		R(send(from, "x", 1, 0));
		receive(to, 512);
	}
	R(send(from, "y", 1, 0));
	receive(to, 40); /* room for the first */
	R(send(from, "z", 1, 0));
	receive(to, 8);
	R(send(from, "none", 4, 0));
	receive(to, 0);
}

static void told_of_ipv6(void)
{
	static const int options[] = {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS};
	int to = inet_bound(SOCK_DGRAM, "::1", 0);
	int from = inet_connected(SOCK_DGRAM, "::1", inet_port(to));

	for (size_t i = 0; i < 3; i++) {
		set_option(to, IPPROTO_IPV6, options[i], 1);
		R(send(from, "x", 1, 0));
		receive(to, 512);
	}
}

static void told_by_any(void)
{
	int to = inet_bound(SOCK_DGRAM, "0.0.0.0", 0);
	int from = inet_connected(SOCK_DGRAM, "127.0.0.9", inet_port(to));

	set_option(to, IPPROTO_IP, IP_PKTINFO, 1);
	R(send(from, "x", 1, 0));
	receive(to, 512);
}

/* -- netlink's addresses -- */

static int netlink_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	MUST(fd >= 0);
	return fd;
}

static void show_peer(int fd)
{
	struct sockaddr_nl a = {0};
	socklen_t n = sizeof(a);

	R(getpeername(fd, (struct sockaddr *)&a, &n));
	V(n);
	V(a.nl_family);
	V(a.nl_pid);
	V(a.nl_groups);
}

static void netlink_connects(void)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK}, none = {.nl_family = AF_UNSPEC};
	struct sockaddr_nl inet = {.nl_family = AF_INET};
	struct sockaddr_nl own = {0};
	socklen_t n = sizeof(own);
	int fd = netlink_socket();

	R(connect(fd, (struct sockaddr *)&kernel, 1));
	R(connect(fd, (struct sockaddr *)&kernel, 4));
	R(connect(fd, (struct sockaddr *)&inet, sizeof(inet)));
	R(connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)));
	show_peer(fd);
	R(getsockname(fd, (struct sockaddr *)&own, &n));
	T(own.nl_pid != 0);
	R(connect(fd, (struct sockaddr *)&none, sizeof(none)));
	show_peer(fd);
}

static void netlink_binds(void)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 4321};
	struct sockaddr_nl other = {.nl_family = AF_NETLINK, .nl_pid = 4322};
	int fd = netlink_socket(), second = netlink_socket();

	R(bind(fd, (struct sockaddr *)&a, 4));
	R(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	R(bind(second, (struct sockaddr *)&a, sizeof(a)));
	R(bind(fd, (struct sockaddr *)&other, sizeof(other)));
	R(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	R(listen(fd, 1));
	R(accept(fd, NULL, NULL));
	R(shutdown(fd, SHUT_RD));
}

static void netlink_options(void)
{
	int fd = netlink_socket(), on = 1, value = -1;
	socklen_t n = sizeof(value);

	R(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)));
	R(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)));
	R(setsockopt(fd, SOL_NETLINK, 999, &on, sizeof(on)));
	R(setsockopt(fd, IPPROTO_TCP, 1, &on, sizeof(on)));
	R(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &n));
	V(value);
	R(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &n));
	V(value);
	R(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &n));
	V(value);
	say_events("idle", fd);
}

static void netlink_of_other_kinds(void)
{
	OK(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));
	R(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
	R(socket(AF_NETLINK, SOCK_RAW, 999));
	R(socket(AF_NETLINK, SOCK_RAW, -1));
	R(socketpair(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, (int[2]){0}));
}

const struct behaviour behaviours[] = {BEHAVIOUR(told_of_ipv4), BEHAVIOUR(told_of_ipv6),
	BEHAVIOUR(told_by_any), BEHAVIOUR(netlink_connects), BEHAVIOUR(netlink_binds),
	BEHAVIOUR(netlink_options), BEHAVIOUR(netlink_of_other_kinds), {0}};
