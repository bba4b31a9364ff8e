/* SPDX-License-Identifier: Apache-2.0
 * rtnetlink(7): links and addresses, as libc's getifaddrs and iproute2 ask for them. Requests to
 * change something are EPERM.
 */
#include <asm/errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "core/task.h"
#include "fs/seqbuf.h"
#include "net/inet_internal.h"
#include "net/netdev.h"

struct request {
	const struct nlmsghdr *h;
	const u8 *body;
	u32 len; /* of the body */
	u32 portid;
	struct seqbuf *out;
};

/* -- writing messages -- */

/* Begins a message; where it began, for message_end. */
static size_t message_begin(const struct request *q, u16 type, u16 flags)
{
	struct nlmsghdr h = {.nlmsg_type = type,
		.nlmsg_flags = flags,
		.nlmsg_seq = q->h->nlmsg_seq,
		.nlmsg_pid = q->portid};
	size_t start = q->out->len;

	seq_write(q->out, &h, sizeof(h));
	return start;
}

static void pad(struct seqbuf *s)
{
	static const u8 zero[NLMSG_ALIGNTO];

	seq_write(s, zero, NLMSG_ALIGN(s->len) - s->len);
}

static void message_end(const struct request *q, size_t start)
{
	struct nlmsghdr h;

	if (q->out->failed)
		return;
	memcpy(&h, q->out->buf + start, sizeof(h));
	h.nlmsg_len = (u32)(q->out->len - start);
	memcpy(q->out->buf + start, &h, sizeof(h));
	pad(q->out);
}

static void attribute(const struct request *q, u16 type, const void *data, u32 len)
{
	struct rtattr a = {.rta_len = (u16)RTA_LENGTH(len), .rta_type = type};

	seq_write(q->out, &a, sizeof(a));
	seq_write(q->out, data, len);
	pad(q->out);
}

static void attribute_u32(const struct request *q, u16 type, u32 v)
{
	attribute(q, type, &v, sizeof(v));
}

static void attribute_u8(const struct request *q, u16 type, u8 v)
{
	attribute(q, type, &v, sizeof(v));
}

/* 0 is an acknowledgement. The request comes back with an error. */
static void put_error(const struct request *q, int err)
{
	struct nlmsgerr e = {.error = err, .msg = *q->h};
	size_t start = message_begin(q, NLMSG_ERROR, 0);

	seq_write(q->out, &e, sizeof(e));
	if (err)
		seq_write(q->out, q->body, q->len);
	message_end(q, start);
}

static void put_done(const struct request *q)
{
	size_t start = message_begin(q, NLMSG_DONE, NLM_F_MULTI);
	u32 zero = 0;

	seq_write(q->out, &zero, sizeof(zero));
	message_end(q, start);
}

/* -- links -- */

static void put_link(const struct request *q, u16 flags)
{
	struct ifinfomsg i = {.ifi_type = LO_TYPE, .ifi_index = LO_INDEX, .ifi_flags = LO_FLAGS};
	static const struct rtnl_link_stats stats;
	static const struct rtnl_link_stats64 stats64;
	static const u8 hardware[6];
	size_t start = message_begin(q, RTM_NEWLINK, flags);

	seq_write(q->out, &i, sizeof(i));
	attribute(q, IFLA_IFNAME, LO_NAME, sizeof(LO_NAME));
	attribute_u32(q, IFLA_TXQLEN, LO_TXQLEN);
	attribute_u8(q, IFLA_OPERSTATE, 0); /* unknown, as Linux has it for lo */
	attribute_u8(q, IFLA_LINKMODE, 0);
	attribute_u32(q, IFLA_MTU, LO_MTU);
	attribute_u32(q, IFLA_GROUP, 0);
	attribute_u32(q, IFLA_NUM_TX_QUEUES, 1);
	attribute_u32(q, IFLA_NUM_RX_QUEUES, 1);
	attribute_u8(q, IFLA_CARRIER, 1);
	attribute(q, IFLA_QDISC, "noqueue", sizeof("noqueue"));
	attribute(q, IFLA_ADDRESS, hardware, sizeof(hardware));
	attribute(q, IFLA_BROADCAST, hardware, sizeof(hardware));
	attribute(q, IFLA_STATS64, &stats64, sizeof(stats64));
	attribute(q, IFLA_STATS, &stats, sizeof(stats));
	message_end(q, start);
}

