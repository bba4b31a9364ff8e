/* SPDX-License-Identifier: Apache-2.0
 * Page frames. One 32-bit word for each: its reference count, or, while free, the link to the next
 * free one. Free frames are never written to, so memory that no program touched costs the host
 * nothing; for the same reason frames from beyond `bump` need no zeroing.
 *
 * A home whose programs can reach the memory that their pages come from (vmm/process) has two
 * zones: the shim's own objects never lie in the programs' zone.
 *
 *   0                     never used (beyond bump)
 *   1 .. 0x3fffffff       references
 *   0x40000000 | order    head of a kernel block (kalloc)
 *   0x80000000 | frame    free; frame is the next block of the same order, 0: the last
 */
#include "mm/mm_internal.h"

#define FRAME_FREE  0x80000000u
#define FRAME_BLOCK 0x40000000u
#define FRAME_LINK  0x7fffffffu

/* Where programs' pages come from: the zone of their own, or the only one. */
static struct page_zone *user_zone(struct mm_state *s)
{
	return &s->zone[s->nzones - 1];
}

static struct page_zone *zone_of(struct mm_state *s, u64 frame)
{
	return frame < s->zone[0].end ? &s->zone[0] : user_zone(s);
}

/* NULL for what is not handed out: the image, the boot block, the clock and zero frames, the
 * window. */
static u32 *frame_word(struct mm_state *s, u64 pa)
{
	u64 f = pa >> PAGE_SHIFT;
	const struct page_zone *z = zone_of(s, f);

	return f >= z->first && f < z->end ? &s->frames[f] : NULL;
}

static void zone_init(struct page_zone *z, u64 first, u64 end)
{
	if (first >= end)
		plat_panic("guest memory is too small");
	z->first = first;
	z->bump = first;
	z->end = end;
	z->nfree = end - first;
}

void page_init(u64 mem_size, u64 free_start, u64 user_start)
{
	struct mm_state *s = phys_ptr(round_up(free_start, PAGE_SIZE));
	u64 end;

	memset(s, 0, sizeof(*s));
	s->nframes = min_u64(mem_size >> PAGE_SHIFT, FRAME_LINK);
	s->frames = (u32 *)((u8 *)s + round_up(sizeof(*s), 64));
	end = round_up(ptr_phys(s->frames + s->nframes), PAGE_SIZE);
	if (user_start) {
		s->nzones = 2;
		s->zero_pa = user_start + PAGE_SIZE; /* after the clock page */
		zone_init(&s->zone[0], end >> PAGE_SHIFT, user_start >> PAGE_SHIFT);
		zone_init(&s->zone[1], (user_start >> PAGE_SHIFT) + 2, s->nframes);
	} else {
		s->nzones = 1;
		s->zero_pa = end;
		zone_init(&s->zone[0], (end >> PAGE_SHIFT) + 1, s->nframes);
		s->zone[0].reserve = min_u64(256, s->zone[0].nfree / 32);
	}
	list_init(&s->mms);
	slab_init(s);
	kern->mm_state = s;
}

bool pa_is_ram(u64 pa)
{
	return pa < mm_state()->nframes << PAGE_SHIFT;
}

u64 page_zero_frame(void)
{
	return mm_state()->zero_pa;
}

u64 pages_free_count(void)
{
	return user_zone(mm_state())->nfree;
}

u64 pages_total(void)
{
	struct page_zone *z = user_zone(mm_state());

	return z->end - z->first;
}

bool pages_low(void)
{
	struct page_zone *z = user_zone(mm_state());

	return z->nfree <= z->reserve;
}

static void account_used(struct page_zone *z, s64 n)
{
	struct kstats *st = &kern->stats;

	z->nfree -= (u64)n;
	st->pages_used += (u64)n;
	if (st->pages_used > st->pages_peak)
		st->pages_peak = st->pages_used;
	if (kern->shown)
		kern->shown->pages_used = st->pages_used;
}

static void push_block(struct mm_state *s, struct page_zone *z, u64 frame, u32 order)
{
	s->frames[frame] = FRAME_FREE | z->free[order];
	z->free[order] = (u32)frame;
}

static u64 pop_block(struct mm_state *s, struct page_zone *z, u32 order)
{
	u64 frame = z->free[order];

	if (frame)
		z->free[order] = s->frames[frame] & FRAME_LINK;
	return frame;
}

/* Recycled blocks of the wanted size first, then a larger one cut up. 0: none. */
static u64 take_recycled(struct mm_state *s, struct page_zone *z, u32 order)
{
	u32 o = order;
	u64 frame = 0;

	while (o < PAGE_ORDERS && !(frame = pop_block(s, z, o)))
		o++;
	if (!frame)
		return 0;
	while (o > order) {
		o--;
		push_block(s, z, frame + (1ull << o), o);
	}
	return frame;
}

static u64 take_fresh(struct mm_state *s, struct page_zone *z, u32 order)
{
	u64 n = 1ull << order, frame = round_up(z->bump, n);

	if (frame + n > z->end)
		return 0;
	while (z->bump < frame) /* frames skipped for alignment */
		push_block(s, z, z->bump++, 0);
	z->bump = frame + n;
	return frame;
}

