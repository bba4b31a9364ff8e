/* SPDX-License-Identifier: Apache-2.0
 * The pages of a file in memory: a tree of 64-way nodes, so that a sparse file of any size costs
 * what it holds.
 */
#include "fs/tmpfs_internal.h"

#define NODE_BITS  6u
#define NODE_SLOTS 64u
#define NO_INDEX   (~(u64)0)

/* Indices that a tree of this height can hold: [0, span). */
static u64 tree_span(u32 height)
{
	return height * NODE_BITS >= 64 ? NO_INDEX : 1ull << (height * NODE_BITS);
}

static u32 slot_of(u64 index, u32 level)
{
	return (u32)(index >> (level * NODE_BITS)) & (NODE_SLOTS - 1);
}

static u64 *node_new(void)
{
	return kzalloc(NODE_SLOTS * sizeof(u64));
}

u64 tmpfs_page(const struct tmpfs_pages *p, u64 index)
{
	u64 *node = p->root;

	if (!node || index >= tree_span(p->height))
		return 0;
	for (u32 level = p->height - 1; level > 0 && node; level--)
		node = (u64 *)node[slot_of(index, level)];
	return node ? node[slot_of(index, 0)] : 0;
}

/* The slot for index, with the nodes above it. NULL: memory is out. */
static u64 *slot_make(struct tmpfs_pages *p, u64 index)
{
	u64 *node;

	while (!p->root || index >= tree_span(p->height)) {
		u64 *top = node_new();

		if (!top)
			return NULL;
		if (p->root)
			top[0] = (u64)p->root;
		p->root = top;
		p->height++;
	}
	node = p->root;
	for (u32 level = p->height - 1; level > 0; level--) {
		u64 *slot = &node[slot_of(index, level)];

		if (!*slot)
			*slot = (u64)node_new();
		if (!*slot)
			return NULL;
		node = (u64 *)*slot;
	}
	return &node[slot_of(index, 0)];
}

static void count_blocks(struct inode *i)
{
	const struct tmpfs_node *n = tmpfs_node(i);

	i->blocks = max_u64(n->pages.count, n->image ? n->image->pages : 0) * (PAGE_SIZE / 512);
}

int tmpfs_page_make(struct inode *i, u64 index, bool zero, u64 *pa)
{
	struct tmpfs_super *s = tmpfs_super(i->super);
	struct tmpfs_pages *p = &tmpfs_node(i)->pages;
	u64 *slot;

	*pa = tmpfs_page(p, index);
	if (*pa)
		return 0;
	if (s->max_pages && s->used_pages >= s->max_pages)
		return -ENOSPC;
	if (pages_low())
		return -ENOMEM;
	slot = slot_make(p, index);
	if (!slot)
		return -ENOMEM;
	*pa = zero ? page_alloc_user() : page_alloc_user_raw();
	if (!*pa)
		return -ENOMEM;
	if (imagefs_shows(i, index)) {
		int r = imagefs_read(i, phys_ptr(*pa), PAGE_SIZE, index * PAGE_SIZE);

		if (r) {
			page_put(*pa);
			return r;
		}
		mm_file_punched(
			i, index * PAGE_SIZE, (index + 1) * PAGE_SIZE); /* who maps the image's */
	}
	*slot = *pa;
	s->used_pages++;
	p->count++;
	count_blocks(i);
	return 0;
}

bool tmpfs_has_room(const struct inode *i, u64 n)
{
	struct tmpfs_super *s = tmpfs_super(i->super);

	return n <= pages_free_count() && (!s->max_pages || n <= s->max_pages - s->used_pages);
}

/* Drops the pages [from, to), counted from the node's first, in the node and below. True: the node
 * is empty now. Depth: at most ten levels. */
static bool node_drop(struct inode *i, u64 *node, u32 level, u64 from, u64 to)
{
	u64 span = tree_span(level);
	bool empty = true;

	for (u32 n = 0; n < NODE_SLOTS; n++) {
		u64 first = n * span;

		if (!node[n])
			continue;
		if (first >= to || first + (span - 1) < from) {
			empty = false;
			continue;
		}
		if (level == 0) {
			page_put(node[n]);
			tmpfs_super(i->super)->used_pages--;
			tmpfs_node(i)->pages.count--;
			node[n] = 0;
		} else if (node_drop(i, (u64 *)node[n], level - 1, from > first ? from - first : 0,
				   to - first)) {
			kfree((void *)node[n]);
			node[n] = 0;
		} else {
			empty = false;
		}
	}
	return empty;
}

void tmpfs_pages_drop(struct inode *i, u64 from, u64 to)
{
	struct tmpfs_pages *p = &tmpfs_node(i)->pages;

	if (from < to && p->root && node_drop(i, p->root, p->height - 1, from, to)) {
		kfree(p->root);
		p->root = NULL;
		p->height = 0;
	}
	count_blocks(i);
}

static u64 node_next(const u64 *node, u32 level, u64 from)
{
	u64 span = tree_span(level);

	for (u32 n = (u32)(from / span); n < NODE_SLOTS; n++) {
		u64 first = n * span, below;

		if (!node[n])
			continue;
		if (level == 0)
			return n;
		below = node_next((const u64 *)node[n], level - 1, from > first ? from - first : 0);
		if (below != NO_INDEX)
			return first + below;
	}
	return NO_INDEX;
}

u64 tmpfs_pages_next(const struct tmpfs_pages *p, u64 from, bool hole)
{
	if (hole) {
		while (tmpfs_page(p, from))
			from++;
		return from;
	}
	if (!p->root || from >= tree_span(p->height))
		return NO_INDEX;
	return node_next(p->root, p->height - 1, from);
}

u64 tmpfs_pages_held(const struct tmpfs_pages *p, u64 from, u64 to)
{
	u64 n = 0;

	while ((from = tmpfs_pages_next(p, from, false)) < to) {
		n++;
		from++;
	}
	return n;
}
