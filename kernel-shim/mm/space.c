/* SPDX-License-Identifier: Apache-2.0
 * Address spaces as a whole: birth, layout, death, and what happens to all of them at once.
 */
#include "core/random.h"
#include "mm/mm_internal.h"

/* Linux's numbers (arch/x86/mm/mmap.c): 28 bits for mmap, 22 bits of pages for the stack. */
#define MMAP_RND_PAGES	(1ull << 28)
#define STACK_RND_PAGES (1ull << 22)
#define STACK_GAP_MIN	(128ull << 20)

struct mm *mm_new(void)
{
	struct mm *mm = kzalloc(sizeof(*mm));

	if (!mm)
		return NULL;
	mm->pgd = page_alloc();
	if (!mm->pgd) {
		kfree(mm);
		return NULL;
	}
	mm->refs = 1;
	mm->mmap_base = kern->user_va_end - STACK_GAP_MIN;
	mm->stack_top = kern->user_va_end;
	list_add_tail(&mm_state()->mms, &mm->all_link);
	plat_pgd_init(phys_ptr(mm->pgd));
	return mm;
}

static u64 random_below(u64 n)
{
	u64 r;

	random_bytes(&r, sizeof(r));
	return r & (n - 1);
}

void mm_layout(struct mm *mm, u64 stack_limit, bool randomize)
{
	u64 gap = max_u64(stack_limit, STACK_GAP_MIN);

	gap = min_u64(gap, kern->user_va_end / 6 * 5) + MM_GUARD_GAP;
	mm->stack_top = kern->user_va_end;
	if (randomize) {
		mm->stack_top -= random_below(STACK_RND_PAGES) << PAGE_SHIFT;
		gap += (STACK_RND_PAGES + random_below(MMAP_RND_PAGES)) << PAGE_SHIFT;
	}
	mm->mmap_base =
		round_down(kern->user_va_end - min_u64(gap, kern->user_va_end / 6 * 5), PAGE_SIZE);
}

void mm_get(struct mm *mm)
{
	mm->refs++;
}

void mm_put(struct mm *mm)
{
	if (--mm->refs)
		return;
	list_del(&mm->all_link);
	/* The home forgets it first: no processor may walk the tables while they go. */
	plat_pgd_destroy(mm);
	for (u32 i = 0; i < mm->nvmas; i++) {
		struct vma *v = mm->vmas[i];

		pgtable_zap(mm, v->start, v->end);
		vma_free(v);
	}
	kfree(mm->vmas);
	pgtable_free(mm->pgd);
	page_put(mm->pgd);
	kfree(mm);
}

/* The access that populating makes: private writable pages get their copy now, as in Linux. */
static int populate_vma(struct mm *mm, struct vma *v, u64 from, u64 to)
{
	bool write = (v->prot & PROT_WRITE) && !vma_shared(v);
	s32 code;

	for (u64 va = from, skip; va < to; va += PAGE_SIZE) {
		u64 *e = pgtable_find(mm->pgd, va, &skip);
		int r;

		if (e && (*e & PTE_P) && (!write || (*e & PTE_W))) {
			/* filled ahead by the fault before: wanted at this moment, as mincore(2)
			 * tells it
			 */
			__atomic_fetch_or(e, PTE_A, __ATOMIC_RELAXED);
			continue;
		}
		r = mm_fault(mm, va, write ? MM_WRITE : MM_READ, &code);
		if (r)
			return r;
	}
	return 0;
}

int mm_populate(struct mm *mm, u64 addr, u64 len)
{
	u64 end = addr + len;

	mm->fault_next = addr;
	mm->fault_batch = MM_ANON_BATCH;
	while (addr < end) {
		struct vma *v = mm_find(mm, addr);
		u64 to;
		int r;

		if (!v)
			return -ENOMEM;
		to = min_u64(end, v->end);
		r = populate_vma(mm, v, addr, to);
		if (r)
			return r;
		addr = to;
	}
	return 0;
}

/* -- what happens to a file's pages -- */

/* Removes the file's own pages of [start, end) and keeps the program's copies. */
static void zap_uncopied(struct mm *mm, u64 start, u64 end)
{
	for (u64 va = start, n; va < end; va += n) {
		u64 *e = pgtable_find(mm->pgd, va, &n);

		if (!e)
			continue;
		n = PAGE_SIZE;
		if (*e & (PTE_COW | PTE_SHARED))
			pgtable_zap(mm, va, va + PAGE_SIZE);
	}
}

static void zap_file(struct inode *inode, u64 from, u64 to, bool copies_too)
{
	list_for_each(pos, &mm_state()->mms)
	{
		struct mm *mm = list_entry(pos, struct mm, all_link);

		for (u32 i = 0; i < mm->nvmas; i++) {
			struct vma *v = mm->vmas[i];
			u64 size = v->end - v->start, lo, hi;

			if (!v->file || v->file->inode != inode || v->offset >= to ||
				v->offset + size <= from)
				continue;
			lo = v->start + (from > v->offset ? from - v->offset : 0);
			hi = v->start + min_u64(to - v->offset, size);
			if (copies_too)
				pgtable_zap(mm, lo, hi);
			else
				zap_uncopied(mm, lo, hi);
		}
	}
}

void mm_file_truncated(struct inode *inode, u64 new_size)
{
	zap_file(inode, round_up(new_size, PAGE_SIZE), ~0ull, true);
}

void mm_file_punched(struct inode *inode, u64 start, u64 end)
{
	zap_file(inode, start, end, false);
}

static void zap_window(struct mm *mm, struct vma *v, u64 lo, u64 hi)
{
	for (u64 va = v->start, n; va < v->end; va += n) {
		u64 *e = pgtable_find(mm->pgd, va, &n);
		u64 pa;

		if (!e)
			continue;
		n = PAGE_SIZE;
		pa = *e & PTE_ADDR;
		if (*e && pa >= lo && pa < hi)
			pgtable_zap(mm, va, va + PAGE_SIZE);
	}
}

void mm_window_zap(u64 window_offset, u64 len)
{
	u64 lo = kern->boot->window_gpa + window_offset;

	list_for_each(pos, &mm_state()->mms)
	{
		struct mm *mm = list_entry(pos, struct mm, all_link);

		for (u32 i = 0; i < mm->nvmas; i++)
			if (mm->vmas[i]->file)
				zap_window(mm, mm->vmas[i], lo, lo + len);
	}
}
