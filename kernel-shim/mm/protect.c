/* SPDX-License-Identifier: Apache-2.0
 * mprotect(2): mm/mprotect.c's order of checks; what was done before an error stays done.
 */
#include "mm/mm_internal.h"

/* An entry with the rights of v. A private page may be written at once only if it is ours alone, a
 * shared one only if its file system was told before. */
static u64 entry_for(const struct vma *v, u64 e)
{
	u64 bits = vma_pte_bits(v);

	if ((v->prot & PROT_WRITE) && !(e & PTE_COW) && (!vma_shared(v) || (e & PTE_W)))
		bits |= PTE_W;
	return (e & ~(PTE_P | PTE_HELD | PTE_W | PTE_NX)) | bits;
}

static void protect_pages(struct mm *mm, struct vma *v, u64 start, u64 end)
{
	u64 lo = 0, hi = 0;
	bool lost = false;

	for (u64 va = start, n; va < end; va += n) {
		u64 *e = pgtable_find(mm->pgd, va, &n);

		if (!e)
			continue;
		n = min_u64(PAGE_SIZE * 512 - (va & (PAGE_SIZE * 512 - 1)), end - va);
		for (u64 i = 0; i < n >> PAGE_SHIFT; i++) {
			u64 fresh = e[i] ? entry_for(v, e[i]) : 0;

			if (fresh == e[i])
				continue;
			lost |= (e[i] & ~fresh & (PTE_P | PTE_W)) || (fresh & ~e[i] & PTE_NX);
			e[i] = fresh;
			if (!hi)
				lo = va + i * PAGE_SIZE;
			hi = va + (i + 1) * PAGE_SIZE;
		}
	}
	if (lost)
		plat_tlb_flush(mm, lo, (hi - lo) >> PAGE_SHIFT);
	else if (hi)
		plat_tlb_added(mm, lo, (hi - lo) >> PAGE_SHIFT);
}

/* One vma's part of the range. */
static int protect_part(struct mm *mm, u64 start, u64 end, u32 prot)
{
	struct vma *v = mm_find(mm, start);
	s64 pages = (s64)((end - start) >> PAGE_SHIFT);
	u32 i;

	if (v->prot == prot)
		return 0;
	if (prot & ~v->maxprot)
		return -EACCES;
	if (vma_is_data(prot, v->flags) && !vma_is_data(v->prot, v->flags) &&
		mm->data_pages + (u64)pages > mm_rlimit(RLIMIT_DATA) >> PAGE_SHIFT)
		return -ENOMEM;
	if (vma_isolate(mm, start, end, false, &i))
		return -ENOMEM;
	v = mm->vmas[i];
	mm_account(mm, v->prot, v->flags, -pages);
	mm_account(mm, prot, v->flags, pages);
	v->prot = prot;
	protect_pages(mm, v, start, end);
	return 0;
}

int mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot)
{
	u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	u64 end, at;
	struct vma *v;
	int r = 0;

	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & (PAGE_SIZE - 1)))
		return -EINVAL;
	if (!len)
		return 0;
	end = addr + round_up(len, PAGE_SIZE);
	if (end <= addr)
		return -ENOMEM;
	if (prot & ~(u32)(PROT_MASK | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	v = mm_find_after(mm, addr);
	if (!v)
		return -ENOMEM;
	if (grows & PROT_GROWSDOWN) {
		if (v->start >= end)
			return -ENOMEM;
		if (!(v->flags & MAP_GROWSDOWN))
			return -EINVAL;
		addr = v->start;
	} else if (v->start > addr) {
		return -ENOMEM;
	} else if (grows) {
		return -EINVAL; /* x86 has no mappings that grow up */
	}
	for (at = addr; at < end && !r; at = min_u64(end, v->end)) {
		v = mm_find(mm, at);
		if (!v) {
			r = -ENOMEM;
			break;
		}
		r = protect_part(mm, at, min_u64(end, v->end), prot & PROT_MASK);
		if (!r)
			v = mm_find(mm, at);
	}
	vma_merge_around(mm, addr, at);
	return r;
}
