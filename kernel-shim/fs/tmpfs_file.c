/* SPDX-License-Identifier: Apache-2.0
 * Regular files in memory: reading, writing, sizes, holes, mappings.
 */
#include "fs/tmpfs_internal.h"

#include <linux/mman.h>
#include <linux/falloc.h>

#define FILE_MAX ((u64)0x7fffffffffffffff & ~(PAGE_SIZE - 1))

static s64 file_read(struct file *f, struct uio *u, s64 *pos)
{
	struct inode *i = f->inode;
	s64 done = 0;

	while (u->left && (u64)*pos < i->size) {
		u64 off = (u64)*pos % PAGE_SIZE;
		size_t n = min_u64(min_u64(PAGE_SIZE - off, u->left), i->size - (u64)*pos);
		u64 pa = tmpfs_page(&tmpfs_node(i)->pages, (u64)*pos / PAGE_SIZE);
		s64 r;

		if (pa)
			r = uio_put(u, (u8 *)phys_ptr(pa) + off, n);
		else if (imagefs_shows(i, (u64)*pos / PAGE_SIZE))
			r = imagefs_put(i, u, (u64)*pos, n);
		else
			r = uio_zero(u, n);
		if (r < 0)
			return done ? done : r;
		*pos += r;
		done += r;
		if ((size_t)r < n)
			break;
	}
	inode_accessed(f);
	return done;
}

/* One page's worth. Bytes, or the error if there are none. */
static s64 write_page(struct inode *i, struct uio *u, u64 pos)
{
	u64 off = pos % PAGE_SIZE, pa;
	size_t n = min_u64(PAGE_SIZE - off, u->left);
	bool fresh = !tmpfs_page(&tmpfs_node(i)->pages, pos / PAGE_SIZE) &&
		     !imagefs_shows(i, pos / PAGE_SIZE),
	     whole = n == PAGE_SIZE;
	int r = tmpfs_page_make(i, pos / PAGE_SIZE, !whole, &pa);
	s64 got;

	if (r)
		return r;
	got = uio_get(u, (u8 *)phys_ptr(pa) + off, n);
	if (fresh && whole && got < (s64)n) {
		size_t have = got < 0 ? 0 : (size_t)got;

		memset((u8 *)phys_ptr(pa) + have, 0, PAGE_SIZE - have);
	}
	return got;
}

/* Whoever writes without CAP_FSETID takes set-user-ID away. */
static void drop_setid(struct inode *i)
{
	if (fs_has(CAP_FSETID))
		return;
	i->mode &= ~(u32)S_ISUID;
	if (i->mode & S_IXGRP)
		i->mode &= ~(u32)S_ISGID;
}

static s64 file_write(struct file *f, struct uio *u, s64 *pos)
{
	struct inode *i = f->inode;
	u32 seals = tmpfs_node(i)->seals;
	s64 done = 0;
	u64 at = f->flags & O_APPEND ? i->size : (u64)*pos;

	if (!u->left)
		return 0;
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (at >= FILE_MAX)
		return -EFBIG;
	if ((seals & F_SEAL_GROW) && at + u->left > i->size)
		return -EPERM;
	while (u->left && at < FILE_MAX) {
		size_t want = min_u64(PAGE_SIZE - at % PAGE_SIZE, u->left);
		s64 r = write_page(i, u, at);

		if (r < 0 && !done)
			return r;
		if (r <= 0)
			break;
		at += (u64)r;
		done += r;
		if (at > i->size)
			i->size = at;
		if ((size_t)r < want)
			break;
	}
	*pos = (s64)at;
	drop_setid(i);
	imagefs_pin(i);
	inode_touch(i, TOUCH_M | TOUCH_C);
	return done;
}

