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

/* 1: there is something, if possible `need` bytes. 0: the end. Else why there is nothing. */
static int wait_bytes(struct socket *s, u64 need, u64 deadline)
{
	while (s->rx.bytes < need) {
		int r;

		if (over(s))
			return s->rx.bytes ? 1 : sock_error(s);
		r = sock_wait(&s->wait, s->rx.bytes >= need || over(s), deadline);
		if (r)
			return s->rx.bytes ? 1 : r;
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

/* What is there, up to what was asked for. */
static s64 take(struct socket *s, struct sock_msg *m, s64 done)
{
	bool peek = m->flags & MSG_PEEK, first = !done;
	struct packet *p = queue_first(&s->rx);

	while (p && (m->u->left || first)) {
		u32 n = (u32)min_u64(p->len - p->off, m->u->left);
		bool last;

		if (!first && !may_join(m, p))
			break;
		if (m->discard)
			uio_advance(m->u, n);
		else if (packet_copy(p, m->u, n))
			return done ? done : -EFAULT;
		if (first)
			sock_name_show(p->from, m->name);
		first = false;
		last = take_scm(m, p, peek);
		done += n;
		if (!peek)
			queue_taken(&s->rx, n);
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
		s64 r = wait_bytes(s, m->flags & MSG_PEEK ? want : 1, deadline);

		if (r <= 0)
			return done ? done : r;
		r = take(s, m, done);
		if (r < 0)
			return r;
		done = r;
		if ((u64)done >= want || (m->flags & MSG_PEEK) || enough(s, m))
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
