/* SPDX-License-Identifier: Apache-2.0
 * Pipes and FIFOs. The buffers are whole pages, as in Linux: a write of at most PIPE_BUF (one page)
 * either appends wholly to the newest page or gets a new one, and so is never mixed with another.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/pipe.h"
#include "mm/mm.h"

#define READABLE (POLL_IN | POLL_RDNORM)
#define WRITABLE (POLL_OUT | POLL_WRNORM)

static const struct file_ops pipe_ops;

/* -- buffers -- */

static void buf_release(struct pipe *p, struct pipe_buf *b)
{
	if (!p->spare_page && page_refs(b->pa) == 1)
		p->spare_page = b->pa;
	else
		page_put(b->pa);
	b->pa = 0;
}

static u64 page_for_write(struct pipe *p)
{
	u64 pa = p->spare_page;

	p->spare_page = 0;
	return pa ? pa : page_alloc_raw();
}

void pipe_push(struct pipe *p, const struct pipe_buf *b)
{
	*pipe_at(p, p->count++) = *b;
	waitq_wake(&p->wait, READABLE);
}

static void ring_advance(struct pipe *p)
{
	p->head = (p->head + 1) & (p->nslots - 1);
	p->count--;
}

void pipe_pop(struct pipe *p)
{
	bool was_full = pipe_full(p);

	buf_release(p, pipe_at(p, 0));
	ring_advance(p);
	if (was_full)
		waitq_wake(&p->wait, WRITABLE);
}

struct pipe_buf pipe_take(struct pipe *p)
{
	struct pipe_buf b = *pipe_at(p, 0);

	ring_advance(p);
	p->reserved++;
	return b;
}

void pipe_untake(struct pipe *p, const struct pipe_buf *b)
{
	p->reserved--;
	if (b->len) {
		p->head = (p->head - 1) & (p->nslots - 1);
		p->count++;
		*pipe_at(p, 0) = *b;
		return;
	}
	page_put(b->pa);
	waitq_wake(&p->wait, WRITABLE);
}

/* -- waiting -- */

int pipe_wait_data(struct pipe *p, bool nonblock)
{
	if (!pipe_empty(p) || !p->writers)
		return 0;
	if (nonblock)
		return -EAGAIN;
	if (waitq_wait(&p->wait, !pipe_empty(p) || !p->writers, TIME_NEVER))
		return -ERESTARTSYS;
	return 0;
}

int pipe_wait_room(struct pipe *p, bool nonblock)
{
	if (p->readers && pipe_full(p)) {
		if (nonblock)
			return -EAGAIN;
		if (waitq_wait(&p->wait, !p->readers || !pipe_full(p), TIME_NEVER))
			return -ERESTARTSYS;
	}
	return p->readers ? 0 : -EPIPE;
}

/* -- reading and writing -- */

/* A buffer's part of a transfer arrives whole or, where the caller's memory ends, counts as
 * nothing: it stays in the pipe, or out of it (Linux fs/pipe.c). */
static s64 whole(s64 moved, size_t want)
{
	return moved == (s64)want ? moved : -EFAULT;
}

/* Moves from the oldest buffer. Bytes, or -EFAULT. */
static s64 read_buf(struct pipe *p, struct uio *u)
{
	struct pipe_buf *b = pipe_at(p, 0);
	size_t want = min_u64(b->len, u->left);
	s64 n = whole(uio_put(u, (u8 *)phys_ptr(b->pa) + b->off, want), want);

	if (n < 0)
		return n;
	b->off += (u32)n;
	b->len -= (u32)n;
	if (!b->len || b->packet)
		pipe_pop(p);
	return n;
}

static s64 pipe_read(struct file *f, struct uio *u, s64 *pos)
{
	struct pipe *p = f->priv;
	s64 done = 0;

	while (u->left) {
		bool packet;
		s64 n;

		if (pipe_empty(p)) {
			if (done)
				break;
			n = pipe_wait_data(p, f->flags & O_NONBLOCK);
			if (n)
				return n;
			if (pipe_empty(p) && !p->writers)
				return 0;
			continue; /* or another reader was faster */
		}
		packet = pipe_at(p, 0)->packet;
		n = read_buf(p, u);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (packet)
			break;
	}
	return done;
}

/* Appends the part of a write that is less than a page to the newest buffer, if all of it fits
 * there. */
