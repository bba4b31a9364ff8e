/* SPDX-License-Identifier: Apache-2.0
 * Epoll. An item hangs a wait entry on the queue of the file it watches; a wake puts it on the
 * ready list; collecting asks each ready file again. A file knows its items (file.epoll_items),
 * which is also how an item is found: few epolls watch one file.
 *
 * Items hold no reference to their file: the file's end takes them with it.
 */
#include <asm/errno.h>
#include <linux/eventpoll.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/epoll.h"
#include "fs/poll.h"
#include "mm/mm.h"

_Static_assert(sizeof(struct epoll_user_event) == 12, "struct epoll_event");

#define EP_NESTS_MAX 4
#define EP_FLAGS     ((u32)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)) /* no events */
/* What may come with EPOLLEXCLUSIVE (Linux EPOLLEXCLUSIVE_OK_BITS). */
#define EP_EXCLUSIVE_OK                                                                            \
	((u32)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))

struct epoll {
	struct file *file; /* its own */
	struct list items;
	struct list ready;	/* items that may have events */
	struct waitq wait;	/* in epoll_wait */
	struct waitq poll_wait; /* in poll, or in another epoll */
};

struct epitem {
	struct epoll *ep;
	struct file *file;
	s32 fd;
	u32 events;
	u64 data;
	struct list link;	/* epoll.items */
	struct list file_link;	/* file.epoll_items */
	struct list ready_link; /* epoll.ready, or on its own */
	struct wait_entry wait;
};

static const struct file_ops epoll_ops;

struct epoll *file_epoll(struct file *f)
{
	return f->ops == &epoll_ops ? f->priv : NULL;
}

/* -- becoming ready -- */

static void item_ready(struct epitem *it)
{
	struct epoll *ep = it->ep;

	if (!list_empty(&it->ready_link))
		return;
	list_add_tail(&ep->ready, &it->ready_link);
	waitq_wake_n(&ep->wait, POLL_IN | POLL_RDNORM, 1);
	waitq_wake(&ep->poll_wait, POLL_IN | POLL_RDNORM);
}

static void item_woken(struct wait_entry *e, u32 key)
{
	struct epitem *it = container_of(e, struct epitem, wait);

	if (!(it->events & ~EP_FLAGS)) /* one-shot, and it was */
		return;
	if (!key || (key & it->events))
		item_ready(it);
}

/* Events now. Gives poll a queue, so that a watch of a host file is set again. */
static u32 item_poll(struct epitem *it)
{
	struct waitq *q = NULL;

	return file_poll(it->file, &q) & it->events & ~EP_FLAGS;
}

/* -- changing the set -- */

static struct epitem *item_find(struct epoll *ep, struct file *f, s32 fd)
{
	list_for_each(l, &f->epoll_items)
	{
		struct epitem *it = list_entry(l, struct epitem, file_link);

		if (it->ep == ep && it->fd == fd)
			return it;
	}
	return NULL;
}

static void item_free(struct epitem *it)
{
	waitq_remove(&it->wait);
	list_del(&it->link);
	list_del(&it->file_link);
	list_del(&it->ready_link);
	kfree(it);
}

/* Longest chain of epolls below ep, or too many when `into` is among them. */
static u32 depth_below(struct epoll *ep, const struct epoll *into, u32 level)
{
	u32 deepest = 0;

	if (ep == into || level > EP_NESTS_MAX)
		return EP_NESTS_MAX + 1;
	list_for_each(l, &ep->items)
	{
		struct epoll *child = file_epoll(list_entry(l, struct epitem, link)->file);
		u32 d = child ? 1 + depth_below(child, into, level + 1) : 0;

		if (d > deepest)
			deepest = d;
	}
	return deepest;
}

static u32 depth_above(struct epoll *ep, u32 level)
{
	u32 highest = 0;

	if (level > EP_NESTS_MAX)
		return level;
	list_for_each(l, &ep->file->epoll_items)
	{
		struct epitem *it = list_entry(l, struct epitem, file_link);
		u32 d = 1 + depth_above(it->ep, level + 1);

		if (d > highest)
			highest = d;
	}
	return highest;
}

