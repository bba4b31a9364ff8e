/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/flat/image.h"

/* Where the content at off is and how much of it goes on there. *at 0: a hole. */
static int place(const struct flat_image *f, const struct image_inode *i, uint64_t off,
	uint64_t *at, uint64_t *n)
{
	uint64_t whole = i->size / EROFS_BLOCK * EROFS_BLOCK, chunk, in;
	uint32_t block;
	int r;

	if (i->layout != EROFS_CHUNKS) {
		bool tail = i->layout == EROFS_INLINE && off >= whole;

		*at = tail ? i->behind + (off - whole) : (uint64_t)i->u * EROFS_BLOCK + off;
		*n = (i->layout == EROFS_INLINE && !tail ? whole : i->size) - off;
		return 0;
	}
	chunk = (uint64_t)EROFS_BLOCK << (i->u & EROFS_CHUNK_BITS);
	in = off % chunk;
	*n = chunk - in < i->size - off ? chunk - in : i->size - off;
	r = image_bytes(f, &block, sizeof block, i->behind + off / chunk * sizeof block);
	*at = block == EROFS_HOLE ? 0 : (uint64_t)block * EROFS_BLOCK + in;
	return r || block ? r : -EUCLEAN; /* block 0 is the superblock's */
}

ssize_t image_content(
	const struct flat_image *f, const struct image_inode *i, void *buf, size_t n, uint64_t off)
{
	uint8_t *to = buf;
	size_t done = 0;

	if (off >= i->size)
		return 0;
	if (n > i->size - off)
		n = (size_t)(i->size - off);
	while (done < n) {
		uint64_t at, part;
		int r = place(f, i, off + done, &at, &part);

		if (r)
			return r;
		if (part > n - done)
			part = n - done;
		if (at)
			r = image_bytes(f, to + done, (size_t)part, at);
		else
			memset(to + done, 0, (size_t)part);
		if (r)
			return r;
		done += (size_t)part;
	}
	return (ssize_t)n;
}

ssize_t flat_read(
	const struct flat_image *f, const struct flat_node *node, void *buf, size_t n, uint64_t off)
{
	struct image_inode i;
	int r = image_inode(f, node->nid, &i);

	if (r)
		return r;
	if (!S_ISREG(i.mode) && !S_ISLNK(i.mode))
		return S_ISDIR(i.mode) ? -EISDIR : -EINVAL;
	return image_content(f, &i, buf, n, off);
}

int flat_data(const struct flat_image *f, const struct flat_node *node, uint64_t off,
	uint64_t *data, uint64_t *end)
{
	struct image_inode i;
	uint64_t at, n;
	int r = image_inode(f, node->nid, &i);

	if (!r && !S_ISREG(i.mode))
		r = -EINVAL;
	if (r)
		return r;
	for (at = 0; off < i.size && !at; off += at ? 0 : n) {
		r = place(f, &i, off, &at, &n);
		if (r)
			return r;
	}
	*data = off;
	for (; off < i.size && at; off += at ? n : 0) {
		r = place(f, &i, off, &at, &n);
		if (r)
			return r;
	}
	*end = off;
	return 0;
}

int flat_xattrs(const struct flat_image *f, const struct flat_node *node, void **area, size_t *n)
{
	struct image_inode i;
	int r = image_inode(f, node->nid, &i);

	*area = NULL;
	*n = 0;
	if (r || !i.xattr_size)
		return r;
	*area = malloc(i.xattr_size);
	if (!*area)
		return -ENOMEM;
	r = image_bytes(f, *area, i.xattr_size, i.xattrs);
	if (!r)
		*n = i.xattr_size;
	else
		free(*area);
	return r;
}

/* One block of a directory, taken apart. */
struct names {
	uint8_t block[EROFS_BLOCK];
	size_t used, n;
};

static int read_names(
	const struct flat_image *f, const struct image_inode *dir, uint64_t off, struct names *out)
{
	ssize_t got = image_content(f, dir, out->block, sizeof out->block, off);
	struct erofs_dirent first;

	if (got < 0)
		return (int)got;
	out->used = (size_t)got;
	if (out->used < sizeof first)
		return -EUCLEAN;
	memcpy(&first, out->block, sizeof first);
	out->n = first.name_off / sizeof first;
	return out->n && first.name_off % sizeof first == 0 && first.name_off <= out->used
		       ? 0
		       : -EUCLEAN;
}

static int get_name(const struct names *b, size_t i, const char **name, size_t *len, uint64_t *nid)
{
	struct erofs_dirent d, next = {.name_off = (uint16_t)b->used};

	memcpy(&d, b->block + i * sizeof d, sizeof d);
	if (i + 1 < b->n)
		memcpy(&next, b->block + (i + 1) * sizeof d, sizeof d);
	if (d.name_off < b->n * sizeof d || d.name_off >= next.name_off || next.name_off > b->used)
		return -EUCLEAN;
	*name = (const char *)b->block + d.name_off;
	*len = (size_t)(next.name_off - d.name_off);
	if (i + 1 == b->n)
		*len = strnlen(*name, *len);
	*nid = d.nid;
	if (!*len || *len > 255 || memchr(*name, 0, *len) || memchr(*name, '/', *len))
		return -EUCLEAN;
	return 0;
}

typedef int each_fn(void *arg, const char *name, size_t len, uint64_t nid);

/* Also "." and "..". */
static int each(const struct flat_image *f, uint64_t nid, each_fn *fn, void *arg)
{
	struct image_inode dir;
	struct names b;
	int r = image_inode(f, nid, &dir);

	if (!r && !S_ISDIR(dir.mode))
		r = -ENOTDIR;
	for (uint64_t off = 0; off < dir.size && !r; off += EROFS_BLOCK) {
		r = read_names(f, &dir, off, &b);
		for (size_t i = 0; i < b.n && !r; i++) {
			const char *name;
			size_t len;
			uint64_t child;

			r = get_name(&b, i, &name, &len, &child);
			if (!r)
				r = fn(arg, name, len, child);
		}
	}
	return r;
}

struct ordered {
	each_fn *fn;
	void *arg;
	size_t len;
	char last[255];
};

static int in_order(void *arg, const char *name, size_t len, uint64_t nid)
{
	struct ordered *o = arg;
	int c = memcmp(o->last, name, o->len < len ? o->len : len);

	/* Twice the same name is not in order either. */
	if (c > 0 || (!c && o->len >= len))
		return -EUCLEAN;
	memcpy(o->last, name, len);
	o->len = len;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return 0;
	return o->fn(o->arg, name, len, nid);
}

int flat_list(const struct flat_image *f, const struct flat_node *dir, each_fn *fn, void *arg)
{
	struct ordered o = {.fn = fn, .arg = arg};

	return each(f, dir->nid, in_order, &o);
}

struct wanted {
	const char *name;
	size_t len;
	uint64_t nid;
};

static int is_wanted(void *arg, const char *name, size_t len, uint64_t nid)
{
	struct wanted *w = arg;

	if (len != w->len || memcmp(name, w->name, len))
		return 0;
	w->nid = nid;
	return 1;
}

int image_find(
	const struct flat_image *f, uint64_t dir, const char *name, size_t len, uint64_t *nid)
{
	struct wanted w = {name, len, 0};
	int r = each(f, dir, is_wanted, &w);

	*nid = w.nid;
	return r == 1 ? 0 : r ? r : -ENOENT;
}
