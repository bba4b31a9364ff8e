/* SPDX-License-Identifier: Apache-2.0
 * Local sockets that keep messages apart: datagrams, and the packets of a SOCK_SEQPACKET
 * connection. A datagram waits for room in its sender's buffer and for a place in the receiver's
 * queue, which holds few, unless the receiver is connected to the sender.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/unix_internal.h"

#define QUEUE_MAX   10u /* net.unix.max_dgram_qlen; one more fits */
#define SKB_RESERVE 32u /* of the send buffer, on top of the largest message (Linux) */

static bool queue_full(const struct socket *s)
{
	return s->rx.count > QUEUE_MAX;
}

/* A place in to's queue matters to s. */
static bool is_full_for(const struct socket *to, const struct socket *s)
{
	return to != s && to->peer != s && queue_full(to);
}

/* -- peers -- */

/* s is connected to `to`, a reference that is taken over, or to nobody. */
static void set_peer(struct socket *s, struct socket *to)
{
	list_del(&unix_of(s)->client_link);
	socket_drop_peer(s);
	s->peer = to;
	s->state = to ? SK_CONNECTED : SK_CLOSED;
	if (to)
		list_add_tail(&unix_of(to)->clients, &unix_of(s)->client_link);
}

/* What the former peer sent is not for the new one to be blamed for. */
static void disconnected(struct socket *s, struct socket *old)
{
	if (queue_empty(&s->rx))
		return;
	queue_purge(&s->rx);
	sock_wake(s, SOCK_WRITABLE);
	if (!old->dead && old->peer == s) {
		old->err = ECONNRESET;
		sock_wake(old, SOCK_CHANGED);
	}
}

static void replace_peer(struct socket *s, struct socket *to)
{
	struct socket *old = s->peer;

	if (old)
		socket_get(old);
	set_peer(s, to);
	if (!old)
		return;
	if (old != to)
		disconnected(s, old);
	sock_wake(s, SOCK_WRITABLE);
	socket_put(old);
}

static bool may_send(const struct socket *s, const struct socket *to)
{
	return !to->peer || to->peer == s;
}

static int unix_dgram_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	struct socket *to = NULL;
	int r;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family != AF_UNSPEC) {
		r = unix_addr_check(a);
		if (!r && (s->opt.on & OPT_PASSCRED))
			r = unix_autobind(s);
		if (r)
			return r;
		to = unix_find(a, SOCK_DGRAM);
		if (is_err(to))
			return (int)ptr_err(to);
		if (!may_send(s, to)) {
			socket_put(to);
			return -EPERM;
		}
	}
	replace_peer(s, to);
	return 0;
}

static int unix_dgram_pair(struct socket *a, struct socket *b)
{
	socket_get(a);
	socket_get(b);
	set_peer(a, b);
	set_peer(b, a);
	a->peer_cred = b->peer_cred = ucred_current();
	return 0;
}

void unix_dgram_hangup(struct socket *s)
{
	list_del(&unix_of(s)->client_link);
	list_for_each(l, &unix_of(s)->clients)
	{
		sock_wake(&list_entry(l, struct unix_sock, client_link)->s, SOCK_WRITABLE);
	}
}

/* A place is free: for who waits to send, and for who polls. */
static void queue_has_room(struct socket *s)
{
	sock_wake(s, SOCK_WRITABLE);
	list_for_each(l, &unix_of(s)->clients)
	{
		sock_wake(&list_entry(l, struct unix_sock, client_link)->s, SOCK_WRITABLE);
	}
}

static u32 unix_dgram_poll(struct socket *s)
{
	u32 mask = s->err ? POLL_ERR : 0;

	if (s->shutdown == SHUT_BOTH)
		mask |= POLL_HUP;
	if (s->shutdown & SHUT_RECV)
		mask |= POLL_RDHUP | SOCK_READABLE;
	if (s->rx.count)
		mask |= SOCK_READABLE;
	if (unix_writable(s) && !(s->peer && is_full_for(s->peer, s)))
		mask |= SOCK_WRITABLE;
	return mask;
}

/* -- sending -- */

/* The receiver closed. 1: look for another by name. */
static int receiver_gone(struct socket *s, const struct socket *to, const struct sock_msg *m)
{
	if (s->ops == &unix_seqpacket_ops)
		return -EPIPE;
	if (s->peer == to) {
		replace_peer(s, NULL);
		return -ECONNREFUSED;
	}
	return m->name ? 1 : -ECONNRESET;
}

