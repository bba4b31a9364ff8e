/* SPDX-License-Identifier: Apache-2.0
 * The urgent byte of a stream: a mark, which a read never passes without stopping, and the byte
 * there, which is read apart from the others unless SO_OOBINLINE says otherwise. A new one takes
 * the place of an older one: with TCP that is lost if it would be next, between local sockets it is
 * a byte like others then. TCP keeps the place of a byte that was read, local sockets only the
 * mark.
 */
#include <asm/errno.h>

#include "fs/fasync.h"
#include "mm/mm.h"
#include "net/socket.h"

static bool in_line(const struct socket *s)
{
	return s->opt.on & OPT_OOBINLINE;
}

static bool is_local(const struct socket *s)
{
	return s->family == AF_UNIX;
}

bool urgent_at(const struct socket *s, u64 pos)
{
	return s->urgent.state != URGENT_NONE && s->urgent.ahead == pos;
}

u32 urgent_in_way(const struct socket *s)
{
	return urgent_at(s, 0) && s->urgent.state != URGENT_GONE && !in_line(s);
}

u64 urgent_limit(const struct socket *s, u64 pos, u64 n)
{
	u64 ahead = s->urgent.ahead;

	return s->urgent.state != URGENT_NONE && ahead > pos ? min_u64(n, ahead - pos) : n;
}

u64 urgent_inq(const struct socket *s)
{
	return s->urgent.state == URGENT_NONE || in_line(s) ? s->rx.bytes : s->urgent.ahead;
}

void urgent_taken(struct socket *s, u64 n)
{
	if (s->urgent.ahead >= n)
		s->urgent.ahead -= n;
	else
		s->urgent.state = URGENT_NONE;
}

void urgent_skip(struct socket *s)
{
	queue_taken(&s->rx, 1);
	s->urgent.state = URGENT_NONE;
}

void urgent_pass(struct socket *s)
{
	if (s->urgent.state == URGENT_GONE && urgent_at(s, 0))
		s->urgent.state = URGENT_NONE;
}

/* The last byte of the queue is it. */
void urgent_arrived(struct socket *s)
{
	struct packet *p = queue_last(&s->rx);

	if (!p)
		return;
	if (!is_local(s) && urgent_in_way(s))
		urgent_skip(s); /* the older one: nobody will come for it */
	s->urgent.state = URGENT_UNREAD;
	s->urgent.ahead = s->rx.bytes - 1;
	s->urgent.byte = packet_last(p);
	s->urgent.packet = p;
	if (s->file)
		fasync_urgent(s->file);
	sock_wake(s, POLL_PRI);
}

static void byte_read(struct socket *s)
{
	s->urgent.state = URGENT_READ;
	if (!is_local(s))
		return;
	s->urgent.state = URGENT_GONE;
	queue_remove(&s->rx, s->urgent.packet);
	packet_free(s->urgent.packet);
}

s64 urgent_recv(struct socket *s, struct sock_msg *m)
{
	if (in_line(s) || s->urgent.state != URGENT_UNREAD)
		return -EINVAL;
	if (!(m->flags & MSG_PEEK))
		byte_read(s);
	m->out_flags |= MSG_OOB;
	if (!m->u->left) {
		m->out_flags |= is_local(s) ? 0 : MSG_TRUNC;
		return is_local(s);
	}
	if (!(m->flags & MSG_TRUNC) && uio_put(m->u, &s->urgent.byte, 1) != 1)
		return -EFAULT;
	return 1;
}
