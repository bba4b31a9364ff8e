/* SPDX-License-Identifier: Apache-2.0
 * Local sockets with connections: streams, and sequenced packets as far as connecting goes.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/unix_internal.h"

#define PIECE_MAX 0x8000u /* a longer write is several packets */

static bool is_open(const struct socket *listener)
{
	return listener->state == SK_LISTENING && !(listener->shutdown & SHUT_RECV);
}

/* -- connecting -- */

static int unix_pair(struct socket *a, struct socket *b)
{
	socket_get(a);
	socket_get(b);
	a->peer = b;
	b->peer = a;
	a->state = b->state = SK_CONNECTED;
	a->peer_cred = b->peer_cred = ucred_current();
	return 0;
}

static int connect_new(struct socket *s, struct socket *listener)
{
	struct socket *c = unix_new(s->ops);

	if (!c)
		return -ENOMEM;
	unix_pair(s, c);
	s->peer_cred = listener->peer_cred;
	c->name = sock_name_get(listener->name);
	c->opt.on = listener->opt.on & OPT_PASSCRED;
	backlog_add(listener, c);
	return 0;
}

/* 1: had to wait, and everything may be different now. */
static int connect_to(struct socket *s, struct socket *listener, u64 deadline)
{
	if (!is_open(listener))
		return -ECONNREFUSED;
	if (backlog_full(listener)) {
		int r = sock_wait(
			&listener->wait, !backlog_full(listener) || !is_open(listener), deadline);

		return r ? r : 1;
	}
	if (s->state != SK_CLOSED)
		return s->state == SK_CONNECTED ? -EISCONN : -EINVAL;
	return connect_new(s, listener);
}

static int unix_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	u64 deadline = sock_deadline(s->opt.sndtimeo_ns, nonblock);
	int r = unix_addr_check(a);

	if (!r && (s->opt.on & OPT_PASSCRED))
		r = unix_autobind(s);
	if (r)
		return r;
	do {
		struct socket *listener = unix_find(a, s->ops->type);

		if (is_err(listener))
			return (int)ptr_err(listener);
		r = connect_to(s, listener, deadline);
		socket_put(listener);
	} while (r > 0);
	return r;
}

static int unix_listen(struct socket *s)
{
	if (!s->name || (s->state != SK_CLOSED && s->state != SK_LISTENING))
		return -EINVAL;
	s->state = SK_LISTENING;
	s->peer_cred = ucred_current();
	return 0;
}

/* -- the end -- */

static void hang_up_on(struct socket *peer, bool reset)
{
	peer->shutdown = SHUT_BOTH;
	if (reset)
		peer->err = ECONNRESET;
	sock_wake(peer, SOCK_CHANGED);
}

void unix_stream_hangup(struct socket *s)
{
	struct socket *c;

	if (s->peer)
		hang_up_on(s->peer, s->rx.count > 0);
	while ((c = backlog_take(s))) {
		if (c->peer)
			hang_up_on(c->peer, true);
		unix_close(c);
		socket_put(c);
	}
}

/* -- polling -- */

static u32 unix_poll(struct socket *s)
{
	u32 mask = s->err ? POLL_ERR : 0;

	if (s->shutdown == SHUT_BOTH || s->state == SK_CLOSED)
		mask |= POLL_HUP;
	if (s->shutdown & SHUT_RECV)
		mask |= POLL_RDHUP | SOCK_READABLE;
	if (s->rx.count || s->backlog_len || s->urgent.state == URGENT_GONE)
		mask |= SOCK_READABLE;
	if (s->urgent.state == URGENT_UNREAD)
		mask |= POLL_PRI;
	if (unix_writable(s))
		mask |= SOCK_WRITABLE;
	return mask;
}

/* -- bytes -- */

/* One packet of at most n bytes to the peer, with what comes along. Bytes, or -errno. */
static s64 send_piece(struct socket *s, struct sock_msg *m, u32 n, struct scm *scm)
{
	struct socket *peer = s->peer;
	struct packet *p = packet_new(n);
	int r;

	if (!p)
		return -ENOBUFS;
	p->cost = packet_cost(n);
	r = packet_fill(p, m->u, n);
	if (r) {
		packet_free(p);
		return r;
	}
	unix_want_cred(s, peer, scm);
	p->scm = *scm;
	scm->rights = NULL;
	p->from = sock_name_get(s->name);
	packet_charge(p, s);
	queue_push(&peer->rx, p);
	sock_wake(peer, SOCK_READABLE);
	return n;
}

/* Two packets fit into the buffer at least. */
static u32 piece_size(const struct socket *s, u64 left)
{
	return (u32)min_u64(left, min_u64(s->opt.sndbuf / 2 - 64, PIECE_MAX));
}

/* An urgent byte is a packet of its own. */
static s64 send_pieces(struct socket *s, struct sock_msg *m, struct scm *scm)
{
	u64 deadline = sock_deadline(s->opt.sndtimeo_ns, m->flags & MSG_DONTWAIT);
	u64 urgent = m->flags & MSG_OOB ? 1 : 0;
	s64 done = 0, r = 0;

	if (s->shutdown & SHUT_SEND)
		return stream_sent(m, 0, -EPIPE);
	while (m->u->left) {
		u64 plain = m->u->left - urgent;

		r = sock_wait_room(s, deadline);
		if (!r)
			r = send_piece(s, m, plain ? piece_size(s, plain) : 1, scm);
		if (r < 0)
			break;
		if (!plain)
			urgent_arrived(s->peer);
		done += r;
	}
	return stream_sent(m, done, r);
}

static s64 unix_stream_send(struct socket *s, struct sock_msg *m)
{
	struct scm scm = {0};
	s64 r = unix_scm(s, m, &scm);

	if (r)
		return r;
	if ((m->flags & MSG_OOB) && !m->u->left)
		r = -EOPNOTSUPP;
	else if (m->name)
		r = s->state == SK_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	else if (!s->peer)
		r = -ENOTCONN;
	else
		r = send_pieces(s, m, &scm);
	scm_release(&scm);
	return r;
}

static s64 unix_stream_recv(struct socket *s, struct sock_msg *m)
{
	if (s->state != SK_CONNECTED)
		return -EINVAL;
	if (m->flags & MSG_OOB)
		return urgent_recv(s, m);
	if (!(m->flags & MSG_PEEK))
		urgent_pass(s);
	return stream_recv(s, m);
}

const struct sock_ops unix_stream_ops = {
	.type = SOCK_STREAM,
	.poll = unix_poll,
	.writable = unix_writable,
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = socket_accept,
	.pair = unix_pair,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.send = unix_stream_send,
	.recv = unix_stream_recv,
	.control = scm_deliver,
	.ioctl = unix_ioctl,
	.close = unix_close,
	.free = unix_free,
};

/* -- packets in sequence: sent and received as datagrams, unix_dgram.c -- */

const struct sock_ops unix_seqpacket_ops = {
	.type = SOCK_SEQPACKET,
	.poll = unix_poll,
	.writable = unix_writable,
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = socket_accept,
	.pair = unix_pair,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.send = unix_seqpacket_send,
	.recv = unix_seqpacket_recv,
	.control = scm_deliver,
	.ioctl = unix_ioctl,
	.close = unix_close,
	.free = unix_free,
};