/* Single frames may have been freed around a whole free block: look for one. Rare and slow. */
static bool join_singles(struct mm_state *s, struct page_zone *z, u32 order)
{
	u64 n = 1ull << order;

	for (u64 f = round_up(z->first, n); f + n <= z->bump; f += n) {
		u64 i = 0;
		u32 *link = &z->free[0];

		while (i < n && (s->frames[f + i] & FRAME_FREE))
			i++;
		if (i < n)
			continue;
		/* Only blocks of order 0 can be joined: count those of the range on the list. */
		i = 0;
		for (u64 at = *link; at; at = s->frames[at] & FRAME_LINK)
			i += at >= f && at < f + n;
		if (i < n)
			continue;
		for (u64 at = *link; at; at = s->frames[at] & FRAME_LINK) {
			if (at >= f && at < f + n)
				*link = (s->frames[at] & FRAME_LINK) | (*link & FRAME_FREE);
			else
				link = &s->frames[at];
		}
		push_block(s, z, f, order);
		return true;
	}
	return false;
}

static u64 take_block(struct mm_state *s, struct page_zone *z, u32 order, bool *fresh)
{
	u64 frame = take_recycled(s, z, order);

	*fresh = false;
	if (!frame) {
		frame = take_fresh(s, z, order);
		*fresh = frame != 0;
	}
	if (!frame && order && join_singles(s, z, order))
		frame = take_recycled(s, z, order);
	if (frame)
		account_used(z, (s64)(1ull << order));
	return frame;
}

static u64 alloc_one(struct mm_state *s, struct page_zone *z, bool zero)
{
	bool fresh;
	u64 frame = take_block(s, z, 0, &fresh);

	if (!frame)
		return 0;
	s->frames[frame] = 1;
	if (zero && !fresh)
		plat_zero_page(frame << PAGE_SHIFT);
	return frame << PAGE_SHIFT;
}

u64 page_alloc_raw(void)
{
	assert_locked();
	return alloc_one(mm_state(), &mm_state()->zone[0], false);
}

u64 page_alloc(void)
{
	return alloc_one(mm_state(), &mm_state()->zone[0], true);
}

u64 page_alloc_user_raw(void)
{
	assert_locked();
	return alloc_one(mm_state(), user_zone(mm_state()), false);
}

u64 page_alloc_user(void)
{
	return alloc_one(mm_state(), user_zone(mm_state()), true);
}

static u64 alloc_contig(u32 order, bool zero)
{
	struct mm_state *s = mm_state();
	bool fresh;
	u64 frame;

	if (order >= PAGE_ORDERS)
		return 0;
	frame = take_block(s, &s->zone[0], order, &fresh);
	if (!frame)
		return 0;
	for (u64 i = 0; i < 1ull << order; i++) {
		s->frames[frame + i] = 1;
		if (zero && !fresh)
			plat_zero_page((frame + i) << PAGE_SHIFT);
	}
	return frame << PAGE_SHIFT;
}

u64 pages_alloc_contig(u32 order)
{
	return alloc_contig(order, true);
}

u64 pages_alloc_contig_raw(u32 order)
{
	assert_locked();
	return alloc_contig(order, false);
}

void pages_free_contig(u64 pa, u32 order)
{
	struct mm_state *s = mm_state();
	u64 frame = pa >> PAGE_SHIFT;

	for (u64 i = 1; i < 1ull << order; i++)
		s->frames[frame + i] = FRAME_FREE;
	push_block(s, &s->zone[0], frame, order);
	account_used(&s->zone[0], -(s64)(1ull << order));
}

/* Frames below the first (the image, the boot block, the zero frame) and window pages are not
 * counted. */
void page_get(u64 pa)
{
	u32 *w = frame_word(mm_state(), pa);

	assert_locked();
	if (!w)
		return;
	if (*w == 0 || *w >= FRAME_BLOCK - 1)
		plat_panic("page_get of a frame that is not in use");
	++*w;
}

void page_put(u64 pa)
{
	struct mm_state *s = mm_state();
	struct page_zone *z;
	u32 *w = frame_word(s, pa);

	assert_locked();
	if (!w)
		return;
	if (*w == 0 || *w >= FRAME_BLOCK)
		plat_panic("page_put of a frame that is not in use");
	if (--*w)
		return;
	z = zone_of(s, pa >> PAGE_SHIFT);
	push_block(s, z, pa >> PAGE_SHIFT, 0);
	account_used(z, -1);
}

u32 page_refs(u64 pa)
{
	u32 *w = frame_word(mm_state(), pa);

	return w && !(*w & FRAME_FREE) ? *w : 0;
}

void page_set_order(u64 pa, u32 order)
{
	*frame_word(mm_state(), pa) = FRAME_BLOCK | order;
}

u32 page_get_order(u64 pa)
{
	u32 *w = frame_word(mm_state(), pa);

	if (!w || (*w & (FRAME_FREE | FRAME_BLOCK)) != FRAME_BLOCK)
		plat_panic("kfree of memory that kalloc did not give");
	return *w & 0xff;
}
