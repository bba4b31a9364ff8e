/* SPDX-License-Identifier: Apache-2.0
 * Pipes and FIFOs: a ring of page buffers.
 */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include "fs/vfs.h"

struct pipe_buf {
	u64 pa; /* a page, one reference */
	u32 off, len;
	bool merge;  /* a later write may append to it */
	bool packet; /* O_DIRECT: a read ends here and drops what it had no room for */
};

struct pipe {
	u32 files; /* open files of it; freed at zero */
	u32 readers, writers;
	u32 reader_opens,
		writer_opens; /* ever: an open(2) that waits for the other side sees them move */
	u32 nslots;	      /* a power of two */
	u32 head;	      /* of the ring: the oldest buffer */
	u32 count;	      /* buffers in use */
	u32 reserved;	      /* taken out by a splice that may have to put one back */
	u64 spare_page;
	struct pipe_buf *slots;
	struct waitq wait;
};

#define PIPE_SLOTS_DEFAULT 16u
#define PIPE_SIZE_MAX	   (1u << 20) /* /proc/sys/fs/pipe-max-size */

/* open(2) of a FIFO: waits for the other end. i->fifo holds the pipe while it is open. Sets f->ops
 * and f->priv only when it returns 0. f->inode is i already. */
int fifo_open(struct inode *i, struct file *f);
/* F_GETPIPE_SZ, F_SETPIPE_SZ; -EBADF if f is no pipe. */
long pipe_fcntl(struct file *f, u32 cmd, u64 arg);

/* For splice(2). The pipe of a file, or NULL. */
struct pipe *file_pipe(struct file *f);
static inline bool pipe_empty(const struct pipe *p)
{
	return p->count == 0;
}
static inline bool pipe_full(const struct pipe *p)
{
	return p->count + p->reserved >= p->nslots;
}
static inline struct pipe_buf *pipe_at(struct pipe *p, u32 n) /* the n-th oldest */
{
	return &p->slots[(p->head + n) & (p->nslots - 1)];
}
/* Waits until there is something to read (0: also when no writer is left) or room to write; both
 * obey nonblock: -EAGAIN; -ERESTARTSYS; pipe_wait_room: -EPIPE when no reader is left. */
int pipe_wait_data(struct pipe *p, bool nonblock);
int pipe_wait_room(struct pipe *p, bool nonblock);
void pipe_push(struct pipe *p, const struct pipe_buf *b); /* there is room; wakes readers */
void pipe_pop(struct pipe *p);				  /* drops the oldest; wakes writers */
struct pipe_buf pipe_take(struct pipe *p); /* the oldest leaves, its slot stays reserved */
void pipe_untake(
	struct pipe *p, const struct pipe_buf *b); /* puts back what is left, if anything */

#endif
