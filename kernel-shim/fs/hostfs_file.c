/* SPDX-License-Identifier: Apache-2.0
 * Open files of the host: reading and writing go between guest pages and the host's file, one
 * request for up to CHAN_SEGS_MAX pieces of memory.
 */
#include "fs/hostfs_internal.h"

#include <linux/falloc.h>

u32 host_open_flags(u32 flags)
{
	static const u32 access[4] = {
		CHAN_O_READ, CHAN_O_WRITE, CHAN_O_READ | CHAN_O_WRITE, CHAN_O_READ | CHAN_O_WRITE};

	return access[flags & O_ACCMODE] | (flags & O_TRUNC ? CHAN_O_TRUNC : 0) |
	       (flags & (O_SYNC | O_DSYNC) ? CHAN_O_SYNC : 0) |
	       (flags & O_FOR_EXEC ? CHAN_O_EXEC : 0);
}

int host_file_attach(struct file *f, struct inode *i, u32 handle)
{
	struct host_file *h = kzalloc(sizeof(*h));

	if (!h) {
		host_forget(handle);
		return -ENOMEM;
	}
	h->flags = f->flags;
	h->handle = handle;
	list_init(&h->stream_link);
	waitq_init(&h->wait);
	list_add_tail(&host_inode(i)->open, &h->link);
	f->priv = h;
	return 0;
}

void host_file_release(struct file *f)
{
	struct host_file *h = host_file(f);

	if (h->shares) {
		h->shares--;
		return;
	}
	list_del(&h->link);
	list_del(&h->stream_link);
	kfree(h->dir_buf);
	host_forget(h->handle);
	kfree(h);
}

u32 hostfs_handle(struct file *f)
{
	return f->ops && f->ops->release == host_file_release ? host_file(f)->handle : 0;
}

int hostfs_flock(struct file *f, u32 op)
{
	struct chan_msg m = {.op = CHAN_OP_FLOCK, .a = {hostfs_handle(f), op}};

	return m.a[0] ? (int)host_call(&m) : 0;
}

/* The host opened another file than the one that we walked to: the name changed hands meanwhile,
 * and the open file is the truth. */
static int rebind(struct file *f, const struct chan_attr *a)
{
	struct dentry *old = f->path.dentry, *d;
	struct inode *i = host_inode_get(f->inode->super, a, 0);

	d = i && old->parent ? dentry_new(old->parent, old->name, old->len, i) : NULL;
	if (!d) {
		if (i)
			inode_put(i);
		return i ? -ESTALE : -ENOMEM;
	}
	if (!old->unhashed)
		dentry_unhash(old);
	d->valid_until = host_deadline();
	f->path.dentry = d;
	dentry_put(old);
	inode_put(f->inode);
	f->inode = i;
	return 0;
}

static s64 call_open(struct inode *i, struct file *f)
{
	struct chan_msg m = {.op = CHAN_OP_OPEN, .a = {0, host_open_flags(f->flags)}};
	const struct dentry *d = f->path.dentry;
	struct host_ref ref;
	int r;

	if (S_ISDIR(i->mode)) {
		m = (struct chan_msg){.op = CHAN_OP_OPENDIR, .a = {host_inode(i)->handle}};
		return host_call(&m);
	}
	if (!d->parent || d->unhashed || host_ref_dentry(d, &ref)) {
		r = host_ref(i, true, &ref); /* a mounted file, or one without a name */
		if (r)
			return r;
	}
	return host_call_ref(&m, &ref);
}

int host_open(struct inode *i, struct file *f)
{
	struct host_inode *h = host_inode(i);
	u64 old_size = i->size;
	s64 handle = h->tmp_handle;
	int r = 0;

	h->tmp_handle = 0;
	if (!handle)
		handle = call_open(i, f);
	else
		goto attach;
	if (handle == -ENOENT && f->path.dentry->parent)
		f->path.dentry->valid_until = 0;
	if (handle < 0)
		return (int)handle;
	if (!S_ISDIR(i->mode)) {
		struct chan_attr a;

		memcpy(&a, plat_chan_data(), sizeof(a));
		if (host_is_same(i, &a))
			host_inode_update(i, &a);
		else
			r = rebind(f, &a);
		if (!r && (f->flags & O_TRUNC) && old_size)
			mm_file_truncated(f->inode, 0);
	}
	if (r) {
		host_forget((u32)handle);
		return r;
	}
attach:
	return host_file_attach(f, f->inode, (u32)handle);
}

/* -- moving bytes -- */

