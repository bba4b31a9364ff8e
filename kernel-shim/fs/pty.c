/* SPDX-License-Identifier: Apache-2.0
 * Pairs of pseudo-terminals. The slave is the terminal, the line discipline lies between it and the
 * master (drivers/tty/pty.c, pty(7)). The pair lives until both ends are closed; its name is there
 * as long as the master is open.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/tty.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/fs_internal.h"
#include "fs/ldisc.h"
#include "fs/pty.h"
#include "fs/tty.h"
#include "mm/mm.h"

#define PTYS_MAX      256u
#define PTS_GID	      5u /* "tty", as devpts is mounted everywhere */
#define PTS_MODE      0620u
#define CHUNK	      256u
#define DECISECOND_NS 100000000ull
#define READABLE      (POLL_IN | POLL_RDNORM)
#define WRITABLE      (POLL_OUT | POLL_WRNORM)

struct pty {
	struct tty tty;	  /* the slave */
	struct list link; /* io_state.ptys */
	u32 refs, index;
	struct pty_name name;
	bool locked;	  /* the slave cannot be opened yet (TIOCSPTLCK) */
	bool exclusive;	  /* nor again (TIOCEXCL) */
	bool master_open; /* if not, slaves are hung up */
	bool left;	  /* the last slave was closed */
	bool packet;	  /* the master reads in packets (TIOCPKT) */
	u8 packet_events; /* TIOCPKT_* that it has not read */
	u32 slaves;	  /* that are open */
	struct tty_size size;
	struct waitq master_wait, slave_wait;
	struct ldisc l;
};

static const struct file_ops master_ops, slave_ops;
static const struct tty_ops pty_tty_ops;

/* -- pairs -- */

static struct pty *pty_find(u32 index)
{
	struct io_state *s = io_state();

	if (!s)
		return NULL;
	list_for_each(pos, &s->ptys)
	{
		struct pty *p = list_entry(pos, struct pty, link);

		if (p->index == index)
			return p;
	}
	return NULL;
}

/* The console's number is not given out: both names are in one directory. */
static bool index_taken(u32 index)
{
	return pty_find(index) ||
	       (kern->console && kern->console->rdev == (PTS_MAJOR << 8 | index));
}

static struct pty *pty_new(void)
{
	struct pty *p = kzalloc(sizeof(*p));
	u32 index = 0;

	if (!p || !io_state()) {
		kfree(p);
		return err_ptr(-ENOMEM);
	}
	while (index < PTYS_MAX && index_taken(index))
		index++;
	if (index == PTYS_MAX) {
		kfree(p);
		return err_ptr(-ENOSPC);
	}
	p->refs = 1;
	p->index = index;
	p->tty.ops = &pty_tty_ops;
	p->tty.rdev = PTS_MAJOR << 8 | index;
	p->name = (struct pty_name){current->cred.fsuid, PTS_GID, PTS_MODE};
	p->locked = p->master_open = true;
	ldisc_init(&p->l);
	waitq_init(&p->master_wait);
	waitq_init(&p->slave_wait);
	list_add_tail(&io_state()->ptys, &p->link);
	return p;
}

static void pty_put(struct pty *p)
{
	if (--p->refs)
		return;
	list_del(&p->link);
	kfree(p);
}

static void wake_both(struct pty *p)
{
	waitq_wake(&p->master_wait, 0);
	waitq_wake(&p->slave_wait, 0);
}

static void tell_packet(struct pty *p, u8 event)
{
	if (!p->packet)
		return;
	p->packet_events |= event;
	waitq_wake(&p->master_wait, 0);
}

/* -- names -- */

bool pty_name(u32 index, struct pty_name *out)
{
	const struct pty *p = pty_find(index);

	if (!p || !p->master_open)
		return false;
	*out = p->name;
	return true;
}

void pty_set_name(u32 index, const struct pty_name *name)
{
	struct pty *p = pty_find(index);

	if (p)
		p->name = *name;
}

bool pty_next(u32 *index)
{
	struct pty_name n;

	for (u32 i = *index; i < PTYS_MAX; i++) {
		if (pty_name(i, &n)) {
			*index = i;
			return true;
		}
	}
	return false;
}

/* -- the master -- */

/* What is typed: as much as can be taken now. */
static s64 type_some(struct pty *p, struct uio *u)
{
	s64 done = 0;

	while (u->left && ldisc_may_type(&p->l)) {
		s32 signo;
		u8 c;

		if (uio_get(u, &c, 1) != 1)
			return done ? done : -EFAULT;
		done++;
		signo = ldisc_type(&p->l, c);
		if (signo)
			tty_signal(&p->tty, signo);
	}
	return done;
}

