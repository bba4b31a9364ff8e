/* SPDX-License-Identifier: Apache-2.0
 * The terminal of the host behind stdin: its line discipline and modes are the host's, asked for
 * through the channel.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>

#include "core/task.h"
#include "fs/tty.h"

#define DRAIN_POLL_NS 10000000ull /* the host does not say when its output is through */

_Static_assert(sizeof(struct termios) == 36, "kernel termios, as in CHAN_TTY_GETS");

struct host_tty {
	struct tty tty;
	struct file *file; /* a reference: what /dev/tty opens again */
};

static struct file *file_of(const struct tty *t)
{
	return container_of(t, struct host_tty, tty)->file;
}

/* One operation; *inout goes in for the setting ones and comes out for the getting ones. */
static long ask(struct file *f, u32 op, u32 how, void *inout, u32 len)
{
	bool set = op == CHAN_TTY_SETS || op == CHAN_TTY_SETWINSZ;
	struct chan_msg m = {
		.op = CHAN_OP_TTY,
		.a = {hostfs_handle(f), op, how},
		.in_len = set ? len : 0,
	};

	if (set)
		memcpy(plat_chan_data(), inout, len);
	plat_channel(&m);
	if (m.result < 0)
		return m.result;
	if (!set && len) {
		if (m.out_len < len)
			return -EIO;
		memcpy(inout, plat_chan_data(), len);
	}
	return 0;
}

/* The same for operations that wait until the output is through: the host says EAGAIN. */
static long ask_drained(struct file *f, u32 op, u32 how, void *in, u32 len)
{
	for (;;) {
		long r = ask(f, op, how, in, len);

		if (r != -EAGAIN)
			return r;
		if (task_wait(clock_mono_ns() + DRAIN_POLL_NS) == -EINTR)
			return -ERESTARTSYS;
	}
}

/* -- operations -- */

static long host_get_mode(struct tty *t, struct file *f, struct termios *mode)
{
	return ask(f, CHAN_TTY_GETS, 0, mode, sizeof(*mode));
}

static long host_set_mode(struct tty *t, struct file *f, const struct termios *mode, u32 how)
{
	struct termios copy = *mode;

	return ask_drained(f, CHAN_TTY_SETS, how, &copy, sizeof(copy));
}

static long host_get_size(struct tty *t, struct file *f, struct tty_size *size)
{
	return ask(f, CHAN_TTY_GETWINSZ, 0, size, sizeof(*size));
}

static long host_set_size(struct tty *t, struct file *f, const struct tty_size *size)
{
	struct tty_size copy = *size;

	return ask(f, CHAN_TTY_SETWINSZ, 0, &copy, sizeof(copy));
}

static long host_queued(struct tty *t, struct file *f, bool output, u32 *bytes)
{
	return ask(f, output ? CHAN_TTY_OUTQ : CHAN_TTY_INQ, 0, bytes, sizeof(*bytes));
}

static long host_flush(struct tty *t, struct file *f, u32 queue)
{
	return ask(f, CHAN_TTY_FLUSH, queue, NULL, 0);
}

static long host_drain(struct tty *t, struct file *f)
{
	return ask_drained(f, CHAN_TTY_DRAIN, 0, NULL, 0);
}

/* The name stays /dev/tty, the rest is the terminal's. */
static int host_open(struct tty *t, struct file *f)
{
	struct inode *terminal = file_of(t)->inode;

	if (!terminal || !terminal->ops->open)
		return -ENXIO;
	inode_get(terminal);
	inode_put(f->inode);
	f->inode = terminal;
	f->ops = terminal->fops;
	return terminal->ops->open(terminal, f);
}

static const struct tty_ops host_ops = {
	.get_mode = host_get_mode,
	.set_mode = host_set_mode,
	.get_size = host_get_size,
	.set_size = host_set_size,
	.queued = host_queued,
	.flush = host_flush,
	.drain = host_drain,
	.open = host_open,
};

/* -- the one that there is -- */

/* All inherited terminals are taken for one: a program seldom gets two. NULL when memory is out. */
static struct tty *file_tty(struct file *f)
{
	struct host_tty *t;

	if (kern->console)
		return kern->console;
	t = kzalloc(sizeof(*t));
	if (!t)
		return NULL;
	file_get(f);
	t->file = f;
	t->tty.ops = &host_ops;
	t->tty.rdev = f->inode->rdev;
	kern->console = &t->tty;
	return kern->console;
}

struct inode *tty_host_inode(const struct tty *t)
{
	return file_of(t)->inode;
}

int tty_boot(struct task *init, struct file *f)
{
	struct tty *t = file_tty(f);

	if (!t)
		return -ENOMEM;
	t->session = init->proc->session;
	t->pgrp = init->proc->pgrp;
	init->proc->tty = t;
	return 0;
}

long tty_host_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty *t = file_tty(f);

	return t ? tty_ioctl(t, f, false, cmd, arg) : -ENOMEM;
}
