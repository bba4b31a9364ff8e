/* SPDX-License-Identifier: Apache-2.0
 * Sockets: made, counted, freed; how calls wait for them; their families.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "net/families.h"
#include "net/socket.h"
#include "net/state.h"

#define BUFFER_DEFAULT 212992u /* net.core.wmem_default, rmem_default */

struct net_state *net_state(void)
{
	struct net_state *n = kern->net_state;

	if (n)
		return n;
	n = kzalloc(sizeof(*n));
	if (!n)
		return NULL;
	list_init(&n->unix_sockets);
	for (u32 i = 0; i < UNIX_BUCKETS; i++)
		list_init(&n->unix_names[i]);
	list_init(&n->in_flight);
	list_init(&n->dying);
	list_init(&n->netlink);
	for (u32 i = 0; i < PORT_BUCKETS; i++) {
		list_init(&n->ports[0][i]);
		list_init(&n->ports[1][i]);
	}
	kern->net_state = n;
	return n;
}

/* -- names -- */

struct sock_name *sock_name_new(const void *raw, u32 len)
{
	struct sock_name *n = kalloc(sizeof(*n) + len);

	if (!n)
		return NULL;
	n->refs = 1;
	n->len = len;
	memcpy(n->raw, raw, len);
	return n;
}

struct sock_name *sock_name_get(struct sock_name *n)
{
	if (n)
		n->refs++;
	return n;
}

void sock_name_put(struct sock_name *n)
{
	if (n && !--n->refs)
		kfree(n);
}

void sock_name_show(const struct sock_name *n, struct sock_addr *out)
{
	if (!out)
		return;
	out->len = n ? n->len : 0;
	if (n)
		memcpy(out->raw, n->raw, n->len);
}

/* -- life -- */

void socket_init(struct socket *s, const struct sock_ops *ops, u16 family)
{
	s->ops = ops;
	s->family = family;
	s->refs = 1;
	waitq_init(&s->wait);
	queue_init(&s->rx);
	list_init(&s->backlog);
	list_init(&s->backlog_link);
	s->opt.sndbuf = s->opt.rcvbuf = BUFFER_DEFAULT;
	s->opt.rcvlowat = 1;
	s->peer_cred = (struct user_ucred){0, ~0u, ~0u};
}

void socket_get(struct socket *s)
{
	s->refs++;
}

void socket_put(struct socket *s)
{
	if (!--s->refs)
		s->ops->free(s);
}

void socket_drop_peer(struct socket *s)
{
	struct socket *peer = s->peer;

	s->peer = NULL;
	if (peer)
		socket_put(peer);
}

void socket_fini(struct socket *s)
{
	queue_purge(&s->rx);
	sock_name_put(s->name);
	socket_drop_peer(s);
}

int sock_error(struct socket *s)
{
	s32 err = s->err;

	s->err = 0;
	return -err;
}

/* -- how long a call waits, and what the end of waiting means -- */

u64 sock_deadline(u64 timeo_ns, bool nonblock)
{
	u64 now;

	if (nonblock)
		return 0;
	if (!timeo_ns)
		return TIME_NEVER;
	now = clock_mono_ns();
	return timeo_ns < TIME_NEVER - now ? now + timeo_ns : TIME_NEVER;
}

/* Restarted, a call would wait the whole time again (Linux sock_intr_errno). */
int sock_wait_error(int r, u64 deadline)
{
	if (r == -ETIMEDOUT)
		return -EAGAIN;
	if (r == -EINTR && deadline == TIME_NEVER)
		return -ERESTARTSYS;
	return r;
}

int sock_wait_room(struct socket *s, u64 deadline)
{
	for (;;) {
		int r = sock_error(s);

		if (r)
			return r;
		if (s->shutdown & SHUT_SEND)
			return -EPIPE;
		if (s->charged < s->opt.sndbuf)
			return 0;
		r = sock_wait(&s->wait,
			s->charged < s->opt.sndbuf || s->err || (s->shutdown & SHUT_SEND),
			deadline);
		if (r)
			return r;
	}
}

/* -- families -- */

static const struct {
	s32 family;
	int (*create)(s32 type, s32 protocol, struct socket **out);
} families[] = {
	{AF_UNIX, unix_create},
	{AF_INET, inet_create},
	{AF_INET6, inet6_create},
	{AF_NETLINK, netlink_create},
};

int socket_create(s32 family, s32 type, s32 protocol, struct socket **out)
{
	if (family < 0 || family >= AF_MAX)
		return -EAFNOSUPPORT;
	if (type < 0 || type >= SOCK_MAX)
		return -EINVAL;
	if (!net_state())
		return -ENOMEM;
	for (u32 i = 0; i < ARRAY_SIZE(families); i++) {
		if (families[i].family == family)
			return families[i].create(type, protocol, out);
	}
	return -EAFNOSUPPORT;
}
