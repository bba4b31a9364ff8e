/* SPDX-License-Identifier: Apache-2.0
 * Mappings that change their size or place: mremap(2) and brk(2), by Linux's mm/mremap.c,
 * mm/mmap.c.
 */
#include "mm/mm_internal.h"

struct remap {
	struct mm *mm;
	u64 addr, old_len, new_len, new_addr;
	u32 flags;
};

/* Tables for every page that will move, so that the move itself cannot fail. */
static int make_tables(struct remap *m)
{
	for (u64 off = 0, n; off < m->old_len; off += n) {
		if (!pgtable_find(m->mm->pgd, m->addr + off, &n))
			continue;
		n = PAGE_SIZE * 512 - ((m->addr + off) & (PAGE_SIZE * 512 - 1));
		n = min_u64(n, m->old_len - off);
		if (!pgtable_entry(m->mm->pgd, m->new_addr + off, true) ||
			!pgtable_entry(m->mm->pgd, m->new_addr + off + n - 1, true))
			return -ENOMEM;
	}
	return 0;
}

static void move_pages(struct remap *m)
{
	u64 len = min_u64(m->old_len, m->new_len), last = 0;

	for (u64 off = 0, n; off < len; off += n) {
		u64 *from = pgtable_find(m->mm->pgd, m->addr + off, &n);

		if (!from)
			continue;
		n = PAGE_SIZE;
		if (!*from)
			continue;
		*pgtable_entry(m->mm->pgd, m->new_addr + off, false) = *from;
		*from = 0;
		last = off + PAGE_SIZE;
	}
	if (!last)
		return;
	plat_tlb_flush(m->mm, m->addr, last >> PAGE_SHIFT);
	plat_tlb_added(m->mm, m->new_addr, last >> PAGE_SHIFT);
}

/* The checks of vma_to_resize. */
static int check_resize(struct remap *m, struct vma *v)
{
	u64 more = m->new_len - m->old_len;

	if (!m->old_len && !vma_shared(v))
		return -EINVAL;
	if (m->old_len > v->end - m->addr)
		return -EFAULT;
	if (m->new_len == m->old_len)
		return 0;
	if (v->file && v->offset + (m->addr - v->start) + m->new_len < m->new_len)
		return -EINVAL;
	if (v->vmflags & VMA_SPECIAL)
		return -EFAULT;
	if ((v->vmflags & VMA_LOCKED) && !mm_can_lock(m->mm, more >> PAGE_SHIFT))
		return -EAGAIN;
	return mm_may_expand(m->mm, v->prot, v->flags, more >> PAGE_SHIFT) ? 0 : -ENOMEM;
}

static bool grow_in_place(struct remap *m, struct vma *v)
{
	u64 end = m->addr + m->new_len, more = m->new_len - m->old_len;
	u32 i = vma_index(m->mm, v->start);

	if (m->old_len != v->end - m->addr || end < m->addr || end > USER_VA_END)
		return false;
	if (i + 1 < m->mm->nvmas && m->mm->vmas[i + 1]->start < end)
		return false;
	mm_account(m->mm, v->prot, v->flags, (s64)(more >> PAGE_SHIFT));
	v->end = end;
	if (v->vmflags & VMA_LOCKED) {
		m->mm->locked_pages += more >> PAGE_SHIFT;
		mm_populate(m->mm, end - more, more);
	}
	vma_merge_around(m->mm, m->addr, end);
	return true;
}

/* m->new_addr is free. */
static s64 move(struct remap *m, struct vma *v)
{
	struct mm *mm = m->mm;
	struct vma *to;
	u32 vmflags;

	if (mm->nvmas + 3 >= MM_MAX_VMAS)
		return -ENOMEM;
	to = vma_clone(v);
	if (!to)
		return -ENOMEM;
	to->start = m->new_addr;
	to->end = m->new_addr + m->new_len;
	to->name = v->vmflags & VMA_SPECIAL ? v->name : NULL;
	if (v->file)
		to->offset += m->addr - v->start;
	vmflags = v->vmflags;
	if (vma_reserve(mm, 3) || mm_install(mm, to)) {
		vma_free(to);
		return -ENOMEM;
	}
	if (make_tables(m)) {
		mm_unmap(mm, m->new_addr, m->new_len);
		return -ENOMEM;
	}
	plat_code_restore(mm, m->addr, m->old_len);
	move_pages(m);
	if (mm->vdso == m->addr)
		mm->vdso = m->new_addr;
	if (!(m->flags & MREMAP_DONTUNMAP) && m->old_len)
		mm_unmap(mm, m->addr, m->old_len);
	vma_merge_around(mm, m->new_addr, m->new_addr + m->new_len);
	if (vmflags & VMA_LOCKED)
		mm_populate(mm, m->new_addr, m->new_len);
	return (s64)m->new_addr;
}

