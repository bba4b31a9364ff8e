/* SPDX-License-Identifier: Apache-2.0
 * Packets: bytes between sockets, with who sent them and what comes along. A stream is a queue of
 * packets whose borders do not show.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include "net/scm.h"

struct sock_name;
struct socket;
struct uio;

struct packet {
	struct list link;
	u32 len;		/* bytes */
	u32 off;		/* of them taken already */
	u32 room;		/* bytes that fit */
	u32 cost;		/* what it counts against a buffer's size */
	struct socket *payer;	/* it counts against this one's send buffer; a reference, or NULL */
	struct sock_name *from; /* a reference, or NULL */
	struct scm scm;
	u8 to[16];  /* UDP: the address it was sent to */
	u32 npages; /* 0: the bytes follow the struct */
	u64 page[];
};

struct packet_queue {
	struct list packets;
	u32 count;
	u64 bytes; /* not taken yet */
	u64 cost;
};

/* An empty packet with room for n bytes. NULL: memory is out. */
struct packet *packet_new(u32 n);
/* What Linux would count for n bytes in one piece: programs see where a buffer is full. */
u32 packet_cost(u32 n);
void packet_charge(struct packet *p, struct socket *payer);
void packet_free(struct packet *p);
/* Appends n bytes of u: all of them, or -EFAULT and none. */
int packet_fill(struct packet *p, struct uio *u, u32 n);
/* Copies n bytes from `off` on to u: all of them, or -EFAULT. */
int packet_copy(struct packet *p, struct uio *u, u32 n);
u8 packet_last(struct packet *p); /* its last byte */

static inline bool queue_empty(const struct packet_queue *q)
{
	return q->count == 0;
}
void queue_init(struct packet_queue *q);
void queue_push(struct packet_queue *q, struct packet *p);
struct packet *queue_first(struct packet_queue *q); /* NULL: empty */
struct packet *queue_next(struct packet_queue *q, struct packet *p);
void queue_remove(struct packet_queue *q, struct packet *p); /* the caller's now */
struct packet *queue_last(struct packet_queue *q);
/* n bytes were appended to a packet in q. */
void queue_grown(struct packet_queue *q, u32 n);
void queue_purge(struct packet_queue *q);
/* n bytes of the first packet were taken; frees it when none is left. */
void queue_taken(struct packet_queue *q, u32 n);

#endif
