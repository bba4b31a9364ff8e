/* SPDX-License-Identifier: Apache-2.0
 * eventfd(2): a counter.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/eventfd.h"
#include "mm/mm.h"

#define COUNT_MAX (~0ull - 1) /* the most that write(2) leaves */

struct eventfd {
	u64 count;
	bool semaphore;
	struct waitq wait;
};

static s64 eventfd_read(struct file *f, struct uio *u, s64 *pos)
{
	struct eventfd *e = f->priv;
	u64 value;
	s64 n;

	if (u->left < sizeof(value))
		return -EINVAL;
	while (!e->count) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (waitq_wait(&e->wait, e->count, TIME_NEVER))
			return -ERESTARTSYS;
	}
	value = e->semaphore ? 1 : e->count;
	e->count -= value;
	waitq_wake(&e->wait, POLL_OUT | POLL_WRNORM);
	n = uio_put(u, &value, sizeof(value));
	return n == sizeof(value) ? n : -EFAULT;
}

static s64 eventfd_write(struct file *f, struct uio *u, s64 *pos)
{
	struct eventfd *e = f->priv;
	u64 value;

	if (u->left < sizeof(value))
		return -EINVAL;
	if (uio_get(u, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == ~0ull)
		return -EINVAL;
	while (value > COUNT_MAX - e->count) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (waitq_wait(&e->wait, value <= COUNT_MAX - e->count, TIME_NEVER))
			return -ERESTARTSYS;
	}
	e->count += value;
	waitq_wake(&e->wait, POLL_IN | POLL_RDNORM);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct waitq **q)
{
	struct eventfd *e = f->priv;
	u32 mask = 0;

	if (q)
		*q = &e->wait;
	if (e->count)
		mask |= POLL_IN | POLL_RDNORM;
	if (e->count < COUNT_MAX)
		mask |= POLL_OUT | POLL_WRNORM;
	return mask;
}

static void eventfd_release(struct file *f)
{
	kfree(f->priv);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.getattr = anon_getattr,
	.release = eventfd_release,
};

struct file *eventfd_make(u64 count, bool semaphore, u32 flags)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	struct file *f;

	if (!e)
		return err_ptr(-ENOMEM);
	e->count = count;
	e->semaphore = semaphore;
	waitq_init(&e->wait);
	f = anon_file(&eventfd_ops, "anon_inode:[eventfd]", flags, e);
	if (is_err(f))
		kfree(e);
	return f;
}
