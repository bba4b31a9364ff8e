/* SPDX-License-Identifier: Apache-2.0
 * Ports: who has which, who may share one, who gets what is sent to one. The rules are Linux's
 * (inet_csk_bind_conflict, inet_rcv_saddr_equal) without TIME_WAIT: no packet can be late here.
 */
#include <asm/errno.h>

#include "core/random.h"
#include "core/task.h"
#include "net/inet_internal.h"
#include "net/state.h"

#define EPHEMERAL_FIRST 32768u /* net.ipv4.ip_local_port_range */
#define EPHEMERAL_COUNT 28232u

static struct list *bucket(enum inet_proto proto, u16 port)
{
	return &net_state()->ports[proto][port % PORT_BUCKETS];
}

static bool is_v6only(const struct inet_sock *i)
{
	return i->s.family == AF_INET6 && i->value[INET_V6ONLY];
}

/* -- who is in whose way -- */

/* Does i, bound as it is, get what is sent to ip? */
static bool takes(const struct inet_sock *i, const u8 *ip)
{
	if (ip_equal(i->local.ip, ip_any))
		return !(is_v6only(i) && ip_is_v4(ip));
	if (ip_equal(i->local.ip, ip_any4))
		return ip_is_v4(ip);
	return ip_equal(i->local.ip, ip);
}

static bool overlap(const struct inet_sock *a, const struct inet_sock *b)
{
	return takes(a, b->local.ip) || takes(b, a->local.ip);
}

static bool both(const struct inet_sock *a, const struct inet_sock *b, u32 option)
{
	return a->s.opt.on & b->s.opt.on & option;
}

static bool in_the_way(const struct inet_sock *i, const struct inet_sock *other)
{
	if (!overlap(i, other))
		return false;
	if (both(i, other, OPT_REUSEADDR) && other->s.state != SK_LISTENING)
		return false;
	return !(both(i, other, OPT_REUSEPORT) && i->uid == other->uid);
}

static bool conflict(const struct inet_sock *i, u16 port)
{
	list_for_each(l, bucket(inet_proto(&i->s), port))
	{
		const struct inet_sock *other = list_entry(l, struct inet_sock, port_link);

		if (other != i && other->local.port == port && in_the_way(i, other))
			return true;
	}
	return false;
}

bool port_can_listen(struct inet_sock *i)
{
	return !conflict(i, i->local.port);
}

/* -- taking and giving up -- */

/* A bit for each port that somebody has: looking for a free one must not walk every bucket. */
static u64 *used_word(enum inet_proto proto, u16 port)
{
	return &net_state()->ports_used[proto][port / 64];
}

static bool in_use(enum inet_proto proto, u16 port)
{
	return *used_word(proto, port) >> port % 64 & 1;
}

static void find_use(enum inet_proto proto, u16 port)
{
	u64 *word = used_word(proto, port);

	*word &= ~(1ull << port % 64);
	list_for_each(l, bucket(proto, port))
	{
		if (list_entry(l, struct inet_sock, port_link)->local.port == port) {
			*word |= 1ull << port % 64;
			return;
		}
	}
}

/* A port that nobody has; 0: there is none. */
static u16 ephemeral(enum inet_proto proto)
{
	u32 start;

	random_bytes(&start, sizeof(start));
	for (u32 n = 0; n < EPHEMERAL_COUNT; n++) {
		u16 port = (u16)(EPHEMERAL_FIRST + (start + n) % EPHEMERAL_COUNT);

		if (!in_use(proto, port))
			return port;
	}
	return 0;
}

void port_share(struct inet_sock *i)
{
	/* in front: among equals the newest gets what is sent */
	list_add(bucket(inet_proto(&i->s), i->local.port), &i->port_link);
	*used_word(inet_proto(&i->s), i->local.port) |= 1ull << i->local.port % 64;
	i->has_port = true;
}

int port_take(struct inet_sock *i)
{
	u16 port = i->local.port;

	if (!port)
		port = ephemeral(inet_proto(&i->s));
	else if (conflict(i, port))
		port = 0;
	if (!port)
		return -EADDRINUSE;
	i->local.port = port;
	port_share(i);
	return 0;
}

void port_release(struct inet_sock *i)
{
	if (!i->has_port)
		return;
	list_del(&i->port_link);
	i->has_port = false;
	find_use(inet_proto(&i->s), i->local.port);
}

/* -- who gets it -- */

/* How well i fits: its own address before any address, its own version before both. 0: not. */
static u32 fitness(const struct inet_sock *i, const struct inet_end *to)
{
	u32 score = 1;

	if (i->local.port != to->port || !takes(i, to->ip))
		return 0;
	if (!ip_is_any(i->local.ip))
		score += 4;
	if (ip_is_v4(to->ip) && i->s.family == AF_INET)
		score += 2;
	return score;
}

/* Of those that share a port on purpose each has its turn. */
struct choice {
	struct inet_sock *best;
	u32 score, equals;
};

static void consider(struct choice *c, struct inet_sock *i, u32 score)
{
	if (!score || score < c->score)
		return;
	if (score > c->score) {
		*c = (struct choice){i, score, 1};
		return;
	}
	if (both(i, c->best, OPT_REUSEPORT) && !(net_state()->turn % ++c->equals))
		c->best = i;
}

struct inet_sock *port_listener(const struct inet_end *to)
{
	struct choice c = {0};

	net_state()->turn++;
	list_for_each(l, bucket(INET_TCP, to->port))
	{
		struct inet_sock *i = list_entry(l, struct inet_sock, port_link);

		if (i->s.state == SK_LISTENING)
			consider(&c, i, fitness(i, to));
	}
	return c.best;
}

/* A connected socket hears only its peer, and before others. */
struct inet_sock *port_receiver(const struct inet_end *to, const struct inet_end *from)
{
	struct choice c = {0};

	net_state()->turn++;
	list_for_each(l, bucket(INET_UDP, to->port))
	{
		struct inet_sock *i = list_entry(l, struct inet_sock, port_link);
		u32 score = fitness(i, to);

		if (score && i->s.state == SK_CONNECTED) {
			if (!end_equal(&i->remote, from))
				continue;
			score += 8;
		}
		consider(&c, i, score);
	}
	return c.best;
}
