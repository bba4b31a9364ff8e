/* SPDX-License-Identifier: Apache-2.0 */
/* Options of TCP, UDP and IP; the loopback interface through ioctl and netlink; libc on top. */
#include "sockets.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

struct option {
	int level, number;
	const char *name;
};
#define O(level, number)                                                                           \
	{                                                                                          \
		level, number, #number                                                             \
	}

static const struct option tcp_options[] = {O(SOL_SOCKET, SO_TYPE), O(SOL_SOCKET, SO_DOMAIN),
	O(SOL_SOCKET, SO_PROTOCOL), O(SOL_SOCKET, SO_ACCEPTCONN), O(SOL_SOCKET, SO_REUSEADDR),
	O(SOL_SOCKET, SO_REUSEPORT), O(SOL_SOCKET, SO_KEEPALIVE), O(SOL_SOCKET, SO_BROADCAST),
	O(SOL_SOCKET, SO_OOBINLINE), O(SOL_SOCKET, SO_RCVLOWAT), O(IPPROTO_TCP, TCP_NODELAY),
	O(IPPROTO_TCP, TCP_CORK), O(IPPROTO_TCP, TCP_KEEPIDLE), O(IPPROTO_TCP, TCP_KEEPINTVL),
	O(IPPROTO_TCP, TCP_KEEPCNT), O(IPPROTO_TCP, TCP_SYNCNT), O(IPPROTO_TCP, TCP_LINGER2),
	O(IPPROTO_TCP, TCP_DEFER_ACCEPT), O(IPPROTO_TCP, TCP_QUICKACK),
	O(IPPROTO_TCP, TCP_USER_TIMEOUT), O(IPPROTO_TCP, TCP_FASTOPEN), O(IPPROTO_TCP, 9999),
	O(IPPROTO_IP, IP_TOS), O(IPPROTO_IP, IP_TTL), O(IPPROTO_IP, IP_MTU_DISCOVER),
	O(IPPROTO_IP, IP_RECVERR), O(IPPROTO_IP, IP_FREEBIND), O(IPPROTO_IP, 9999), O(99, 1)};
static const struct option udp_options[] = {O(SOL_SOCKET, SO_TYPE), O(SOL_SOCKET, SO_PROTOCOL),
	O(IPPROTO_IP, IP_TOS), O(IPPROTO_IP, IP_TTL), O(IPPROTO_IP, IP_PKTINFO),
	O(IPPROTO_IP, IP_MULTICAST_TTL), O(IPPROTO_IP, IP_MULTICAST_LOOP),
	O(IPPROTO_UDP, 1 /* UDP_CORK */), O(IPPROTO_TCP, TCP_NODELAY)};
static const struct option six_options[] = {O(SOL_SOCKET, SO_DOMAIN), O(IPPROTO_IPV6, IPV6_V6ONLY),
	O(IPPROTO_IPV6, IPV6_UNICAST_HOPS), O(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
	O(IPPROTO_IPV6, IPV6_MULTICAST_LOOP), O(IPPROTO_IPV6, IPV6_RECVPKTINFO),
	O(IPPROTO_IPV6, IPV6_TCLASS), O(IPPROTO_IPV6, IPV6_RECVERR), O(IPPROTO_IPV6, 9999)};

#define SAY(fd, list)                                                                              \
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)                                \
	say_option(list[i].name, fd, list[i].level, list[i].number)

static void options_of_fresh_sockets(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	SAY(fd, tcp_options);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	SAY(fd, udp_options);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	SAY(fd, six_options);
}

