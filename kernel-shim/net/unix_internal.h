/* SPDX-License-Identifier: Apache-2.0
 * Between the files about local sockets (unix(7)).
 */
#ifndef NET_UNIX_INTERNAL_H
#define NET_UNIX_INTERNAL_H

#include "net/socket.h"

#define UNIX_PATH_AT  2u   /* offsetof(struct sockaddr_un, sun_path) */
#define UNIX_ADDR_MAX 110u /* sizeof(struct sockaddr_un) */

struct unix_sock {
	struct socket s;
	struct path path;      /* of its name in the file system: references, or NULLs */
	struct list all_link;  /* net_state.unix_sockets */
	struct list name_link; /* net_state.unix_names */
	struct list clients;   /* datagrams: whose peer this is, by client_link */
	struct list client_link;
	/* rights.c: how often it is in a queue */
	u32 flights;
	struct list flight_link; /* net_state.in_flight */
	struct list reach_link;	 /* only while rights_collect runs */
	bool reached;
};

static inline struct unix_sock *unix_of(struct socket *s)
{
	return container_of(s, struct unix_sock, s);
}
static inline bool unix_is(const struct socket *s)
{
	return s->family == AF_UNIX;
}

extern const struct sock_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;

/* -- unix.c -- */
struct socket *unix_new(const struct sock_ops *ops); /* NULL: memory is out */
struct user_ucred ucred_current(void);
int unix_name(struct socket *s, enum sock_side side, struct sock_addr *out);
bool unix_writable(const struct socket *s);
long unix_ioctl(struct socket *s, u32 cmd, u64 arg);
int unix_shutdown(struct socket *s, u32 how);
void unix_close(struct socket *s);
void unix_free(struct socket *s);
/* For send: what comes along, with the sender's identity where somebody wants it. */
int unix_scm(struct socket *s, const struct sock_msg *m, struct scm *out);
void unix_want_cred(const struct socket *s, const struct socket *other, struct scm *scm);

/* -- unix_name.c -- */
int unix_addr_check(const struct sock_addr *a); /* -EINVAL */
int unix_bind(struct socket *s, const struct sock_addr *a);
int unix_autobind(struct socket *s); /* unless it has a name */
/* Whoever has that name, a reference; or err_ptr. */
struct socket *unix_find(const struct sock_addr *a, u16 type);
void unix_unname(struct socket *s);

/* -- unix_stream.c, unix_dgram.c: the end of one -- */
void unix_stream_hangup(struct socket *s);
void unix_dgram_hangup(struct socket *s);
s64 unix_seqpacket_send(struct socket *s, struct sock_msg *m);
s64 unix_seqpacket_recv(struct socket *s, struct sock_msg *m);

#endif
