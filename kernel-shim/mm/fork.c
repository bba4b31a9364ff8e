/* SPDX-License-Identifier: Apache-2.0
 * fork(2): the child gets the parent's mappings; private pages are shared until one of them writes.
 * Pages that a fault finds again without loss (files, shared memory) are left for the fault, as in
 * Linux (vma_needs_copy).
 */
#include "mm/mm_internal.h"

static bool needs_pages(const struct vma *v)
{
	if (v->vmflags & VMA_WIPEONFORK)
		return false;
	if (v->vmflags & VMA_SPECIAL)
		return true;
	return !vma_shared(v) && (!v->file || (v->vmflags & VMA_COPIES));
}

/* Shares n entries that lie in one table each; true if the parent lost write access somewhere. */
static bool share_entries(struct mm *mm, u64 *to, u64 *from, u64 n, bool special)
{
	bool lost = false;

	for (u64 i = 0; i < n; i++) {
		u64 e = from[i];

		if (!e)
			continue;
		if (!special) {
			lost |= e & PTE_W;
			e = (e & ~PTE_W) | PTE_COW;
			from[i] = e;
		}
		to[i] = e;
		if ((e & PTE_ADDR) != page_zero_frame())
			page_get(e & PTE_ADDR);
		mm_rss_add(mm, e & PTE_ADDR);
	}
	return lost;
}

static bool any_entry(const u64 *e, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (e[i])
			return true;
	return false;
}

static int copy_pages(struct mm *mm, struct mm *old, struct vma *v, bool *lost)
{
	for (u64 va = v->start, n; va < v->end; va += n) {
		u64 *from = pgtable_find(old->pgd, va, &n), *to, count;

		if (!from)
			continue;
		n = min_u64(PAGE_SIZE * 512 - (va & (PAGE_SIZE * 512 - 1)), v->end - va);
		count = n >> PAGE_SHIFT;
		if (!any_entry(from, count))
			continue;
		to = pgtable_entry(mm->pgd, va, true);
		if (!to)
			return -ENOMEM;
		*lost |= share_entries(mm, to, from, count, v->vmflags & VMA_SPECIAL);
	}
	return 0;
}

static int copy_vma(struct mm *mm, struct mm *old, struct vma *from, bool *lost)
{
	struct vma *v = vma_clone(from);

	if (!v)
		return -ENOMEM;
	v->vmflags &= ~VMA_LOCKED; /* mlock(2): not inherited */
	if (mm_install(mm, v)) {
		vma_free(v);
		return -ENOMEM;
	}
	return needs_pages(v) ? copy_pages(mm, old, v, lost) : 0;
}

static void copy_layout(struct mm *mm, const struct mm *old)
{
	mm->brk_start = old->brk_start;
	mm->brk = old->brk;
	mm->mmap_base = old->mmap_base;
	mm->stack_top = old->stack_top;
	mm->start_stack = old->start_stack;
	mm->code_start = old->code_start;
	mm->code_end = old->code_end;
	mm->data_start = old->data_start;
	mm->data_end = old->data_end;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	mm->vdso = old->vdso;
	memcpy(mm->auxv, old->auxv, sizeof(mm->auxv));
}

struct mm *mm_fork(struct mm *old)
{
	struct mm *mm = mm_new();
	bool lost = false;
	int r;

	if (!mm)
		return NULL;
	copy_layout(mm, old);
	r = vma_reserve(mm, old->nvmas);
	for (u32 i = 0; i < old->nvmas && !r; i++)
		if (!(old->vmas[i]->vmflags & VMA_DONTFORK))
			r = copy_vma(mm, old, old->vmas[i], &lost);
	if (!r)
		r = plat_mm_forked(mm, old);
	if (lost)
		plat_tlb_flush(old, 0, USER_VA_END >> PAGE_SHIFT);
	if (!r)
		return mm;
	mm_put(mm);
	return NULL;
}
