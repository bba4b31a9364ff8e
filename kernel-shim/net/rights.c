/* SPDX-License-Identifier: Apache-2.0
 * Files in flight: sent through a local socket and not received yet. Two things need care. A queue
 * may hold sockets whose queues hold sockets, and so on: files are closed one after another from a
 * list, never from within each other. And a socket that only queues hold, which nobody can reach
 * any more, would live for ever: rights_collect looks for such rings when a local socket is closed,
 * and when many files are in flight.
 */
#include <asm/errno.h>
#include <linux/resource.h>

#include "core/task.h"
#include "net/state.h"
#include "net/unix_internal.h"

#define COLLECT_AT 1024u

struct rights *rights_new(u32 n)
{
	struct rights *r = kzalloc(sizeof(*r) + n * sizeof(r->file[0]));

	if (!r)
		return NULL;
	r->refs = 1;
	list_init(&r->dying_link);
	return r;
}

struct rights *rights_get(struct rights *r)
{
	if (r)
		r->refs++;
	return r;
}

static struct unix_sock *unix_file(struct file *f)
{
	struct socket *s = file_socket(f);

	return s && unix_is(s) ? unix_of(s) : NULL;
}

static void flight_begins(struct file *f)
{
	struct unix_sock *u = unix_file(f);

	net_state()->files_in_flight++;
	if (u && !u->flights++)
		list_add_tail(&net_state()->in_flight, &u->flight_link);
}

static void flight_ends(struct file *f)
{
	struct unix_sock *u = unix_file(f);

	net_state()->files_in_flight--;
	if (u && !--u->flights)
		list_del(&u->flight_link);
}

/* Rings are made without closing a socket for the last time: look when there are many in flight,
 * and then not before there are twice as many. */
static void collect_sometimes(struct net_state *net)
{
	if (net->files_in_flight < net->collect_at)
		return;
	rights_collect();
	net->collect_at = (u32)max_u64(COLLECT_AT, net->files_in_flight * 2ull);
}

int rights_launch(struct rights *r)
{
	u64 max = current->proc->rlimits[RLIMIT_NOFILE][0];

	collect_sometimes(net_state());
	if (net_state()->files_in_flight > max && !cred_has(&current->cred, CAP_SYS_RESOURCE) &&
		!cred_has(&current->cred, CAP_SYS_ADMIN))
		return -ETOOMANYREFS;
	r->in_flight = true;
	for (u32 i = 0; i < r->n; i++)
		flight_begins(r->file[i]);
	return 0;
}

static void rights_free(struct rights *r)
{
	for (u32 i = 0; i < r->n; i++) {
		if (r->in_flight)
			flight_ends(r->file[i]);
		file_put(r->file[i]);
	}
	kfree(r);
}

void rights_put(struct rights *r)
{
	struct net_state *net;

	if (!r || --r->refs)
		return;
	net = net_state();
	list_add_tail(&net->dying, &r->dying_link);
	if (net->draining) /* whoever drains takes these too */
		return;
	net->draining = true;
	while (!list_empty(&net->dying)) {
		r = list_entry(net->dying.next, struct rights, dying_link);
		list_del(&r->dying_link);
		rights_free(r);
	}
	net->draining = false;
	rights_collect(); /* what was closed may have been the way to a ring */
}

/* -- rings -- */

static void reach(struct unix_sock *u, struct list *todo)
{
	if (u->reached)
		return;
	u->reached = true;
	list_add_tail(todo, &u->reach_link);
}

static void reach_queue(struct packet_queue *q, struct list *todo)
{
	list_for_each(l, &q->packets)
	{
		struct rights *r = list_entry(l, struct packet, link)->scm.rights;

		for (u32 i = 0; r && i < r->n; i++) {
			struct unix_sock *u = unix_file(r->file[i]);

			if (u)
				reach(u, todo);
		}
	}
}

/* A listener's connections are reached through it. */
static void reach_from(struct unix_sock *u, struct list *todo)
{
	reach_queue(&u->s.rx, todo);
	list_for_each(l, &u->s.backlog)
	{
		reach_queue(&list_entry(l, struct socket, backlog_link)->rx, todo);
	}
}

/* Somebody besides queues holds it. */
static bool held_outside(const struct unix_sock *u)
{
	return u->s.file && u->s.file->refs > u->flights;
}

/* Marks every socket that can be reached from one that is held outside. */
static void mark(struct net_state *net)
{
	struct list todo;

	list_init(&todo);
	list_for_each(l, &net->unix_sockets)
	{
		list_entry(l, struct unix_sock, all_link)->reached = false;
	}
	list_for_each(l, &net->unix_sockets)
	{
		struct unix_sock *u = list_entry(l, struct unix_sock, all_link);

		if (held_outside(u))
			reach(u, &todo);
	}
	while (!list_empty(&todo)) {
		struct unix_sock *u = list_entry(todo.next, struct unix_sock, reach_link);

		list_del(&u->reach_link);
		reach_from(u, &todo);
	}
}

static void move_queue(struct packet_queue *from, struct packet_queue *to)
{
	struct packet *p;

	while ((p = queue_first(from))) {
		queue_remove(from, p);
		queue_push(to, p);
	}
}

static void sweep_socket(struct unix_sock *u, struct packet_queue *garbage)
{
	move_queue(&u->s.rx, garbage);
	list_for_each(l, &u->s.backlog)
	{
		move_queue(&list_entry(l, struct socket, backlog_link)->rx, garbage);
	}
}

void rights_collect(void)
{
	struct net_state *net = net_state();
	struct packet_queue garbage;

	if (list_empty(&net->in_flight) || net->collecting || net->draining)
		return;
	net->collecting = true;
	queue_init(&garbage);
	mark(net);
	list_for_each(l, &net->in_flight)
	{
		struct unix_sock *u = list_entry(l, struct unix_sock, flight_link);

		if (!u->reached)
			sweep_socket(u, &garbage);
	}
	queue_purge(&garbage); /* closes the sockets, as the last that held them */
	net->collecting = false;
}
