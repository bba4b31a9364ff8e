/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Entries of shadow pages, and the way back: from a frame to the leaves that lead to it, from a
 * page to the links that do. All changes of entries are made here.
 *
 * Every entry has PT_ACCESSED, and PT_DIRTY if it may be written, so that the CPU never writes to
 * a shadow page. Neither PT_GLOBAL nor the guest's memory types are taken over: all of its memory
 * is write-back memory of the host's.
 */
#include "shadow_internal.h"

static uint32_t entry_number(const struct shadow_page *p, uint32_t index)
{
	return p->id * PT_ENTRIES + index;
}

static struct shadow_link *link_of(struct shadow_mmu *m, uint32_t number)
{
	return shadow_link_at(shadow_page_at(m, number / PT_ENTRIES), number % PT_ENTRIES);
}

static uint32_t *frame_head(struct shadow_mmu *m, uint64_t gfn)
{
	return &m->rmap[((gfn + 1) * m->hash_key) >> 40 & (SHADOW_RMAP - 1)];
}

static uint32_t *target_head(struct shadow_mmu *m, uint64_t target)
{
	if (target & LINK_PAGE)
		return &shadow_page_at(m, (uint32_t)target)->parents;
	return frame_head(m, target & LINK_FRAME);
}

/* --- lists --- */

static void list_insert(struct shadow_mmu *m, uint32_t number, uint64_t target)
{
	struct shadow_link *l = link_of(m, number);
	uint32_t *head = target_head(m, target);

	*l = (struct shadow_link){target, *head, 0};
	if (*head)
		link_of(m, *head)->prev = number;
	*head = number;
}

static void list_remove(struct shadow_mmu *m, const struct shadow_link *l)
{
	if (l->prev)
		link_of(m, l->prev)->next = l->next;
	else
		*target_head(m, l->target) = l->next;
	if (l->next)
		link_of(m, l->next)->prev = l->prev;
}

/* --- entries --- */

static void entry_write(struct shadow_page *p, uint32_t index, uint64_t entry)
{
	__atomic_store_n(&p->entries[index], entry, __ATOMIC_RELEASE);
}

struct shadow_page *shadow_child(struct shadow_mmu *m, const struct shadow_page *p, uint32_t index)
{
	uint64_t target = shadow_link_at(p, index)->target;

	if (!p->entries[index] || !(target & LINK_PAGE))
		return NULL;
	return shadow_page_at(m, (uint32_t)target);
}

void shadow_entry_set(struct shadow_mmu *m, struct shadow_page *p, uint32_t index, uint64_t entry,
	uint64_t target)
{
	list_insert(m, entry_number(p, index), target);
	entry_write(p, index, entry);
	p->present++;
	m->leaves += !(target & LINK_PAGE);
}

void shadow_entry_drop(struct shadow_mmu *m, struct shadow_page *p, uint32_t index)
{
	struct shadow_page *child = shadow_child(m, p, index);

	entry_write(p, index, 0);
	list_remove(m, shadow_link_at(p, index));
	p->present--;
	m->leaves -= !child;
	m->changes++;
	m->need_flush = true;
	if (child && !child->parents)
		shadow_page_doom(m, child);
}

void shadow_entry_rights(
	struct shadow_mmu *m, struct shadow_page *p, uint32_t index, uint64_t entry)
{
	uint64_t old = p->entries[index];

	entry_write(p, index, entry);
	/* More rights need no flush: a TLB that does not know them faults, and the fault finds
	 * nothing to do. But what the user may do the kernel may not, with SMEP and SMAP. */
	if ((old & ~entry & PT_WRITE) || ((old ^ entry) & PT_USER) || (entry & ~old & PT_NX)) {
		m->changes++;
		m->need_flush = true;
	}
}

void shadow_page_empty(struct shadow_mmu *m, struct shadow_page *p)
{
	for (uint32_t i = 0; p->present; i++)
		if (p->entries[i])
			shadow_entry_drop(m, p, i);
}

/* --- from frames to leaves --- */

/* A large leaf that is to lose the right to write goes: its frames can then be told apart. */
static void leaf_take(struct shadow_mmu *m, uint32_t number, bool only_write)
{
	struct shadow_page *p = shadow_page_at(m, number / PT_ENTRIES);
	uint32_t i = number % PT_ENTRIES;
	uint64_t entry = p->entries[i];

	if (only_write && !(entry & PT_WRITE))
		return;
	if (only_write && !(shadow_link_at(p, i)->target & LINK_LARGE))
		shadow_entry_rights(m, p, i, entry & ~(PT_WRITE | PT_DIRTY));
	else
		shadow_entry_drop(m, p, i);
}

static void target_take(struct shadow_mmu *m, uint64_t target, bool only_write)
{
	uint32_t next;

	for (uint32_t n = *frame_head(m, target & LINK_FRAME); n; n = next) {
		const struct shadow_link *l = link_of(m, n);

		next = l->next;
		if (l->target == target)
			leaf_take(m, n, only_write);
	}
}

static void page_take(
	struct shadow_mmu *m, struct shadow_page *p, uint64_t gfn, uint64_t n, bool only_write)
{
	for (uint32_t i = 0, left = p->present; left; i++) {
		uint64_t target = shadow_link_at(p, i)->target, first, span;

		if (!p->entries[i])
			continue;
		left--;
		first = target & LINK_FRAME;
		span = target & LINK_LARGE ? pt_span(2) : 1;
		if (!(target & LINK_PAGE) && first < gfn + n && gfn < first + span)
			leaf_take(m, entry_number(p, i), only_write);
	}
}

/* Many frames: all leaves are looked at. Few: the lists of those frames. */
static void frames_take(struct shadow_mmu *m, uint64_t gfn, uint64_t n, bool only_write)
{
	uint64_t by_list = 2 + m->leaves / SHADOW_RMAP;

	if (n > (uint64_t)m->pages * PT_ENTRIES / by_list) {
		for (uint32_t id = 1; id <= m->ids; id++)
			if (shadow_page_at(m, id)->live && shadow_page_at(m, id)->level <= 2)
				page_take(m, shadow_page_at(m, id), gfn, n, only_write);
		return;
	}
	for (uint64_t f = gfn; f < gfn + n; f++) {
		target_take(m, f, only_write);
		target_take(m, (f & ~(pt_span(2) - 1)) | LINK_LARGE, only_write);
	}
}

void shadow_frames_protect(struct shadow_mmu *m, uint64_t gfn, uint64_t n)
{
	frames_take(m, gfn, n, true);
}

void shadow_frames_zap(struct shadow_mmu *m, uint64_t gfn, uint64_t n)
{
	frames_take(m, gfn, n, false);
}
