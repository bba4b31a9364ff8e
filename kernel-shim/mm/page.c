/* SPDX-License-Identifier: Apache-2.0
 * Page frames. One 32-bit word for each: its reference count, or, while free, the link to the next
 * free one. Free frames are never written to, so memory that no program touched costs the host
 * nothing; for the same reason frames from beyond `bump` need no zeroing.
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

static u32 *frame_word(struct mm_state *s, u64 pa)
{
	u64 f = pa >> PAGE_SHIFT;

	return f >= s->first && f < s->nframes ? &s->frames[f] : NULL;
}

void page_init(u64 mem_size, u64 free_start)
{
	struct mm_state *s = phys_ptr(round_up(free_start, PAGE_SIZE));
	u64 end;

	memset(s, 0, sizeof(*s));
	s->nframes = min_u64(mem_size >> PAGE_SHIFT, FRAME_LINK);
	s->frames = (u32 *)((u8 *)s + round_up(sizeof(*s), 64));
	end = round_up(ptr_phys(s->frames + s->nframes), PAGE_SIZE);
	s->zero_pa = end;
	s->first = (end >> PAGE_SHIFT) + 1;
	if (s->first >= s->nframes)
		plat_panic("guest memory is too small");
	s->bump = s->first;
	s->nfree = s->nframes - s->first;
	s->reserve = min_u64(256, s->nfree / 32);
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
	return mm_state()->nfree;
}

u64 pages_total(void)
{
	struct mm_state *s = mm_state();

	return s->nframes - s->first;
}

bool pages_low(void)
{
	return mm_state()->nfree <= mm_state()->reserve;
}

static void account_used(struct mm_state *s, s64 n)
{
	struct kstats *st = &kern->stats;

	s->nfree -= (u64)n;
	st->pages_used += (u64)n;
	if (st->pages_used > st->pages_peak)
		st->pages_peak = st->pages_used;
}

static void push_block(struct mm_state *s, u64 frame, u32 order)
{
	s->frames[frame] = FRAME_FREE | s->free[order];
	s->free[order] = (u32)frame;
}

static u64 pop_block(struct mm_state *s, u32 order)
{
	u64 frame = s->free[order];

	if (frame)
		s->free[order] = s->frames[frame] & FRAME_LINK;
	return frame;
}

/* Recycled blocks of the wanted size first, then a larger one cut up. 0: none. */
static u64 take_recycled(struct mm_state *s, u32 order)
{
	u32 o = order;
	u64 frame = 0;

	while (o < PAGE_ORDERS && !(frame = pop_block(s, o)))
		o++;
	if (!frame)
		return 0;
	while (o > order) {
		o--;
		push_block(s, frame + (1ull << o), o);
	}
	return frame;
}

static u64 take_fresh(struct mm_state *s, u32 order)
{
	u64 n = 1ull << order, frame = round_up(s->bump, n);

	if (frame + n > s->nframes)
		return 0;
	while (s->bump < frame) /* frames skipped for alignment */
		push_block(s, s->bump++, 0);
	s->bump = frame + n;
	return frame;
}

/* Single frames may have been freed around a whole free block: look for one. Rare and slow. */
static bool join_singles(struct mm_state *s, u32 order)
{
	u64 n = 1ull << order;

	for (u64 f = round_up(s->first, n); f + n <= s->bump; f += n) {
		u64 i = 0;
		u32 *link = &s->free[0];

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
		push_block(s, f, order);
		return true;
	}
	return false;
}

static u64 take_block(struct mm_state *s, u32 order, bool *fresh)
{
	u64 frame = take_recycled(s, order);

	*fresh = false;
	if (!frame) {
		frame = take_fresh(s, order);
		*fresh = frame != 0;
	}
	if (!frame && order && join_singles(s, order))
		frame = take_recycled(s, order);
	if (frame)
		account_used(s, (s64)(1ull << order));
	return frame;
}

u64 page_alloc_raw(void)
{
	struct mm_state *s = mm_state();
	bool fresh;
	u64 frame = take_block(s, 0, &fresh);

	if (frame)
		s->frames[frame] = 1;
	return frame << PAGE_SHIFT;
}

u64 page_alloc(void)
{
	struct mm_state *s = mm_state();
	bool fresh;
	u64 frame = take_block(s, 0, &fresh);

	if (!frame)
		return 0;
	s->frames[frame] = 1;
	if (!fresh)
		plat_zero_page(frame << PAGE_SHIFT);
	return frame << PAGE_SHIFT;
}

static u64 alloc_contig(u32 order, bool zero)
{
	struct mm_state *s = mm_state();
	bool fresh;
	u64 frame;

	if (order >= PAGE_ORDERS)
		return 0;
	frame = take_block(s, order, &fresh);
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
	return alloc_contig(order, false);
}

void pages_free_contig(u64 pa, u32 order)
{
	struct mm_state *s = mm_state();
	u64 frame = pa >> PAGE_SHIFT;

	for (u64 i = 1; i < 1ull << order; i++)
		s->frames[frame + i] = FRAME_FREE;
	push_block(s, frame, order);
	account_used(s, -(s64)(1ull << order));
}

/* Frames below `first` (the image, the boot block, the zero frame) and window pages are not
 * counted. */
void page_get(u64 pa)
{
	u32 *w = frame_word(mm_state(), pa);

	if (!w)
		return;
	if (*w == 0 || *w >= FRAME_BLOCK - 1)
		plat_panic("page_get of a frame that is not in use");
	++*w;
}

void page_put(u64 pa)
{
	struct mm_state *s = mm_state();
	u32 *w = frame_word(s, pa);

	if (!w)
		return;
	if (*w == 0 || *w >= FRAME_BLOCK)
		plat_panic("page_put of a frame that is not in use");
	if (--*w)
		return;
	push_block(s, pa >> PAGE_SHIFT, 0);
	account_used(s, -1);
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
