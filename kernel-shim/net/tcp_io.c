/* SPDX-License-Identifier: Apache-2.0
 * TCP: bytes. A write goes into the last packet of the receiver's queue as long as that has room.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/inet_internal.h"

#define ROOM_MIN 1792u /* of a packet: small writes share one */
#define ROOM_MAX 0x10000u

/* A third of the buffer is free (Linux sk_stream_is_writeable). */
bool tcp_writable(const struct socket *s)
{
	return s->charged + s->charged / 2ull <= s->opt.sndbuf;
}

u32 tcp_poll(struct socket *s)
{
	u32 mask = s->err ? POLL_ERR : 0;

	if (s->state == SK_LISTENING)
		return s->backlog_len ? SOCK_READABLE : 0;
	if (s->state == SK_CONNECTING)
		return mask;
	if (s->shutdown == SHUT_BOTH || s->state == SK_CLOSED)
		mask |= POLL_HUP;
	if (s->shutdown & SHUT_RECV)
		mask |= SOCK_READABLE | POLL_RDHUP;
	if (s->rx.bytes && s->rx.bytes >= (u64)s->opt.rcvlowat + urgent_in_way(s))
		mask |= SOCK_READABLE;
	if (s->urgent.state == URGENT_UNREAD)
		mask |= POLL_PRI;
	if ((s->shutdown & SHUT_SEND) || tcp_writable(s))
		mask |= POLL_OUT | POLL_WRNORM;
	return mask;
}

/* -- sending -- */

/* A packet at the end of the peer's queue that has room, a new one if need be. */
static struct packet *open_packet(struct socket *s, u64 left)
{
	struct packet_queue *q = &s->peer->rx;
	struct packet *p = queue_last(q);
	u32 room = (u32)min_u64(max_u64(left, ROOM_MIN), ROOM_MAX);

	if (p && p->payer == s && p->len < p->room)
		return p;
	p = packet_new(room);
	if (!p)
		return NULL;
	p->cost = packet_cost(p->room);
	return p;
}

static s64 send_some(struct socket *s, struct sock_msg *m)
{
	struct packet *p = open_packet(s, m->u->left);
	u32 n;
	int r;

	if (!p)
		return -ENOBUFS;
	n = (u32)min_u64(m->u->left, p->room - p->len);
	r = packet_fill(p, m->u, n);
	if (p->payer) { /* it is in the queue already */
		if (!r)
			queue_grown(&s->peer->rx, n);
	} else if (r) {
		packet_free(p);
	} else {
		packet_charge(p, s);
		queue_push(&s->peer->rx, p);
	}
	if (!r)
		sock_wake(s->peer, SOCK_READABLE);
	return r ? r : (s64)n;
}

/* Nobody is at the other end any more: what is sent now is answered by a reset. */
static s64 send_to_nobody(struct socket *s, struct sock_msg *m)
{
	s64 n = (s64)m->u->left;

	if (n)
		tcp_reset(inet_of(s), ECONNRESET);
	uio_advance(m->u, (size_t)n);
	return n;
}

static s64 send_all(struct socket *s, struct sock_msg *m, u64 deadline)
{
	s64 done = 0, r = 0;

	do {
		/* with nothing to send it is only asked whether one could */
		r = m->u->left ? sock_wait_room(s, deadline) : sock_error(s);
		if (!r && (s->shutdown & SHUT_SEND))
			r = -EPIPE;
		if (!r)
			r = tcp_peer_gone(s) ? send_to_nobody(s, m)
			    : m->u->left     ? send_some(s, m)
					     : 0;
		if (r < 0)
			break;
		done += r;
	} while (m->u->left);
	if (done && (m->flags & MSG_OOB) && !tcp_peer_gone(s))
		urgent_arrived(s->peer);
	return stream_sent(m, done, r);
}

s64 tcp_send(struct socket *s, struct sock_msg *m)
{
	u64 deadline = sock_deadline(s->opt.sndtimeo_ns, m->flags & MSG_DONTWAIT);
	int r = 0;

	if (s->state == SK_CONNECTING)
		r = sock_wait(&s->wait, s->state != SK_CONNECTING, deadline);
	if (r)
		return r;
	if (s->state != SK_CONNECTED) {
		r = sock_error(s);
		return stream_sent(m, 0, r ? r : -EPIPE);
	}
	return send_all(s, m, deadline);
}

/* -- receiving -- */

/* Nothing can come: it was never connected. */
static bool is_idle(const struct socket *s)
{
	return s->state == SK_CLOSED && !s->rx.count && !(s->shutdown & SHUT_RECV);
}

s64 tcp_recv(struct socket *s, struct sock_msg *m)
{
	int r;

	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (s->state == SK_LISTENING)
		return -ENOTCONN;
	if (m->flags & MSG_OOB)
		return urgent_recv(s, m);
	if (is_idle(s)) {
		r = sock_error(s);
		return r ? r : -ENOTCONN;
	}
	m->discard = m->flags & MSG_TRUNC;
	return stream_recv(s, m);
}

long tcp_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIONREAD:
		if (s->state == SK_LISTENING)
			return -EINVAL;
		return put_user_u32(arg, (u32)urgent_inq(s));
	case TIOCOUTQ:
		if (s->state == SK_LISTENING)
			return -EINVAL;
		return put_user_u32(arg, 0); /* what was sent has arrived */
	default:
		return -ENOTTY;
	}
}
