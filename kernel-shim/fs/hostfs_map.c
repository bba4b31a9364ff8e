/* SPDX-License-Identifier: Apache-2.0
 * Mapping the host's files: pages of the file window, which the host lays over its own page cache.
 * An inode is mapped once for all who map it, whole if it is not too large, and stays mapped while
 * it is cached: the next program that maps the same library costs no request.
 */
#include "fs/hostfs_internal.h"

#define WHOLE_MAX   (1ull << 30) /* files up to this size are mapped at once */
#define CHUNK_PAGES ((64ull << 20) / PAGE_SIZE)
#define GROW_PAGES  ((1ull << 20) / PAGE_SIZE) /* a file that grows gets room for more */

/* -- addresses of the window: first fit -- */

static u64 window_alloc(u64 len)
{
	list_for_each(l, &host_state()->window)
	{
		struct host_range *r = list_entry(l, struct host_range, link);
		u64 off = r->off;

		if (r->len < len)
			continue;
		r->off += len;
		r->len -= len;
		if (!r->len) {
			list_del(&r->link);
			kfree(r);
		}
		return off;
	}
	return ~(u64)0;
}

static void window_free(u64 off, u64 len)
{
	struct list *head = &host_state()->window, *at = head->next;
	struct host_range *r, *next;

	while (at != head && list_entry(at, struct host_range, link)->off < off)
		at = at->next;
	if (at->prev != head) {
		r = list_entry(at->prev, struct host_range, link);
		if (r->off + r->len == off) {
			r->len += len;
			next = at != head ? list_entry(at, struct host_range, link) : NULL;
			if (next && r->off + r->len == next->off) {
				r->len += next->len;
				list_del(&next->link);
				kfree(next);
			}
			return;
		}
	}
	if (at != head) {
		r = list_entry(at, struct host_range, link);
		if (off + len == r->off) {
			r->off = off;
			r->len += len;
			return;
		}
	}
	r = kzalloc(sizeof(*r));
	if (!r)
		return; /* addresses are lost, nothing else */
	r->off = off;
	r->len = len;
	list_add_tail(at, &r->link);
}

void host_unmap(struct inode *i)
{
	struct host_inode *h = host_inode(i);

	for (u32 n = 0; n < h->nextents; n++) {
		u64 len = h->extents[n].count * PAGE_SIZE;
		struct chan_msg m = {.op = CHAN_OP_UNMAP, .a = {0, h->extents[n].off, len}};

		host_call(&m);
		window_free(h->extents[n].off, len);
	}
	kfree(h->extents);
	h->extents = NULL;
	h->nextents = 0;
}

/* The window is full: takes it from files that nobody has open, so that nobody maps them. */
static bool window_reclaim(void)
{
	bool any = false;

	for (u32 b = 0; b < HOST_BUCKETS; b++) {
		list_for_each(l, &host_state()->inodes[b])
		{
			struct host_inode *h = list_entry(l, struct host_inode, hash_link);

			if (!h->nextents || !list_empty(&h->open))
				continue;
			host_unmap(h->inode);
			any = true;
		}
	}
	return any;
}

/* -- extents of a file -- */

static struct host_extent *extent_of(struct host_inode *h, u64 index)
{
	for (u32 n = 0; n < h->nextents; n++) {
		struct host_extent *e = &h->extents[n];

		if (index >= e->first && index < e->first + e->count)
			return e;
	}
	return NULL;
}

static int call_map(struct file *f, const struct host_extent *e)
{
	struct chan_msg m = {.op = CHAN_OP_MAP,
		.a = {host_file(f)->handle, e->first * PAGE_SIZE, e->count * PAGE_SIZE, e->off}};

	return (int)host_call(&m);
}

/* Which pages to map so that `index` is among them. */
static void extent_choose(const struct inode *i, u64 index, struct host_extent *e)
{
	const struct host_inode *h = host_inode(i);
	u64 pages = round_up(i->size, PAGE_SIZE) / PAGE_SIZE, after = 0, before = ~(u64)0;

	for (u32 n = 0; n < h->nextents; n++) {
		const struct host_extent *o = &h->extents[n];

		if (o->first <= index)
			after = max_u64(after, o->first + o->count);
		else
			before = min_u64(before, o->first);
	}
	if (i->size > WHOLE_MAX) {
		e->first = max_u64(round_down(index, CHUNK_PAGES), after);
		e->count = min_u64(round_down(index, CHUNK_PAGES) + CHUNK_PAGES, pages) - e->first;
	} else {
		e->first = after;
		e->count = pages - after;
		if (after) /* it grew before, so it will again */
			e->count = max_u64(e->count, max_u64(GROW_PAGES, after));
	}
	e->count = min_u64(e->count, before - e->first);
}

static int extent_add(struct inode *i, struct file *f, u64 index, struct host_extent **out)
{
	struct host_inode *h = host_inode(i);
	struct host_extent e = {.writable = file_writable(f)}, *more;
	int r;

	extent_choose(i, index, &e);
	more = kalloc((h->nextents + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	e.off = window_alloc(e.count * PAGE_SIZE);
	if (e.off == ~(u64)0 && window_reclaim())
		e.off = window_alloc(e.count * PAGE_SIZE);
	r = e.off == ~(u64)0 ? -ENOMEM : call_map(f, &e);
	if (r) {
		if (e.off != ~(u64)0)
			window_free(e.off, e.count * PAGE_SIZE);
		kfree(more);
		return r;
	}
	if (h->nextents)
		memcpy(more, h->extents, h->nextents * sizeof(*more));
	more[h->nextents] = e;
	kfree(h->extents);
	h->extents = more;
	*out = &more[h->nextents++];
	return 0;
}

int host_map_page(struct inode *i, struct file *f, u64 index, bool write, u64 *pa)
{
	struct host_extent *e;
	struct kstat st;
	int r;

	if (index >= round_up(i->size, PAGE_SIZE) / PAGE_SIZE) {
		host_inode_stale(i); /* it may have grown */
		r = host_getattr(i, &st);
		if (r)
			return r;
		if (index >= round_up(i->size, PAGE_SIZE) / PAGE_SIZE)
			return -EIO;
	}
	e = extent_of(host_inode(i), index);
	if (!e) {
		r = extent_add(i, f, index, &e);
		if (r)
			return r;
	} else if (write && !e->writable) {
		/* The same pages at the same place, by a handle that may write. */
		r = call_map(f, e);
		if (r)
			return r;
		e->writable = true;
	}
	if (write)
		host_inode_stale(i);
	*pa = kern->boot->window_gpa + e->off + (index - e->first) * PAGE_SIZE;
	return 0;
}

int hostfs_map_handle(u32 handle, u64 *off, u64 *size)
{
	struct chan_msg get = {.op = CHAN_OP_GETATTR, .a = {handle}}, map = {.op = CHAN_OP_MAP};
	struct chan_attr a;
	s64 r = host_call(&get);

	if (r < 0)
		return (int)r;
	memcpy(&a, plat_chan_data(), sizeof(a));
	*size = a.size;
	if (!a.size || a.size > kern->boot->window_size)
		return -EFBIG;
	*off = host_state() ? window_alloc(round_up(a.size, PAGE_SIZE)) : ~(u64)0;
	if (*off == ~(u64)0)
		return -ENOMEM;
	map.a[0] = handle;
	map.a[2] = round_up(a.size, PAGE_SIZE);
	map.a[3] = *off;
	r = host_call(&map);
	if (r)
		window_free(*off, round_up(a.size, PAGE_SIZE));
	return (int)r;
}