static s64 master_write(struct file *f, struct uio *u, s64 *pos)
{
	struct pty *p = f->priv;
	s64 done = 0, n;

	while (u->left) {
		n = type_some(p, u); /* also when nobody has the slave open */
		if (n < 0)
			return done ? done : n;
		wake_both(p);
		done += n;
		if (n)
			continue;
		if (f->flags & O_NONBLOCK)
			return done ? done : -EAGAIN;
		if (waitq_wait(&p->master_wait, ldisc_may_type(&p->l), TIME_NEVER))
			return done ? done : -ERESTARTSYS;
	}
	return done;
}

static bool master_readable(const struct pty *p)
{
	return ldisc_output_queued(&p->l) || p->packet_events;
}

static s64 read_output(struct pty *p, struct uio *u)
{
	u8 chunk[CHUNK];
	s64 done = 0;

	while (u->left && ldisc_output_queued(&p->l)) {
		u32 n = ldisc_take_output(&p->l, chunk, (u32)min_u64(u->left, sizeof(chunk)));

		if (uio_put(u, chunk, n) != n)
			return done ? done : -EFAULT;
		done += n;
	}
	return done;
}

/* Each read begins with a byte that says what follows. */
static s64 read_packet(struct pty *p, struct uio *u)
{
	u8 first = p->packet_events;
	s64 n;

	p->packet_events = 0;
	if (uio_put(u, &first, 1) != 1)
		return -EFAULT;
	n = first ? 0 : read_output(p, u);
	return n < 0 ? n : n + 1;
}

static s64 master_read(struct file *f, struct uio *u, s64 *pos)
{
	struct pty *p = f->priv;
	s64 n;

	if (!u->left)
		return 0;
	while (!master_readable(p)) {
		if (p->left)
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (waitq_wait(&p->master_wait, p->left || master_readable(p), TIME_NEVER))
			return -ERESTARTSYS;
	}
	n = p->packet ? read_packet(p, u) : read_output(p, u);
	waitq_wake(&p->slave_wait, 0);
	return n;
}

static u32 master_poll(struct file *f, struct waitq **q)
{
	struct pty *p = f->priv;
	u32 events = master_readable(p) ? READABLE : 0;

	if (q)
		*q = &p->master_wait;
	if (p->packet_events)
		events |= POLL_PRI;
	if (p->left)
		events |= POLL_HUP;
	return ldisc_may_type(&p->l) ? events | WRITABLE : events;
}

static void master_release(struct file *f)
{
	struct pty *p = f->priv;

	p->master_open = false;
	tty_hangup(&p->tty);
	wake_both(p);
	pty_put(p);
}

static long get_flag(bool on, u64 arg)
{
	return put_user_u32(arg, on);
}

static long set_flag(bool *flag, u64 arg)
{
	u32 on;

	if (get_user_u32(&on, arg))
		return -EFAULT;
	*flag = on;
	return 0;
}

static long open_peer(struct pty *p, u32 flags)
{
	struct path path;
	struct file *slave;
	char name[32];
	int r;

	tty_path(p->tty.rdev, name, sizeof(name));
	r = path_lookup_kernel(name, 0, &path);
	if (r)
		return r;
	slave = file_open_path(&path, flags & ~(u32)O_CLOEXEC);
	path_put(&path);
	return is_err(slave) ? ptr_err(slave) : fd_install(slave, flags & O_CLOEXEC, 0);
}

static long send_signal(struct pty *p, u64 signo)
{
	if (signo < 1 || signo > NSIG_MAX)
		return -EINVAL;
	tty_signal(&p->tty, (s32)signo);
	return 0;
}

static long set_packet(struct pty *p, u64 arg)
{
	long r = set_flag(&p->packet, arg);

	p->packet_events = 0;
	return r;
}

/* What both ends know. */
static long pty_ioctl(struct pty *p, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TIOCEXCL:
	case TIOCNXCL:
		p->exclusive = cmd == TIOCEXCL;
		return 0;
	case (u32)TIOCGEXCL:
		return get_flag(p->exclusive, arg);
	case TIOCGETD:
		return put_user_u32(arg, N_TTY);
	default:
		return tty_ioctl(&p->tty, f, f->ops == &master_ops, cmd, arg);
	}
}

static long master_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = f->priv;

	switch (cmd) {
	case (u32)TIOCGPTN:
		return put_user_u32(arg, p->index);
	case (u32)TIOCSPTLCK:
		return set_flag(&p->locked, arg);
	case (u32)TIOCGPTLCK:
		return get_flag(p->locked, arg);
	case TIOCPKT:
		return set_packet(p, arg);
	case (u32)TIOCGPKT:
		return get_flag(p->packet, arg);
	case (u32)TIOCSIG:
		return send_signal(p, arg);
	case (u32)TIOCGPTPEER:
		return open_peer(p, (u32)arg);
	default:
		return pty_ioctl(p, f, cmd, arg);
	}
}

static const struct file_ops master_ops = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

