/* SPDX-License-Identifier: Apache-2.0
 * mmap(2) and what goes with it: decode here, the work is in mm/.
 */
#include "core/cred.h"
#include "fs/pidfd.h"
#include "mm/mm_internal.h"
#include "sys/sys.h"

#define READ_IMPLIES_EXEC 0x0400000u /* personality(2) */

long sys_mmap(struct task *t, const u64 *a)
{
	u32 prot = (u32)a[2], flags = (u32)a[3];
	struct file *f = NULL;
	s64 r;

	if (a[5] & (PAGE_SIZE - 1))
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		f = fd_get((s32)a[4]);
		if (!f)
			return -EBADF;
	}
	if (flags & MAP_HUGETLB) { /* no huge pages are set aside here */
		r = f ? -EINVAL : -ENOMEM;
	} else {
		if ((prot & PROT_READ) && (t->proc->personality & READ_IMPLIES_EXEC))
			prot |= PROT_EXEC;
		r = mm_map(t->mm, a[0], a[1], prot, flags, f, a[5]);
	}
	if (f)
		file_put(f);
	return r;
}

long sys_mprotect(struct task *t, const u64 *a)
{
	u64 prot = a[2];

	if (prot >> 32)
		return -EINVAL;
	if ((prot & PROT_READ) && (t->proc->personality & READ_IMPLIES_EXEC))
		prot |= PROT_EXEC;
	return mm_protect(t->mm, a[0], a[1], (u32)prot);
}

long sys_munmap(struct task *t, const u64 *a)
{
	return mm_unmap(t->mm, a[0], a[1]);
}

long sys_brk(struct task *t, const u64 *a)
{
	return (long)mm_brk(t->mm, a[0]);
}

long sys_mremap(struct task *t, const u64 *a)
{
	if (a[3] >> 32)
		return -EINVAL;
	return mm_remap(t->mm, a[0], a[1], a[2], (u32)a[3], a[4]);
}

long sys_madvise(struct task *t, const u64 *a)
{
	return mm_advise(t->mm, a[0], a[1], (s32)a[2]);
}

/* Advice for another process that costs nothing to take: nothing is swapped out or read ahead. */
static long advise_other(struct file *f, s32 advice, u64 len)
{
	struct process *p = pidfd_process(f);
	struct task *other = p ? process_task(p) : NULL;

	if (!p)
		return -EBADF;
	if (!other || !other->mm)
		return -ESRCH;
	if (advice != MADV_COLD && advice != MADV_PAGEOUT && advice != MADV_WILLNEED &&
		advice != MADV_COLLAPSE)
		return -EINVAL;
	if (!cred_same_user(&current->cred, &other->cred, CAP_SYS_PTRACE))
		return -EPERM;
	return (long)len;
}

long sys_process_madvise(struct task *t, const u64 *a)
{
	struct uio u = {0};
	struct file *f;
	long r;

	if ((u32)a[4])
		return -EINVAL;
	r = a[2] > 1024 ? -EINVAL : uio_user_iov(&u, a[1], (u32)a[2]);
	if (r)
		return r;
	f = fd_get((s32)a[0]);
	r = f ? advise_other(f, (s32)a[3], u.left) : -EBADF;
	if (f)
		file_put(f);
	uio_free(&u);
	return r;
}

long sys_msync(struct task *t, const u64 *a)
{
	u64 start = a[0], end = start + round_up(a[1], PAGE_SIZE);
	u32 flags = (u32)a[2];
	int hole = 0;

	if (flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || start & (PAGE_SIZE - 1) ||
		(flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	for (u64 at = start; at < end;) {
		struct vma *v = mm_find_after(t->mm, at);

		if (!v || v->start > at)
			hole = -ENOMEM;
		if (!v || v->start >= end)
			break;
		if ((flags & MS_INVALIDATE) && (v->vmflags & VMA_LOCKED))
			return -EBUSY;
		at = v->end;
		if ((flags & MS_SYNC) && v->file && vma_shared(v) && v->file->ops->fsync) {
			struct file *f = v->file;
			int r;

			file_get(f);
			r = f->ops->fsync(f, true);
			file_put(f);
			if (r)
				return r;
		}
	}
	return hole;
}

/* A file's pages count as resident: the host has them, and telling otherwise would be a side
 * channel that Linux closed too (can_do_mincore). */
static u8 page_resident(struct mm *mm, const struct vma *v, u64 va)
{
	u64 skip, *e = pgtable_find(mm->pgd, va, &skip);

	if (v->file && !(v->flags & MAP_ANONYMOUS))
		return 1;
	return e && (*e & PTE_A); /* not what a fault nearby brought along */
}

long sys_mincore(struct task *t, const u64 *a)
{
	u64 addr = a[0], vec = a[2], pages = round_up(a[1], PAGE_SIZE) >> PAGE_SHIFT;
	u8 chunk[256];

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (a[1] > USER_VA_END || addr > USER_VA_END - a[1])
		return -ENOMEM;
	if (pages > USER_VA_END || vec > USER_VA_END - pages)
		return -EFAULT;
	while (pages) {
		u64 n = min_u64(pages, sizeof(chunk)), i;

		for (i = 0; i < n; i++, addr += PAGE_SIZE) {
			struct vma *v = mm_find(t->mm, addr);

			if (!v)
				break;
			chunk[i] = page_resident(t->mm, v, addr);
		}
		if (i && copy_to_user(vec, chunk, i))
			return -EFAULT;
		if (i < n)
			return -ENOMEM;
		vec += n;
		pages -= n;
	}
	return 0;
}