static s64 file_seek(struct file *f, s64 off, int whence)
{
	struct inode *i = f->inode;
	const struct image_inode *im = tmpfs_node(i)->image;
	u64 page = (u64)off / PAGE_SIZE;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return file_seek_to(f, off, whence, (s64)i->size);
	if (off < 0 || (u64)off >= i->size)
		return -ENXIO;
	/* what the image has counts as data */
	if (im && page < im->pages && whence == SEEK_HOLE)
		page = im->pages;
	if (!im || page >= im->pages)
		page = tmpfs_pages_next(&tmpfs_node(i)->pages, page, whence == SEEK_HOLE);
	if (page != (u64)off / PAGE_SIZE)
		off = page < i->size / PAGE_SIZE + 1 ? (s64)(page * PAGE_SIZE) : (s64)i->size;
	if ((u64)off >= i->size) {
		if (whence == SEEK_DATA)
			return -ENXIO;
		off = (s64)i->size;
	}
	f->pos = off;
	return off;
}

/* -- size -- */

static int zero_range(struct inode *i, u64 from, u64 to)
{
	u64 pa = tmpfs_page(&tmpfs_node(i)->pages, from / PAGE_SIZE);
	int r = 0;

	if (to > from && !pa && imagefs_shows(i, from / PAGE_SIZE))
		r = tmpfs_page_make(i, from / PAGE_SIZE, true, &pa);
	if (!r && pa && to > from)
		memset((u8 *)phys_ptr(pa) + from % PAGE_SIZE, 0, to - from);
	return r;
}

static int zero_page(struct inode *i, u64 index)
{
	u64 pa;
	int r = tmpfs_page_make(i, index, true, &pa);

	if (!r)
		plat_zero_page(pa);
	return r;
}

/* What was the image's beyond is gone, also when the file grows again. */
static void image_cut(struct inode *i, u64 size)
{
	struct image_inode *im = tmpfs_node(i)->image;

	im->pages = min_u64(im->pages, round_up(size, PAGE_SIZE) / PAGE_SIZE);
}

/* A hole where the image has something is a page of zeroes. */
static int hide_image(struct inode *i, u64 first, u64 last)
{
	for (u64 n = first; n < last; n++) {
		int r = imagefs_shows(i, n) || tmpfs_page(&tmpfs_node(i)->pages, n)
				? zero_page(i, n)
				: 0;

		if (r)
			return r;
	}
	return 0;
}

static int set_size(struct inode *i, u64 size)
{
	u32 seals = tmpfs_node(i)->seals;

	if (size > FILE_MAX)
		return -EFBIG;
	if ((size < i->size && (seals & F_SEAL_SHRINK)) ||
		(size > i->size && (seals & F_SEAL_GROW)))
		return -EPERM;
	if (size < i->size) {
		int r = size % PAGE_SIZE ? zero_range(i, size, round_up(size, PAGE_SIZE)) : 0;

		if (r)
			return r;
		i->size = size;
		mm_file_truncated(i, size); /* before the pages are somebody else's */
		if (tmpfs_node(i)->image)
			image_cut(i, size);
		tmpfs_pages_drop(i, round_up(size, PAGE_SIZE) / PAGE_SIZE, ~(u64)0);
	}
	i->size = size;
	inode_touch(i, TOUCH_M | TOUCH_C);
	return 0;
}

