/* SPDX-License-Identifier: Apache-2.0
 * Taking from the receive queue, in the two ways that there are: bytes without borders, and
 * messages with them.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/socket.h"

/* -- bytes: reading joins packets, but not over descriptors that came with one, nor from one sender
 * to another where senders are shown (Linux unix_stream_read_generic) -- */

static bool over(const struct socket *s)
{
	return s->err || (s->shutdown & SHUT_RECV);
}

/* Who only looks cannot take an urgent byte out of the way. */
static u64 there(const struct socket *s, bool peek)
{
	return s->rx.bytes - (peek ? urgent_in_way(s) : 0);
}

/* 1: there is something, if possible `need` bytes. 0: the end. Else why there is nothing. */
static int wait_bytes(struct socket *s, u64 need, bool peek, u64 deadline)
{
	while (there(s, peek) < need) {
		int r;

		if (over(s))
			return there(s, peek) ? 1 : sock_error(s);
		r = sock_wait(&s->wait, there(s, peek) >= need || over(s), deadline);
		if (r)
			return there(s, peek) ? 1 : r;
	}
	return 1;
}

/* Whether p may follow what was read before it in the same call. */
static bool may_join(const struct sock_msg *m, const struct packet *p)
{
	return !m->cred_wanted || scm_same_sender(&m->scm, &p->scm);
}

/* Takes the rights of p along; true: the call ends with it. */
static bool take_scm(struct sock_msg *m, struct packet *p, bool peek)
{
	m->scm.cred = p->scm.cred;
	m->scm.has_cred = p->scm.has_cred;
	if (!p->scm.rights)
		return false;
	m->scm.rights = rights_get(p->scm.rights);
	if (!peek) {
		rights_put(p->scm.rights);
		p->scm.rights = NULL;
	}
	return true;
}

/* n bytes of p after the first `skip` that are left. */
static int copy_piece(struct sock_msg *m, struct packet *p, u32 skip, u32 n)
{
	int r = 0;

	p->off += skip;
	if (m->discard)
		uio_advance(m->u, n);
	else
		r = packet_copy(p, m->u, n);
	p->off -= skip;
	return r;
}

/* What is there, up to what was asked for. An urgent byte in front is left out, one further on is
 * where it ends. */
static s64 take(struct socket *s, struct sock_msg *m, s64 done)
{
	bool peek = m->flags & MSG_PEEK, first = !done;
	u32 skip = first ? urgent_in_way(s) : 0;
	struct packet *p;
	u64 pos = skip; /* in the queue: moves only for who peeks */

	if (skip && !peek) {
		urgent_skip(s);
		pos = skip = 0;
	}
	p = queue_first(&s->rx);
	if (skip && p->len - p->off == skip) {
		p = queue_next(&s->rx, p);
		skip = 0;
	}
	for (; p && (m->u->left || first); skip = 0) {
		u32 n = (u32)min_u64(p->len - p->off - skip, m->u->left);
		bool last;

		if (!first && (urgent_at(s, pos) || !may_join(m, p)))
			break;
		n = (u32)urgent_limit(s, pos, n);
		if (copy_piece(m, p, skip, n))
			return done ? done : -EFAULT;
		if (first)
			sock_name_show(p->from, m->name);
		first = false;
		last = take_scm(m, p, peek);
		done += n;
		if (peek) {
			pos += n;
		} else {
			queue_taken(&s->rx, n);
			urgent_taken(s, n);
		}
		if (last)
			break;
		p = peek ? queue_next(&s->rx, p) : queue_first(&s->rx);
	}
	return done;
}

/* The call is complete although there was room for more. */
static bool enough(const struct socket *s, const struct sock_msg *m)
{
	return m->scm.rights || !queue_empty(&s->rx);
}

s64 stream_recv(struct socket *s, struct sock_msg *m)
{
	u64 deadline = sock_deadline(s->opt.rcvtimeo_ns, m->flags & MSG_DONTWAIT);
	u64 want = m->flags & MSG_WAITALL ? m->u->left : min_u64(s->opt.rcvlowat, m->u->left);
	s64 done = 0;

	want = want ? want : 1;
	for (;;) {
		bool peek = m->flags & MSG_PEEK;
		s64 r = wait_bytes(s, peek ? want : 1, peek, deadline);

		if (r <= 0)
			return done ? done : r;
		r = take(s, m, done);
		if (r < 0)
			return r;
		done = r;
		if ((u64)done >= want || peek || enough(s, m))
			return done;
	}
}

s64 stream_sent(const struct sock_msg *m, s64 done, s64 r)
{
	struct sig_info si;

	if (done)
		return done;
	if (r == -EPIPE && !(m->flags & MSG_NOSIGNAL)) {
		signal_simple(&si, SIGPIPE, 0);
		signal_send_task(current, &si);
	}
	return r;
}

/* -- messages: each send is one packet, each receive takes one -- */

/* The first packet. 0 and NULL: receiving was shut down, which only those who wait are told. */
static int wait_packet(struct socket *s, u64 deadline, struct packet **out)
{
	for (;;) {
		int r = sock_error(s);

		*out = r ? NULL : queue_first(&s->rx);
		if (r || *out)
			return r;
		if (!deadline)
			return -EAGAIN;
		if (over(s))
			return 0;
		r = sock_wait(&s->wait, s->rx.count || over(s), deadline);
		if (r)
			return r;
	}
}

static s64 copy_out(struct sock_msg *m, struct packet *p)
{
	u32 n = (u32)min_u64(p->len, m->u->left);
	int r = packet_copy(p, m->u, n);

	if (r)
		return r;
	if (n < p->len)
		m->out_flags |= MSG_TRUNC;
	sock_name_show(p->from, m->name);
	m->scm = p->scm;
	rights_get(m->scm.rights);
	memcpy(m->to, p->to, sizeof(m->to));
	return m->flags & MSG_TRUNC ? p->len : n;
}

s64 dgram_recv(struct socket *s, struct sock_msg *m)
{
	u64 deadline = sock_deadline(s->opt.rcvtimeo_ns, m->flags & MSG_DONTWAIT);
	struct packet *p;
	s64 r = wait_packet(s, deadline, &p);

	if (!p)
		return r;
	r = copy_out(m, p);
	if (!(m->flags & MSG_PEEK)) {
		queue_remove(&s->rx, p);
		packet_free(p);
	}
	return r;
}

struct packet *dgram_packet(struct sock_msg *m)
{
	u32 n = (u32)m->u->left;
	struct packet *p = packet_new(n);
	int r;

	if (!p)
		return err_ptr(-ENOBUFS);
	p->cost = packet_cost(n);
	r = packet_fill(p, m->u, n);
	if (!r)
		return p;
	packet_free(p);
	return err_ptr(r);
}
