/* SPDX-License-Identifier: Apache-2.0
 * splice(2) and tee(2): data goes through the pages of a pipe.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/pipe.h"
#include "fs/vfs.h"
#include "mm/mm.h"
#include "sys/sys.h"

#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_ALL	  15u /* MOVE, NONBLOCK, MORE, GIFT */

static bool nonblocking(struct file *pipe_end, u32 flags)
{
	return (flags & SPLICE_F_NONBLOCK) || (pipe_end->flags & O_NONBLOCK);
}

/* What write(2) does when nobody reads any more. */
static s64 broken_pipe(s64 r)
{
	struct sig_info si;

	if (r == -EPIPE) {
		signal_simple(&si, SIGPIPE, 0);
		signal_send_task(current, &si);
	}
	return r;
}

/* -- between a pipe and another file; pos NULL: the file's own position -- */

static s64 pipe_to_file(struct file *in, struct file *out, s64 *pos, u64 len, u32 flags)
{
	struct pipe *p = file_pipe(in);
	s64 done = 0;

	while (len) {
		struct pipe_buf b;
		struct uio u;
		s64 r, n;

		if (pipe_empty(p)) {
			r = done ? 0 : pipe_wait_data(p, nonblocking(in, flags));
			if (r)
				return r;
			if (done || !p->writers)
				break;
			continue;
		}
		b = pipe_take(p); /* out may sleep, and others read meanwhile */
		n = (s64)min_u64(len, b.len);
		uio_kernel(&u, (u8 *)phys_ptr(b.pa) + b.off, (size_t)n);
		r = vfs_write(out, &u, pos);
		if (r > 0) {
			b.off += (u32)r;
			b.len -= (u32)r;
			done += r;
			len -= (u64)r;
		}
		pipe_untake(p, &b);
		if (r < 0)
			return done ? done : r;
		if (r < n)
			break;
	}
	return done;
}

/* One read of at most a page. */
static s64 file_page_to_pipe(struct file *in, s64 *pos, struct pipe *p, u64 len)
{
	struct pipe_buf b = {.pa = page_alloc_raw()};
	struct uio u;
	s64 r;

	if (!b.pa)
		return -ENOMEM;
	uio_kernel(&u, phys_ptr(b.pa), min_u64(len, PAGE_SIZE));
	p->reserved++; /* the read may sleep: keep the room */
	r = vfs_read(in, &u, pos);
	p->reserved--;
	if (r <= 0) {
		page_put(b.pa);
		return r;
	}
	b.len = (u32)r;
	pipe_push(p, &b);
	return r;
}

static s64 file_to_pipe(struct file *in, s64 *pos, struct file *out, u64 len, u32 flags)
{
	struct pipe *p = file_pipe(out);
	bool stream = !in->inode || !S_ISREG(in->inode->mode);
	s64 done = 0, r;

	while (len && !(done && (stream || pipe_full(p)))) {
		r = pipe_wait_room(p, nonblocking(out, flags));
		if (!r)
			r = file_page_to_pipe(in, pos, p, len);
		if (r <= 0)
			return done ? done : broken_pipe(r);
		done += r;
		len -= (u64)r;
		if (r < (s64)PAGE_SIZE)
			break;
	}
	return done;
}

/* -- between two pipes -- */

/* Waits until there is something in `in` and room in `out`. 1, 0 at the end of the data, or an
 * error. */
static s64 pipes_wait(struct pipe *in, struct pipe *out, bool nonblock)
{
	s64 r;

	do {
		r = pipe_wait_data(in, nonblock);
		if (r)
			return r;
		if (pipe_empty(in) && !in->writers)
			return 0;
		r = pipe_wait_room(out, nonblock);
		if (r)
			return broken_pipe(r);
	} while (pipe_empty(in));
	return 1;
}

/* The first n bytes of b as a buffer of `out`, on the same page. */
static void share_buf(struct pipe *out, const struct pipe_buf *b, u32 n)
{
	struct pipe_buf copy = *b;

	copy.len = n;
	copy.merge = false; /* what follows on the page is not ours */
	page_get(copy.pa);
	pipe_push(out, &copy);
}