static void options_are_remembered(void)
{
	static const struct {
		int level, number, value;
		const char *name;
	} settings[] = {{IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"},
		{IPPROTO_TCP, TCP_CORK, 1, "TCP_CORK"}, {IPPROTO_TCP, TCP_CORK, 0, "TCP_CORK"},
		{IPPROTO_TCP, TCP_KEEPIDLE, 100, "TCP_KEEPIDLE"},
		{IPPROTO_TCP, TCP_KEEPIDLE, 0, "TCP_KEEPIDLE"},
		{IPPROTO_TCP, TCP_KEEPIDLE, 40000, "TCP_KEEPIDLE"},
		{IPPROTO_TCP, TCP_KEEPINTVL, 7, "TCP_KEEPINTVL"},
		{IPPROTO_TCP, TCP_KEEPCNT, 5, "TCP_KEEPCNT"},
		{IPPROTO_TCP, TCP_KEEPCNT, 200, "TCP_KEEPCNT"},
		{IPPROTO_TCP, TCP_SYNCNT, 3, "TCP_SYNCNT"},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, "TCP_USER_TIMEOUT"},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, -1, "TCP_USER_TIMEOUT"},
		{IPPROTO_TCP, 9999, 1, "9999"}, {IPPROTO_IP, IP_TOS, 16, "IP_TOS"},
		{IPPROTO_IP, IP_TTL, 9, "IP_TTL"}, {IPPROTO_IP, IP_TTL, 0, "IP_TTL"},
		{IPPROTO_IP, IP_TTL, 256, "IP_TTL"}, {IPPROTO_IP, IP_TTL, -1, "IP_TTL"},
		{IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR"},
		{IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND"}, {IPPROTO_IP, 9999, 1, "9999"},
		{IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"}, {99, 1, 1, "level 99"},
		{SOL_SOCKET, SO_REUSEADDR, 5, "SO_REUSEADDR"},
		{SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"},
		{SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
		{SOL_SOCKET, SO_SNDBUF, 30000, "SO_SNDBUF"},
		{SOL_SOCKET, SO_RCVBUF, 30000, "SO_RCVBUF"}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int r = setsockopt(
			fd, settings[i].level, settings[i].number, &settings[i].value, sizeof(int));
		say("%s %d: %s", settings[i].name, settings[i].value, errno_name(r ? errno : 0));
		say_option("now", fd, settings[i].level, settings[i].number);
	}
	int value = 1;
	R(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 3));
	R(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, nowhere, 4));
	R(setsockopt(fd, IPPROTO_IP, IP_TOS, &value, 1));
	char name[32] = "";
	socklen_t n = sizeof(name);
	R(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &n));
	T(n > 0 && name[0]);
	R(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)));
}

static void version_six_only(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	R(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	say_option("now", fd, IPPROTO_IPV6, IPV6_V6ONLY);
	R(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	R(listen(fd, 1));
	R(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	on = 0;
	R(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	struct sockaddr_storage a;
	socklen_t n = inet_address(&a, "127.0.0.1", inet_port(fd));
	R(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&a, n));
}

static void accepted_sockets_inherit(void)
{
	int port, on = 1, listener = inet_bound(SOCK_STREAM, "127.0.0.1", 0);
	struct timeval t = {3, 0};

	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(listener, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	MUST(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0);
	MUST(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	MUST(listen(listener, 2) == 0);
	port = inet_port(listener);
	int client = inet_connected(SOCK_STREAM, "127.0.0.1", port);
	int server = accept(listener, NULL, NULL);
	say_option("server", server, IPPROTO_TCP, TCP_NODELAY);
	say_option("server", server, SOL_SOCKET, SO_KEEPALIVE);
	say_option("server", server, IPPROTO_TCP, TCP_KEEPIDLE);
	say_option("server", server, SOL_SOCKET, SO_REUSEADDR);
	say_option("server", server, SOL_SOCKET, SO_ACCEPTCONN);
	socklen_t n = sizeof(t);
	R(getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &t, &n));
	V(t.tv_sec);
	say_option("client", client, IPPROTO_TCP, TCP_NODELAY);
	struct tcp_info info;
	n = sizeof(info);
	R(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &n));
	V(info.tcpi_state);
	n = sizeof(info);
	R(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &n));
	V(info.tcpi_state);
	close(server);
	sleep_ms(10);
	n = 4;
	R(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &n));
	V(info.tcpi_state);
	V(n);
}

/* -- the interface -- */

static int try_ioctl(const char *label, unsigned long request, struct ifreq *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), n = ioctl(fd, request, r);

	say("%s: %s", label, errno_name(n < 0 ? errno : 0));
	close(fd);
	return n;
}

static const char *text_of(const struct sockaddr *a)
{
	static char host[64];

	if (a->sa_family != AF_INET)
		return "not inet";
	return inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, host, sizeof(host));
}