/* A name among the attributes of a request for a link: is it lo's? */
static bool names_lo(const struct request *q)
{
	u32 at = NLMSG_ALIGN(sizeof(struct ifinfomsg));

	while (at + sizeof(struct rtattr) <= q->len) {
		struct rtattr a;

		memcpy(&a, q->body + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > q->len - at)
			return false;
		if (a.rta_type == IFLA_IFNAME || a.rta_type == IFLA_ALT_IFNAME)
			return a.rta_len - sizeof(a) >= sizeof(LO_NAME) - 1 &&
			       !strncmp((const char *)q->body + at + sizeof(a), LO_NAME,
				       a.rta_len - sizeof(a));
		at += RTA_ALIGN(a.rta_len);
	}
	return false;
}

static int get_link(const struct request *q)
{
	struct ifinfomsg i;

	if (q->h->nlmsg_flags & NLM_F_DUMP) {
		put_link(q, NLM_F_MULTI);
		put_done(q);
		return 0;
	}
	if (q->len < sizeof(i))
		return -EINVAL;
	memcpy(&i, q->body, sizeof(i));
	if (i.ifi_index ? i.ifi_index != LO_INDEX : !names_lo(q))
		return -ENODEV;
	put_link(q, 0);
	return 0;
}

/* -- addresses -- */

static void put_address(const struct request *q, u8 family, const u8 *ip, u32 len, u8 prefix)
{
	struct ifaddrmsg m = {.ifa_family = family,
		.ifa_prefixlen = prefix,
		.ifa_flags = IFA_F_PERMANENT,
		.ifa_scope = RT_SCOPE_HOST,
		.ifa_index = LO_INDEX};
	struct ifa_cacheinfo forever = {.ifa_prefered = ~0u, .ifa_valid = ~0u};
	size_t start = message_begin(q, RTM_NEWADDR, NLM_F_MULTI);

	seq_write(q->out, &m, sizeof(m));
	attribute(q, IFA_ADDRESS, ip, len);
	if (family == AF_INET) {
		attribute(q, IFA_LOCAL, ip, len);
		attribute(q, IFA_LABEL, LO_NAME, sizeof(LO_NAME));
	}
	attribute(q, IFA_CACHEINFO, &forever, sizeof(forever));
	attribute_u32(q, IFA_FLAGS, IFA_F_PERMANENT);
	message_end(q, start);
}

static int get_addresses(const struct request *q)
{
	u8 family = q->body[0];

	if (!(q->h->nlmsg_flags & NLM_F_DUMP))
		return -EOPNOTSUPP;
	if (family != AF_INET6)
		put_address(q, AF_INET, ip_loopback4 + 12, 4, 8);
	if (family != AF_INET)
		put_address(q, AF_INET6, ip_loopback, 16, 128);
	put_done(q);
	return 0;
}

/* -- requests -- */

/* Routes, neighbours and rules: none but the local ones, which are not shown unless asked for. */
static int get_nothing(const struct request *q)
{
	if (!(q->h->nlmsg_flags & NLM_F_DUMP))
		return -ENETUNREACH;
	put_done(q);
	return 0;
}

static int handle(const struct request *q)
{
	u16 type = q->h->nlmsg_type;

	if (type > RTM_MAX || type < RTM_BASE)
		return -EOPNOTSUPP;
	if ((type - RTM_BASE) % 4 != RTM_GETLINK - RTM_BASE) /* new, delete or set */
		return -EPERM;
	switch (type) {
	case RTM_GETLINK:
		return get_link(q);
	case RTM_GETADDR:
		return get_addresses(q);
	case RTM_GETROUTE:
	case RTM_GETNEIGH:
	case RTM_GETRULE:
		return get_nothing(q);
	default:
		return -EOPNOTSUPP;
	}
}

/* A request that is not one, or too short to say for which family, is only acknowledged. */
static void one_request(const struct request *q)
{
	bool real = (q->h->nlmsg_flags & NLM_F_REQUEST) && q->h->nlmsg_type >= NLMSG_MIN_TYPE &&
		    q->len >= sizeof(struct rtgenmsg);
	bool dump = real && (q->h->nlmsg_flags & NLM_F_DUMP);
	int err = real ? handle(q) : 0;

	if (err || ((q->h->nlmsg_flags & NLM_F_ACK) && !dump))
		put_error(q, err);
}

void rtnetlink_request(const u8 *data, u32 n, u32 portid, struct seqbuf *out)
{
	struct nlmsghdr h;

	for (u32 at = 0, step; n - at >= sizeof(h); at += step) {
		struct request q = {.h = &h, .portid = portid, .out = out};

		memcpy(&h, data + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > n - at)
			return;
		q.body = data + at + sizeof(h);
		q.len = h.nlmsg_len - (u32)sizeof(h);
		one_request(&q);
		step = (u32)min_u64(NLMSG_ALIGN(h.nlmsg_len), n - at);
	}
}
