/* SPDX-License-Identifier: Apache-2.0
 * Packets and queues of them. Short packets are one allocation, others hold their bytes in pages,
 * so that large datagrams need no contiguous memory.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/socket.h"

#define PACKET_SHORT 1792u /* with the struct, one object of the heap's largest class */

struct packet *packet_new(u32 n)
{
	u32 npages = n <= PACKET_SHORT ? 0 : (u32)(round_up(n, PAGE_SIZE) / PAGE_SIZE);
	struct packet *p;

	if (pages_low())
		return NULL;
	p = kalloc(sizeof(*p) + (npages ? npages * sizeof(p->page[0]) : n));
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	list_init(&p->link);
	p->room = npages ? (u32)(npages * PAGE_SIZE) : n;
	for (; p->npages < npages; p->npages++) {
		p->page[p->npages] = page_alloc_raw();
		if (!p->page[p->npages]) {
			packet_free(p);
			return NULL;
		}
	}
	return p;
}

/* An skb: its struct, the data with the shared info behind it in an object of kmalloc; more than
 * fits there is in pages. */
u32 packet_cost(u32 n)
{
	const u32 skb = 256, info = 320;
	u32 data = (u32)round_up(n, 64) + info, object = 512;

	if (data > PAGE_SIZE)
		return (u32)round_up(n, PAGE_SIZE) + skb + 512;
	while (object < data)
		object *= 2;
	return object + skb;
}

void packet_charge(struct packet *p, struct socket *payer)
{
	p->payer = payer;
	payer->charged += p->cost;
	socket_get(payer);
}

static void packet_discharge(struct packet *p)
{
	struct socket *s = p->payer;

	p->payer = NULL;
	s->charged -= p->cost;
	if (s->ops->writable(s))
		sock_wake(s, SOCK_WRITABLE);
	socket_put(s);
}

void packet_free(struct packet *p)
{
	if (p->payer)
		packet_discharge(p);
	sock_name_put(p->from);
	scm_release(&p->scm);
	for (u32 i = 0; i < p->npages; i++)
		page_put(p->page[i]);
	kfree(p);
}

/* Where byte `at` is, and how many follow it there. */
static u8 *packet_at(struct packet *p, u32 at, u32 *rest)
{
	u32 in_page = at & (PAGE_SIZE - 1);

	if (!p->npages) {
		*rest = p->room - at;
		return (u8 *)p->page + at;
	}
	*rest = (u32)PAGE_SIZE - in_page;
	return (u8 *)phys_ptr(p->page[at / PAGE_SIZE]) + in_page;
}

int packet_fill(struct packet *p, struct uio *u, u32 n)
{
	u32 at = p->len, end = at + n;

	while (at < end) {
		u32 part;
		u8 *to = packet_at(p, at, &part);

		part = (u32)min_u64(part, end - at);
		if (uio_get(u, to, part) != part)
			return -EFAULT;
		at += part;
	}
	p->len = end;
	return 0;
}

int packet_copy(struct packet *p, struct uio *u, u32 n)
{
	u32 at = p->off;

	while (n) {
		u32 part;
		const u8 *from = packet_at(p, at, &part);

		part = (u32)min_u64(part, n);
		if (uio_put(u, from, part) != part)
			return -EFAULT;
		at += part;
		n -= part;
	}
	return 0;
}

u8 packet_last(struct packet *p)
{
	u32 rest;

	return *packet_at(p, p->len - 1, &rest);
}

/* -- queues -- */

void queue_init(struct packet_queue *q)
{
	memset(q, 0, sizeof(*q));
	list_init(&q->packets);
}

void queue_push(struct packet_queue *q, struct packet *p)
{
	list_add_tail(&q->packets, &p->link);
	q->count++;
	q->bytes += p->len - p->off;
	q->cost += p->cost;
}

struct packet *queue_first(struct packet_queue *q)
{
	return list_empty(&q->packets) ? NULL : list_entry(q->packets.next, struct packet, link);
}

struct packet *queue_last(struct packet_queue *q)
{
	return list_empty(&q->packets) ? NULL : list_entry(q->packets.prev, struct packet, link);
}

void queue_grown(struct packet_queue *q, u32 n)
{
	q->bytes += n;
}

struct packet *queue_next(struct packet_queue *q, struct packet *p)
{
	return p->link.next == &q->packets ? NULL : list_entry(p->link.next, struct packet, link);
}

void queue_remove(struct packet_queue *q, struct packet *p)
{
	list_del(&p->link);
	q->count--;
	q->bytes -= p->len - p->off;
	q->cost -= p->cost;
}

void queue_purge(struct packet_queue *q)
{
	struct packet *p;

	while ((p = queue_first(q))) {
		queue_remove(q, p);
		packet_free(p);
	}
}

void queue_taken(struct packet_queue *q, u32 n)
{
	struct packet *p = queue_first(q);

	p->off += n;
	q->bytes -= n;
	if (p->off < p->len)
		return;
	queue_remove(q, p);
	packet_free(p);
}
