/* SPDX-License-Identifier: Apache-2.0
 * Netlink sockets (netlink(7)), to ask the kernel about its interfaces: NETLINK_ROUTE only. A
 * request is answered before send returns; the answer is one datagram.
 */
#include <asm/errno.h>
#include <linux/netlink.h>

#include "core/task.h"
#include "fs/seqbuf.h"
#include "mm/mm.h"
#include "net/families.h"
#include "net/netdev.h"
#include "net/netlink.h"
#include "net/socket.h"
#include "net/state.h"

#define REQUEST_MAX 65536u
#define SOL_NETLINK 270

struct netlink_sock {
	struct socket s;
	u32 portid; /* 0: not bound */
	u32 groups;
	struct list link; /* net_state.netlink, while it is bound */
};

static const struct sock_ops raw_ops, dgram_ops;

static struct netlink_sock *netlink_of(struct socket *s)
{
	return container_of(s, struct netlink_sock, s);
}

int netlink_create(s32 type, s32 protocol, struct socket **out)
{
	struct netlink_sock *n;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	socket_init(&n->s, type == SOCK_RAW ? &raw_ops : &dgram_ops, AF_NETLINK);
	list_init(&n->link);
	*out = &n->s;
	return 0;
}

/* -- names -- */

static bool portid_taken(u32 portid)
{
	list_for_each(l, &net_state()->netlink)
	{
		if (list_entry(l, struct netlink_sock, link)->portid == portid)
			return true;
	}
	return false;
}

static int take_portid(struct netlink_sock *n, u32 portid)
{
	if (portid_taken(portid))
		return -EADDRINUSE;
	n->portid = portid;
	list_add_tail(&net_state()->netlink, &n->link);
	return 0;
}

/* The process's id, if a socket of it has that already a negative number. */
static int autobind(struct netlink_sock *n)
{
	u32 portid = (u32)current->proc->pid;

	if (n->portid)
		return 0;
	for (s32 other = -4096; portid_taken(portid); other--)
		portid = (u32)other;
	return take_portid(n, portid);
}

static int address(const struct sock_addr *a, struct sockaddr_nl *nl)
{
	if (a->len < sizeof(*nl) || a->family != AF_NETLINK)
		return -EINVAL;
	memcpy(nl, a->raw, sizeof(*nl));
	return 0;
}

static int netlink_bind(struct socket *s, const struct sock_addr *a)
{
	struct netlink_sock *n = netlink_of(s);
	struct sockaddr_nl nl;
	int r = address(a, &nl);

	if (!r && n->portid && nl.nl_pid != n->portid)
		r = nl.nl_pid ? -EINVAL : 0;
	if (!r && !n->portid)
		r = nl.nl_pid ? take_portid(n, nl.nl_pid) : autobind(n);
	if (!r)
		n->groups = nl.nl_groups; /* nothing ever changes: nobody is told */
	return r;
}

/* The peer is the kernel, whatever else was connected to. */
static int netlink_connect(struct socket *s, const struct sock_addr *a, bool nonblock)
{
	struct sockaddr_nl nl;
	int r;

	if (a->len < sizeof(a->family))
		return -EINVAL;
	if (a->family == AF_UNSPEC) {
		s->state = SK_CLOSED;
		return 0;
	}
	r = address(a, &nl);
	if (!r && (nl.nl_pid || nl.nl_groups))
		r = -EPERM;
	if (!r)
		r = autobind(netlink_of(s));
	if (!r)
		s->state = SK_CONNECTED;
	return r;
}

static int netlink_name(struct socket *s, enum sock_side side, struct sock_addr *out)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};

	if (side == SIDE_OWN) {
		nl.nl_pid = netlink_of(s)->portid;
		nl.nl_groups = netlink_of(s)->groups;
	}
	memset(out, 0, sizeof(*out));
	memcpy(out->raw, &nl, sizeof(nl));
	out->len = sizeof(nl);
	return 0;
}

/* -- asking -- */