/* Through a page of our own, where the caller's memory is itself a piece of a host file. */
static s64 transfer_page(struct chan_msg *m, struct uio *u, bool write)
{
	u64 pa = page_alloc_raw();
	size_t n = min_u64(u->left, PAGE_SIZE);
	s64 r;

	if (!pa)
		return -ENOMEM;
	if (write) {
		r = uio_get(u, phys_ptr(pa), n);
		if (r <= 0)
			goto out;
		n = (size_t)r;
	}
	m->nseg = 1;
	m->seg[0] = (struct chan_seg){pa, n};
	m->a[2] = n;
	r = host_call(m);
	if (!write && r > 0) {
		s64 put = uio_put(u, phys_ptr(pa), (size_t)r);

		r = put < r && put <= 0 ? -EFAULT : put;
	}
out:
	page_put(pa);
	return r;
}

/* One request. *asked: how many bytes it was for. */
static s64 transfer_once(struct chan_msg *m, struct uio *u, bool write, size_t *asked)
{
	size_t bytes = 0;
	int n = uio_segs(u, !write, u->left, m->seg, CHAN_SEGS_MAX, &bytes);
	s64 r;

	if (n < 0)
		return n;
	*asked = min_u64(u->left, PAGE_SIZE);
	if (!bytes)
		return transfer_page(m, u, write);
	*asked = bytes;
	m->nseg = (uint16_t)n;
	m->a[2] = bytes;
	r = host_call(m);
	if (r > 0)
		uio_advance(u, (size_t)r);
	return r;
}

s64 host_transfer(u32 handle, struct uio *u, u64 off, bool write, u64 flags, bool once)
{
	s64 done = 0;

	while (u->left) {
		struct chan_msg m = {
			.op = write ? CHAN_OP_WRITE : CHAN_OP_READ, .a = {handle, off}};
		size_t asked = 0;
		s64 r;

		m.a[3] = flags;
		r = transfer_once(&m, u, write, &asked);
		if (r < 0)
			return done ? done : r;
		done += r;
		if (off != CHAN_OFF_STREAM)
			off += (u64)r;
		if ((size_t)r < asked || once)
			break;
	}
	return done;
}

static s64 file_read(struct file *f, struct uio *u, s64 *pos)
{
	s64 r = host_transfer(host_file(f)->handle, u, (u64)*pos, false, 0, false);

	if (r > 0)
		*pos += r;
	return r;
}

static s64 file_write(struct file *f, struct uio *u, s64 *pos)
{
	struct inode *i = f->inode;
	bool append = f->flags & O_APPEND;
	s64 r;

	r = host_transfer(host_file(f)->handle, u, append ? 0 : (u64)*pos, true,
		append ? CHAN_WRITE_APPEND : 0, false);
	if (r <= 0)
		return r;
	/* Where others append too, the end is further off; who asks for it asks the host. */
	*pos = (append ? (s64)i->size : *pos) + r;
	if ((u64)*pos > i->size)
		i->size = (u64)*pos;
	host_inode_stale(i);
	return r;
}

static s64 file_seek(struct file *f, s64 off, int whence)
{
	struct kstat st;
	s64 r;

	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		struct chan_msg m = {
			.op = CHAN_OP_SEEK, .a = {host_file(f)->handle, (u64)off, (u64)whence}};

		r = host_call(&m);
		if (r >= 0)
			f->pos = r;
		return r;
	}
	if (whence == SEEK_END) {
		r = host_getattr(f->inode, &st);
		if (r)
			return r;
	}
	return file_seek_to(f, off, whence, (s64)f->inode->size);
}

static int file_fsync(struct file *f, bool data_only)
{
	struct chan_msg m = {.op = CHAN_OP_FSYNC, .a = {host_file(f)->handle, data_only}};

	return (int)host_call(&m);
}

static int file_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	struct chan_msg m = {.op = CHAN_OP_FALLOCATE, .a = {host_file(f)->handle, mode, off, len}};
	int r = (int)host_call(&m);

	host_inode_stale(f->inode);
	return r;
}

static int file_truncate(struct file *f, u64 size)
{
	struct host_ref ref = {host_file(f)->handle, 0, ""};
	struct setattr a = {.valid = CHAN_SET_SIZE, .size = size};

	return host_setattr_ref(f->inode, &ref, &a);
}

const struct file_ops host_file_ops = {
	.read = file_read,
	.write = file_write,
	.seek = file_seek,
	.fsync = file_fsync,
	.fallocate = file_fallocate,
	.truncate = file_truncate,
	.release = host_file_release,
};

const struct file_ops host_dir_ops = {
	.readdir = host_readdir,
	.seek = host_dir_seek,
	.fsync = file_fsync,
	.release = host_file_release,
};
