/* SPDX-License-Identifier: Apache-2.0
 * Making and removing mappings: checks in the order and with the errnos of Linux's do_mmap and
 * do_munmap (mm/mmap.c, mmap(2)).
 */
#include <asm/fcntl.h>

#include "mm/mm_internal.h"

#define GAP_LIMIT_32BIT_LO 0x40000000ull /* MAP_32BIT: the second GiB (arch/x86 sys_x86_64.c) */
#define GAP_LIMIT_32BIT_HI 0x80000000ull
/* Flags that a file system may be asked for by MAP_SHARED_VALIDATE (LEGACY_MAP_MASK). */
#define KNOWN_FLAGS                                                                                \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |   \
		MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |    \
		MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_FIXED_NOREPLACE |         \
		((u32)MAP_HUGE_MASK << MAP_HUGE_SHIFT))
#define KEPT_FLAGS (MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE)

u64 mm_rlimit(u32 which)
{
	return current ? current->proc->rlimits[which][0] : ~0ull;
}

bool mm_may_expand(struct mm *mm, u32 prot, u32 flags, u64 pages)
{
	if (mm->total_pages + pages > mm_rlimit(RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	return !vma_is_data(prot, flags) ||
	       mm->data_pages + pages <= mm_rlimit(RLIMIT_DATA) >> PAGE_SHIFT;
}

void mm_account(struct mm *mm, u32 prot, u32 flags, s64 pages)
{
	mm->total_pages += (u64)pages;
	if (vma_is_data(prot, flags))
		mm->data_pages += (u64)pages;
}

bool mm_may_lock(void)
{
	return mm_rlimit(RLIMIT_MEMLOCK) || (current && cred_has(&current->cred, CAP_IPC_LOCK));
}

bool mm_can_lock(struct mm *mm, u64 more_pages)
{
	return !current || cred_has(&current->cred, CAP_IPC_LOCK) ||
	       mm->locked_pages + more_pages <= mm_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

/* Where a mapping's claim begins: a stack's includes its guard gap. */
static u64 claim_start(const struct vma *v)
{
	if (!(v->flags & MAP_GROWSDOWN))
		return v->start;
	return v->start > MM_GUARD_GAP ? v->start - MM_GUARD_GAP : 0;
}

static s64 space_below(struct mm *mm, u64 top, u64 len)
{
	u32 i = vma_index(mm, top - 1);

	if (i < mm->nvmas)
		top = min_u64(top, claim_start(mm->vmas[i]));
	for (; top >= len + kern->user_va_start; i--) {
		u64 floor = i ? mm->vmas[i - 1]->end : kern->user_va_start;

		if (top >= floor && top - floor >= len)
			return (s64)(top - len);
		if (!i)
			break;
		top = min_u64(top, claim_start(mm->vmas[i - 1]));
	}
	return -ENOMEM;
}

static s64 space_above(struct mm *mm, u64 from, u64 limit, u64 len)
{
	for (u32 i = vma_index(mm, from);; i++) {
		u64 top = i < mm->nvmas ? min_u64(limit, claim_start(mm->vmas[i])) : limit;

		if (top >= from && top - from >= len)
			return (s64)from;
		if (i >= mm->nvmas || mm->vmas[i]->end >= limit)
			return -ENOMEM;
		from = max_u64(from, mm->vmas[i]->end);
	}
}

s64 mm_find_space(struct mm *mm, u64 addr, u64 len, u32 flags)
{
	struct vma *v;
	s64 r;

	if (len > kern->user_va_end)
		return -ENOMEM;
	if (flags & MAP_32BIT && !addr)
		return space_above(mm, GAP_LIMIT_32BIT_LO, GAP_LIMIT_32BIT_HI, len);
	if (addr) { /* a hint */
		addr = round_up(addr, PAGE_SIZE);
		v = mm_find_after(mm, addr);
		if (addr >= kern->user_va_start && addr <= kern->user_va_end - len &&
			(!v || addr + len <= claim_start(v)))
			return (s64)addr;
		if (flags & MAP_32BIT)
			return space_above(mm, GAP_LIMIT_32BIT_LO, GAP_LIMIT_32BIT_HI, len);
	}
	r = space_below(mm, mm->mmap_base, len);
	if (r < 0) /* bottom-up from TASK_UNMAPPED_BASE, as Linux when the usual area is full */
		r = space_above(
			mm, round_up(kern->user_va_end / 3, PAGE_SIZE), kern->user_va_end, len);
	return r;
}

static s64 map_place(struct mm *mm, u64 addr, u64 len, u32 flags)
{
	struct vma *v;

	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		addr &= ~(PAGE_SIZE - 1);
		if (addr && addr < kern->user_va_start)
			addr = kern->user_va_start;
		return mm_find_space(mm, addr, len, flags);
	}
	if (len > kern->user_va_end || addr > kern->user_va_end - len)
		return -ENOMEM;
	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	if (addr < kern->user_va_start)
		return -EPERM;
	v = mm_find_after(mm, addr);
	if ((flags & MAP_FIXED_NOREPLACE) && v && v->start < addr + len)
		return -EEXIST;
	return (s64)addr;
}

static int check_anon(u32 flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		return flags & MAP_GROWSDOWN ? -EINVAL : 0;
	case MAP_PRIVATE:
		return 0;
	default:
		return -EINVAL;
	}
}

static int check_file(struct file *f, u32 prot, u32 flags, u32 *maxprot)
{
	u32 mode =
		(f->flags & O_ACCMODE) + 1; /* bit 0: may read, bit 1: may write; 3 + 1: neither */

	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~(u32)(KNOWN_FLAGS | MAP_TYPE))
			return -EOPNOTSUPP;
		/* fallthrough */
		__attribute__((fallthrough));
	case MAP_SHARED:
		if (!(mode & 2)) {
			if (prot & PROT_WRITE)
				return -EACCES;
			*maxprot &= ~(u32)PROT_WRITE;
		}
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!(mode & 1))
		return -EACCES;
	if (f->path.dentry && (f->path.mnt->flags & MOUNT_NOEXEC)) {
		if (prot & PROT_EXEC)
			return -EPERM;
		*maxprot &= ~(u32)PROT_EXEC;
	}
	if (!f->ops->mmap && !(f->inode && f->inode->ops->map_page))
		return -ENODEV;
	if (flags & MAP_GROWSDOWN)
		return -EINVAL;
	return f->ops->mmap ? f->ops->mmap(f, prot, flags) : 0;
}

