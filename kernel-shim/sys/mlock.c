/* SPDX-License-Identifier: Apache-2.0
 * mlock(2) and its family: nothing is ever swapped out, so a lock is an account against
 * RLIMIT_MEMLOCK and the promise that the pages are there (Linux mm/mlock.c).
 */
#include "mm/mm_internal.h"
#include "sys/sys.h"

static int lock_part(struct mm *mm, struct vma *v, u64 start, u64 end, bool lock)
{
	u64 pages = (end - start) >> PAGE_SHIFT;
	u32 i;

	if ((v->vmflags & VMA_SPECIAL) || !(v->vmflags & VMA_LOCKED) == !lock)
		return 0;
	if (vma_isolate(mm, start, end, false, &i))
		return -ENOMEM;
	mm->vmas[i]->vmflags ^= VMA_LOCKED;
	mm->locked_pages += lock ? pages : -pages;
	return 0;
}

static int lock_range(struct mm *mm, u64 start, u64 end, bool lock)
{
	int r = 0;

	if (end < start)
		return -EINVAL;
	for (u64 at = start; at < end && !r;) {
		struct vma *v = mm_find(mm, at);
		u64 to;

		if (!v) {
			r = -ENOMEM;
			break;
		}
		to = min_u64(end, v->end);
		r = lock_part(mm, v, at, to, lock);
		at = to;
	}
	vma_merge_around(mm, start, end);
	return r;
}

static u64 locked_in(struct mm *mm, u64 start, u64 end)
{
	u64 n = 0;

	for (u32 i = vma_index(mm, start); i < mm->nvmas && mm->vmas[i]->start < end; i++) {
		struct vma *v = mm->vmas[i];

		if (v->vmflags & VMA_LOCKED)
			n += (min_u64(v->end, end) - max_u64(v->start, start)) >> PAGE_SHIFT;
	}
	return n;
}

static long do_mlock(struct mm *mm, u64 addr, u64 len, bool now)
{
	u64 start = round_down(addr, PAGE_SIZE), size = round_up(len + (addr - start), PAGE_SIZE);
	u64 end = start + size;
	int r;

	if (!mm_may_lock())
		return -EPERM;
	if (!mm_can_lock(mm, (size >> PAGE_SHIFT) - (end > start ? locked_in(mm, start, end) : 0)))
		return -ENOMEM;
	r = lock_range(mm, start, end, true);
	if (r || !now || start == end)
		return r;
	r = mm_populate(mm, start, size);
	if (r == -EFAULT || r == -EIO) /* POSIX's errors (__mlock_posix_error_return) */
		return -ENOMEM;
	return r == -ENOMEM ? -EAGAIN : r;
}

long sys_mlock(struct task *t, const u64 *a)
{
	return do_mlock(t->mm, a[0], a[1], true);
}

long sys_mlock2(struct task *t, const u64 *a)
{
	if (a[2] & ~(u64)MLOCK_ONFAULT)
		return -EINVAL;
	return do_mlock(t->mm, a[0], a[1], !(a[2] & MLOCK_ONFAULT));
}

long sys_munlock(struct task *t, const u64 *a)
{
	u64 start = round_down(a[0], PAGE_SIZE);

	return lock_range(t->mm, start, start + round_up(a[1] + (a[0] - start), PAGE_SIZE), false);
}

/* Every vma; errors of a single one do not count, as in Linux. */
static void lock_all(struct mm *mm, bool lock, bool now)
{
	u64 at = 0;
	struct vma *v;

	while ((v = mm_find_after(mm, at))) {
		u64 start = v->start;

		at = v->end;
		lock_part(mm, v, start, at, lock);
		if (lock && now)
			mm_populate(mm, start, at - start);
	}
	vma_merge_around(mm, 0, USER_VA_END);
}

long sys_mlockall(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[0];
	struct mm *mm = t->mm;

	if (!flags || flags == MCL_ONFAULT ||
		flags & ~(u32)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return -EINVAL;
	if (!mm_may_lock())
		return -EPERM;
	if ((flags & MCL_CURRENT) && !cred_has(&t->cred, CAP_IPC_LOCK) &&
		mm->total_pages > mm_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return -ENOMEM;
	mm->def_vmflags = flags & MCL_FUTURE ? VMA_LOCKED : 0;
	if (flags & MCL_CURRENT)
		lock_all(mm, true, !(flags & MCL_ONFAULT));
	return 0;
}

long sys_munlockall(struct task *t, const u64 *a)
{
	t->mm->def_vmflags = 0;
	lock_all(t->mm, false, false);
	return 0;
}
