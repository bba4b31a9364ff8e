/* SPDX-License-Identifier: Apache-2.0
 * Sockets. What all kinds have in common is in struct socket: state, options, one receive queue,
 * one wait queue; a family and type adds a const table of operations. Nothing here asks the host.
 *
 * References: a socket is counted. Its file has one, a listener's backlog one for each connection
 * in it, a socket one on its peer, a packet one on the socket that pays for it. When the file goes,
 * ops->close takes the socket apart; the struct stays while others point at it.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "core/wait.h"
#include "fs/vfs.h"
#include "net/packet.h"
#include "net/uapi.h"

/* An address as a program gave or gets it. */
struct sock_addr {
	u32 len;
	union {
		u16 family;
		u8 raw[128]; /* struct sockaddr_storage */
		u64 align;
	};
};
#define SOCK_ADDR_MAX 128u

/* An address that several share. */
struct sock_name {
	u32 refs;
	u32 len;
	u8 raw[];
};
struct sock_name *sock_name_new(const void *raw, u32 len);
struct sock_name *sock_name_get(struct sock_name *n); /* NULL stays NULL */
void sock_name_put(struct sock_name *n);
/* As an address for a program that asked for one (out not NULL); without a name its length is 0. */
void sock_name_show(const struct sock_name *n, struct sock_addr *out);

/* One message on its way in or out. */
struct sock_msg {
	struct uio *u;
	u32 flags;		/* MSG_* of the call, MSG_DONTWAIT also for O_NONBLOCK */
	struct sock_addr *name; /* to, or NULL; from: filled in if not NULL */
	/* Sending: control messages, a copy. Receiving: what came beside the bytes. */
	const u8 *control;
	size_t control_len;
	struct scm scm;
	bool cred_wanted; /* SO_PASSCRED of the receiving socket */
	bool discard;	  /* bytes are taken, not copied */
	u8 to[16];	  /* received by UDP: the address it was sent to */
	u32 out_flags;	  /* MSG_TRUNC… for msg_flags */
};

/* Whose name: its own, its peer's, or the peer's of a connection just accepted, which may be over
 * already. */
enum sock_side { SIDE_OWN, SIDE_PEER, SIDE_ACCEPTED };

struct sock_ops {
	u16 type; /* SOCK_* */
	u32 (*poll)(struct socket *s);
	bool (*writable)(const struct socket *s); /* enough room to wake who waits for some */
	int (*bind)(struct socket *s, const struct sock_addr *a);
	int (*connect)(struct socket *s, const struct sock_addr *a, bool nonblock);
	int (*listen)(struct socket *s); /* opt is set; makes the state right */
	/* The next connection, a reference; waits for one. */
	int (*accept)(struct socket *s, bool nonblock, struct socket **out);
	int (*pair)(struct socket *a, struct socket *b);
	int (*name)(struct socket *s, enum sock_side side, struct sock_addr *out);
	int (*shutdown)(struct socket *s, u32 how); /* SHUT_* bits of socket.shutdown */
	s64 (*send)(struct socket *s, struct sock_msg *m);
	s64 (*recv)(struct socket *s, struct sock_msg *m);
	/* Tells the program what came beside the bytes. Optional. */
	void (*control)(struct socket *s, struct control *c, const struct sock_msg *m);
	long (*ioctl)(struct socket *s, u32 cmd, u64 arg); /* -ENOTTY: ask elsewhere */
	int (*setopt)(struct socket *s, s32 level, s32 name, u64 uval, u32 len);
	int (*getopt)(struct socket *s, s32 level, s32 name, u64 uval, u64 ulen);
	void (*close)(struct socket *s);
	void (*free)(struct socket *s); /* the last reference is gone; frees the struct */
};

enum sock_state { SK_CLOSED, SK_LISTENING, SK_CONNECTING, SK_CONNECTED };

/* Bits of sock_opts.on. */
#define OPT_DEBUG     0x001u
#define OPT_REUSEADDR 0x002u
#define OPT_REUSEPORT 0x004u
#define OPT_DONTROUTE 0x008u
#define OPT_BROADCAST 0x010u
#define OPT_KEEPALIVE 0x020u
#define OPT_OOBINLINE 0x040u
#define OPT_PASSCRED  0x080u
#define OPT_TIMESTAMP 0x100u
#define OPT_NO_CHECK  0x200u
#define OPT_LINGER    0x400u
#define OPT_RXQ_OVFL  0x800u
#define OPT_PASSSEC   0x1000u
#define OPT_SNDBUF    0x2000u /* the size was set: it stays */

struct sock_opts {
	u32 on;
	u32 sndbuf, rcvbuf;
	u64 sndtimeo_ns, rcvtimeo_ns; /* 0: none */
	u32 rcvlowat;
	u32 priority, mark;
	u32 linger_s;
};

/* Of a stream: see urgent.c. */
struct urgent {
	/* GONE: of a local socket, read, and so not in the queue any more: a mark between bytes */
	enum { URGENT_NONE, URGENT_UNREAD, URGENT_READ, URGENT_GONE } state;
	u8 byte;
	struct packet *packet; /* of a local socket: the byte alone, while it is not read */
	u64 ahead;	       /* bytes of the receive queue before it */
};