static void the_loopback_interface_by_ioctl(void)
{
	struct ifreq r = {0};

	strcpy(r.ifr_name, "lo");
	try_ioctl("flags", SIOCGIFFLAGS, &r);
	V(r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_BROADCAST | IFF_MULTICAST));
	try_ioctl("address", SIOCGIFADDR, &r);
	S(text_of(&r.ifr_addr));
	try_ioctl("mask", SIOCGIFNETMASK, &r);
	S(text_of(&r.ifr_addr));
	try_ioctl("broadcast", SIOCGIFBRDADDR, &r);
	S(text_of(&r.ifr_addr));
	try_ioctl("mtu", SIOCGIFMTU, &r);
	V(r.ifr_mtu);
	try_ioctl("index", SIOCGIFINDEX, &r);
	V(r.ifr_ifindex);
	try_ioctl("metric", SIOCGIFMETRIC, &r);
	V(r.ifr_metric);
	try_ioctl("hardware", SIOCGIFHWADDR, &r);
	V(r.ifr_hwaddr.sa_family);
	T(!memcmp(r.ifr_hwaddr.sa_data, "\0\0\0\0\0", 6));
	try_ioctl("queue", SIOCGIFTXQLEN, &r);
	V(r.ifr_qlen);
	r.ifr_ifindex = 1;
	memset(r.ifr_name, 0, sizeof(r.ifr_name));
	try_ioctl("name", SIOCGIFNAME, &r);
	S(r.ifr_name);
	strcpy(r.ifr_name, "nowhere0");
	try_ioctl("missing", SIOCGIFFLAGS, &r);
	try_ioctl("missing", SIOCGIFINDEX, &r);
	r.ifr_ifindex = 9999;
	try_ioctl("missing", SIOCGIFNAME, &r);
	try_ioctl("bad pointer", SIOCGIFFLAGS, nowhere);
}

static void a_list_by_ioctl(void)
{
	struct ifreq r[16];
	struct ifconf c = {.ifc_len = sizeof(r), .ifc_req = r};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	R(ioctl(fd, SIOCGIFCONF, &c));
	T(c.ifc_len >= (int)sizeof(r[0]));
	S(r[0].ifr_name);
	S(text_of(&r[0].ifr_addr));
	c.ifc_len = 10;
	R(ioctl(fd, SIOCGIFCONF, &c));
	V(c.ifc_len);
	c.ifc_req = NULL;
	R(ioctl(fd, SIOCGIFCONF, &c));
	T(c.ifc_len >= (int)sizeof(r[0]));
	R(ioctl(fd, SIOCGIFCONF, nowhere));
}

static void names_and_numbers(void)
{
	char name[IF_NAMESIZE] = "";

	R(if_nametoindex("lo"));
	R(if_nametoindex("nowhere0"));
	S(if_indextoname(1, name));
	struct if_nameindex *list = if_nameindex();
	MUST(list != NULL);
	V(list[0].if_index);
	S(list[0].if_name);
	if_freenameindex(list);
}

static void addresses_by_libc(void)
{
	struct ifaddrs *list;

	R(getifaddrs(&list));
	for (struct ifaddrs *a = list; a; a = a->ifa_next) {
		char host[64] = "";
		if (strcmp(a->ifa_name, "lo") != 0 || !a->ifa_addr)
			continue;
		if (a->ifa_addr->sa_family == AF_INET6)
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr, host,
				sizeof(host));
		say("%s: family %d, flags %#x, address %s", a->ifa_name, a->ifa_addr->sa_family,
			a->ifa_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING),
			*host ? host : text_of(a->ifa_addr));
		if (a->ifa_netmask && a->ifa_addr->sa_family == AF_INET)
			S(text_of(a->ifa_netmask));
	}
	freeifaddrs(list);
}

/* -- netlink -- */

struct request {
	struct nlmsghdr h;
	union {
		struct rtgenmsg g;
		struct ifinfomsg i;
		char room[64];
	};
};

static int route_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};

	MUST(fd >= 0);
	MUST(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static void ask(int fd, uint16_t type, uint16_t flags, size_t body, struct request *q)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};

	q->h = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(body),
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = 7};
	OK(sendto(fd, q, q->h.nlmsg_len, 0, (struct sockaddr *)&to, sizeof(to)));
}