/* Limits that depend on what is there already: a fixed mapping replaces. */
static int check_limits(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags)
{
	u64 replaced = 0;
	bool locked = (flags & MAP_LOCKED) || (mm->def_vmflags & VMA_LOCKED);

	if (locked && !mm_can_lock(mm, len >> PAGE_SHIFT))
		return -EAGAIN;
	for (u32 i = vma_index(mm, addr); i < mm->nvmas && mm->vmas[i]->start < addr + len; i++)
		replaced +=
			min_u64(mm->vmas[i]->end, addr + len) - max_u64(mm->vmas[i]->start, addr);
	if (!mm_may_expand(mm, prot, flags, (len - replaced) >> PAGE_SHIFT))
		return -ENOMEM;
	return 0;
}

int mm_install(struct mm *mm, struct vma *v)
{
	u64 pages = (v->end - v->start) >> PAGE_SHIFT;

	if (vma_insert(mm, v))
		return -ENOMEM;
	mm_account(mm, v->prot, v->flags, (s64)pages);
	if (v->vmflags & VMA_LOCKED)
		mm->locked_pages += pages;
	return 0;
}

/* The backing of v: the file, or a tmpfs file for shared memory without one, or nothing. */
static int map_backing(struct vma *v, struct file *file, u64 offset)
{
	if (file && file->inode && file->inode->ops->map_page) {
		file_get(file);
		v->file = file;
		v->offset = offset;
		vma_tell(v, true);
		return 0;
	}
	v->flags |= MAP_ANONYMOUS; /* without a file, or one that is zeroes (/dev/zero) */
	if (v->flags & MAP_SHARED) {
		struct file *f = tmpfs_anon_file("/dev/zero", v->end - v->start);

		if (is_err(f))
			return (int)ptr_err(f);
		v->file = f;
	}
	return 0;
}

static s64 map_do(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, u32 maxprot,
	struct file *file, u64 offset)
{
	u32 vmflags = mm->def_vmflags | (flags & MAP_LOCKED ? VMA_LOCKED : 0);
	u32 kept = flags & (KEPT_FLAGS & ~MAP_TYPE);
	struct vma *v;
	int r;

