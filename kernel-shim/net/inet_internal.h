/* SPDX-License-Identifier: Apache-2.0
 * Between the files about TCP and UDP. There are no packets and no wire: all addresses that can be
 * reached are this sandbox's own loopback, and what is sent goes straight into the receiver's
 * queue.
 *
 * Addresses of both versions are kept as version 6; version 4 is mapped (::ffff:a.b.c.d).
 */
#ifndef NET_INET_INTERNAL_H
#define NET_INET_INTERNAL_H

#include "net/inet_option.h"
#include "net/socket.h"

struct inet_end {
	u8 ip[16];
	u16 port; /* in our byte order */
};

enum inet_proto { INET_TCP, INET_UDP };

struct inet_sock {
	struct socket s;
	struct inet_end local, remote;
	bool has_port;		     /* it is in the table of ports */
	bool ip_locked, port_locked; /* given by bind: stay when a connection is undone */
	u32 uid;		     /* of who made it: SO_REUSEPORT is for one user */
	struct list port_link;	     /* net_state.ports */
	s32 value[INET_OPTIONS];
	struct tcp_state {
		enum { LINK_NONE, LINK_BEGUN, LINK_MADE } link; /* what connect(2) has seen of it */
		bool fin_sent, fin_got;
		struct list waiting;   /* a listener's: who found the backlog full */
		struct list wait_link; /* in another's list */
	} tcp;
};

static inline struct inet_sock *inet_of(struct socket *s)
{
	return container_of(s, struct inet_sock, s);
}
static inline const struct inet_sock *inet_const(const struct socket *s)
{
	return container_of(s, struct inet_sock, s);
}
extern const struct sock_ops tcp_ops, udp_ops;
static inline enum inet_proto inet_proto(const struct socket *s)
{
	return s->ops == &tcp_ops ? INET_TCP : INET_UDP;
}

/* -- inet.c -- */
struct inet_sock *inet_new(const struct sock_ops *ops, u16 family); /* NULL: memory is out */
int inet_bind(struct socket *s, const struct sock_addr *a);
int inet_name(struct socket *s, enum sock_side side, struct sock_addr *out);
void inet_free(struct socket *s);
/* The local end of a connection to `to`, where it is not given yet: an address, a port. */
int inet_source(struct inet_sock *i, const struct inet_end *to);
/* A connection is over or undone: what bind did not give is given up. */
void inet_unbind(struct inet_sock *i);
/* sock_ops.control: what options ask for beside a datagram. */
void inet_control(struct socket *s, struct control *c, const struct sock_msg *m);

/* -- inet_addr.c -- */
bool ip_is_v4(const u8 *ip);
bool ip_is_any(const u8 *ip); /* of either version */
bool ip_is_local(const u8 *ip);
bool ip_is_multicast(const u8 *ip);
bool ip_is_broadcast(const u8 *ip);
static inline bool ip_equal(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, 16);
}
static inline bool end_equal(const struct inet_end *a, const struct inet_end *b)
{
	return a->port == b->port && ip_equal(a->ip, b->ip);
}
extern const u8 ip_any[16], ip_any4[16], ip_loopback[16], ip_loopback4[16];
/* A socket's view of an address. */
void inet_show(u16 family, const struct inet_end *e, struct sock_addr *out);
/* An address of the socket's own family; where to send a datagram it may be another's. */
int inet_parse(const struct inet_sock *i, const struct sock_addr *a, struct inet_end *out);
int inet_parse_dest(const struct inet_sock *i, const struct sock_addr *a, struct inet_end *out);
/* Where to: "any" is loopback. 0, -ENETUNREACH for all that is not here, -EACCES. */
int inet_route(const struct inet_sock *i, struct inet_end *to);

/* -- inet_port.c -- */
/* Takes i->local.port, 0: one that is free. 0 or -EADDRINUSE. */
int port_take(struct inet_sock *i);
/* The same for a connection that a listener gave birth to: it shares the port. */
void port_share(struct inet_sock *i);
void port_release(struct inet_sock *i);
/* May i listen where it is bound? */
bool port_can_listen(struct inet_sock *i);
struct inet_sock *port_listener(const struct inet_end *to);
struct inet_sock *port_receiver(const struct inet_end *to, const struct inet_end *from);

/* -- tcp.c -- */
/* It is over: by the other side's reset, or because there is no other side. */
void tcp_reset(struct inet_sock *i, s32 err);
void tcp_fin(struct inet_sock *from);
u8 tcp_state_number(const struct inet_sock *i);
static inline bool tcp_peer_gone(const struct socket *s)
{
	return !s->peer || s->peer->dead;
}
/* -- tcp_io.c -- */
u32 tcp_poll(struct socket *s);
bool tcp_writable(const struct socket *s);
s64 tcp_send(struct socket *s, struct sock_msg *m);
s64 tcp_recv(struct socket *s, struct sock_msg *m);
long tcp_ioctl(struct socket *s, u32 cmd, u64 arg);

#endif