static void say_link(const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*i)));

	if (i->ifi_index != 1)
		return;
	say("link 1: type %d, flags %#x", i->ifi_type,
		i->ifi_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
	for (const struct rtattr *a = IFLA_RTA(i); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_IFNAME)
			S((const char *)RTA_DATA(a));
		if (a->rta_type == IFLA_MTU)
			V(*(const int *)RTA_DATA(a));
		if (a->rta_type == IFLA_ADDRESS)
			V(RTA_PAYLOAD(a));
	}
}

static void say_ifaddr(const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
	char host[64];

	if (m->ifa_index != 1)
		return;
	say("address on 1: family %d, prefix %d, scope %d", m->ifa_family, m->ifa_prefixlen,
		m->ifa_scope);
	for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFA_ADDRESS)
			S(inet_ntop(m->ifa_family, RTA_DATA(a), host, sizeof(host)));
		if (a->rta_type == IFA_LABEL)
			S((const char *)RTA_DATA(a));
	}
}

/* Until the end of a dump, an error or a single answer. */
static void answers(int fd)
{
	static char buffer[32768];

	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buffer;

		MUST(n > 0);
		for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			MUST(h->nlmsg_seq == 7);
			if (h->nlmsg_type == NLMSG_DONE) {
				say("done");
				return;
			}
			if (h->nlmsg_type == NLMSG_ERROR) {
				say("error: %s",
					errno_name(-((struct nlmsgerr *)NLMSG_DATA(h))->error));
				return;
			}
			if (h->nlmsg_type == RTM_NEWLINK)
				say_link(h);
			if (h->nlmsg_type == RTM_NEWADDR)
				say_ifaddr(h);
			if (!(h->nlmsg_flags & NLM_F_MULTI))
				return;
		}
	}
}

static void one_question(uint16_t type, uint16_t flags, struct request *q, size_t body)
{
	int fd = route_socket();

	ask(fd, type, flags, body, q);
	answers(fd);
	close(fd);
}

static void netlink_answers(void)
{
	struct request q = {0};

	q.i.ifi_index = 1;
	one_question(RTM_GETLINK, 0, &q, sizeof(q.i));
	q.i.ifi_index = 9999;
	one_question(RTM_GETLINK, 0, &q, sizeof(q.i));
	one_question(RTM_GETLINK, NLM_F_ACK, &q, 0);
	one_question(NLMSG_NOOP, NLM_F_ACK, &q, sizeof(q.g));
	one_question(0x3ff, NLM_F_ACK, &q, sizeof(q.g));
}