int pty_open_master(struct file *f)
{
	struct pty *p = pty_new();

	if (is_err(p))
		return (int)ptr_err(p);
	f->ops = &master_ops;
	f->priv = p;
	return 0;
}

/* -- the slave -- */

/* VMIN and VTIME (termios(3)); with ICANON a line is all that counts. */
struct patience {
	u32 min;     /* bytes to wait for */
	u64 first;   /* until then for the first */
	u64 between; /* ns, for each after the first */
};

static struct patience patience_of(const struct ldisc *l, size_t want)
{
	u64 time = l->mode.c_cc[VTIME] * DECISECOND_NS;
	u32 min = l->mode.c_cc[VMIN];

	if (l->mode.c_lflag & ICANON)
		return (struct patience){1, TIME_NEVER, 0};
	if (min)
		return (struct patience){(u32)min_u64(min, want), TIME_NEVER, time};
	return (struct patience){1, time ? clock_mono_ns() + time : 0, 0};
}

static s64 read_chunk(struct pty *p, struct uio *u, bool *whole)
{
	u8 chunk[CHUNK];
	u32 n = ldisc_read(&p->l, chunk, (u32)min_u64(u->left, sizeof(chunk)), whole);

	return n && uio_put(u, chunk, n) != n ? -EFAULT : (s64)n;
}

/* All that is there and fits; of lines, one. */
static s64 read_available(struct pty *p, struct uio *u)
{
	bool whole = false;
	s64 done = 0;

	while (!whole && u->left && ldisc_readable(&p->l, 1)) {
		s64 n = read_chunk(p, u, &whole);

		if (n < 0)
			return done ? done : n;
		done += n;
	}
	waitq_wake(&p->master_wait, 0);
	return done;
}

/* 0: there is something; 1: there is not, and that is all; or -errno. */
static int wait_input(struct file *f, bool any_yet, const struct patience *w)
{
	struct pty *p = f->priv;
	u64 until = any_yet && w->between ? clock_mono_ns() + w->between : w->first;
	int r = tty_check_read(&p->tty);

	if (r)
		return r;
	if (ldisc_readable(&p->l, 1))
		return 0;
	if (!p->master_open || !until)
		return 1;
	if (f->flags & O_NONBLOCK)
		return any_yet ? 1 : -EAGAIN;
	r = waitq_wait(&p->slave_wait, !p->master_open || ldisc_readable(&p->l, 1), until);
	if (r == -ETIMEDOUT)
		return 1;
	return r ? -ERESTARTSYS : wait_input(f, any_yet, w);
}

static s64 slave_read(struct file *f, struct uio *u, s64 *pos)
{
	struct pty *p = f->priv;
	struct patience w = patience_of(&p->l, u->left);
	s64 done = 0, n;
	int r;

	if (!p->master_open || !u->left)
		return 0;
	do {
		r = wait_input(f, done > 0, &w);
		if (r)
			return done || r > 0 ? done : r;
		n = read_available(p, u);
		if (n < 0)
			return done ? done : n;
		done += n;
	} while (u->left && !(p->l.mode.c_lflag & ICANON) && done < (s64)w.min);
	return done;
}

static s64 write_chunk(struct pty *p, struct uio *u)
{
	u8 chunk[CHUNK];
	u32 n = (u32)min_u64(min_u64(u->left, sizeof(chunk)), ldisc_room(&p->l));

	if (n && uio_get(u, chunk, n) != n)
		return -EFAULT;
	for (u32 i = 0; i < n; i++)
		ldisc_write(&p->l, chunk[i]);
	return n;
}

static s64 slave_write(struct file *f, struct uio *u, s64 *pos)
{
	struct pty *p = f->priv;
	s64 done = 0, n;

	while (u->left) {
		n = !p->master_open ? -EIO : tty_check_write(&p->tty, f);
		if (!n)
			n = write_chunk(p, u);
		if (n < 0)
			return done ? done : n;
		waitq_wake(&p->master_wait, 0);
		done += n;
		if (n)
			continue;
		if (f->flags & O_NONBLOCK)
			return done ? done : -EAGAIN;
		if (waitq_wait(&p->slave_wait, !p->master_open || ldisc_room(&p->l), TIME_NEVER))
			return done ? done : -ERESTARTSYS;
	}
	return done;
}

static u32 slave_poll(struct file *f, struct waitq **q)
{
	struct pty *p = f->priv;
	const u8 *keys = p->l.mode.c_cc;
	u32 events = 0;

	if (q)
		*q = &p->slave_wait;
	if (!p->master_open)
		return READABLE | WRITABLE | POLL_ERR | POLL_HUP;
	if (ldisc_readable(&p->l, !keys[VTIME] && keys[VMIN] ? keys[VMIN] : 1))
		events |= READABLE;
	return ldisc_room(&p->l) ? events | WRITABLE : events;
}