static s64 write_merge(struct pipe *p, struct uio *u)
{
	u32 n = u->left & (PAGE_SIZE - 1);
	struct pipe_buf *b;
	s64 r;

	if (!n || pipe_empty(p))
		return 0;
	b = pipe_at(p, p->count - 1);
	if (!b->merge || b->off + b->len + n > PAGE_SIZE)
		return 0;
	r = whole(uio_get(u, (u8 *)phys_ptr(b->pa) + b->off + b->len, n), n);
	if (r < 0)
		return r;
	b->len += n;
	waitq_wake(&p->wait, READABLE);
	return r;
}

static s64 write_page(struct pipe *p, struct uio *u, bool packet)
{
	struct pipe_buf b = {.merge = !packet, .packet = packet};
	size_t want = min_u64(u->left, PAGE_SIZE);
	s64 n;

	b.pa = page_for_write(p);
	if (!b.pa)
		return -ENOMEM;
	n = whole(uio_get(u, phys_ptr(b.pa), want), want);
	if (n < 0) {
		buf_release(p, &b);
		return n;
	}
	b.len = (u32)n;
	pipe_push(p, &b);
	return n;
}

static s64 pipe_write(struct file *f, struct uio *u, s64 *pos)
{
	struct pipe *p = f->priv;
	s64 done = 0, n = 0;

	if (!u->left)
		return 0;
	if (p->readers) {
		n = write_merge(p, u);
		if (n < 0)
			return n;
		done = n;
	}
	while (u->left) {
		n = pipe_wait_room(p, f->flags & O_NONBLOCK);
		if (n)
			break;
		n = write_page(p, u, f->flags & O_DIRECT);
		if (n < 0)
			break;
		done += n;
	}
	return done ? done : n;
}

