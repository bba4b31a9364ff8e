/* SPDX-License-Identifier: Apache-2.0
 * Internet sockets: what TCP and UDP share.
 */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>

#include "core/task.h"
#include "net/families.h"
#include "net/inet_internal.h"
#include "net/state.h"

#define PORT_FIRST_FREE 1024u /* below: only root may bind */
#define LOOPBACK_INDEX	1
#define HOPS		64
#define TCP_SNDBUF	16384u /* until it is connected */
#define TCP_RCVBUF	131072u

/* -- making -- */

struct inet_sock *inet_new(const struct sock_ops *ops, u16 family)
{
	struct inet_sock *i = kzalloc(sizeof(*i));

	if (!i)
		return NULL;
	socket_init(&i->s, ops, family);
	i->s.protocol = ops == &tcp_ops ? IPPROTO_TCP : IPPROTO_UDP;
	i->uid = current->cred.euid;
	list_init(&i->port_link);
	list_init(&i->tcp.waiting);
	list_init(&i->tcp.wait_link);
	inet_options_init(i);
	if (ops == &tcp_ops) {
		i->s.opt.sndbuf = TCP_SNDBUF;
		i->s.opt.rcvbuf = TCP_RCVBUF;
	}
	memcpy(i->local.ip, family == AF_INET ? ip_any4 : ip_any, sizeof(i->local.ip));
	memcpy(i->remote.ip, i->local.ip, sizeof(i->remote.ip));
	return i;
}

static int create(u16 family, s32 type, s32 protocol, struct socket **out)
{
	const struct sock_ops *ops = type == SOCK_STREAM ? &tcp_ops : &udp_ops;
	struct inet_sock *i;

	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (type == SOCK_RAW) /* packets: as for a user without CAP_NET_RAW */
		return protocol ? -EPERM : -EPROTONOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != (type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP))
		return -EPROTONOSUPPORT;
	i = inet_new(ops, family);
	*out = i ? &i->s : NULL;
	return i ? 0 : -ENOMEM;
}

int inet_create(s32 type, s32 protocol, struct socket **out)
{
	return create(AF_INET, type, protocol, out);
}

int inet6_create(s32 type, s32 protocol, struct socket **out)
{
	return create(AF_INET6, type, protocol, out);
}

void inet_free(struct socket *s)
{
	struct inet_sock *i = inet_of(s);

	port_release(i);
	list_del(&i->tcp.wait_link);
	socket_fini(s);
	kfree(i);
}

/* -- names -- */

/* bind(2) of an AF_INET socket may leave the family out, if it names no address. */
static int bind_address(const struct inet_sock *i, const struct sock_addr *a, struct inet_end *e)
{
	int r = inet_parse(i, a, e);

	if (r == -EAFNOSUPPORT && i->s.family == AF_INET && a->family == AF_UNSPEC &&
		ip_is_any(e->ip))
		r = 0;
	if (r)
		return r;
	if (ip_is_v4(e->ip) && i->value[INET_V6ONLY])
		return -EINVAL;
	if (ip_is_multicast(e->ip) && inet_proto(&i->s) == INET_TCP)
		return ip_is_v4(e->ip) ? -EADDRNOTAVAIL : -EINVAL;
	if (!ip_is_any(e->ip) && !ip_is_local(e->ip) && !ip_is_multicast(e->ip) &&
		!ip_is_broadcast(e->ip))
		return -EADDRNOTAVAIL;
	return 0;
}

int inet_bind(struct socket *s, const struct sock_addr *a)
{
	struct inet_sock *i = inet_of(s);
	struct inet_end e, old = i->local;
	int r = bind_address(i, a, &e);

	if (r)
		return r;
	if (e.port && e.port < PORT_FIRST_FREE && !cred_has(&current->cred, CAP_NET_BIND_SERVICE))
		return -EACCES;
	if (s->state != SK_CLOSED || i->has_port)
		return -EINVAL;
	i->local = e;
	r = port_take(i);
	if (r) {
		i->local = old;
		return r;
	}
	i->ip_locked = !ip_is_any(e.ip);
	i->port_locked = e.port != 0;
	return 0;
}

int inet_name(struct socket *s, enum sock_side side, struct sock_addr *out)
{
	struct inet_sock *i = inet_of(s);

	if (side == SIDE_PEER && s->state != SK_CONNECTED)
		return -ENOTCONN;
	memset(out, 0, sizeof(*out));
	inet_show(s->family, side == SIDE_OWN ? &i->local : &i->remote, out);
	return 0;
}

int inet_source(struct inet_sock *i, const struct inet_end *to)
{
	int r = i->has_port ? 0 : port_take(i);

	if (r)
		return -EADDRNOTAVAIL;
	if (ip_is_any(i->local.ip))
		memcpy(i->local.ip, ip_is_v4(to->ip) ? ip_loopback4 : ip_loopback,
			sizeof(i->local.ip));
	return 0;
}

void inet_unbind(struct inet_sock *i)
{
	if (!i->port_locked) {
		port_release(i);
		i->local.port = 0;
	}
	if (!i->ip_locked)
		memcpy(i->local.ip, i->s.family == AF_INET ? ip_any4 : ip_any, sizeof(i->local.ip));
	memset(&i->remote, 0, sizeof(i->remote));
}

/* -- beside a datagram -- */

static void control_v4(struct inet_sock *i, struct control *c, const u8 *to)
{
	struct in_pktinfo info = {.ipi_ifindex = LOOPBACK_INDEX};
	s32 ttl = HOPS;
	u8 tos = 0;

	memcpy(&info.ipi_spec_dst, to + 12, sizeof(info.ipi_spec_dst));
	info.ipi_addr = info.ipi_spec_dst;
	if (i->value[INET_PKTINFO])
		control_put(c, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (i->value[INET_RECVTTL])
		control_put(c, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	if (i->value[INET_RECVTOS])
		control_put(c, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static void control_v6(struct inet_sock *i, struct control *c, const u8 *to)
{
	struct in6_pktinfo info = {.ipi6_ifindex = LOOPBACK_INDEX};
	s32 hops = HOPS, tclass = 0;

	memcpy(&info.ipi6_addr, to, sizeof(info.ipi6_addr));
	if (i->value[INET_V6_RECVPKTINFO])
		control_put(c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	if (i->value[INET_V6_RECVHOPLIMIT])
		control_put(c, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
	if (i->value[INET_V6_RECVTCLASS])
		control_put(c, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
}

void inet_control(struct socket *s, struct control *c, const struct sock_msg *m)
{
	if (s->family == AF_INET6)
		control_v6(inet_of(s), c, m->to);
	if (ip_is_v4(m->to))
		control_v4(inet_of(s), c, m->to);
}
