/* SPDX-License-Identifier: Apache-2.0
 * TCP's urgent byte: a mark in the stream, which a read never passes without stopping, and the byte
 * there, which is read apart from the others unless SO_OOBINLINE says otherwise. A new one takes
 * the place of an older one.
 */
#include <asm/errno.h>

#include "fs/fasync.h"
#include "mm/mm.h"
#include "net/socket.h"

static bool in_line(const struct socket *s)
{
	return s->opt.on & OPT_OOBINLINE;
}

bool urgent_at(const struct socket *s, u64 pos)
{
	return s->urgent.state != URGENT_NONE && s->urgent.ahead == pos;
}

u32 urgent_in_way(const struct socket *s)
{
	return urgent_at(s, 0) && !in_line(s);
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

/* The last byte of the queue is it. */
void urgent_arrived(struct socket *s)
{
	struct packet *p = queue_last(&s->rx);

	if (!p)
		return;
	if (urgent_in_way(s))
		urgent_skip(s); /* the older one: nobody will come for it */
	s->urgent.state = URGENT_UNREAD;
	s->urgent.ahead = s->rx.bytes - 1;
	s->urgent.byte = packet_last(p);
	if (s->file)
		fasync_urgent(s->file);
	sock_wake(s, POLL_PRI);
}

s64 urgent_recv(struct socket *s, struct sock_msg *m)
{
	if (in_line(s) || s->urgent.state == URGENT_NONE || s->urgent.state == URGENT_READ)
		return -EINVAL;
	if (!(m->flags & MSG_PEEK))
		s->urgent.state = URGENT_READ;
	m->out_flags |= MSG_OOB;
	if (!m->u->left) {
		m->out_flags |= MSG_TRUNC;
		return 0;
	}
	if (!(m->flags & MSG_TRUNC) && uio_put(m->u, &s->urgent.byte, 1) != 1)
		return -EFAULT;
	return 1;
}
