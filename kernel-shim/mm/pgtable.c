/* SPDX-License-Identifier: Apache-2.0
 * x86-64 page tables of the user half, 4 levels (Intel SDM vol. 3, 4.5). Tables are frames of RAM.
 */
#include "mm/mm_internal.h"

#define LEVELS	    4
#define TABLE_FLAGS (PTE_P | PTE_W | PTE_U | PTE_A)

/* Bytes that one entry of a level covers: 4 KiB at level 1, 512 GiB at level 4. */
static u64 span(u32 level)
{
	return PAGE_SIZE << (9 * (level - 1));
}
static u32 index_at(u64 va, u32 level)
{
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}
static u64 *table_ptr(u64 entry)
{
	return phys_ptr(entry & PTE_ADDR);
}

u64 *pgtable_entry(u64 pgd_pa, u64 va, bool make)
{
	u64 *t = phys_ptr(pgd_pa);

	assert_locked();
	for (u32 level = LEVELS; level > 1; level--) {
		u64 *e = &t[index_at(va, level)];

		if (!(*e & PTE_P)) {
			u64 pa = make ? page_alloc() : 0;

			if (!pa)
				return NULL;
			*e = pa | TABLE_FLAGS;
		}
		t = table_ptr(*e);
	}
	return &t[index_at(va, 1)];
}

u64 *pgtable_find(u64 pgd_pa, u64 va, u64 *skip)
{
	u64 *t = phys_ptr(pgd_pa);

	for (u32 level = LEVELS; level > 1; level--) {
		u64 e = t[index_at(va, level)];

		if (!(e & PTE_P)) {
			*skip = span(level) - (va & (span(level) - 1));
			return NULL;
		}
		t = table_ptr(e);
	}
	return &t[index_at(va, 1)];
}

void mm_rss_add(struct mm *mm, u64 pa)
{
	if (pa == page_zero_frame())
		return;
	if (++mm->rss_pages > mm->peak_rss_pages)
		mm->peak_rss_pages = mm->rss_pages;
}

void pte_drop(struct mm *mm, u64 pte)
{
	u64 pa = pte & PTE_ADDR;

	if (pa == page_zero_frame())
		return;
	mm->rss_pages--;
	if (pa_is_ram(pa))
		page_put(pa);
}

void pgtable_zap(struct mm *mm, u64 start, u64 end)
{
	u64 lo = 0, hi = 0;

	assert_locked();
	for (u64 va = start, n; va < end; va += n) {
		u64 *e = pgtable_find(mm->pgd, va, &n);

		if (!e)
			continue;
		n = min_u64((512 - index_at(va, 1)) * PAGE_SIZE, end - va);
		for (u64 i = 0; i < n >> PAGE_SHIFT; i++) {
			if (!e[i])
				continue;
			pte_drop(mm, e[i]);
			e[i] = 0;
			if (!hi)
				lo = va + i * PAGE_SIZE;
			hi = va + (i + 1) * PAGE_SIZE;
		}
	}
	if (hi)
		plat_tlb_flush(mm, lo, (hi - lo) >> PAGE_SHIFT);
}

static void prune(u64 *t, u32 level, u64 base, u64 start, u64 end, u64 floor, u64 ceiling)
{
	u64 sz = span(level);
	u32 first = start > base ? (u32)((start - base) / sz) : 0;
	u32 last = (u32)min_u64((end - 1 - base) / sz, 511);

	for (u32 i = first; i <= last; i++) {
		u64 at = base + i * sz;

		if (!(t[i] & PTE_P))
			continue;
		if (level > 2)
			prune(table_ptr(t[i]), level - 1, at, start, end, floor, ceiling);
		if (at >= floor && at + sz <= ceiling) {
			page_put(t[i] & PTE_ADDR);
			t[i] = 0;
		}
	}
}

/* The caller zapped [start, end) and there is no vma in [floor, ceiling), so a table that lies
 * inside holds nothing. What the processor cached of it went with the flush of its pages; a table
 * without pages was never walked to the end, but the upper entries may be cached: hence a flush of
 * our own. */
void pgtable_prune(struct mm *mm, u64 start, u64 end, u64 floor, u64 ceiling)
{
	u64 before = pages_free_count();

	prune(phys_ptr(mm->pgd), LEVELS, 0, start, end, floor, ceiling);
	if (pages_free_count() != before)
		plat_tables_freed(mm, start, (end - start + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

void pgtable_free(u64 pgd_pa)
{
	prune(phys_ptr(pgd_pa), LEVELS, 0, 0, USER_VA_END, 0, USER_VA_END + PAGE_SIZE);
}