static u32 pipe_poll(struct file *f, struct waitq **q)
{
	struct pipe *p = f->priv;
	u32 acc = f->flags & O_ACCMODE, mask = 0;

	if (q)
		*q = &p->wait;
	if (acc != O_WRONLY) {
		if (!pipe_empty(p))
			mask |= READABLE;
		/* A FIFO opened without waiting has not hung up before its first writer came:
		 * anon_ino holds how many had come then (fifo_open). */
		if (!p->writers &&
			!(f->inode && !anon_inode_is(f->inode) && f->anon_ino == p->writer_opens))
			mask |= POLL_HUP;
	}
	if (acc != O_RDONLY) {
		if (!pipe_full(p))
			mask |= WRITABLE;
		if (!p->readers)
			mask |= POLL_ERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->priv;
	u32 bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	for (u32 i = 0; i < p->count; i++)
		bytes += pipe_at(p, i)->len;
	return put_user_u32(arg, bytes);
}

/* -- life -- */

static struct pipe *pipe_new(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->nslots = PIPE_SLOTS_DEFAULT;
	p->slots = kzalloc(p->nslots * sizeof(*p->slots));
	if (!p->slots) {
		kfree(p);
		return NULL;
	}
	waitq_init(&p->wait);
	return p;
}

static void pipe_free(struct pipe *p)
{
	while (!pipe_empty(p))
		pipe_pop(p);
	if (p->spare_page)
		page_put(p->spare_page);
	kfree(p->slots);
	kfree(p);
}

static void pipe_attach(struct pipe *p, struct file *f)
{
	u32 acc = f->flags & O_ACCMODE;

	p->files++;
	if (acc != O_WRONLY) {
		p->readers++;
		p->reader_opens++;
	}
	if (acc != O_RDONLY) {
		p->writers++;
		p->writer_opens++;
	}
}

static void pipe_detach(struct pipe *p, struct inode *i, u32 flags)
{
	u32 acc = flags & O_ACCMODE;

	if (acc != O_WRONLY)
		p->readers--;
	if (acc != O_RDONLY)
		p->writers--;
	if (!p->readers != !p->writers)
		waitq_wake(&p->wait, READABLE | WRITABLE | POLL_ERR | POLL_HUP);
	if (--p->files)
		return;
	i->fifo = NULL;
	pipe_free(p);
}

static void pipe_release(struct file *f)
{
	pipe_detach(f->priv, f->inode, f->flags);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
	.async = true,
};

static struct file *pipe_end(struct pipe *p, struct inode *i, u32 flags)
{
	struct file *f = anon_file(&pipe_ops, "pipe:", flags, p);

	if (is_err(f))
		return f;
	inode_get(i);
	f->inode = i;
	f->anon_ino = i->ino;
	pipe_attach(p, f);
	return f;
}

int pipe_make(struct file *ends[2], u32 flags)
{
	struct inode *i = anon_inode_new(S_IFIFO | 0600);
	struct pipe *p = i ? pipe_new() : NULL;
	int r = 0;

	if (!p) {
		if (i)
			inode_put(i);
		return -ENOMEM;
	}
	i->fifo = p;
	flags &= O_NONBLOCK | O_DIRECT;
	ends[0] = pipe_end(p, i, O_RDONLY | (flags & O_NONBLOCK));
	if (is_err(ends[0])) {
		pipe_free(p);
		r = -ENOMEM;
	} else {
		ends[1] = pipe_end(p, i, O_WRONLY | flags);
		if (is_err(ends[1])) {
			file_put(ends[0]); /* takes the pipe with it */
			r = -ENOMEM;
		}
	}
	inode_put(i);
	return r;
}

/* -- FIFOs -- */

/* Sleeps until the other side was opened once more. */
static int wait_partner(struct pipe *p, const u32 *opens)
{
	u32 seen = *opens;

	return waitq_wait(&p->wait, *opens != seen, TIME_NEVER) ? -ERESTARTSYS : 0;
}

static int fifo_wait(struct pipe *p, struct file *f)
{
	bool nonblock = f->flags & O_NONBLOCK;

	switch (f->flags & O_ACCMODE) {
	case O_RDONLY:
		if (p->writers)
			return 0;
		if (nonblock) {
			f->anon_ino = p->writer_opens; /* see pipe_poll */
			return 0;
		}
		return wait_partner(p, &p->writer_opens);
	case O_WRONLY:
		return p->readers ? 0 : wait_partner(p, &p->reader_opens);
	default:
		return 0; /* both ends at once never wait (Linux; POSIX leaves it open) */
	}
}

int fifo_open(struct inode *i, struct file *f)
{
	struct pipe *p = i->fifo;
	int r;

	if ((f->flags & O_ACCMODE) == O_WRONLY && (f->flags & O_NONBLOCK) && (!p || !p->readers))
		return -ENXIO;
	if (!p) {
		p = pipe_new();
		if (!p)
			return -ENOMEM;
		i->fifo = p;
	}
	pipe_attach(p, f);
	waitq_wake(&p->wait, 0);
	f->anon_ino = ~0ull;
	/* a pipe opened again through /proc/self/fd never waits (Linux fifo_open, is_pipe) */
	r = anon_inode_is(i) ? 0 : fifo_wait(p, f);
	if (r) {
		pipe_detach(p, i, f->flags);
		return r;
	}
	if (anon_inode_is(i)) { /* through /proc/self/fd */
		f->anon_name = "pipe:";
		f->anon_ino = i->ino;
	}
	f->ops = &pipe_ops;
	f->priv = p;
	return 0;
}

/* -- size -- */

struct pipe *file_pipe(struct file *f)
{
	return f->ops == &pipe_ops ? f->priv : NULL;
}

static long pipe_resize(struct pipe *p, u32 bytes)
{
	u32 n = 1;
	struct pipe_buf *slots;

	if (bytes > 1u << 31)
		return -EINVAL;
	while ((u64)n * PAGE_SIZE < bytes)
		n *= 2;
	if (n > p->nslots && n * PAGE_SIZE > PIPE_SIZE_MAX &&
		!cred_has(&current->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	if (n < p->count + p->reserved)
		return -EBUSY;
	if (n == p->nslots)
		return n * PAGE_SIZE;
	slots = kzalloc(n * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (u32 i = 0; i < p->count; i++)
		slots[i] = *pipe_at(p, i);
	kfree(p->slots);
	p->slots = slots;
	p->head = 0;
	p->nslots = n;
	waitq_wake(&p->wait, WRITABLE);
	return n * PAGE_SIZE;
}

long pipe_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = file_pipe(f);

	if (!p)
		return -EBADF;
	switch (cmd) {
	case F_GETPIPE_SZ:
		return p->nslots * PAGE_SIZE;
	case F_SETPIPE_SZ:
		return pipe_resize(p, (u32)arg);
	default:
		return -EINVAL;
	}
}
