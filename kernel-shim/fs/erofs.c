/* SPDX-License-Identifier: Apache-2.0
 * EROFS: inodes, content, directories, attributes.
 */
#include <asm/errno.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/erofs.h"
#include "home/platform.h"

#define INODE_XATTR_UNIT 4u
#define DIRENT		 sizeof(struct erofs_dirent)

static int imagefs_read(const struct erofs *e, u64 off, void *dst, size_t n)
{
	if (off > e->size || n > e->size - off)
		return -EIO;
	return plat_window_read(dst, e->window + off, n) ? -EIO : 0;
}

int erofs_open(struct erofs *e)
{
	struct erofs_super s;

	if (imagefs_read(e, EROFS_SUPER_OFFSET, &s, sizeof(s)))
		return -EIO;
	if (s.magic != EROFS_MAGIC || s.blkszbits != PAGE_SHIFT ||
		(s.feature_incompat & ~EROFS_INCOMPAT_CHUNKS) || s.extra_devices)
		return -EINVAL;
	e->meta = (u64)s.meta_blkaddr * EROFS_BLOCK;
	e->xattrs = (u64)s.xattr_blkaddr * EROFS_BLOCK;
	e->root = s.root_nid;
	return 0;
}

/* -- inodes -- */

static void take_extended(const struct erofs_inode_extended *x, struct erofs_node *out)
{
	out->mode = x->mode;
	out->size = x->size;
	out->uid = x->uid;
	out->gid = x->gid;
	out->nlink = x->nlink;
	out->mtime = x->mtime;
	out->mtime_ns = x->mtime_ns < NSEC_PER_SEC ? x->mtime_ns : 0;
	out->block = x->u;
}

static void take_compact(const struct erofs_inode_compact *c, struct erofs_node *out)
{
	out->mode = c->mode;
	out->size = c->size;
	out->uid = c->uid;
	out->gid = c->gid;
	out->nlink = c->nlink;
	out->block = c->u;
}

static bool layout_known(struct erofs_node *n)
{
	if (n->layout == EROFS_CHUNKS) {
		n->chunk_bits = n->block & EROFS_CHUNK_BITS;
		return !(n->block & ~EROFS_CHUNK_BITS) && S_ISREG(n->mode);
	}
	return n->layout == EROFS_PLAIN || n->layout == EROFS_INLINE;
}