static struct packet *answer_packet(struct socket *s, const void *data, u32 len)
{
	struct packet *p = packet_new(len);
	struct sock_addr kernel;
	struct uio u;

	if (!p)
		return NULL;
	uio_kernel(&u, (void *)data, len);
	packet_fill(p, &u, len);
	p->cost = packet_cost(len);
	netlink_name(s, SIDE_PEER, &kernel);
	p->from = sock_name_new(kernel.raw, kernel.len);
	return p;
}

static int ask(struct netlink_sock *n, const u8 *data, u32 len)
{
	struct seqbuf text;
	struct packet *p;

	seq_init(&text);
	rtnetlink_request(data, len, n->portid, &text);
	if (!text.len && !text.failed)
		return 0;
	p = text.failed ? NULL : answer_packet(&n->s, text.buf, (u32)text.len);
	seq_free(&text);
	if (!p)
		return -ENOBUFS;
	queue_push(&n->s.rx, p);
	sock_wake(&n->s, SOCK_READABLE);
	return 0;
}

void netlink_deliver(struct socket *s, const void *data, u32 len)
{
	struct packet *p = s->dead ? NULL : answer_packet(s, data, len);

	if (!p)
		return;
	queue_push(&s->rx, p);
	sock_wake(s, SOCK_READABLE);
}

static int to_kernel(const struct sock_addr *to)
{
	struct sockaddr_nl nl;
	int r = to ? address(to, &nl) : 0;

	if (!to || r)
		return r;
	if (nl.nl_pid || nl.nl_groups)
		return cred_has(&current->cred, CAP_NET_ADMIN) ? -ECONNREFUSED : -EPERM;
	return 0;
}

static s64 netlink_send(struct socket *s, struct sock_msg *m)
{
	u32 n = (u32)m->u->left;
	u8 *data;
	int r;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	r = to_kernel(m->name);
	if (!r)
		r = autobind(netlink_of(s));
	if (r)
		return r;
	if (m->u->left > REQUEST_MAX || m->u->left + 32 > s->opt.sndbuf)
		return -EMSGSIZE;
	data = kalloc(n + 1);
	if (!data)
		return -ENOBUFS;
	if (uio_get(m->u, data, n) != (s64)n)
		r = -EFAULT;
	if (!r)
		r = ask(netlink_of(s), data, n);
	kfree(data);
	return r ? r : (s64)n;
}

static s64 netlink_recv(struct socket *s, struct sock_msg *m)
{
	return m->flags & MSG_OOB ? -EOPNOTSUPP : dgram_recv(s, m);
}

static bool netlink_writable(const struct socket *s)
{
	return true;
}

static u32 netlink_poll(struct socket *s)
{
	return (s->err ? POLL_ERR : 0) | (s->rx.count ? SOCK_READABLE : 0) | SOCK_WRITABLE;
}

static long netlink_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	return -ENOTTY;
}

/* What they tune is fixed here: strict checks, longer errors, groups. */
static int netlink_setopt(struct socket *s, s32 level, s32 name, u64 uval, u32 len)
{
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	switch (name) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
	case NETLINK_CAP_ACK:
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static void netlink_close(struct socket *s)
{
	s->dead = true;
	list_del(&netlink_of(s)->link);
	queue_purge(&s->rx);
}

static void netlink_free(struct socket *s)
{
	list_del(&netlink_of(s)->link);
	socket_fini(s);
	kfree(netlink_of(s));
}

#define NETLINK_OPS(t)                                                                             \
	{                                                                                          \
		.type = (t), .poll = netlink_poll, .writable = netlink_writable,                   \
		.bind = netlink_bind, .connect = netlink_connect, .name = netlink_name,            \
		.send = netlink_send, .recv = netlink_recv, .ioctl = netlink_ioctl,                \
		.setopt = netlink_setopt, .close = netlink_close, .free = netlink_free,            \
	}
static const struct sock_ops raw_ops = NETLINK_OPS(SOCK_RAW);
static const struct sock_ops dgram_ops = NETLINK_OPS(SOCK_DGRAM);
