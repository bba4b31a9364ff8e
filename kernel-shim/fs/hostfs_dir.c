/* SPDX-License-Identifier: Apache-2.0
 * Listing the host's directories: its own order, its own positions.
 */
#include "fs/hostfs_internal.h"

/* Larger than the host file systems' cookies, but for the one that some of them give the end. */
#define STAND_IN     0x7fffffff00000000ll
#define STAND_IN_END (STAND_IN + (1ll << 20))

/* What the host told, kept until it is used up: a program asks for less at a time. */
static s64 fill(struct host_file *h, u64 cookie)
{
	struct chan_msg m = {.op = CHAN_OP_READDIR, .a = {h->handle, cookie}};
	s64 r = host_call(&m);

	kfree(h->dir_buf);
	h->dir_buf = NULL;
	h->dir_at = h->dir_len = 0;
	if (r <= 0)
		return r;
	h->dir_buf = kalloc((size_t)r);
	if (!h->dir_buf)
		return -ENOMEM;
	memcpy(h->dir_buf, plat_chan_data(), (size_t)r);
	h->dir_len = (u32)r;
	return r;
}

static bool at_stand_in(s64 pos)
{
	return pos >= STAND_IN && pos < STAND_IN_END;
}

/* After the host's entries: names that stand in the cache alone, for mounts on what the host lacks
 * (fs/boot.c). Positions from STAND_IN on. */
static int list_stand_ins(struct file *f, dir_emit emit, void *arg)
{
	s64 at = STAND_IN;

	if (!at_stand_in(f->pos))
		f->pos = STAND_IN;
	list_for_each(l, &f->path.dentry->children)
	{
		const struct dentry *d = list_entry(l, struct dentry, child_link);

		if (!d->inode || d->unhashed || d->inode->super == f->inode->super)
			continue;
		if (at++ < f->pos)
			continue;
		if (!emit(arg, d->name, d->len, d->inode->ino, (u8)(d->inode->mode >> 12), (u64)at))
			return 0;
		f->pos = at;
	}
	return 0;
}

int host_readdir(struct file *f, dir_emit emit, void *arg)
{
	struct host_file *h = host_file(f);

	if (at_stand_in(f->pos))
		return list_stand_ins(f, emit, arg);
	for (;;) {
		const struct chan_dirent *d;

		if (h->dir_at >= h->dir_len) {
			s64 r = fill(h, (u64)f->pos);

			if (r < 0)
				return (int)r;
			if (!r)
				return list_stand_ins(f, emit, arg);
		}
		d = (const struct chan_dirent *)(h->dir_buf + h->dir_at);
		if (d->reclen < sizeof(*d) || h->dir_at + d->reclen > h->dir_len)
			return -EIO;
		if (!emit(arg, d->name, d->namelen, d->ino, d->type, d->cookie))
			return 0;
		f->pos = (s64)d->cookie;
		h->dir_at += d->reclen;
	}
}

/* Positions are the host's cookies: only what telldir gave, and 0, mean anything. */
s64 host_dir_seek(struct file *f, s64 off, int whence)
{
	struct host_file *h = host_file(f);
	s64 old = f->pos, r = file_seek_set(f, off, whence);

	if (r >= 0 && (r != old || r == 0))
		h->dir_at = h->dir_len = 0;
	return r;
}