static long item_add(struct epoll *ep, struct file *f, s32 fd, const struct epoll_user_event *ev)
{
	struct epoll *inner = file_epoll(f);
	struct epitem *it;
	struct waitq *q = NULL;

	if (inner && depth_below(inner, ep, 0) + 1 + depth_above(ep, 0) > EP_NESTS_MAX)
		return -ELOOP;
	it = kzalloc(sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->events = ev->events | POLL_ALWAYS;
	it->data = ev->data;
	list_init(&it->ready_link);
	list_add_tail(&ep->items, &it->link);
	list_add_tail(&f->epoll_items, &it->file_link);
	wait_entry_init(&it->wait, NULL);
	it->wait.fn = item_woken;
	if (file_poll(f, &q) & it->events)
		item_ready(it);
	if (q)
		waitq_add(q, &it->wait);
	return 0;
}

static long item_modify(struct epitem *it, const struct epoll_user_event *ev)
{
	if ((it->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	it->events = ev->events | POLL_ALWAYS;
	it->data = ev->data;
	if (item_poll(it))
		item_ready(it);
	return 0;
}

long epoll_change(
	struct epoll *ep, u32 op, struct file *f, s32 fd, const struct epoll_user_event *ev)
{
	struct epitem *it;

	if (!f->ops->poll)
		return -EPERM;
	if (f == ep->file)
		return -EINVAL;
	if (op == EPOLL_CTL_ADD && (ev->events & EPOLLEXCLUSIVE) &&
		(file_epoll(f) || (ev->events & ~EP_EXCLUSIVE_OK)))
		return -EINVAL;
	it = item_find(ep, f, fd);
	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : item_add(ep, f, fd, ev);
	case EPOLL_CTL_MOD:
		return it ? item_modify(it, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		item_free(it);
		return 0;
	default:
		return -EINVAL;
	}
}

void epoll_file_released(struct file *f)
{
	while (!list_empty(&f->epoll_items))
		item_free(list_entry(f->epoll_items.next, struct epitem, file_link));
}

/* -- collecting events -- */

static bool put_event(u64 uevents, u32 n, u32 events, u64 data)
{
	struct epoll_user_event ev = {.events = events, .data = data};

	return copy_to_user(uevents + n * sizeof(ev), &ev, sizeof(ev)) == 0;
}

/* Puts what `from` still holds in front of the ready list. */
static void ready_give_back(struct epoll *ep, struct list *from)
{
	while (!list_empty(from)) {
		struct list *last = from->prev;

		list_del(last);
		list_add(&ep->ready, last);
	}
}

static long collect(struct epoll *ep, u64 uevents, u32 max)
{
	struct list todo;
	long n = 0;

	/* apart, so that level-triggered items that go back are not met again */
	list_init(&todo);
	while (!list_empty(&ep->ready)) {
		struct list *l = ep->ready.next;

		list_del(l);
		list_add_tail(&todo, l);
	}
	while (!list_empty(&todo) && (u32)n < max) {
		struct epitem *it = list_entry(todo.next, struct epitem, ready_link);
		u32 events = item_poll(it);

		if (!events) {
			list_del(&it->ready_link);
			continue;
		}
		if (!put_event(uevents, (u32)n, events, it->data)) {
			n = n ? n : -EFAULT;
			break;
		}
		n++;
		list_del(&it->ready_link);
		if (it->events & EPOLLONESHOT)
			it->events &= EP_FLAGS;
		else if (!(it->events & (u32)EPOLLET))
			list_add_tail(&ep->ready, &it->ready_link);
	}
	ready_give_back(ep, &todo);
	return n;
}

long epoll_collect(struct epoll *ep, u64 uevents, u32 max, u64 deadline)
{
	long n;
	int r = 0;

	for (;;) {
		n = collect(ep, uevents, max);
		if (n || !deadline)
			break;
		if (r) {
			n = r == -EINTR ? -EINTR : 0;
			break;
		}
		r = waitq_wait(&ep->wait, !list_empty(&ep->ready), deadline);
	}
	/* A wake is for one sleeper: if this one left something, the next may have it. */
	if (!list_empty(&ep->ready))
		waitq_wake_n(&ep->wait, POLL_IN | POLL_RDNORM, 1);
	return n;
}

/* -- the file -- */

static u32 epoll_poll(struct file *f, struct waitq **q)
{
	struct epoll *ep = f->priv;

	if (q)
		*q = &ep->poll_wait;
	list_for_each_safe(l, tmp, &ep->ready)
	{
		if (item_poll(list_entry(l, struct epitem, ready_link)))
			return POLL_IN | POLL_RDNORM;
		list_del(l);
	}
	return 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;

	while (!list_empty(&ep->items))
		item_free(list_entry(ep->items.next, struct epitem, link));
	kfree(ep);
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.getattr = anon_getattr,
	.release = epoll_release,
};

struct file *epoll_make(u32 flags)
{
	struct epoll *ep = kzalloc(sizeof(*ep));
	struct file *f;

	if (!ep)
		return err_ptr(-ENOMEM);
	list_init(&ep->items);
	list_init(&ep->ready);
	waitq_init(&ep->wait);
	waitq_init(&ep->poll_wait);
	f = anon_file(&epoll_ops, "anon_inode:[eventpoll]", flags, ep);
	if (is_err(f))
		kfree(ep);
	else
		ep->file = f;
	return f;
}
