/* SPDX-License-Identifier: Apache-2.0
 * inotify(7): a queue of events, and the watches that feed it. The queue is bounded by number, all
 * queues together by memory; what does not fit becomes one event that says so.
 */
#include "fs/anon.h"
#include "fs/fs_internal.h"
#include "fs/notify.h"

#include <asm/ioctls.h>

#define NAME_ALIGN  sizeof(struct inotify_event)
#define SHARE_SHIFT 6 /* events may take a 64th of memory */

struct event {
	struct list link;
	struct inotify_event e; /* with its name; e.len: with the padding */
};
struct inotify {
	struct list watches; /* oldest first */
	struct list events;
	u32 nevents, bytes;
	s32 last_wd;
	bool overflow; /* said already, and not read yet */
	struct waitq wait;
};

static const struct file_ops inotify_ops;

/* -- events -- */

static void event_free(struct inotify *g, struct event *ev)
{
	g->nevents--;
	g->bytes -= (u32)sizeof(ev->e) + ev->e.len;
	fs_state()->notify_bytes -= sizeof(*ev) + ev->e.len;
	if (ev->e.mask & IN_Q_OVERFLOW)
		g->overflow = false;
	list_del(&ev->link);
	kfree(ev);
}

static struct event *event_new(u32 name_len)
{
	size_t n = sizeof(struct event) + name_len;
	struct event *ev;

	if (fs_state()->notify_bytes + n > (pages_total() << PAGE_SHIFT) >> SHARE_SHIFT)
		return NULL;
	ev = kzalloc(n);
	if (ev)
		fs_state()->notify_bytes += n;
	return ev;
}

static void append(struct inotify *g, struct event *ev)
{
	list_add_tail(&g->events, &ev->link);
	g->nevents++;
	g->bytes += (u32)sizeof(ev->e) + ev->e.len;
	waitq_wake(&g->wait, POLL_IN | POLL_RDNORM);
}

/* The same as the one before tells nothing new. */
static bool repeats(const struct inotify *g, s32 wd, u32 mask, const char *name)
{
	const struct event *last = list_entry(g->events.prev, struct event, link);

	if (list_empty(&g->events) || last->e.wd != wd || last->e.mask != mask ||
		(mask & IN_IGNORED))
		return false;
	return name ? last->e.len && !strcmp(last->e.name, name) : !last->e.len;
}

static void say_overflow(struct inotify *g)
{
	struct event *ev = g->overflow ? NULL : event_new(0);

	if (!ev)
		return;
	g->overflow = true;
	ev->e.wd = -1;
	ev->e.mask = IN_Q_OVERFLOW;
	append(g, ev);
}

static void queue(struct inotify *g, s32 wd, u32 mask, u32 cookie, const char *name)
{
	u32 len = name ? (u32)round_up(strlen(name) + 1, NAME_ALIGN) : 0;
	struct event *ev;

	if (repeats(g, wd, mask, name))
		return;
	ev = g->nevents < INOTIFY_QUEUE_MAX ? event_new(len) : NULL;
	if (!ev) {
		say_overflow(g);
		return;
	}
	ev->e = (struct inotify_event){.wd = wd, .mask = mask, .cookie = cookie, .len = len};
	if (name)
		memcpy(ev->e.name, name, strlen(name));
	append(g, ev);
}

/* -- watches -- */

static void watch_free(struct watch *w)
{
	struct watch **at = &w->inode->watches;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	list_del(&w->link);
	kern->nwatches--;
	inode_put(w->inode);
	kfree(w);
}

void inotify_ignored(struct watch *w)
{
	queue(w->group, w->wd, IN_IGNORED, 0, NULL);
	watch_free(w);
}

void inotify_event(struct watch *w, u32 events, u32 cookie, const char *name)
{
	queue(w->group, w->wd, events, cookie, name);
	if (w->mask & IN_ONESHOT)
		inotify_ignored(w);
}

static struct watch *find_inode(struct inotify *g, struct inode *i)
{
	for (struct watch *w = i->watches; w; w = w->next) {
		if (w->group == g)
			return w;
	}
	return NULL;
}

