/* SPDX-License-Identifier: Apache-2.0
 * Options of TCP, UDP and IP (tcp(7), udp(7), ip(7), ipv6(7)). Most tune a wire that is not there:
 * they are checked, remembered and shown.
 */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/inet_internal.h"

#define CONGESTION "cubic"

enum scope { OF_TCP, OF_UDP, OF_IP, OF_IPV6 };
static const s32 level_of[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IP, IPPROTO_IPV6};

struct option {
	enum scope scope;
	s32 name;
	s32 initial, min, max;
	s32 unset; /* min - 1 stands for "the initial value" */
};
#define FLAG(scope, name)                                                                          \
	{                                                                                          \
		scope, name, 0, 0, 1, 0                                                            \
	}
#define ON(scope, name)                                                                            \
	{                                                                                          \
		scope, name, 1, 0, 1, 0                                                            \
	}
#define NUMBER(scope, name, v, min, max)                                                           \
	{                                                                                          \
		scope, name, v, min, max, 0                                                        \
	}
#define OR_DEFAULT(scope, name, v, min, max)                                                       \
	{                                                                                          \
		scope, name, v, min, max, 1                                                        \
	}

static const struct option options[] = {
	[INET_V6ONLY] = FLAG(OF_IPV6, IPV6_V6ONLY),
	[INET_PKTINFO] = FLAG(OF_IP, IP_PKTINFO),
	[INET_RECVTTL] = FLAG(OF_IP, IP_RECVTTL),
	[INET_RECVTOS] = FLAG(OF_IP, IP_RECVTOS),
	[INET_TOS] = NUMBER(OF_IP, IP_TOS, 0, 0, 255),
	[INET_TTL] = OR_DEFAULT(OF_IP, IP_TTL, 64, 1, 255),
	[INET_RECVERR] = FLAG(OF_IP, IP_RECVERR),
	[INET_V6_RECVPKTINFO] = FLAG(OF_IPV6, IPV6_RECVPKTINFO),
	[INET_V6_RECVHOPLIMIT] = FLAG(OF_IPV6, IPV6_RECVHOPLIMIT),
	[INET_V6_RECVTCLASS] = FLAG(OF_IPV6, IPV6_RECVTCLASS),
	[INET_V6_RECVERR] = FLAG(OF_IPV6, IPV6_RECVERR),
	[INET_NAMED] = FLAG(OF_TCP, TCP_NODELAY),
	FLAG(OF_TCP, TCP_CORK),
	NUMBER(OF_TCP, TCP_MAXSEG, 536, 88, 32767),
	NUMBER(OF_TCP, TCP_KEEPIDLE, 7200, 1, 32767),
	NUMBER(OF_TCP, TCP_KEEPINTVL, 75, 1, 32767),
	NUMBER(OF_TCP, TCP_KEEPCNT, 9, 1, 127),
	NUMBER(OF_TCP, TCP_SYNCNT, 6, 1, 127),
	NUMBER(OF_TCP, TCP_LINGER2, 60, -1, 120),
	NUMBER(OF_TCP, TCP_DEFER_ACCEPT, 0, 0, 0x7fffffff),
	NUMBER(OF_TCP, TCP_WINDOW_CLAMP, 0, 0, 0x7fffffff),
	ON(OF_TCP, TCP_QUICKACK),
	NUMBER(OF_TCP, TCP_USER_TIMEOUT, 0, 0, 0x7fffffff),
	NUMBER(OF_TCP, TCP_FASTOPEN, 0, 0, 0x7fffffff),
	FLAG(OF_TCP, TCP_FASTOPEN_CONNECT),
	NUMBER(OF_TCP, TCP_NOTSENT_LOWAT, 0, 0, 0x7fffffff),
	FLAG(OF_UDP, UDP_CORK),
	NUMBER(OF_IP, IP_MTU_DISCOVER, 1, 0, 5),
	FLAG(OF_IP, IP_FREEBIND),
	FLAG(OF_IP, IP_BIND_ADDRESS_NO_PORT),
	OR_DEFAULT(OF_IP, IP_MULTICAST_TTL, 1, 0, 255),
	ON(OF_IP, IP_MULTICAST_LOOP),
	ON(OF_IP, IP_MULTICAST_ALL),
	OR_DEFAULT(OF_IPV6, IPV6_UNICAST_HOPS, 64, 0, 255),
	OR_DEFAULT(OF_IPV6, IPV6_MULTICAST_HOPS, 1, 0, 255),
	ON(OF_IPV6, IPV6_MULTICAST_LOOP),
	NUMBER(OF_IPV6, IPV6_MULTICAST_IF, 0, 0, 1),
	OR_DEFAULT(OF_IPV6, IPV6_TCLASS, 0, 0, 255),
	NUMBER(OF_IPV6, IPV6_MTU_DISCOVER, 1, 0, 5),
	FLAG(OF_IPV6, IPV6_DONTFRAG),
};
_Static_assert(ARRAY_SIZE(options) <= INET_OPTIONS, "a value for each");

void inet_options_init(struct inet_sock *i)
{
	for (u32 n = 0; n < ARRAY_SIZE(options); n++)
		i->value[n] = options[n].initial;
}