	kept |= (flags & MAP_TYPE) == MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	v = vma_alloc(addr, addr + len, prot, kept, vmflags);
	if (!v)
		return -ENOMEM;
	v->maxprot = maxprot;
	r = map_backing(v, file, offset);
	if (!r)
		r = vma_reserve(mm, 3); /* what is replaced must not be lost for want of room */
	if (!r && flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		r = mm_unmap(mm, addr, len);
	if (!r)
		r = mm_install(mm, v);
	if (r) {
		vma_free(v);
		return r;
	}
	vma_merge_around(mm, addr, addr + len);
	if ((flags & MAP_LOCKED) || (mm->def_vmflags & VMA_LOCKED) ||
		(flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		mm_populate(mm, addr, len); /* as in Linux, what fails here shows later */
	return (s64)addr;
}

s64 mm_map(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 offset)
{
	u32 maxprot = PROT_MASK;
	s64 at;
	int r;

	assert_locked();
	if (!len)
		return -EINVAL;
	len = round_up(len, PAGE_SIZE);
	if (!len)
		return -ENOMEM;
	if (mm->nvmas > MM_MAX_VMAS)
		return -ENOMEM;
	if (flags & MAP_ANONYMOUS)
		file = NULL;
	prot &= PROT_MASK;
	at = map_place(mm, addr, len, flags);
	if (at < 0)
		return at;
	if ((flags & MAP_LOCKED) && !mm_may_lock())
		return -EPERM;
	if (file && (len > INT64_MAX || offset > (u64)INT64_MAX - len))
		return -EOVERFLOW; /* file_mmap_ok */
	r = file ? check_file(file, prot, flags, &maxprot) : check_anon(flags);
	if (!r)
		r = check_limits(mm, (u64)at, len, prot, flags);
	return r ? r : map_do(mm, (u64)at, len, prot, flags, maxprot, file, offset);
}

s64 mm_map_special(struct mm *mm, u64 addr, const u64 *frames, u32 n, u32 prot, const char *name)
{
	s64 at = mm_find_space(mm, addr, n * PAGE_SIZE, 0);
	struct vma *v;

	if (at < 0)
		return at;
	v = vma_alloc((u64)at, (u64)at + n * PAGE_SIZE, prot, MAP_PRIVATE, VMA_SPECIAL);
	if (!v)
		return -ENOMEM;
	v->maxprot = prot;
	v->name = name;
	if (mm_install(mm, v)) {
		vma_free(v);
		return -ENOMEM;
	}
	for (u32 i = 0; i < n; i++) {
		u64 *e = pgtable_entry(mm->pgd, (u64)at + i * PAGE_SIZE, true);

		if (!e) {
			mm_unmap(mm, (u64)at, n * PAGE_SIZE);
			return -ENOMEM;
		}
		page_get(frames[i]);
		*e = frames[i] | vma_pte_bits(v);
		mm_rss_add(mm, frames[i]);
	}
	plat_tlb_added(mm, (u64)at, n);
	return at;
}

int mm_unmap(struct mm *mm, u64 addr, u64 len)
{
	u64 end, floor, ceiling;
	u32 i, n = 0;

	assert_locked();
	if ((addr & (PAGE_SIZE - 1)) || addr > USER_VA_END || len > USER_VA_END - addr)
		return -EINVAL;
	end = addr + round_up(len, PAGE_SIZE);
	if (end == addr)
		return -EINVAL;
	i = vma_index(mm, addr);
	if (i == mm->nvmas || mm->vmas[i]->start >= end)
		return 0;
	if (vma_isolate(mm, addr, end, true, &i))
		return -ENOMEM;
	pgtable_zap(mm, addr, end);
	for (; i + n < mm->nvmas && mm->vmas[i + n]->start < end; n++) {
		struct vma *v = mm->vmas[i + n];
		u64 pages = (v->end - v->start) >> PAGE_SHIFT;

		mm_account(mm, v->prot, v->flags, -(s64)pages);
		if (v->vmflags & VMA_LOCKED)
			mm->locked_pages -= pages;
		vma_free(v);
	}
	vma_remove_at(mm, i, n);
	floor = i ? mm->vmas[i - 1]->end : 0;
	ceiling = i < mm->nvmas ? mm->vmas[i]->start : USER_VA_END + PAGE_SIZE;
	pgtable_prune(mm, addr, end, floor, ceiling);
	return 0;
}