/* MREMAP_FIXED and MREMAP_DONTUNMAP (mremap_to). */
static s64 remap_to(struct remap *m)
{
	struct vma *v;
	int r;

	if ((m->new_addr & (PAGE_SIZE - 1)) || m->new_len > kern->user_va_end ||
		m->new_addr > kern->user_va_end - m->new_len)
		return -EINVAL;
	if (m->addr + m->old_len > m->new_addr && m->new_addr + m->new_len > m->addr)
		return -EINVAL;
	if ((m->flags & MREMAP_FIXED) && m->new_addr < kern->user_va_start)
		return -EPERM;
	if (m->flags & MREMAP_FIXED) {
		r = mm_unmap(m->mm, m->new_addr, m->new_len);
		if (r)
			return r;
	}
	if (m->old_len > m->new_len) {
		r = mm_unmap(m->mm, m->addr + m->new_len, m->old_len - m->new_len);
		if (r)
			return r;
		m->old_len = m->new_len;
	}
	v = mm_find(m->mm, m->addr);
	if (!v)
		return -EFAULT;
	r = check_resize(m, v);
	if (r)
		return r;
	if ((m->flags & MREMAP_DONTUNMAP) &&
		!mm_may_expand(m->mm, v->prot, v->flags, m->old_len >> PAGE_SHIFT))
		return -ENOMEM;
	if (!(m->flags & MREMAP_FIXED)) {
		s64 at = mm_find_space(m->mm, m->new_addr, m->new_len, 0);

		if (at < 0)
			return at;
		m->new_addr = (u64)at;
	}
	return move(m, v);
}

s64 mm_remap(struct mm *mm, u64 addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr)
{
	struct remap m = {mm, addr, round_up(old_len, PAGE_SIZE), round_up(new_len, PAGE_SIZE),
		new_addr, flags};
	struct vma *v;
	s64 r;

	if (flags & ~(u32)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || old_len != new_len))
		return -EINVAL;
	if ((addr & (PAGE_SIZE - 1)) || !m.new_len)
		return -EINVAL;
	v = mm_find(mm, addr);
	if (!v)
		return -EFAULT;
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(&m);
	if (m.old_len >= m.new_len) {
		r = m.old_len == m.new_len ? 0
					   : mm_unmap(mm, addr + m.new_len, m.old_len - m.new_len);
		return r ? r : (s64)addr;
	}
	r = check_resize(&m, v);
	if (r)
		return r;
	if (grow_in_place(&m, v))
		return (s64)addr;
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	r = mm_find_space(mm, 0, m.new_len, 0);
	if (r < 0)
		return r;
	m.new_addr = (u64)r;
	return move(&m, v);
}

static bool brk_grow(struct mm *mm, u64 from, u64 to)
{
	u32 i = vma_index(mm, from);
	struct vma *v;

	if (to > kern->user_va_end || (i < mm->nvmas && mm->vmas[i]->start < to + PAGE_SIZE))
		return false;
	if (!mm_may_expand(mm, PROT_READ | PROT_WRITE, MAP_PRIVATE, (to - from) >> PAGE_SHIFT))
		return false;
	if ((mm->def_vmflags & VMA_LOCKED) && !mm_can_lock(mm, (to - from) >> PAGE_SHIFT))
		return false;
	v = vma_alloc(
		from, to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, mm->def_vmflags);
	if (!v)
		return false;
	v->name = "[heap]";
	if (mm_install(mm, v)) {
		vma_free(v);
		return false;
	}
	vma_merge_around(mm, from, to);
	if (mm->def_vmflags & VMA_LOCKED)
		mm_populate(mm, from, to - from);
	return true;
}

u64 mm_brk(struct mm *mm, u64 brk)
{
	u64 from = round_up(mm->brk, PAGE_SIZE), to = round_up(brk, PAGE_SIZE);
	u64 data = mm->data_end - mm->data_start;

	if (brk < mm->brk_start || brk >= kern->user_va_end ||
		brk - mm->brk_start + data > mm_rlimit(RLIMIT_DATA))
		return mm->brk;
	if (to < from && mm_unmap(mm, to, from - to))
		return mm->brk;
	if (to > from && !brk_grow(mm, from, to))
		return mm->brk;
	mm->brk = brk;
	return brk;
}
