/* SPDX-License-Identifier: Apache-2.0
 * UDP: a datagram goes into the queue of whoever has the port, or nowhere. Only a connected sender
 * hears that nobody does, as by an ICMP message: with its next call.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/inet_internal.h"

#define HEADER_UDP  8u
#define HEADER_IPV4 20u
#define LENGTH_MAX  65535u

static bool udp_writable(const struct socket *s)
{
	return s->charged < s->opt.sndbuf / 2;
}

static u32 udp_poll(struct socket *s)
{
	u32 mask = s->err ? POLL_ERR : 0;

	if (s->shutdown == SHUT_BOTH)
		mask |= POLL_HUP;
	if (s->shutdown & SHUT_RECV)
		mask |= SOCK_READABLE | POLL_RDHUP;
	if (s->rx.count)
		mask |= SOCK_READABLE;
	return mask | SOCK_WRITABLE; /* the receiver pays for what is queued */
}

/* -- connecting -- */

static int udp_disconnect(struct inet_sock *i)
{
	i->s.state = SK_CLOSED;
	inet_unbind(i);
	return 0;
}

static int udp_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	struct inet_sock *i = inet_of(s);
	struct inet_end to;
	int r;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family == AF_UNSPEC)
		return udp_disconnect(i);
	r = s->family == AF_INET ? inet_parse(i, a, &to) : inet_parse_dest(i, a, &to);
	if (!r && !i->ip_locked) /* the address that the last connection chose */
		memcpy(i->local.ip, s->family == AF_INET ? ip_any4 : ip_any, sizeof(i->local.ip));
	if (!r)
		r = inet_route(i, &to);
	if (!r)
		r = inet_source(i, &to);
	if (r)
		return r;
	i->remote = to;
	s->state = SK_CONNECTED;
	return 0;
}

static int udp_shutdown(struct socket *s, u32 how)
{
	s->shutdown |= how;
	sock_wake(s, SOCK_CHANGED);
	return s->state == SK_CONNECTED ? 0 : -ENOTCONN;
}

/* -- sending -- */

static int destination(struct inet_sock *i, const struct sock_msg *m, struct inet_end *to)
{
	int r;

	if (!m->name) {
		*to = i->remote;
		return i->s.state == SK_CONNECTED ? 0 : -EDESTADDRREQ;
	}
	r = inet_parse_dest(i, m->name, to);
	if (r)
		return r;
	return to->port ? inet_route(i, to) : -EINVAL;
}

static u32 size_max(const struct inet_end *to)
{
	return LENGTH_MAX - HEADER_UDP - (ip_is_v4(to->ip) ? HEADER_IPV4 : 0);
}

/* Where the receiver sees it come from. */
static void source(const struct inet_sock *i, const struct inet_end *to, struct inet_end *from)
{
	*from = i->local;
	if (ip_is_any(from->ip) || ip_is_v4(from->ip) != ip_is_v4(to->ip))
		memcpy(from->ip, ip_is_v4(to->ip) ? ip_loopback4 : ip_loopback, sizeof(from->ip));
}

static int deliver(struct inet_sock *to, struct packet *p, const struct inet_end *from)
{
	struct sock_addr shown;

	if (to->s.rx.cost > to->s.opt.rcvbuf) { /* lost, as on a wire */
		packet_free(p);
		return 0;
	}
	inet_show(to->s.family, from, &shown);
	p->from = sock_name_new(shown.raw, shown.len);
	if (!p->from) {
		packet_free(p);
		return -ENOBUFS;
	}
	queue_push(&to->s.rx, p);
	sock_wake(&to->s, SOCK_READABLE);
	return 0;
}

static void nobody_there(struct inet_sock *i)
{
	if (i->s.state != SK_CONNECTED && !i->value[INET_RECVERR] && !i->value[INET_V6_RECVERR])
		return;
	i->s.err = ECONNREFUSED;
	sock_wake(&i->s, SOCK_CHANGED);
}

/* Consumes the packet. */
static int send_packet(struct inet_sock *i, const struct inet_end *to, struct packet *p)
{
	struct inet_sock *receiver;
	struct inet_end from;

	source(i, to, &from);
	memcpy(p->to, to->ip, sizeof(p->to));
	receiver = port_receiver(to, &from);
	if (receiver)
		return deliver(receiver, p, &from);
	packet_free(p);
	nobody_there(i);
	return 0;
}

static s64 udp_send(struct socket *s, struct sock_msg *m)
{
	struct inet_sock *i = inet_of(s);
	s64 n = (s64)m->u->left;
	struct inet_end to;
	struct packet *p;
	int r;

	if (n > LENGTH_MAX)
		return -EMSGSIZE;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	r = destination(i, m, &to);
	if (!r && !i->has_port && port_take(i))
		r = -EAGAIN;
	if (!r && n > size_max(&to))
		r = -EMSGSIZE;
	if (!r)
		r = sock_wait_room(s, 0);
	if (r)
		return r;
	p = dgram_packet(m);
	if (is_err(p))
		return ptr_err(p);
	r = send_packet(i, &to, p);
	return r ? r : n;
}

/* -- receiving -- */

static s64 udp_recv(struct socket *s, struct sock_msg *m)
{
	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	return dgram_recv(s, m);
}

static long udp_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	const struct packet *p = queue_first(&s->rx);

	switch (cmd) {
	case FIONREAD: /* of the next one */
		return put_user_u32(arg, p ? p->len : 0);
	case TIOCOUTQ:
		return put_user_u32(arg, s->charged);
	default:
		return -ENOTTY;
	}
}

static void udp_close(struct socket *s)
{
	s->dead = true;
	port_release(inet_of(s));
	s->state = SK_CLOSED;
	s->shutdown = SHUT_BOTH;
	sock_wake(s, SOCK_CHANGED);
	queue_purge(&s->rx);
}

const struct sock_ops udp_ops = {
	.type = SOCK_DGRAM,
	.poll = udp_poll,
	.writable = udp_writable,
	.bind = inet_bind,
	.connect = udp_connect,
	.name = inet_name,
	.shutdown = udp_shutdown,
	.send = udp_send,
	.recv = udp_recv,
	.control = inet_control,
	.ioctl = udp_ioctl,
	.setopt = inet_setopt,
	.getopt = inet_getopt,
	.close = udp_close,
	.free = inet_free,
};