static long slave_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = f->priv;

	if (!p->master_open)
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	return pty_ioctl(p, f, cmd, arg);
}

static void slave_release(struct file *f)
{
	struct pty *p = f->priv;

	if (!--p->slaves) {
		p->left = true;
		p->exclusive = false;
		waitq_wake(&p->master_wait, 0);
	}
	pty_put(p);
}

static const struct file_ops slave_ops = {
	.read = slave_read,
	.write = slave_write,
	.poll = slave_poll,
	.ioctl = slave_ioctl,
	.release = slave_release,
};

static int attach(struct file *f, struct pty *p)
{
	if (p->locked || !p->master_open)
		return -EIO;
	if (p->exclusive && !cred_has(&current->cred, CAP_SYS_ADMIN))
		return -EBUSY;
	f->ops = &slave_ops;
	f->priv = p;
	p->refs++;
	p->slaves++;
	p->left = false;
	return 0;
}

int pty_open_slave(struct file *f, u32 index)
{
	struct pty *p = pty_find(index);
	int r = p ? attach(f, p) : -ENXIO;

	if (!r)
		tty_opened(&p->tty, f);
	return r;
}

/* -- as a terminal -- */

static struct pty *of_tty(struct tty *t)
{
	return container_of(t, struct pty, tty);
}

static long pty_get_mode(struct tty *t, struct file *f, struct termios *mode)
{
	*mode = of_tty(t)->l.mode;
	return 0;
}

static void flush_input(struct pty *p)
{
	ldisc_drop_input(&p->l);
	tell_packet(p, TIOCPKT_FLUSHREAD);
}

static void flush_output(struct pty *p)
{
	ldisc_take_back(&p->l);
	tell_packet(p, TIOCPKT_FLUSHWRITE);
}

static long pty_flush(struct tty *t, struct file *f, u32 queue)
{
	struct pty *p = of_tty(t);

	if (f->ops == &master_ops) {
		if (queue != TCOFLUSH)
			ldisc_drop_output(&p->l); /* it has typed nothing that waits */
	} else {
		if (queue != TCOFLUSH)
			flush_input(p);
		if (queue != TCIFLUSH)
			flush_output(p);
	}
	wake_both(p);
	return 0;
}

/* Output is through as soon as it is with the other end. */
static long pty_set_mode(struct tty *t, struct file *f, const struct termios *mode, u32 how)
{
	struct pty *p = of_tty(t);

	if (how == 2)
		ldisc_drop_input(&p->l);
	ldisc_set_mode(&p->l, mode);
	wake_both(p);
	return 0;
}

static long pty_get_size(struct tty *t, struct file *f, struct tty_size *size)
{
	*size = of_tty(t)->size;
	return 0;
}

static long pty_set_size(struct tty *t, struct file *f, const struct tty_size *size)
{
	struct pty *p = of_tty(t);

	if (!memcmp(&p->size, size, sizeof(*size)))
		return 0;
	p->size = *size;
	tty_signal(t, SIGWINCH);
	return 0;
}

static long pty_queued(struct tty *t, struct file *f, bool output, u32 *bytes)
{
	struct pty *p = of_tty(t);

	if (output)
		*bytes = 0;
	else if (f->ops == &master_ops)
		*bytes = ldisc_output_queued(&p->l);
	else
		*bytes = ldisc_queued(&p->l);
	return 0;
}

static long pty_drain(struct tty *t, struct file *f)
{
	return 0;
}

static void send_key(struct pty *p, u32 key)
{
	u8 c = p->l.mode.c_cc[key];

	if (c && ldisc_output_queued(&p->l) < LDISC_OUT) {
		p->l.out[p->l.out_head++ % LDISC_OUT] = c;
		waitq_wake(&p->master_wait, 0);
	}
}

static long pty_flow(struct tty *t, struct file *f, u32 what)
{
	struct pty *p = of_tty(t);

	if (f->ops == &master_ops)
		return 0;
	switch (what) {
	case TCOOFF:
	case TCOON:
		p->l.stopped = what == TCOOFF;
		tell_packet(p, what == TCOOFF ? TIOCPKT_STOP : TIOCPKT_START);
		wake_both(p);
		break;
	default:
		send_key(p, what == TCIOFF ? VSTOP : VSTART);
	}
	return 0;
}

static int pty_open_again(struct tty *t, struct file *f)
{
	return attach(f, of_tty(t));
}

static const struct tty_ops pty_tty_ops = {
	.get_mode = pty_get_mode,
	.set_mode = pty_set_mode,
	.get_size = pty_get_size,
	.set_size = pty_set_size,
	.queued = pty_queued,
	.flush = pty_flush,
	.drain = pty_drain,
	.flow = pty_flow,
	.open = pty_open_again,
};
