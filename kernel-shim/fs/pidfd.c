/* SPDX-License-Identifier: Apache-2.0
 * pidfd_open(2): a descriptor that stands for a process, and is readable when it has ended.
 */
#include <linux/fcntl.h>

#include "core/task_internal.h"
#include "fs/anon.h"
#include "fs/pidfd.h"

static u32 pidfd_poll(struct file *f, struct waitq **q)
{
	struct process *p = f->priv;

	if (q)
		*q = &p->exit_wait;
	return p->zombie ? POLL_IN | POLL_RDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	process_put(f->priv);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.getattr = anon_getattr,
	.release = pidfd_release,
};

struct file *pidfd_make(u32 flags)
{
	return anon_file(&pidfd_ops, "anon_inode:[pidfd]", O_RDWR | flags, NULL);
}

void pidfd_bind(struct file *f, struct process *p)
{
	process_get(p);
	f->priv = p;
}

struct process *pidfd_process(struct file *f)
{
	return f->ops == &pidfd_ops ? f->priv : NULL;
}
