/* SPDX-License-Identifier: Apache-2.0
 * Listeners: the queue of connections that nobody accepted yet. A connection is there, and can send
 * and receive, before it is accepted.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "net/socket.h"

#define BACKLOG_MAX 4096u /* net.core.somaxconn */

int socket_listen(struct socket *s, s32 backlog)
{
	u32 max = s->backlog_max;
	int r;

	if (!s->ops->listen)
		return -EOPNOTSUPP;
	s->backlog_max = (u32)min_u64((u32)backlog, BACKLOG_MAX);
	r = s->ops->listen(s);
	if (r)
		s->backlog_max = max;
	else if (s->backlog_max > max)
		sock_wake(s, SOCK_WRITABLE); /* who waits to connect */
	return r;
}

/* One more than was asked for, as in Linux. */
bool backlog_full(const struct socket *s)
{
	return s->backlog_len > s->backlog_max;
}

void backlog_add(struct socket *listener, struct socket *c)
{
	list_add_tail(&listener->backlog, &c->backlog_link);
	listener->backlog_len++;
	sock_wake(listener, SOCK_READABLE);
}

struct socket *backlog_take(struct socket *listener)
{
	struct socket *c;

	if (list_empty(&listener->backlog))
		return NULL;
	c = list_entry(listener->backlog.next, struct socket, backlog_link);
	list_del(&c->backlog_link);
	listener->backlog_len--;
	sock_wake(listener, SOCK_WRITABLE);
	return c;
}

static bool over(const struct socket *s)
{
	return s->state != SK_LISTENING || (s->shutdown & SHUT_RECV);
}

int socket_accept(struct socket *s, bool nonblock, struct socket **out)
{
	u64 deadline = sock_deadline(s->opt.rcvtimeo_ns, nonblock);

	for (;;) {
		int r;

		if (s->state != SK_LISTENING)
			return -EINVAL;
		*out = backlog_take(s);
		if (*out)
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (over(s))
			return -EINVAL;
		r = sock_wait(&s->wait, !list_empty(&s->backlog) || over(s), deadline);
		if (r)
			return r;
	}
}