#define SHUT_RECV 1u
#define SHUT_SEND 2u
#define SHUT_BOTH 3u

struct socket {
	const struct sock_ops *ops;
	u32 refs;
	u16 family;
	s32 protocol;
	enum sock_state state;
	u32 shutdown;	   /* SHUT_* */
	s32 err;	   /* pending, positive: SO_ERROR */
	bool dead;	   /* closed */
	struct file *file; /* not counted. NULL: not accepted yet, or closed */
	struct waitq wait;
	struct packet_queue rx;
	struct urgent urgent;
	u32 charged;		/* cost of what it sent and nobody took yet */
	struct socket *peer;	/* a reference, or NULL */
	struct sock_name *name; /* its own, a reference, or NULL */
	struct sock_opts opt;
	struct user_ucred peer_cred;
	/* a listener's connections */
	struct list backlog;
	u32 backlog_len, backlog_max;
	struct list backlog_link;
};

/* -- socket.c -- */
/* 0 and a reference in *out: type without flags. */
int socket_create(s32 family, s32 type, s32 protocol, struct socket **out);
/* For the families: fills a zeroed struct that begins with a socket. One reference. */
void socket_init(struct socket *s, const struct sock_ops *ops, u16 family);
void socket_get(struct socket *s);
void socket_put(struct socket *s);
/* Lets go of the peer. */
void socket_drop_peer(struct socket *s);
/* Frees what struct socket itself holds. */
void socket_fini(struct socket *s);
int sock_error(struct socket *s); /* takes the pending error: 0 or -errno */
static inline void sock_wake(struct socket *s, u32 events)
{
	waitq_wake(&s->wait, events);
}
#define SOCK_READABLE (POLL_IN | POLL_RDNORM)
#define SOCK_WRITABLE (POLL_OUT | POLL_WRNORM | POLL_WRBAND)
#define SOCK_CHANGED  (SOCK_READABLE | SOCK_WRITABLE | POLL_HUP | POLL_ERR | POLL_RDHUP)

/* -- sockfile.c -- */
struct socket *file_socket(struct file *f); /* no reference; NULL: not a socket */
/* A descriptor for s, whose reference it takes, also when it fails. flags: SOCK_CLOEXEC,
 * SOCK_NONBLOCK. */
long socket_install(struct socket *s, u32 flags);

/* Waiting for a socket. */
/* When a call with this time limit gives up: 0 at once, TIME_NEVER never. */
u64 sock_deadline(u64 timeo_ns, bool nonblock);
/* What an interrupted or expired wait means to the program. */
int sock_wait_error(int r, u64 deadline);
/* Waits on queue q until cond. 0; -EAGAIN: it is not to wait, or time is up; -ERESTARTSYS; -EINTR
 * when a time limit forbids going on. */
#define sock_wait(q, cond, deadline)                                                               \
	((cond)		      ? 0                                                                  \
		: !(deadline) ? -EAGAIN                                                            \
			      : sock_wait_error(waitq_wait(q, cond, deadline), deadline))
/* Room in the send buffer: 0, or why there is none: the pending error, -EPIPE, as sock_wait. */
int sock_wait_room(struct socket *s, u64 deadline);

/* -- listen.c: what listeners have in common -- */
int socket_listen(struct socket *s, s32 backlog);
bool backlog_full(const struct socket *s);
/* Takes the reference to c. */
void backlog_add(struct socket *listener, struct socket *c);
struct socket *backlog_take(struct socket *listener); /* NULL: empty */
int socket_accept(struct socket *s, bool nonblock, struct socket **out);

/* -- transfer.c: bytes and messages -- */
s64 stream_recv(struct socket *s, struct sock_msg *m);
/* The end of a send: a broken pipe that moved nothing raises SIGPIPE. */
s64 stream_sent(const struct sock_msg *m, s64 done, s64 r);
s64 dgram_recv(struct socket *s, struct sock_msg *m);
/* A packet with all of m's bytes, or err_ptr. */
struct packet *dgram_packet(struct sock_msg *m);

/* -- urgent.c: pos counts from the start of the receive queue -- */
bool urgent_at(const struct socket *s, u64 pos);
u32 urgent_in_way(const struct socket *s); /* 1: the next byte is it, and reads leave it out */
u64 urgent_limit(const struct socket *s, u64 pos, u64 n); /* of n bytes, those before it */
u64 urgent_inq(const struct socket *s);			  /* FIONREAD */
void urgent_taken(struct socket *s, u64 n);
void urgent_skip(struct socket *s); /* it is the next byte */
void urgent_pass(struct socket *s); /* a mark in front that is only a mark goes */
void urgent_arrived(struct socket *s);
s64 urgent_recv(struct socket *s, struct sock_msg *m); /* MSG_OOB */

/* -- options.c -- */
long socket_setopt(struct socket *s, s32 level, s32 name, u64 uval, s32 len);
long socket_getopt(struct socket *s, s32 level, s32 name, u64 uval, u64 ulen);
/* For ops->getopt: as much of a value as the caller has room for. */
int opt_put(u64 uval, u64 ulen, const void *value, u32 len);

#endif
