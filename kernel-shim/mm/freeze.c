/* SPDX-License-Identifier: Apache-2.0
 * Programs' pages that copies of this kernel may go on sharing, for nobody writes to them in place
 * any more: as after a fork of every address space whose child neither runs nor ends.
 */
#include "mm/mm_internal.h"

struct freeze {
	u64 *frozen; /* a bit for each frame */
	u64 room;    /* for so many more */
};

/* A page that only entries of private mappings lead to. What a file system has too asks for a copy
 * already. */
static bool is_private(const struct vma *v, u64 e)
{
	return e && page_refs(e & PTE_ADDR) && !(v->file && (e & PTE_COW));
}

static void freeze_entry(struct freeze *f, const struct vma *v, u64 *e)
{
	u64 frame = (*e & PTE_ADDR) >> PAGE_SHIFT, bit = 1ull << frame % 64;

	if (!is_private(v, *e))
		return;
	if (!(f->frozen[frame / 64] & bit)) {
		if (!f->room)
			return;
		f->room--;
		f->frozen[frame / 64] |= bit;
		page_get(*e & PTE_ADDR);
	}
	*e = (*e & ~PTE_W) | PTE_COW;
}

static void freeze_vma(struct freeze *f, struct mm *mm, const struct vma *v)
{
	for (u64 va = v->start, n; va < v->end; va += n) {
		u64 *e = pgtable_find(mm->pgd, va, &n);

		if (!e)
			continue;
		n = min_u64(PAGE_SIZE * 512 - (va & (PAGE_SIZE * 512 - 1)), v->end - va);
		for (u64 i = 0; i < n >> PAGE_SHIFT; i++)
			freeze_entry(f, v, &e[i]);
	}
}

void mm_freeze(u64 *frozen, u64 max)
{
	struct freeze f = {frozen, max};

	assert_locked();
	list_for_each(l, &mm_state()->mms)
	{
		struct mm *mm = list_entry(l, struct mm, all_link);

		for (u32 i = 0; i < mm->nvmas; i++)
			if (!vma_shared(mm->vmas[i]) && !(mm->vmas[i]->vmflags & VMA_SPECIAL))
				freeze_vma(&f, mm, mm->vmas[i]);
	}
}

bool page_unused(u64 pa)
{
	const struct mm_state *s = mm_state();

	return pa >> PAGE_SHIFT >= s->zone[s->nzones - 1].first && !page_refs(pa);
}
