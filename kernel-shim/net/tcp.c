/* SPDX-License-Identifier: Apache-2.0
 * TCP: how connections begin and end. A connection is a pair of sockets that hold each other; a FIN
 * is a bit in the other's state and a reset its error. So there is no TIME_WAIT, and what was sent
 * has arrived.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "net/inet_internal.h"

#define SNDBUF_CONNECTED 2626560u /* what Linux makes of it over loopback */

/* -- states -- */

static void closed(struct inet_sock *i)
{
	i->s.state = SK_CLOSED;
	i->s.shutdown = SHUT_BOTH;
	if (!i->port_locked)
		port_release(i);
	sock_wake(&i->s, SOCK_CHANGED);
}

void tcp_reset(struct inet_sock *i, s32 err)
{
	if (i->s.state == SK_CLOSED)
		return;
	list_del(&i->tcp.wait_link);
	i->s.err = i->tcp.fin_got ? EPIPE : err;
	closed(i);
}

static void both_ways_closed(struct inet_sock *i)
{
	if (i->tcp.fin_sent && i->tcp.fin_got)
		closed(i);
}

/* Nothing more will come from `from`. */
void tcp_fin(struct inet_sock *from)
{
	struct inet_sock *to = tcp_peer_gone(&from->s) ? NULL : inet_of(from->s.peer);

	from->tcp.fin_sent = true;
	from->s.shutdown |= SHUT_SEND;
	if (to) {
		to->tcp.fin_got = true;
		to->s.shutdown |= SHUT_RECV;
		sock_wake(&to->s, SOCK_CHANGED);
		both_ways_closed(to);
	}
	both_ways_closed(from);
}

static void reset_peer(struct inet_sock *i)
{
	if (!tcp_peer_gone(&i->s))
		tcp_reset(inet_of(i->s.peer), ECONNRESET);
}

/* As programs see a state (Linux include/net/tcp_states.h). */
u8 tcp_state_number(const struct inet_sock *i)
{
	enum {
		ESTABLISHED = 1,
		SYN_SENT = 2,
		FIN_WAIT2 = 5,
		CLOSE = 7,
		CLOSE_WAIT = 8,
		LISTEN = 10
	};

	switch (i->s.state) {
	case SK_LISTENING:
		return LISTEN;
	case SK_CONNECTING:
		return SYN_SENT;
	case SK_CONNECTED:
		return i->tcp.fin_got ? CLOSE_WAIT : i->tcp.fin_sent ? FIN_WAIT2 : ESTABLISHED;
	default:
		return CLOSE;
	}
}

/* -- connecting -- */

static void grow_buffer(struct socket *s)
{
	if (!(s->opt.on & OPT_SNDBUF))
		s->opt.sndbuf = SNDBUF_CONNECTED;
}

static void join(struct inet_sock *a, struct inet_sock *b)
{
	socket_get(&a->s);
	socket_get(&b->s);
	a->s.peer = &b->s;
	b->s.peer = &a->s;
	a->s.state = b->s.state = SK_CONNECTED;
	grow_buffer(&a->s);
	grow_buffer(&b->s);
	sock_wake(&a->s, SOCK_CHANGED);
}

/* The other end of i's connection, in listener's backlog. */
static int establish(struct inet_sock *i, struct inet_sock *listener)
{
	struct inet_sock *c = inet_new(&tcp_ops, listener->s.family);

	if (!c)
		return -ENOBUFS;
	c->s.opt = listener->s.opt;
	memcpy(c->value, listener->value, sizeof(c->value));
	c->uid = listener->uid;
	c->local = i->remote;
	c->remote = i->local;
	c->tcp.link = LINK_MADE;
	port_share(c);
	join(i, c);
	backlog_add(&listener->s, &c->s);
	return 0;
}

/* Addresses and ports of both ends. */
static int choose_ends(struct inet_sock *i, const struct sock_addr *a)
{
	struct inet_end to;
	int r = inet_parse(i, a, &to);

	if (!r)
		r = inet_route(i, &to);
	if (!r)
		r = inet_source(i, &to);
	if (!r)
		i->remote = to;
	return r;
}

/* Connected, refused, or waiting for a place in the backlog. */
static int begin(struct inet_sock *i, const struct sock_addr *a)
{
	struct inet_sock *listener;
	int r = choose_ends(i, a);

	if (r)
		return r;
	i->s.err = 0;
	i->s.shutdown = 0;
	i->tcp.fin_sent = i->tcp.fin_got = false;
	socket_drop_peer(&i->s);
	i->s.state = SK_CONNECTING;
	listener = port_listener(&i->remote);
	if (!listener) {
		tcp_reset(i, ECONNREFUSED);
		return 0;
	}
	if (backlog_full(&listener->s)) {
		list_add_tail(&listener->tcp.waiting, &i->tcp.wait_link);
		return 0;
	}
	r = establish(i, listener);
	if (r)
		i->s.state = SK_CLOSED;
	return r;
}

/* A connection that is refused, or undone by the program. */
static void undo(struct inet_sock *i)
{
	socket_drop_peer(&i->s);
	list_del(&i->tcp.wait_link);
	queue_purge(&i->s.rx);
	i->s.urgent.state = URGENT_NONE;
	i->s.state = SK_CLOSED;
	i->s.shutdown = 0;
	i->tcp.link = LINK_NONE;
	i->tcp.fin_sent = i->tcp.fin_got = false;
	inet_unbind(i);
}