static struct watch *watch_new(struct inotify *g, struct inode *i)
{
	struct watch *w = pages_low() ? NULL : kzalloc(sizeof(*w));

	if (!w)
		return NULL;
	w->group = g;
	w->inode = i;
	inode_get(i);
	w->wd = ++g->last_wd;
	w->next = i->watches;
	i->watches = w;
	list_add_tail(&g->watches, &w->link);
	kern->nwatches++;
	return w;
}

long inotify_watch(struct file *f, struct inode *i, u32 mask)
{
	struct inotify *g = f->priv;
	struct watch *w = find_inode(g, i);
	u32 kept = mask & (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT);

	if (w && (mask & IN_MASK_CREATE))
		return -EEXIST;
	if (!w && kern->nwatches >= INOTIFY_WATCHES_MAX)
		return -ENOSPC;
	if (!w)
		w = watch_new(g, i);
	if (!w)
		return -ENOMEM;
	w->mask = mask & IN_MASK_ADD ? w->mask | kept : kept;
	return w->wd;
}

int inotify_unwatch(struct file *f, s32 wd)
{
	struct inotify *g = f->priv;

	list_for_each(pos, &g->watches)
	{
		struct watch *w = list_entry(pos, struct watch, link);

		if (w->wd != wd)
			continue;
		inotify_ignored(w);
		return 0;
	}
	return -EINVAL;
}

/* -- the file -- */

/* One event, or 0 when there is none. -EINVAL: it does not fit. */
static s64 read_one(struct inotify *g, struct uio *u)
{
	struct event *ev = list_entry(g->events.next, struct event, link);
	size_t n;
	s64 r;

	if (list_empty(&g->events))
		return 0;
	n = sizeof(ev->e) + ev->e.len;
	if (n > u->left)
		return -EINVAL;
	list_del(&ev->link); /* the copy may sleep, and others read meanwhile */
	r = uio_put(u, &ev->e, n) == (s64)n ? (s64)n : -EFAULT;
	event_free(g, ev);
	return r;
}

static s64 inotify_read(struct file *f, struct uio *u, s64 *pos)
{
	struct inotify *g = f->priv;
	s64 done = 0, r;

	for (;;) {
		r = read_one(g, u);
		if (r > 0) {
			done += r;
			continue;
		}
		if (r == -EFAULT)
			return r;
		if (done)
			return done;
		if (r < 0)
			return r;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (waitq_wait(&g->wait, !list_empty(&g->events), TIME_NEVER))
			return -ERESTARTSYS;
	}
}

/* Allowed, and without effect. */
static s64 inotify_seek(struct file *f, s64 off, int whence)
{
	return 0;
}

static u32 inotify_poll(struct file *f, struct waitq **q)
{
	struct inotify *g = f->priv;

	if (q)
		*q = &g->wait;
	return list_empty(&g->events) ? 0 : POLL_IN | POLL_RDNORM;
}

static long inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
	const struct inotify *g = f->priv;

	return cmd == FIONREAD ? put_user_u32(arg, g->bytes) : -ENOTTY;
}

static void inotify_release(struct file *f)
{
	struct inotify *g = f->priv;

	while (!list_empty(&g->watches))
		watch_free(list_entry(g->watches.next, struct watch, link));
	while (!list_empty(&g->events))
		event_free(g, list_entry(g->events.next, struct event, link));
	fs_state()->ninotify--;
	kfree(g);
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.seek = inotify_seek,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.getattr = anon_getattr,
	.release = inotify_release,
};

bool file_is_inotify(const struct file *f)
{
	return f->ops == &inotify_ops;
}

struct file *inotify_make(u32 flags)
{
	struct inotify *g;
	struct file *f;

	if (fs_state()->ninotify >= INOTIFY_INSTANCES_MAX)
		return err_ptr(-EMFILE);
	g = kzalloc(sizeof(*g));
	if (!g)
		return err_ptr(-ENOMEM);
	list_init(&g->watches);
	list_init(&g->events);
	waitq_init(&g->wait);
	f = anon_file(&inotify_ops, "anon_inode:inotify", flags, g);
	if (is_err(f))
		kfree(g);
	else
		fs_state()->ninotify++;
	return f;
}