/* Has a socket options of that level? A version 6 one has those of version 4 too. */
static bool has_level(const struct socket *s, enum scope scope)
{
	switch (scope) {
	case OF_TCP:
		return s->ops == &tcp_ops;
	case OF_UDP:
		return s->ops == &udp_ops;
	case OF_IPV6:
		return s->family == AF_INET6;
	default:
		return true;
	}
}

static bool knows_level(const struct socket *s, s32 level)
{
	for (u32 n = 0; n < ARRAY_SIZE(level_of); n++) {
		if (level_of[n] == level && has_level(s, (enum scope)n))
			return true;
	}
	return false;
}

static const struct option *find(const struct socket *s, s32 level, s32 name)
{
	for (u32 n = 0; n < ARRAY_SIZE(options); n++) {
		const struct option *o = &options[n];

		if (level_of[o->scope] == level && o->name == name && has_level(s, o->scope))
			return o;
	}
	return NULL;
}

/* -- setting -- */

/* IP takes one byte where others take an int. */
static int get_value(s32 level, u64 uval, u32 len, s32 *v)
{
	u32 word;
	u8 byte = 0;

	if (len >= sizeof(word)) {
		if (get_user_u32(&word, uval))
			return -EFAULT;
		*v = (s32)word;
		return 0;
	}
	if (level != IPPROTO_IP)
		return -EINVAL;
	if (len && copy_from_user(&byte, uval, 1))
		return -EFAULT;
	*v = byte;
	return 0;
}

static int set_number(struct inet_sock *i, const struct option *o, s32 v)
{
	s32 *value = &i->value[o - options];

	if (o == &options[INET_V6ONLY] && i->has_port)
		return -EINVAL;
	if (o->unset && v == -1)
		v = o->initial;
	if (o->min == 0 && o->max == 1) {
		*value = v != 0;
		return 0;
	}
	if (o == &options[INET_TOS])
		v &= 0xff;
	if (v < o->min || v > o->max)
		return -EINVAL;
	*value = v;
	return 0;
}

static int set_congestion(u64 uval, u32 len)
{
	char name[16] = {0};

	if (!len)
		return -EINVAL;
	if (copy_from_user(name, uval, min_u64(len, sizeof(name) - 1)))
		return -EFAULT;
	return strcmp(name, CONGESTION) ? -ENOENT : 0;
}

/* There is no interface that does multicast. */
static bool is_membership(s32 level, s32 name)
{
	if (level == IPPROTO_IP)
		return name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP;
	return level == IPPROTO_IPV6 &&
	       (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP);
}

int inet_setopt(struct socket *s, s32 level, s32 name, u64 uval, u32 len)
{
	const struct option *o = find(s, level, name);
	s32 v;
	int r;

	if (level == IPPROTO_TCP && name == TCP_CONGESTION && s->ops == &tcp_ops)
		return set_congestion(uval, len);
	if (is_membership(level, name))
		return -ENODEV;
	if (!knows_level(s, level))
		return -ENOPROTOOPT;
	r = get_value(level, uval, len, &v);
	if (r)
		return r;
	return o ? set_number(inet_of(s), o, v) : -ENOPROTOOPT;
}

/* -- showing -- */

static int get_info(const struct inet_sock *i, u64 uval, u64 ulen)
{
	struct tcp_info info = {
		.tcpi_state = tcp_state_number(i),
		.tcpi_snd_mss = 65483, /* lo's, less the headers */
		.tcpi_rcv_mss = 65483,
		.tcpi_rto = 200000,
		.tcpi_ato = 40000,
		.tcpi_pmtu = 65536 - 1,
		.tcpi_snd_cwnd = 10,
		.tcpi_unacked = i->s.state == SK_LISTENING ? i->s.backlog_len : 0,
		.tcpi_sacked = i->s.state == SK_LISTENING ? i->s.backlog_max : 0,
	};

	return opt_put(uval, ulen, &info, sizeof(info));
}

static int get_number(s32 level, s32 v, u64 uval, u64 ulen)
{
	u32 room;

	if (get_user_u32(&room, ulen))
		return -EFAULT;
	if (level == IPPROTO_IP && room && room < sizeof(v) && v >= 0 && v <= 255) {
		u8 byte = (u8)v;

		return opt_put(uval, ulen, &byte, 1);
	}
	return opt_put(uval, ulen, &v, sizeof(v));
}

int inet_getopt(struct socket *s, s32 level, s32 name, u64 uval, u64 ulen)
{
	const struct option *o = find(s, level, name);
	struct inet_sock *i = inet_of(s);

	if (level == IPPROTO_TCP && s->ops == &tcp_ops) {
		static const char congestion[16] = CONGESTION;

		if (name == TCP_CONGESTION)
			return opt_put(uval, ulen, congestion, sizeof(congestion));
		if (name == TCP_INFO)
			return get_info(i, uval, ulen);
	}
	if (!knows_level(s, level))
		return -EOPNOTSUPP;
	return o ? get_number(level, i->value[o - options], uval, ulen) : -ENOPROTOOPT;
}
