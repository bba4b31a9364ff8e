/* SPDX-License-Identifier: Apache-2.0
 * Pages that a copy of this process does not have, for it never writes to them: its programs map
 * them from the file of the process that it is a copy of, by a descriptor that only reads.
 */
#include <errno.h>
#include <stdlib.h>

#include "home/host/process_internal.h"
#include "mm/mm_internal.h"

#define FREE_SHARE  4  /* a copy that writes to all of them has at least 3/4 of what is free left */
#define COPY_AROUND 4u /* pages, where one is written to: each more is memory for each clone */

static void frame_thaw(u64 *frozen, u64 frame)
{
	if (frame < mm_state()->nframes)
		frozen[frame / 64] &= ~(1ull << frame % 64);
}

/* What the request under way will be answered into is written to in place. */
static void thaw_answer(u64 *frozen, const struct chan_msg *m)
{
	for (u32 i = 0; i < m->nseg && i < CHAN_SEGS_MAX; i++)
		for (u64 at = 0; at < m->seg[i].len + PAGE_SIZE; at += PAGE_SIZE)
			frame_thaw(frozen, (m->seg[i].gpa + at) >> PAGE_SHIFT);
}

int host_process_freeze(struct host_process *e, int fd, const struct chan_msg *m)
{
	u64 *frozen = calloc(mm_state()->nframes / 64 + 1, sizeof(u64));
	int file = frozen ? process_file_add(e->vm, fd) : -ENOMEM;

	if (file < 0) {
		free(frozen);
		return file;
	}
	mm_freeze(frozen, pages_free_count() / FREE_SHARE);
	thaw_answer(frozen, m);
	e->frozen = frozen;
	e->frozen_file = (u32)file;
	return 0;
}

bool page_is_frozen(const struct host_process *e, u64 pa)
{
	u64 frame = pa >> PAGE_SHIFT;

	return e->frozen && pa_is_ram(pa) && e->frozen[frame / 64] >> frame % 64 & 1;
}

/* Is a frozen page there that a program may write to? */
static bool wants_copy(const struct host_process *e, struct mm *mm, u64 va)
{
	struct vma *v = mm_find(mm, va);
	u64 skip, *pte = v && v->prot & PROT_WRITE ? pgtable_find(mm->pgd, va, &skip) : NULL;

	return pte && *pte & PTE_P && page_is_frozen(e, *pte & PTE_ADDR);
}

/* A fault costs as much as some copies. */
void copy_frozen_around(const struct host_process *e, struct task *t, u64 va)
{
	u64 lo = round_down(va, COPY_AROUND * PAGE_SIZE);
	s32 code;

	if (!e->frozen || va >= USER_VA_END || !wants_copy(e, t->mm, va))
		return;
	for (u64 at = lo; at < lo + COPY_AROUND * PAGE_SIZE && !pages_low(); at += PAGE_SIZE)
		if (wants_copy(e, t->mm, at))
			mm_fault(t->mm, at, MM_WRITE, &code);
}

enum host_process_page host_process_page(const struct host_process *e, u64 off)
{
	u64 pa = e->shared_start + off;

	if (page_is_frozen(e, pa))
		return HOST_PAGE_FROZEN;
	return page_unused(pa) ? HOST_PAGE_UNUSED : HOST_PAGE_OWN;
}
