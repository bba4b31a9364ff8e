/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of an image. Nodes get their order (breadth first: all of a directory side by side) and
 * their places, then directories' blocks are written, then inodes, then the superblock: until that
 * is there, the file is no image.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/flat/writer.h"

#define INODE	   ((uint32_t)sizeof(struct erofs_inode_extended))
#define ROOT_PLACE 64u /* readers take the inode number 0 for none */

struct metadata {
	struct flat_writer *w;
	struct node **order;
	size_t n;
	uint64_t end;  /* bytes of inodes so far */
	uint64_t base; /* where they begin in the file */
	bool chunks;
	struct hasher *hasher;
};

static int no_memory(struct image_error *e)
{
	return image_fail(e, -ENOMEM, "out of memory while the flat image's metadata is written");
}

static int order_children(struct metadata *m, struct node *dir)
{
	struct tree_entry **list;
	size_t n;

	if (tree_list(dir, &list, &n))
		return -ENOMEM;
	dir->nlink = 2;
	for (size_t i = 0; i < n; i++) {
		struct node *child = list[i]->node;

		if (S_ISDIR(child->mode))
			dir->nlink++;
		if (child->listed)
			continue;
		child->listed = true;
		m->order[m->n++] = child;
	}
	free(list);
	return 0;
}

static int order(struct metadata *m, struct image_error *e)
{
	m->order = reallocarray(NULL, m->w->tree.nnodes, sizeof *m->order);
	if (!m->order)
		return no_memory(e);
	m->order[m->n++] = m->w->tree.root;
	for (size_t i = 0; i < m->n; i++)
		if (S_ISDIR(m->order[i]->mode) && order_children(m, m->order[i]))
			return no_memory(e);
	return 0;
}

/* How large a directory will be, and whether its last part fits behind its inode. */
static int measure(struct metadata *m, struct node *dir, struct image_error *e)
{
	struct dir_item *items;
	size_t n, last = 0;
	uint64_t blocks = 0;

	if (dir_items(dir, &items, &n))
		return no_memory(e);
	for (size_t i = 0; i < n; blocks++)
		i += dir_fit(items + i, n - i, &last);
	free(items);
	dir->size = (blocks - 1) * EROFS_BLOCK + last;
	dir->layout = EROFS_PLAIN;
	if (content_fits(dir, last)) {
		dir->layout = EROFS_INLINE;
		dir->tail_size = (uint32_t)last;
		blocks--;
	}
	return blocks ? out_reserve(&m->w->out, blocks, &dir->block, e) : 0;
}

static uint32_t behind_inode(const struct node *n)
{
	return n->layout == EROFS_INLINE   ? n->tail_size
	       : n->layout == EROFS_CHUNKS ? n->nmap * (uint32_t)sizeof *n->map
					   : 0;
}

/* An inode never lies across blocks, nor does one with an inline tail. */
static void place(struct metadata *m, struct node *n)
{
	uint32_t together = INODE, in = (uint32_t)(m->end % EROFS_BLOCK);
	uint64_t all = (uint64_t)INODE + n->xattr_size + behind_inode(n);

	if (n->layout == EROFS_INLINE)
		together = (uint32_t)all;
	if (in + together > EROFS_BLOCK)
		m->end += EROFS_BLOCK - in;
	n->nid = m->end / EROFS_SLOT;
	m->end = (m->end + all + EROFS_SLOT - 1) / EROFS_SLOT * EROFS_SLOT;
	if (n->layout == EROFS_CHUNKS)
		m->chunks = true;
}

static int place_all(struct metadata *m, struct image_error *e)
{
	uint32_t first;
	int r = 0;

	m->end = ROOT_PLACE;
	for (size_t i = 0; i < m->n && !r; i++) {
		if (S_ISDIR(m->order[i]->mode))
			r = measure(m, m->order[i], e);
		if (!r)
			place(m, m->order[i]);
	}
	if (r)
		return r;
	r = out_reserve(&m->w->out, (m->end + EROFS_BLOCK - 1) / EROFS_BLOCK, &first, e);
	m->base = (uint64_t)first * EROFS_BLOCK;
	return r;
}

static int keep_last(struct node *dir, const uint8_t block[EROFS_BLOCK], struct image_error *e)
{
	dir->tail = malloc(dir->tail_size);
	if (!dir->tail)
		return no_memory(e);
	memcpy(dir->tail, block, dir->tail_size);
	return 0;
}