static void deliver(struct socket *s, struct socket *to, struct packet *p)
{
	unix_want_cred(s, to, &p->scm);
	queue_push(&to->rx, p);
	sock_wake(to, SOCK_READABLE);
}

/* 0: delivered. 1: things changed, try again. */
static int try_deliver(
	struct socket *s, struct socket *to, struct sock_msg *m, struct packet *p, u64 deadline)
{
	if (!may_send(s, to))
		return -EPERM;
	if (to->dead)
		return receiver_gone(s, to, m);
	if (to->shutdown & SHUT_RECV)
		return -EPIPE;
	if (is_full_for(to, s)) {
		int r = sock_wait(&to->wait,
			!is_full_for(to, s) || to->dead || (to->shutdown & SHUT_RECV), deadline);

		return r ? r : 1;
	}
	deliver(s, to, p);
	return 0;
}

/* To whom: a reference, or err_ptr. */
static struct socket *receiver(struct socket *s, const struct sock_msg *m)
{
	if (m->name)
		return unix_find(m->name, s->ops->type);
	if (!s->peer)
		return err_ptr(-ECONNRESET);
	socket_get(s->peer);
	return s->peer;
}

static int send_packet(struct socket *s, struct sock_msg *m, struct packet *p, u64 deadline)
{
	int r;

	do {
		struct socket *to = receiver(s, m);

		if (is_err(to))
			return (int)ptr_err(to);
		r = try_deliver(s, to, m, p, deadline);
		socket_put(to);
	} while (r > 0);
	return r;
}

/* The packet takes over scm's rights. */
static s64 send_message(struct socket *s, struct sock_msg *m, struct scm *scm)
{
	u64 deadline = sock_deadline(s->opt.sndtimeo_ns, m->flags & MSG_DONTWAIT);
	s64 n = (s64)m->u->left;
	struct packet *p;
	int r;

	if (n + SKB_RESERVE > s->opt.sndbuf)
		return -EMSGSIZE;
	r = sock_wait_room(s, deadline);
	if (r)
		return r;
	p = dgram_packet(m);
	if (is_err(p))
		return ptr_err(p);
	packet_charge(p, s);
	p->scm = *scm;
	p->from = sock_name_get(s->name);
	scm->rights = NULL;
	r = send_packet(s, m, p, deadline);
	if (!r)
		return n;
	packet_free(p);
	return r;
}

static s64 unix_dgram_send(struct socket *s, struct sock_msg *m)
{
	struct scm scm = {0};
	s64 r = unix_scm(s, m, &scm);

	if (r)
		return r;
	if (m->flags & MSG_OOB)
		r = -EOPNOTSUPP;
	else if (m->name)
		r = unix_addr_check(m->name);
	else if (!s->peer)
		r = -ENOTCONN;
	if (!r)
		r = send_message(s, m, &scm);
	scm_release(&scm);
	return r;
}

/* -- receiving -- */

static s64 unix_dgram_recv(struct socket *s, struct sock_msg *m)
{
	bool was_full = queue_full(s);
	s64 r;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	r = dgram_recv(s, m);
	if (was_full && !queue_full(s))
		queue_has_room(s);
	return r;
}

const struct sock_ops unix_dgram_ops = {
	.type = SOCK_DGRAM,
	.poll = unix_dgram_poll,
	.writable = unix_writable,
	.bind = unix_bind,
	.connect = unix_dgram_connect,
	.pair = unix_dgram_pair,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.send = unix_dgram_send,
	.recv = unix_dgram_recv,
	.control = scm_deliver,
	.ioctl = unix_ioctl,
	.close = unix_close,
	.free = unix_free,
};

/* -- packets of a connection -- */

s64 unix_seqpacket_send(struct socket *s, struct sock_msg *m)
{
	int r = sock_error(s);

	if (r)
		return r;
	if (s->state != SK_CONNECTED)
		return -ENOTCONN;
	m->name = NULL; /* it is connected: an address is not looked at */
	return unix_dgram_send(s, m);
}

s64 unix_seqpacket_recv(struct socket *s, struct sock_msg *m)
{
	s64 r;

	if (s->state != SK_CONNECTED)
		return -ENOTCONN;
	r = unix_dgram_recv(s, m);
	return r == -EAGAIN && (s->shutdown & SHUT_RECV) ? 0 : r;
}