static int wait_connected(struct inet_sock *i, u64 deadline, int in_progress)
{
	struct socket *s = &i->s;
	int r = sock_wait(&s->wait, s->state != SK_CONNECTING, deadline);

	if (r)
		return r == -EAGAIN ? in_progress : r;
	if (s->state == SK_CONNECTED || i->tcp.fin_got) {
		i->tcp.link = LINK_MADE;
		return 0;
	}
	r = sock_error(s);
	undo(i);
	return r ? r : -ECONNABORTED;
}

static void stop_listening(struct inet_sock *i);

/* connect(2) to AF_UNSPEC. */
static int disconnect(struct inet_sock *i)
{
	enum sock_state was = i->s.state;

	if (was == SK_LISTENING)
		stop_listening(i);
	if (was == SK_CONNECTED)
		reset_peer(i);
	undo(i);
	if (was == SK_CONNECTED || was == SK_CONNECTING)
		i->s.err = ECONNRESET;
	sock_wake(&i->s, SOCK_CHANGED);
	return 0;
}

static int tcp_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	u64 deadline = sock_deadline(s->opt.sndtimeo_ns, nonblock);
	struct inet_sock *i = inet_of(s);
	int r;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family == AF_UNSPEC)
		return disconnect(i);
	if (i->tcp.link == LINK_BEGUN)
		return wait_connected(i, deadline, -EALREADY);
	if (i->tcp.link == LINK_MADE || s->state != SK_CLOSED)
		return -EISCONN;
	r = begin(i, a);
	if (r)
		return r;
	i->tcp.link = LINK_BEGUN;
	/* it is made or refused, but who does not wait asks again for that */
	return nonblock ? -EINPROGRESS : wait_connected(i, deadline, -EINPROGRESS);
}

/* -- listening -- */

/* There is a place in the backlog: for the first of those that wait. */
static void admit(struct inet_sock *listener)
{
	while (!list_empty(&listener->tcp.waiting) && !backlog_full(&listener->s)) {
		struct inet_sock *i =
			list_entry(listener->tcp.waiting.next, struct inet_sock, tcp.wait_link);

		list_del(&i->tcp.wait_link);
		if (establish(i, listener))
			tcp_reset(i, ECONNREFUSED);
	}
}

static int tcp_listen(struct socket *s)
{
	struct inet_sock *i = inet_of(s);

	if (i->tcp.link != LINK_NONE || (s->state != SK_CLOSED && s->state != SK_LISTENING))
		return -EINVAL;
	if (s->state == SK_LISTENING) {
		admit(i); /* the backlog may be longer now */
		return 0;
	}
	if (i->has_port ? !port_can_listen(i) : port_take(i) != 0)
		return -EADDRINUSE;
	s->state = SK_LISTENING;
	s->shutdown = 0;
	return 0;
}

static int tcp_accept(struct socket *s, bool nonblock, struct socket **out)
{
	int r = socket_accept(s, nonblock, out);

	if (!r)
		admit(inet_of(s));
	return r;
}

static void stop_listening(struct inet_sock *i)
{
	struct socket *c;

	i->s.state = SK_CLOSED;
	while ((c = backlog_take(&i->s))) {
		reset_peer(inet_of(c));
		tcp_reset(inet_of(c), ECONNRESET);
		c->ops->close(c);
		socket_put(c);
	}
	while (!list_empty(&i->tcp.waiting))
		tcp_reset(list_entry(i->tcp.waiting.next, struct inet_sock, tcp.wait_link),
			ECONNREFUSED);
	sock_wake(&i->s, SOCK_CHANGED);
}

/* -- the end -- */

static int tcp_shutdown(struct socket *s, u32 how)
{
	struct inet_sock *i = inet_of(s);

	switch (s->state) {
	case SK_CLOSED:
		return -ENOTCONN;
	case SK_LISTENING:
		if (how & SHUT_RECV) {
			stop_listening(i);
			undo(i);
		}
		break;
	case SK_CONNECTING:
		disconnect(i);
		break;
	case SK_CONNECTED:
		s->shutdown |= how;
		if ((how & SHUT_SEND) && !i->tcp.fin_sent)
			tcp_fin(i);
		break;
	}
	sock_wake(s, SOCK_CHANGED);
	return 0;
}

/* Data that nobody will read, or a wish to end it at once (SO_LINGER of 0), is a reset. */
static bool ends_with_reset(const struct socket *s)
{
	return s->rx.count || ((s->opt.on & OPT_LINGER) && !s->opt.linger_s);
}

static void tcp_close(struct socket *s)
{
	struct inet_sock *i = inet_of(s);

	if (s->state == SK_LISTENING)
		stop_listening(i);
	if (s->state == SK_CONNECTED) {
		if (ends_with_reset(s))
			reset_peer(i);
		else if (!i->tcp.fin_sent)
			tcp_fin(i);
	}
	s->dead = true;
	list_del(&i->tcp.wait_link);
	port_release(i);
	s->state = SK_CLOSED;
	s->shutdown = SHUT_BOTH;
	sock_wake(s, SOCK_CHANGED);
	queue_purge(&s->rx);
	socket_drop_peer(s);
}

const struct sock_ops tcp_ops = {
	.type = SOCK_STREAM,
	.poll = tcp_poll,
	.writable = tcp_writable,
	.bind = inet_bind,
	.connect = tcp_connect,
	.listen = tcp_listen,
	.accept = tcp_accept,
	.name = inet_name,
	.shutdown = tcp_shutdown,
	.send = tcp_send,
	.recv = tcp_recv,
	.ioctl = tcp_ioctl,
	.setopt = inet_setopt,
	.getopt = inet_getopt,
	.close = tcp_close,
	.free = inet_free,
};