static int write_directory(struct metadata *m, struct node *dir, struct image_error *e)
{
	uint64_t whole = dir->layout == EROFS_INLINE ? dir->size / EROFS_BLOCK : UINT64_MAX;
	uint8_t block[EROFS_BLOCK];
	struct dir_item *items;
	size_t n, done, bytes;
	int r = 0;

	if (dir_items(dir, &items, &n))
		return no_memory(e);
	for (size_t i = 0, b = 0; i < n && !r; i += done, b++) {
		done = dir_fit(items + i, n - i, &bytes);
		dir_block(items + i, done, block);
		r = b == whole ? keep_last(dir, block, e)
			       : out_write(&m->w->out, (dir->block + b) * EROFS_BLOCK, block,
					 sizeof block, e);
	}
	free(items);
	return r;
}

static uint16_t xattr_count(const struct node *n)
{
	return n->xattr_size
		       ? (uint16_t)((n->xattr_size - sizeof(struct erofs_xattr_header)) / 4 + 1)
		       : 0;
}

static uint32_t inode_u(const struct node *n)
{
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		return n->rdev;
	return n->layout == EROFS_CHUNKS ? n->chunk_bits : n->block;
}

/* Pieces of metadata in order of their places; they give the image its identity too. */
static int put(struct metadata *m, uint64_t *at, const void *data, size_t n, struct image_error *e)
{
	int r = n ? out_write(&m->w->out, m->base + *at, data, n, e) : 0;

	if (n)
		hasher_add(m->hasher, data, n);
	*at += n;
	return r;
}

static int write_inode(struct metadata *m, struct node *n, uint32_t number, struct image_error *e)
{
	struct erofs_inode_extended inode = {
		.format = (uint16_t)(EROFS_EXTENDED | (unsigned)n->layout << 1),
		.xattr_icount = xattr_count(n),
		.mode = (uint16_t)n->mode,
		.size = n->size,
		.u = inode_u(n),
		.ino = number,
		.uid = n->uid,
		.gid = n->gid,
		.mtime = (uint64_t)n->mtime,
		.mtime_ns = n->mtime_ns,
		.nlink = n->nlink,
	};
	const void *rest = n->layout == EROFS_CHUNKS ? (const void *)n->map : n->tail;
	uint64_t at = n->nid * EROFS_SLOT;
	int r = put(m, &at, &inode, sizeof inode, e);

	if (!r)
		r = put(m, &at, n->xattrs, n->xattr_size, e);
	return r ? r : put(m, &at, rest, behind_inode(n), e);
}

/* Of the metadata: the same layers, the same image to the byte. */
static void set_uuid(struct erofs_super *s, const struct digest *d)
{
	for (size_t i = 0; i < sizeof s->uuid; i++) {
		char two[3] = {d->hex[2 * i], d->hex[2 * i + 1]};

		s->uuid[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

static int write_super(struct metadata *m, struct image_error *e)
{
	uint8_t block[EROFS_BLOCK];
	struct digest digest;
	struct erofs_super s = {
		.magic = EROFS_MAGIC,
		.feature_compat = EROFS_COMPAT_CHECKSUM,
		.blkszbits = 12,
		.root_nid = (uint16_t)m->w->tree.root->nid,
		.inos = m->n,
		.blocks = (uint32_t)m->w->out.next,
		.meta_blkaddr = (uint32_t)(m->base / EROFS_BLOCK),
		.feature_incompat = m->chunks ? EROFS_INCOMPAT_CHUNKS : 0,
	};

	hasher_end(m->hasher, &digest);
	m->hasher = NULL;
	set_uuid(&s, &digest);
	super_fill(block, &s);
	return out_write(&m->w->out, 0, block, sizeof block, e);
}

static int write_all(struct metadata *m, struct image_error *e)
{
	struct out *o = &m->w->out;
	int r = 0;

	for (size_t i = 0; i < m->n && !r; i++)
		if (S_ISDIR(m->order[i]->mode))
			r = write_directory(m, m->order[i], e);
	for (size_t i = 0; i < m->n && !r; i++)
		r = write_inode(m, m->order[i], (uint32_t)i + 1, e);
	if (!r)
		r = out_flush(o, e);
	/* The last block may be short so far. */
	if (!r && ftruncate(o->fd, (off_t)(o->next * EROFS_BLOCK)))
		r = image_fail(e, -errno, "writing the flat image: %s", strerror(errno));
	if (!r)
		r = write_super(m, e);
	return r ? r : out_flush(o, e);
}

int metadata_write(struct flat_writer *w, struct image_error *e)
{
	struct metadata m = {.w = w, .hasher = hasher_new()};
	int r = m.hasher ? order(&m, e) : no_memory(e);

	if (!r)
		r = place_all(&m, e);
	if (!r)
		r = write_all(&m, e);
	if (m.hasher)
		hasher_end(m.hasher, NULL);
	free(m.order);
	return r;
}
