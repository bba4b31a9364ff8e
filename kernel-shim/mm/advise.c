/* SPDX-License-Identifier: Apache-2.0
 * madvise(2), by Linux's mm/madvise.c: what changes memory is done, what is only advice is
 * accepted.
 */
#include <linux/falloc.h>

#include "mm/mm_internal.h"

static bool advice_known(int advice)
{
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_DOFORK:
	case MADV_MERGEABLE:
	case MADV_UNMERGEABLE:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
	case MADV_DONTDUMP:
	case MADV_DODUMP:
	case MADV_WIPEONFORK:
	case MADV_KEEPONFORK:
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_DONTNEED_LOCKED:
		return true;
	default:
		return false;
	}
}

static int advise_flags(struct mm *mm, u64 start, u64 end, u32 set, u32 clear)
{
	struct vma *v = mm_find(mm, start);
	u32 i;

	if (((v->vmflags & ~clear) | set) == v->vmflags)
		return 0;
	if (vma_isolate(mm, start, end, false, &i))
		return -ENOMEM;
	mm->vmas[i]->vmflags = (mm->vmas[i]->vmflags & ~clear) | set;
	return 0;
}

static int advise_remove(struct vma *v, u64 start, u64 end)
{
	struct file *f = v->file;

	if ((v->vmflags & VMA_LOCKED) || !f)
		return -EINVAL;
	if (!vma_shared(v) || !(v->maxprot & PROT_WRITE) || !(v->prot & PROT_WRITE))
		return -EACCES;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	return f->ops->fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		v->offset + (start - v->start), end - start);
}

/* One vma's part of the range. */
static int advise_part(struct mm *mm, struct vma *v, u64 start, u64 end, int advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_FREE:
	case MADV_DONTNEED_LOCKED:
		if ((v->vmflags & VMA_SPECIAL) ||
			(advice != MADV_DONTNEED_LOCKED && (v->vmflags & VMA_LOCKED)))
			return -EINVAL;
		if (advice == MADV_FREE && v->file)
			return -EINVAL;
		pgtable_zap(mm, start, end);
		return 0;
	case MADV_REMOVE:
		return advise_remove(v, start, end);
	case MADV_WIPEONFORK:
		if (v->file || vma_shared(v))
			return -EINVAL;
		return advise_flags(mm, start, end, VMA_WIPEONFORK, 0);
	case MADV_KEEPONFORK:
		return advise_flags(mm, start, end, 0, VMA_WIPEONFORK);
	case MADV_DONTFORK:
		return advise_flags(mm, start, end, VMA_DONTFORK, 0);
	case MADV_DOFORK:
		return advise_flags(mm, start, end, 0, VMA_DONTFORK);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return v->vmflags & (VMA_LOCKED | VMA_SPECIAL) ? -EINVAL : 0;
	default:
		return 0;
	}
}

/* MADV_POPULATE_*: EINVAL for a mapping without the right, EFAULT where a fault would be SIGBUS. */
static int advise_populate(struct mm *mm, u64 start, u64 end, bool write)
{
	s32 code;

	mm->fault_next = start;
	for (u64 va = start; va < end; va += PAGE_SIZE) {
		struct vma *v = mm_find(mm, va);
		int r;

		if (!v)
			return -ENOMEM;
		if ((v->vmflags & VMA_SPECIAL) || !(v->prot & (write ? PROT_WRITE : PROT_MASK)))
			return -EINVAL;
		r = mm_fault(mm, va, write ? MM_WRITE : MM_READ, &code);
		if (r)
			return r == -EIO ? -EFAULT : r;
	}
	return 0;
}

int mm_advise(struct mm *mm, u64 addr, u64 len, int advice)
{
	u64 size = round_up(len, PAGE_SIZE), end = addr + size;
	int hole = 0, r = 0;

	if (!advice_known(advice) || (addr & (PAGE_SIZE - 1)) || (len && !size) || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_populate(mm, addr, end, advice == MADV_POPULATE_WRITE);
	/* Holes do not stop it: everything mapped is advised, then ENOMEM. */
	for (u64 at = addr; at < end && !r;) {
		struct vma *v = mm_find_after(mm, at);
		u64 to;

		if (!v || v->start > at)
			hole = -ENOMEM;
		if (!v || v->start >= end)
			break;
		at = max_u64(at, v->start);
		to = min_u64(end, v->end);
		r = advise_part(mm, v, at, to, advice);
		at = to;
	}
	vma_merge_around(mm, addr, end);
	return r ? r : hole;
}
