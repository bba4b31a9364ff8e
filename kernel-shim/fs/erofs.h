/* SPDX-License-Identifier: Apache-2.0
 * Reading an EROFS image (abi/erofs.h) that lies in the file window. The image is a stranger's:
 * what is damaged or not understood is -EIO, never more; every loop is bounded by the image's own
 * size.
 */
#ifndef FS_EROFS_H
#define FS_EROFS_H

#include "abi/erofs.h"
#include "fs/vfs.h"

struct erofs {
	u64 window; /* where it begins in the file window */
	u64 size;
	u64 meta; /* byte offsets in the image */
	u64 xattrs;
	u64 root; /* nid */
};

struct erofs_node {
	u64 nid, size, rdev, mtime;
	u32 mode, uid, gid, nlink, mtime_ns;
	u32 block;	/* PLAIN, INLINE: first of the data */
	u32 xattr_size; /* bytes right after the inode */
	u64 behind;	/* byte offset of what follows inode and attributes */
	u64 xattr;	/* byte offset of the attributes */
	u8 layout, chunk_bits;
};

int erofs_open(struct erofs *e);
int erofs_node(const struct erofs *e, u64 nid, struct erofs_node *out);
/* Content in [off, off + n), zeroes beyond the end. 0 or -EIO. */
int erofs_read(const struct erofs *e, const struct erofs_node *node, void *buf, size_t n, u64 off);
/* Where page `index` lies whole in the image, page-aligned, so that it can be mapped; 0: it does
 * not. */
u64 erofs_page(const struct erofs *e, const struct erofs_node *node, u64 index);
int erofs_lookup(
	const struct erofs *e, const struct erofs_node *dir, const char *name, u32 len, u64 *nid);

/* An entry of a directory: pos grows along it, and is less than the directory's size. */
struct erofs_name {
	u64 nid, pos;
	u32 len;
	u8 type; /* EROFS_FT_* */
	char name[256];
};
/* The first entry at pos or later that is not "." or "..": 1, 0 at the end, -EIO. */
int erofs_next(
	const struct erofs *e, const struct erofs_node *dir, u64 pos, struct erofs_name *out);

/* Attribute number `n`, its name with prefix: length of the value, -ENODATA beyond the last, -EIO.
 * Copies what fits in `room` bytes of value. */
s64 erofs_xattr(const struct erofs *e, const struct erofs_node *node, u32 n, char name[256],
	void *value, size_t room);

#endif