static int punch_hole(struct inode *i, u64 off, u64 len)
{
	u64 end = off + len, first = round_up(off, PAGE_SIZE), last = round_down(end, PAGE_SIZE);
	const struct image_inode *im = tmpfs_node(i)->image;
	u64 kept = im ? max_u64(first / PAGE_SIZE, min_u64(im->pages, last / PAGE_SIZE))
		      : first / PAGE_SIZE;
	int r;

	if (tmpfs_node(i)->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	/* inside one page, or the pages' ends and what lies between */
	r = zero_range(i, off, first > last ? end : first);
	if (!r && first <= last)
		r = zero_range(i, last, end);
	if (!r && first < last)
		r = hide_image(i, first / PAGE_SIZE, kept);
	if (r)
		return r;
	if (first < last) {
		mm_file_punched(i, first, last);
		tmpfs_pages_drop(i, kept, last / PAGE_SIZE);
	}
	inode_touch(i, TOUCH_M | TOUCH_C);
	return 0;
}

static int file_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	struct inode *i = f->inode;
	u64 end = off + len, first = off / PAGE_SIZE, last = round_up(end, PAGE_SIZE) / PAGE_SIZE,
	    pa;

	imagefs_pin(i);
	if (tmpfs_node(i)->image) /* what the image has is there */
		first = min_u64(last, max_u64(first, tmpfs_node(i)->image->pages));
	if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return punch_hole(i, off, len);
	if (mode & ~(u32)FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (end > FILE_MAX)
		return -EFBIG;
	if ((tmpfs_node(i)->seals & F_SEAL_GROW) && end > i->size)
		return -EPERM;
	/* first, so that a call that fails leaves nothing behind */
	if (!tmpfs_has_room(i, last - first - tmpfs_pages_held(&tmpfs_node(i)->pages, first, last)))
		return -ENOSPC;
	for (u64 n = first; n < last; n++) {
		int r;

		if (signal_fatal_pending(current))
			return -EINTR;
		r = tmpfs_page_make(i, n, true, &pa);
		if (r)
			return r == -ENOMEM ? -ENOSPC : r;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i->size)
		i->size = end;
	inode_touch(i, TOUCH_C);
	return 0;
}

int tmpfs_setattr(struct inode *i, const struct setattr *a)
{
	int r = a->valid & CHAN_SET_SIZE ? set_size(i, a->size) : 0;

	if (r)
		return r;
	imagefs_pin(i);
	inode_set_access(i, a);
	if (a->valid & CHAN_SET_ATIME) {
		i->atime = a->atime;
		i->atime_ns = a->atime_ns;
	}
	if (a->valid & CHAN_SET_MTIME) {
		i->mtime = a->mtime;
		i->mtime_ns = a->mtime_ns;
	}
	inode_touch(i, TOUCH_C | (a->valid & CHAN_SET_ATIME_NOW ? TOUCH_A : 0) |
			       (a->valid & CHAN_SET_MTIME_NOW ? TOUCH_M : 0));
	return 0;
}

/* -- mappings -- */

static int file_mmap(struct file *f, u32 prot, u32 flags)
{
	u32 seals = tmpfs_node(f->inode)->seals;

	if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) && (flags & MAP_SHARED) &&
		(prot & PROT_WRITE))
		return -EPERM;
	inode_accessed(f);
	return 0;
}

static int file_map_page(struct inode *i, struct file *f, u64 index, bool write, u64 *pa)
{
	int r;

	if (index >= round_up(i->size, PAGE_SIZE) / PAGE_SIZE)
		return -EIO;
	/* A mapping that could be made writable after the file was sealed. */
	if (write && (tmpfs_node(i)->seals & F_SEAL_WRITE))
		return -EIO;
	*pa = write || tmpfs_page(&tmpfs_node(i)->pages, index) ? 0 : imagefs_frame(i, index);
	if (*pa)
		return 0;
	r = tmpfs_page_make(i, index, true, pa);
	if (r)
		return r == -ENOSPC ? -EIO : r;
	page_get(*pa);
	if (write) {
		imagefs_pin(i);
		inode_touch(i, TOUCH_M | TOUCH_C);
	}
	return 0;
}

const struct inode_ops tmpfs_file_inode_ops = {
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.listxattr = tmpfs_listxattr,
	.setxattr = tmpfs_setxattr,
	.removexattr = tmpfs_removexattr,
	.release = tmpfs_release,
	.map_page = file_map_page,
};

const struct file_ops tmpfs_file_ops = {
	.read = file_read,
	.write = file_write,
	.seek = file_seek,
	.fallocate = file_fallocate,
	.mmap = file_mmap,
};