static bool mode_known(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

int erofs_node(const struct erofs *e, u64 nid, struct erofs_node *out)
{
	union {
		struct erofs_inode_compact compact;
		struct erofs_inode_extended extended;
	} raw;
	u64 at = e->meta + nid * EROFS_SLOT;
	size_t len = sizeof(raw.compact);
	u32 format, count;

	*out = (struct erofs_node){.nid = nid};
	if (nid > e->size / EROFS_SLOT || imagefs_read(e, at, &raw, sizeof(raw.compact)))
		return -EIO;
	format = raw.compact.format;
	count = raw.compact.xattr_icount;
	if (format & ~EROFS_FORMAT_KNOWN)
		return -EIO;
	out->layout = EROFS_LAYOUT(format);
	if (format & EROFS_EXTENDED) {
		len = sizeof(raw.extended);
		if (imagefs_read(e, at, &raw, len))
			return -EIO;
		take_extended(&raw.extended, out);
	} else {
		take_compact(&raw.compact, out);
	}
	if (!mode_known(out->mode) || (s64)out->size < 0)
		return -EIO;
	if (S_ISCHR(out->mode) || S_ISBLK(out->mode))
		out->rdev = out->block; /* encoded as dev_encode does */
	else if (!layout_known(out))
		return -EIO;
	out->xattr = at + len;
	if (count)
		out->xattr_size =
			(u32)sizeof(struct erofs_xattr_header) + (count - 1) * INODE_XATTR_UNIT;
	out->behind = out->xattr + out->xattr_size;
	return 0;
}

/* -- content -- */

/* Where the piece of content that holds byte off begins to be in one place: *at in the image (0: a
 * hole), *n: bytes of it. */
static int locate(const struct erofs *e, const struct erofs_node *node, u64 off, u64 *at, u64 *n)
{
	u64 whole = round_down(node->size, EROFS_BLOCK), unit, chunk;
	u32 block;

	switch (node->layout) {
	case EROFS_PLAIN:
		*at = (u64)node->block * EROFS_BLOCK + off;
		*n = node->size - off;
		return 0;
	case EROFS_INLINE:
		*at = off < whole ? (u64)node->block * EROFS_BLOCK + off
				  : node->behind + (off - whole);
		*n = (off < whole ? whole : node->size) - off;
		return 0;
	default:
		unit = (u64)EROFS_BLOCK << node->chunk_bits;
		chunk = off / unit;
		if (chunk > e->size / sizeof(block) ||
			imagefs_read(e,
				round_up(node->behind, sizeof(block)) + chunk * sizeof(block),
				&block, sizeof(block)))
			return -EIO;
		*at = block == EROFS_HOLE ? 0 : (u64)block * EROFS_BLOCK + off % unit;
		*n = min_u64(unit - off % unit, node->size - off);
		return 0;
	}
}

int erofs_read(const struct erofs *e, const struct erofs_node *node, void *buf, size_t n, u64 off)
{
	u8 *p = buf;

	while (n && off < node->size) {
		u64 at, len;
		int r = locate(e, node, off, &at, &len);

		len = min_u64(len, n);
		if (!r && at)
			r = imagefs_read(e, at, p, len);
		else if (!r)
			memset(p, 0, len);
		if (r)
			return r;
		p += len;
		off += len;
		n -= len;
	}
	memset(p, 0, n);
	return 0;
}

u64 erofs_page(const struct erofs *e, const struct erofs_node *node, u64 index)
{
	u64 off = index * PAGE_SIZE, at, n;

	if (off >= node->size || locate(e, node, off, &at, &n) || !at || at % PAGE_SIZE ||
		at > e->size || e->size - at < PAGE_SIZE)
		return 0;
	/* A tail inside an inode's block is aligned by chance at most. */
	return node->layout == EROFS_INLINE && off >= round_down(node->size, EROFS_BLOCK) ? 0 : at;
}

/* -- directories -- */

/* One block of a directory, as it was read. */
struct dir_block {
	u64 first; /* offset in the directory */
	u32 size, count;
};

static int block_open(
	const struct erofs *e, const struct erofs_node *dir, u64 first, struct dir_block *b)
{
	struct erofs_dirent d;

	b->first = first;
	b->size = (u32)min_u64(EROFS_BLOCK, dir->size - first);
	if (b->size < DIRENT || erofs_read(e, dir, &d, DIRENT, first))
		return -EIO;
	b->count = d.name_off / DIRENT;
	return d.name_off % DIRENT || !b->count || d.name_off > b->size ? -EIO : 0;
}

/* Entry i: its name is read as far as it may go, which the next one or the block's end says. */
static int block_entry(const struct erofs *e, const struct erofs_node *dir,
	const struct dir_block *b, u32 i, struct erofs_name *out)
{
	struct erofs_dirent d[2];
	bool last = i + 1 == b->count;
	u32 end = b->size;

	if (erofs_read(e, dir, d, last ? DIRENT : 2 * DIRENT, b->first + i * DIRENT))
		return -EIO;
	if (!last)
		end = d[1].name_off;
	if (d[0].name_off < b->count * DIRENT || end > b->size || end <= d[0].name_off)
		return -EIO;
	out->nid = d[0].nid;
	out->type = d[0].type;
	out->pos = b->first + i * DIRENT;
	out->len = (u32)min_u64(end - d[0].name_off, last ? sizeof(out->name) - 1 : EROFS_BLOCK);
	if (out->len > sizeof(out->name) - 1 ||
		erofs_read(e, dir, out->name, out->len, b->first + d[0].name_off))
		return -EIO;
	out->name[out->len] = 0;
	out->len = (u32)strlen(out->name);
	return out->len && !memchr(out->name, '/', out->len) ? 0 : -EIO;
}

static int name_compare(const char *a, u32 alen, const char *b, u32 blen)
{
	int r = memcmp(a, b, min_u64(alen, blen));

	return r ? r : (alen > blen) - (alen < blen);
}

int erofs_lookup(
	const struct erofs *e, const struct erofs_node *dir, const char *name, u32 len, u64 *nid)
{
	u64 lo = 0, hi = (dir->size + EROFS_BLOCK - 1) /
			 EROFS_BLOCK; /* blocks whose first name may be ours or less */
	struct erofs_name n;
	struct dir_block b;
	u32 from = 0, to;
	int r, cmp;

	while (hi - lo > 1) {
		u64 mid = lo + (hi - lo) / 2;

		r = block_open(e, dir, mid * EROFS_BLOCK, &b);
		if (!r)
			r = block_entry(e, dir, &b, 0, &n);
		if (r)
			return r;
		if (name_compare(n.name, n.len, name, len) <= 0)
			lo = mid;
		else
			hi = mid;
	}
	if (hi == lo)
		return -ENOENT;
	r = block_open(e, dir, lo * EROFS_BLOCK, &b);
	if (r)
		return r;
	for (to = b.count; from < to;) {
		u32 mid = from + (to - from) / 2;

		r = block_entry(e, dir, &b, mid, &n);
		if (r)
			return r;
		cmp = name_compare(n.name, n.len, name, len);
		if (!cmp) {
			*nid = n.nid;
			return 0;
		}
		if (cmp < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return -ENOENT;
}

static bool is_dots(const struct erofs_name *n)
{
	return n->name[0] == '.' && (n->len == 1 || (n->len == 2 && n->name[1] == '.'));
}

int erofs_next(const struct erofs *e, const struct erofs_node *dir, u64 pos, struct erofs_name *out)
{
	while (pos < dir->size) {
		struct dir_block b;
		u32 i = (u32)((pos % EROFS_BLOCK + DIRENT - 1) / DIRENT);
		int r = block_open(e, dir, round_down(pos, EROFS_BLOCK), &b);

		for (; !r && i < b.count; i++) {
			r = block_entry(e, dir, &b, i, out);
			if (!r && !is_dots(out))
				return 1;
		}
		if (r)
			return r;
		pos = round_down(pos, EROFS_BLOCK) + EROFS_BLOCK;
	}
	return 0;
}

/* -- attributes -- */

static const char *xattr_prefix(u8 index)
{
	switch (index) {
	case EROFS_XATTR_USER:
		return "user.";
	case EROFS_XATTR_ACL_ACCESS:
		return "system.posix_acl_access";
	case EROFS_XATTR_ACL_DEFAULT:
		return "system.posix_acl_default";
	case EROFS_XATTR_TRUSTED:
		return "trusted.";
	case EROFS_XATTR_SECURITY:
		return "security.";
	default:
		return NULL;
	}
}

/* Where attribute n's entry is; *end: where the entries of its kind end. */
static int xattr_at(const struct erofs *e, const struct erofs_node *node, u32 n, u64 *at)
{
	struct erofs_xattr_header h;
	u64 end = node->behind;
	u32 shared;

	if (node->xattr_size < sizeof(h))
		return -ENODATA;
	if (imagefs_read(e, node->xattr, &h, sizeof(h)))
		return -EIO;
	*at = node->xattr + sizeof(h) + h.nshared * sizeof(shared);
	if (n < h.nshared) {
		if (imagefs_read(e, node->xattr + sizeof(h) + n * sizeof(shared), &shared,
			    sizeof(shared)))
			return -EIO;
		*at = e->xattrs + (u64)shared * INODE_XATTR_UNIT;
		return 0;
	}
	for (n -= h.nshared; *at < end; n--) {
		struct erofs_xattr_entry x;

		if (imagefs_read(e, *at, &x, sizeof(x)))
			return -EIO;
		if (!n)
			return x.name_len || x.value_size || x.prefix ? 0 : -ENODATA; /* padding */
		*at += round_up(sizeof(x) + x.name_len + x.value_size, INODE_XATTR_UNIT);
	}
	return -ENODATA;
}

s64 erofs_xattr(const struct erofs *e, const struct erofs_node *node, u32 n, char name[256],
	void *value, size_t room)
{
	struct erofs_xattr_entry x;
	const char *prefix;
	size_t len;
	u64 at;
	int r = xattr_at(e, node, n, &at);

	if (r)
		return r;
	if (imagefs_read(e, at, &x, sizeof(x)))
		return -EIO;
	prefix = xattr_prefix(x.prefix);
	len = prefix ? strlen(prefix) : 0;
	if (!prefix || len + x.name_len > 255)
		return -EIO;
	memcpy(name, prefix, len);
	if (imagefs_read(e, at + sizeof(x), name + len, x.name_len) ||
		imagefs_read(e, at + sizeof(x) + x.name_len, value, min_u64(x.value_size, room)))
		return -EIO;
	name[len + x.name_len] = 0;
	return x.value_size;
}
