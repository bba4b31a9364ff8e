/* SPDX-License-Identifier: Apache-2.0
 * Reading, writing, positions.
 */
#include "fs/fs_internal.h"
#include "sys/sys.h"

#define RWF_KNOWN ((u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))

/* A range that cannot be the program's is refused before anything moves. */
static int range_ok(u64 base, u64 len)
{
	if ((s64)len < 0)
		return -EINVAL;
	return base > USER_VA_END || len > USER_VA_END - base ? -EFAULT : 0;
}

static s64 transfer(struct file *f, struct uio *u, s64 *pos, bool write)
{
	return write ? vfs_write(f, u, pos) : vfs_read(f, u, pos);
}

static int file_allows(const struct file *f, const s64 *pos, bool write)
{
	if (pos && !f->ops->seek)
		return -ESPIPE;
	return (write ? file_writable(f) : file_readable(f)) ? 0 : -EBADF;
}

static s64 rw_buffer(s32 fd, u64 base, u64 len, s64 *pos, bool write)
{
	struct file *f = fd_get(fd);
	struct uio u;
	s64 r;

	if (!f)
		return -EBADF;
	r = file_allows(f, pos, write);
	if (!r)
		r = range_ok(base, len);
	if (!r) {
		uio_user(&u, base, len);
		r = transfer(f, &u, pos, write);
	}
	file_put(f);
	return r;
}

long sys_read(struct task *t, const u64 *a)
{
	return rw_buffer((s32)a[0], a[1], a[2], NULL, false);
}

long sys_write(struct task *t, const u64 *a)
{
	return rw_buffer((s32)a[0], a[1], a[2], NULL, true);
}

long sys_pread64(struct task *t, const u64 *a)
{
	s64 pos = (s64)a[3];

	return pos < 0 ? -EINVAL : rw_buffer((s32)a[0], a[1], a[2], &pos, false);
}

long sys_pwrite64(struct task *t, const u64 *a)
{
	s64 pos = (s64)a[3];

	return pos < 0 ? -EINVAL : rw_buffer((s32)a[0], a[1], a[2], &pos, true);
}

static int flags_ok(const struct file *f, u32 flags, bool write)
{
	if (flags & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	return (flags & RWF_APPEND) && !write ? -EOPNOTSUPP : 0;
}

/* The flags of one call are those of the file while it lasts. With O_NONBLOCK, and on regular
 * files, nothing switches to another task meanwhile. */
static s64 transfer_flags(struct file *f, struct uio *u, s64 *pos, bool write, u32 flags)
{
	u32 extra = (flags & RWF_NOWAIT ? O_NONBLOCK : 0) | (flags & RWF_APPEND ? O_APPEND : 0);
	u32 old = f->flags;
	s64 r;

	f->flags |= extra;
	r = transfer(f, u, pos, write);
	if (extra)
		f->flags = old;
	if (r > 0 && write && (flags & (RWF_DSYNC | RWF_SYNC)) && f->ops->fsync) {
		int err = f->ops->fsync(f, !(flags & RWF_SYNC));

		if (err)
			return err;
	}
	return r;
}

static s64 rw_vector(s32 fd, u64 iov, u64 n, s64 *pos, bool write, u32 flags)
{
	struct file *f = fd_get(fd);
	struct uio u = {0};
	s64 r;

	if (!f)
		return -EBADF;
	r = file_allows(f, pos, write);
	if (!r)
		r = n > 1024 ? -EINVAL : uio_user_iov(&u, iov, (u32)n);
	if (!r) {
		r = u.left ? flags_ok(f, flags, write) : 0;
		if (!r)
			r = transfer_flags(f, &u, pos, write, flags);
		uio_free(&u);
	}
	file_put(f);
	return r;
}

long sys_readv(struct task *t, const u64 *a)
{
	return rw_vector((s32)a[0], a[1], a[2], NULL, false, 0);
}

long sys_writev(struct task *t, const u64 *a)
{
	return rw_vector((s32)a[0], a[1], a[2], NULL, true, 0);
}

long sys_preadv(struct task *t, const u64 *a)
{
	s64 pos = (s64)a[3];

	return pos < 0 ? -EINVAL : rw_vector((s32)a[0], a[1], a[2], &pos, false, 0);
}

long sys_pwritev(struct task *t, const u64 *a)
{
	s64 pos = (s64)a[3];

	return pos < 0 ? -EINVAL : rw_vector((s32)a[0], a[1], a[2], &pos, true, 0);
}

/* An offset of -1 is the file's own position. */
static s64 rw_vector2(const u64 *a, bool write)
{
	s64 pos = (s64)a[3];

	if (pos < -1)
		return -EINVAL;
	return rw_vector((s32)a[0], a[1], a[2], pos == -1 ? NULL : &pos, write, (u32)a[5]);
}

long sys_preadv2(struct task *t, const u64 *a)
{
	return rw_vector2(a, false);
}

long sys_pwritev2(struct task *t, const u64 *a)
{
	return rw_vector2(a, true);
}

long sys_lseek(struct task *t, const u64 *a)
{
	struct file *f = fd_get((s32)a[0]);
	s64 r;

	if (!f)
		return -EBADF;
	if ((u32)a[2] > SEEK_HOLE)
		r = -EINVAL;
	else
		r = f->ops->seek ? f->ops->seek(f, (s64)a[1], (int)a[2]) : -ESPIPE;
	file_put(f);
	return r;
}
