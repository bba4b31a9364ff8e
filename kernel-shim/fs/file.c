/* SPDX-License-Identifier: Apache-2.0
 * Open files: counted, and read and written with the checks that every kind of file has in common.
 */
#include "fs/epoll.h"
#include "fs/fasync.h"
#include "fs/fs_internal.h"
#include "fs/notify.h"

#include <asm/signal.h>
#include <linux/resource.h>

#define RW_MAX 0x7ffff000ull /* Linux moves no more in one call */

struct file *file_new(const struct file_ops *ops, u32 flags)
{
	struct file *f = kzalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->ops = ops;
	f->refs = 1;
	f->flags = flags;
	list_init(&f->epoll_items);
	return f;
}

struct file *file_from_path(const struct path *p, u32 flags)
{
	struct inode *i = p->dentry->inode;
	struct file *f = file_new(i->fops, flags);

	if (!f)
		return NULL;
	f->path = *p;
	path_get(&f->path);
	f->inode = i;
	inode_get(i);
	return f;
}

void file_get(struct file *f)
{
	assert_locked();
	f->refs++;
}

void file_put(struct file *f)
{
	assert_locked();
	if (--f->refs)
		return;
	f->refs = 1; /* whoever looks at it on its way out may get and put */
	if (!list_empty(&f->epoll_items))
		epoll_file_released(f);
	if (f->ops)
		notify_file(f, file_writable(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	locks_drop_file(f);
	fasync_drop(f);
	if (f->ops && f->ops->release)
		f->ops->release(f);
	if (f->path.dentry)
		path_put(&f->path);
	if (f->inode)
		inode_put(f->inode);
	kfree(f);
}

/* A file that can be positioned. Others take no offset. */
static bool seekable(const struct file *f)
{
	return f->ops->seek != NULL;
}

s64 vfs_read(struct file *f, struct uio *u, s64 *pos)
{
	s64 r;

	if (!file_readable(f))
		return -EBADF;
	if (!f->ops->read)
		return f->inode && S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	if (!pos)
		pos = seekable(f) ? &f->pos : NULL;
	else if (*pos < 0)
		return -EINVAL;
	if (u->left > RW_MAX)
		u->left = RW_MAX;
	r = f->ops->read(f, u, pos);
	if (r > 0)
		notify_file(f, IN_ACCESS);
	return r;
}

/* RLIMIT_FSIZE cuts a write short, or forbids it. */
static int write_limit(struct file *f, struct uio *u, const s64 *pos)
{
	u64 limit, at;

	if (!current || !f->inode || !S_ISREG(f->inode->mode) || !pos)
		return 0;
	limit = current->proc->rlimits[RLIMIT_FSIZE][0];
	at = f->flags & O_APPEND ? f->inode->size : (u64)*pos;
	if (at >= limit)
		return rlimit_fsize(at + 1);
	if (u->left > limit - at)
		u->left = limit - at;
	return 0;
}

s64 vfs_write(struct file *f, struct uio *u, s64 *pos)
{
	s64 r;

	if (!file_writable(f))
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;
	if (!pos)
		pos = seekable(f) ? &f->pos : NULL;
	else if (*pos < 0)
		return -EINVAL;
	if (u->left > RW_MAX)
		u->left = RW_MAX;
	r = u->left ? write_limit(f, u, pos) : 0;
	if (!r)
		r = f->ops->write(f, u, pos);
	if (r > 0)
		notify_file(f, IN_MODIFY);
	/* a socket raises it itself, or not, as MSG_NOSIGNAL and its type want */
	if (r == -EPIPE && current && !(f->inode && S_ISSOCK(f->inode->mode))) {
		struct sig_info si;

		signal_simple(&si, SIGPIPE, 0);
		signal_send_task(current, &si);
	}
	return r;
}

s64 file_read_kernel(struct file *f, void *buf, size_t n, u64 pos)
{
	s64 at = (s64)pos;
	size_t done = 0;

	while (done < n) {
		struct uio u;
		s64 r;

		uio_kernel(&u, (u8 *)buf + done, n - done);
		r = vfs_read(f, &u, &at);
		if (r < 0)
			return done ? (s64)done : r;
		if (!r)
			break;
		done += (size_t)r;
	}
	return (s64)done;
}

void inode_accessed(struct file *f)
{
	struct inode *i = f->inode;
	const s64 day = 24 * 60 * 60;
	s64 now;

	if ((f->flags & O_NOATIME) || i->super->readonly ||
		(f->path.mnt->flags & (MOUNT_RO | MOUNT_NOATIME)) ||
		((f->path.mnt->flags & MOUNT_NODIRATIME) && S_ISDIR(i->mode)))
		return;
	now = (s64)(clock_real_ns() / NSEC_PER_SEC);
	if (i->atime < i->mtime || i->atime < i->ctime || i->atime + day < now ||
		(i->atime == i->mtime && i->atime_ns <= i->mtime_ns))
		inode_touch(i, TOUCH_A);
}

s64 file_seek_to(struct file *f, s64 off, int whence, s64 end)
{
	s64 base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? f->pos : end;

	if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
		return -EINVAL;
	if (__builtin_add_overflow(base, off, &base))
		return -EOVERFLOW;
	if (base < 0)
		return -EINVAL;
	f->pos = base;
	return base;
}

s64 file_seek_set(struct file *f, s64 off, int whence)
{
	return whence == SEEK_END ? -EINVAL : file_seek_to(f, off, whence, 0);
}

s64 file_tell(struct file *f)
{
	s64 pos = seekable(f) ? f->ops->seek(f, 0, SEEK_CUR) : 0;

	return pos < 0 ? 0 : pos;
}

void file_move(struct file *f, s64 pos)
{
	if (seekable(f))
		f->ops->seek(f, pos, SEEK_SET);
}

bool dir_emit_dots(struct file *f, dir_emit emit, void *arg)
{
	const struct dentry *d = f->path.dentry;
	const struct inode *up = d->parent ? d->parent->inode : f->inode;

	if (f->pos == 0) {
		if (!emit(arg, ".", 1, f->inode->ino, S_IFDIR >> 12, 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!emit(arg, "..", 2, up->ino, S_IFDIR >> 12, 2))
			return false;
		f->pos = 2;
	}
	return true;
}