static s64 pipe_to_pipe(struct pipe *in, struct pipe *out, u64 len, bool nonblock)
{
	s64 done = 0, r = pipes_wait(in, out, nonblock);

	if (r <= 0)
		return r;
	while (len && !pipe_empty(in) && !pipe_full(out)) {
		struct pipe_buf b = pipe_take(in);
		u32 n = (u32)min_u64(len, b.len);

		share_buf(out, &b, n);
		b.off += n;
		b.len -= n;
		pipe_untake(in, &b);
		done += n;
		len -= n;
	}
	return done;
}

static s64 pipe_copy(struct pipe *in, struct pipe *out, u64 len, bool nonblock)
{
	s64 done = 0, r = pipes_wait(in, out, nonblock);

	if (r <= 0)
		return r;
	for (u32 i = 0; len && i < in->count && !pipe_full(out); i++) {
		u32 n = (u32)min_u64(len, pipe_at(in, i)->len);

		share_buf(out, pipe_at(in, i), n);
		done += n;
		len -= n;
	}
	return done;
}

/* -- the calls -- */

/* The offset for a file that is not a pipe: NULL in *pos when the program gave none. */
static int offset_get(struct file *f, u64 uoff, s64 *value, s64 **pos)
{
	*pos = NULL;
	if (!uoff)
		return 0;
	if (!f->ops->seek)
		return -EINVAL;
	if (copy_from_user(value, uoff, sizeof(*value)))
		return -EFAULT;
	*pos = value;
	return 0;
}

static long splice_files(struct file *in, struct file *out, const u64 *a)
{
	u64 uoff_in = a[1], uoff_out = a[3], len = a[4];
	u32 flags = (u32)a[5];
	struct pipe *pin = file_pipe(in), *pout = file_pipe(out);
	s64 off, *pos, r;

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if ((pin && uoff_in) || (pout && uoff_out))
		return -ESPIPE;
	if (pin && pout) {
		if (pin == pout)
			return -EINVAL;
		return pipe_to_pipe(
			pin, pout, len, nonblocking(in, flags) || nonblocking(out, flags));
	}
	if (pin) {
		if (out->flags & O_APPEND)
			return -EINVAL;
		r = offset_get(out, uoff_out, &off, &pos);
		r = r ? r : pipe_to_file(in, out, pos, len, flags);
	} else if (pout) {
		r = offset_get(in, uoff_in, &off, &pos);
		r = r ? r : file_to_pipe(in, pos, out, len, flags);
	} else {
		return -EINVAL;
	}
	if (r > 0 && pos && copy_to_user(uoff_in ? uoff_in : uoff_out, &off, sizeof(off)))
		return -EFAULT;
	return r;
}

long sys_splice(struct task *t, const u64 *a)
{
	if (!a[4])
		return 0;
	return (u32)a[5] & ~SPLICE_F_ALL ? -EINVAL : fd_call_two(a, 2, splice_files);
}

/* Linux may map the program's pages into the pipe; nothing obliges it to, so they are copied. */
static long vmsplice(struct file *f, const u64 *a)
{
	bool out = file_writable(f);
	u32 old = f->flags;
	struct uio u = {0};
	s64 r;

	if (a[2] > 1024)
		return -EINVAL;
	if (!out && !file_readable(f))
		return -EBADF;
	r = uio_user_iov(&u, a[1], (u32)a[2]);
	if (!r && u.left) {
		if (!file_pipe(f))
			r = -EBADF;
		if (a[3] & SPLICE_F_NONBLOCK)
			f->flags |= O_NONBLOCK;
		if (!r)
			r = out ? vfs_write(f, &u, NULL) : vfs_read(f, &u, NULL);
		f->flags = old;
	}
	uio_free(&u);
	return r;
}

long sys_vmsplice(struct task *t, const u64 *a)
{
	return (u32)a[3] & ~SPLICE_F_ALL ? -EINVAL : fd_call(a, vmsplice);
}

static long tee_files(struct file *in, struct file *out, const u64 *a)
{
	u32 flags = (u32)a[3];
	struct pipe *pin = file_pipe(in), *pout = file_pipe(out);

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (!pin || !pout || pin == pout)
		return -EINVAL;
	return pipe_copy(pin, pout, a[2], nonblocking(in, flags) || nonblocking(out, flags));
}

long sys_tee(struct task *t, const u64 *a)
{
	if ((u32)a[3] & ~SPLICE_F_ALL)
		return -EINVAL;
	return a[2] ? fd_call_two(a, 1, tee_files) : 0;
}