static void netlink_sockets(void)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};
	socklen_t n = sizeof(a);
	char buffer[64];

	R(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
	R(socket(AF_NETLINK, SOCK_RAW, 200));
	int fd = R(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));
	say_option("type", fd, SOL_SOCKET, SO_TYPE);
	say_option("domain", fd, SOL_SOCKET, SO_DOMAIN);
	say_events("fresh", fd);
	R(getsockname(fd, (struct sockaddr *)&a, &n));
	V(n);
	V(a.nl_pid);
	R(bind(fd, (struct sockaddr *)&a, 4));
	R(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	R(getsockname(fd, (struct sockaddr *)&a, &n));
	T(a.nl_pid == (unsigned)getpid());
	int other = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	a.nl_pid = 0;
	R(bind(other, (struct sockaddr *)&a, sizeof(a)));
	R(getsockname(other, (struct sockaddr *)&a, &n));
	T(a.nl_pid != (unsigned)getpid() && a.nl_pid != 0);
	R(listen(fd, 1));
	R(accept(fd, NULL, NULL));
	R(recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
	struct request q = {0};
	ask(fd, RTM_GETADDR, NLM_F_DUMP, sizeof(q.g), &q);
	say_events("answered", fd);
	T(recv(fd, buffer, sizeof(buffer), MSG_PEEK | MSG_TRUNC) > 64);
	R(recvfrom(fd, buffer, 16, MSG_PEEK, (struct sockaddr *)&a, &n));
	V(n);
	V(a.nl_pid);
	answers(fd);
	R(recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
}

/* -- names -- */

static void resolve(const char *host, const char *service, int flags, int family)
{
	struct addrinfo hints = {
		.ai_flags = flags, .ai_family = family, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int r = getaddrinfo(host, service, &hints, &list);

	say("%s %s: %s", host ? host : "(null)", service, r ? gai_strerror(r) : "found");
	for (struct addrinfo *a = list; a; a = a->ai_next) {
		char h[64], s[16];
		getnameinfo(a->ai_addr, a->ai_addrlen, h, sizeof(h), s, sizeof(s),
			NI_NUMERICHOST | NI_NUMERICSERV);
		say("family %d, %s port %s", a->ai_family, h, s);
	}
	if (list)
		freeaddrinfo(list);
}

static void names_are_resolved(void)
{
	resolve("127.0.0.1", "80", AI_NUMERICHOST, AF_UNSPEC);
	resolve("::1", "80", AI_NUMERICHOST, AF_UNSPEC);
	resolve("localhost", "8080", 0, AF_INET);
	resolve(NULL, "8080", AI_PASSIVE, AF_INET);
	resolve(NULL, "8080", AI_PASSIVE, AF_INET6);
	resolve(NULL, "8080", 0, AF_UNSPEC);
	resolve("not an address", "80", AI_NUMERICHOST, AF_UNSPEC);
}

/* -- /proc/net -- */

/* The first line of a file, and the fields of the row in which `what` occurs. */
static void show_row(const char *path, const char *what, unsigned fields)
{
	char line[512];
	FILE *f = fopen(path, "r");

	if (!f || !fgets(line, sizeof(line), f)) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	say_bytes(path, line, strlen(line));
	while (what && fgets(line, sizeof(line), f)) {
		if (!strstr(line, what))
			continue;
		if (!strchr(path, '6') && !strstr(path, "unix")) /* padded */
			say("%s: row of %zu bytes", path, strcspn(line, "\n"));
		char *at = line, *word;
		for (unsigned i = 0; (word = strsep(&at, " \n")); i += *word != 0)
			if (*word && fields & 1u << i)
				S(word);
		break;
	}
	fclose(f);
}

static void proc_shows_sockets(void)
{
	char what[32], name[64] = "";
	int port, tcp = inet_listener("127.0.0.1", 3, &port);

	MUST(readlink("/proc/net", name, sizeof(name)) > 0);
	S(name);
	snprintf(what, sizeof(what), "0100007F:%04X 00000000:0000", (unsigned)port);
	show_row("/proc/net/tcp", what, 0xf8 & ~0x20);
	int udp = inet_bound(SOCK_DGRAM, "127.0.0.1", 0);
	snprintf(what, sizeof(what), "0100007F:%04X", (unsigned)inet_port(udp));
	show_row("/proc/net/udp", what, 0x8);
	int six = inet_listener("::1", 3, &port);
	snprintf(what, sizeof(what), "01000000:%04X", (unsigned)port);
	show_row("/proc/net/tcp6", what, 0x8);
	show_row("/proc/net/udp6", NULL, 0);
	unix_listener(SOCK_STREAM, "listener", 2);
	show_row("/proc/net/unix", "listener", 0xbc);
	show_row("/proc/self/net/dev", NULL, 0);
	show_row("/proc/net/route", NULL, 0);
	show_file("/proc/sys/net/core/somaxconn");
	show_file("/proc/sys/net/ipv4/ip_local_port_range");
	show_file("/proc/sys/net/unix/max_dgram_qlen");
	close(tcp);
	close(six);
}

const struct behaviour behaviours[] = {BEHAVIOUR(options_of_fresh_sockets),
	BEHAVIOUR(options_are_remembered), BEHAVIOUR(version_six_only),
	BEHAVIOUR(accepted_sockets_inherit), BEHAVIOUR(the_loopback_interface_by_ioctl),
	BEHAVIOUR(a_list_by_ioctl), BEHAVIOUR(names_and_numbers), BEHAVIOUR(addresses_by_libc),
	BEHAVIOUR(netlink_answers), BEHAVIOUR(netlink_sockets), BEHAVIOUR(names_are_resolved),
	BEHAVIOUR(proc_shows_sockets), {0}};
