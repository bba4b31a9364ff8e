/* SPDX-License-Identifier: Apache-2.0
 * Page faults: what a page holds is decided here, when it is first touched. Entries of a private
 * mapping carry PTE_COW while somebody else has the frame too (a file, a fork, the zero frame).
 * A fault does not block: inode_ops.map_page answers from the window or fails.
 */
#include "core/siginfo.h"

#include "mm/mm_internal.h"

u64 window_off(u64 pa)
{
	return pa - kern->boot->window_gpa;
}

static void pte_set(struct mm *mm, u64 *e, u64 pa, u64 bits)
{
	*e = pa | bits;
	mm_rss_add(mm, pa);
}

/* Grows a MAP_GROWSDOWN mapping down to va (Linux mm/mmap.c expand_downwards). */
int mm_grow_stack(struct mm *mm, struct vma *v, u64 va)
{
	u64 start = round_down(va, PAGE_SIZE), more = (v->start - start) >> PAGE_SHIFT;
	u32 i = vma_index(mm, v->start);
	struct vma *prev = i ? mm->vmas[i - 1] : NULL;

	if (start < kern->user_va_start || v->end - start > mm_rlimit(RLIMIT_STACK))
		return -ENOMEM;
	/* The guard gap keeps a stack that overflows from running into another mapping. */
	if (prev && (prev->prot & PROT_MASK) && !(prev->flags & MAP_GROWSDOWN) &&
		start - prev->end < MM_GUARD_GAP)
		return -ENOMEM;
	if (prev && prev->end > start)
		return -ENOMEM;
	if (!mm_may_expand(mm, v->prot, v->flags, more))
		return -ENOMEM;
	if ((v->vmflags & VMA_LOCKED) && !mm_can_lock(mm, more))
		return -ENOMEM;
	mm_account(mm, v->prot, v->flags, (s64)more);
	if (v->vmflags & VMA_LOCKED)
		mm->locked_pages += more;
	v->start = start;
	return 0;
}

static struct vma *fault_vma(struct mm *mm, u64 va)
{
	struct vma *v;

	if (va >= USER_VA_END)
		return NULL;
	v = mm_find_after(mm, va);
	if (!v || v->start <= va)
		return v;
	if (!(v->flags & MAP_GROWSDOWN) || mm_grow_stack(mm, v, va))
		return NULL;
	return v;
}

static bool access_allowed(const struct vma *v, enum mm_access access)
{
	switch (access) {
	case MM_WRITE:
		return v->prot & PROT_WRITE;
	case MM_EXEC:
		return v->prot & PROT_EXEC;
	default: /* x86 has no write-only or execute-only pages (Linux access_error) */
		return v->prot & PROT_MASK;
	}
}

/* Pages [lo, hi) that one fault fills: inside the vma, inside the table of va. */
struct range {
	u64 lo, hi;
};

static struct range clip(const struct vma *v, u64 va, u64 lo, u64 hi)
{
	u64 table = round_down(va, PAGE_SIZE * 512);

	return (struct range){max_u64(lo, max_u64(v->start, table)),
		min_u64(hi, min_u64(v->end, table + PAGE_SIZE * 512))};
}

static u64 *entry_at(u64 *e, u64 va, u64 at)
{
	return e + ((s64)(at - va) >> PAGE_SHIFT);
}

static bool vma_small(const struct vma *v, u64 pages)
{
	return v->end - v->start <= pages * PAGE_SIZE;
}

/* A walk through anonymous memory gets 4, then 16, then MM_ANON_BATCH pages at a time. What is
 * small
 * (.bss, the first heap, a thread's stack) will be used here and there: some around the fault. */
static struct range anon_range(struct mm *mm, const struct vma *v, u64 va, bool write)
{
	struct range r;
	u64 want = 1, lo = va;

	if (pages_low()) {
		r = clip(v, va, va, va + PAGE_SIZE);
	} else {
		if (va == mm->fault_next) {
			want = min_u64(max_u64(mm->fault_batch, 1) * 4, MM_ANON_BATCH);
		} else if (vma_small(v, MM_WHOLE)) {
			want = MM_WHOLE;
			lo = v->start;
		} else if (vma_small(v, MM_SMALL)) {
			want = MM_SMALL_AROUND;
			lo = round_down(va, MM_SMALL_AROUND * PAGE_SIZE);
		} else if (write && vma_small(v, MM_MEDIUM)) {
			want = MM_MEDIUM_AROUND;
			lo = round_down(va, MM_MEDIUM_AROUND * PAGE_SIZE);
		}
		r = clip(v, va, lo, lo + want * PAGE_SIZE);
	}
	mm->fault_batch = (u32)want;
	mm->fault_next = r.hi;
	return r;
}

/* A fresh page, or the zero frame for a read. Pages that were not asked for lack PTE_A until the
 * processor sets it: mincore(2) tells them from those in use. */
static int anon_page(struct mm *mm, const struct vma *v, bool write, u64 *e, u64 bits)
{
	u64 pa;

	if (!write) {
		*e = page_zero_frame() | bits | PTE_COW;
		return 0;
	}
	pa = pages_low() ? 0 : page_alloc_user();
	if (!pa)
		return -ENOMEM;
	pte_set(mm, e, pa, bits | (v->prot & PROT_WRITE ? PTE_W : 0));
	return 0;
}

static int fault_anon(struct mm *mm, struct vma *v, u64 va, bool write, u64 *e)
{
	struct range r = anon_range(mm, v, va, write);
	u64 bits = vma_pte_bits(v);

	write |= vma_small(v, MM_SMALL) && (v->prot & PROT_WRITE);
	if (anon_page(mm, v, write, e, bits))
		return -ENOMEM;
	for (u64 at = r.lo; at < r.hi; at += PAGE_SIZE) {
		u64 *x = entry_at(e, va, at);

		if (!*x && anon_page(mm, v, write, x, bits & ~PTE_A))
			break;
	}
	plat_tlb_added(mm, r.lo, (r.hi - r.lo) >> PAGE_SHIFT);
	return 0;
}

/* A private copy of `from` for the program to write to; 0 and *err if it cannot be made. */
static u64 copy_frame(u64 from, int *err)
{
	u64 pa;

	*err = -ENOMEM;
	if (pages_low())
		return 0;
	if (from == page_zero_frame())
		return page_alloc_user();
	pa = page_alloc_user_raw();
	if (!pa)
		return 0;
	if (pa_is_ram(from)) {
		plat_copy_page(pa, from);
	} else if (plat_window_read(phys_ptr(pa), window_off(from), PAGE_SIZE)) {
		page_put(pa); /* the host's file shrank meanwhile */
		*err = -EIO;
		return 0;
	}
	return pa;
}

static int file_page(struct vma *v, u64 va, bool write, u64 *pa)
{
	struct inode *inode = v->file->inode;
	int r = inode->ops->map_page(
		inode, v->file, (v->offset + (va - v->start)) >> PAGE_SHIFT, write, pa);

	return r == -ENOMEM || r == 0 ? r : -EIO;
}

/* Neighbours in the window are there already: map them before they fault. */
static void fault_around(struct mm *mm, struct vma *v, u64 va, u64 *e, u64 bits)
{
	u64 lo = round_down(va, MM_FILE_AROUND * PAGE_SIZE), pa;
	struct range r = clip(v, va, lo, lo + MM_FILE_AROUND * PAGE_SIZE);

	for (u64 at = r.lo; at < r.hi; at += PAGE_SIZE) {
		u64 *x = entry_at(e, va, at);

		if (*x)
			continue;
		if (file_page(v, at, false, &pa))
			break;
		pte_set(mm, x, pa, bits & ~PTE_A);
	}
	plat_tlb_added(mm, r.lo, (r.hi - r.lo) >> PAGE_SHIFT);
}

/* An absent page of a private file mapping, copied for writing. */
static int copy_page_in(struct mm *mm, struct vma *v, u64 va, u64 *e)
{
	u64 pa, copy;
	int r = file_page(v, va, false, &pa), err;

	if (r)
		return r;
	copy = copy_frame(pa, &err);
	if (pa_is_ram(pa))
		page_put(pa);
	if (!copy)
		return err;
	v->vmflags |= VMA_COPIES;
	pte_set(mm, e, copy, vma_pte_bits(v) | (v->prot & PROT_WRITE ? PTE_W : 0));
	return 0;
}

/* The data of a program or library (the dynamic linker says so by MAP_DENYWRITE): it will be
 * relocated and written all over, so it is copied at first touch, whole if it is small. */
static bool is_image_data(const struct vma *v)
{
	return (v->flags & MAP_DENYWRITE) && (v->prot & PROT_WRITE) &&
	       vma_small(v, MM_COPY_AROUND) && !pages_low();
}

static int fault_image_data(struct mm *mm, struct vma *v, u64 va, u64 *e)
{
	struct range r = clip(v, va, v->start, v->end);
	int err = copy_page_in(mm, v, va, e);

	if (err)
		return err;
	for (u64 at = r.lo; at < r.hi; at += PAGE_SIZE) {
		u64 *x = entry_at(e, va, at);

		if (!*x && copy_page_in(mm, v, at, x))
			break;
	}
	plat_tlb_added(mm, r.lo, (r.hi - r.lo) >> PAGE_SHIFT);
	return 0;
}

static int fault_file_private(struct mm *mm, struct vma *v, u64 va, bool write, u64 *e)
{
	u64 bits = vma_pte_bits(v) | PTE_COW, pa;
	int r;

	if (is_image_data(v))
		return fault_image_data(mm, v, va, e);
	if (write) {
		r = copy_page_in(mm, v, va, e);
		if (!r)
			plat_tlb_added(mm, va, 1);
		return r;
	}
	r = file_page(v, va, false, &pa);
	if (r)
		return r;
	pte_set(mm, e, pa, bits);
	if (pa_is_ram(pa))
		plat_tlb_added(mm, va, 1);
	else
		fault_around(mm, v, va, e, bits);
	return 0;
}

static int fault_file_shared(struct mm *mm, struct vma *v, u64 va, bool write, u64 *e)
{
	u64 bits = vma_pte_bits(v), pa;
	int r;

	/* Memory shared without a file is for writing: spare it the second fault. */
	write |= (v->flags & MAP_ANONYMOUS) && (v->prot & PROT_WRITE);
	if ((v->flags & MAP_ANONYMOUS) && pages_low())
		return -ENOMEM;
	r = file_page(v, va, write, &pa);
	if (r)
		return r;
	if (write)
		bits |= PTE_W;
	pte_set(mm, e, pa, bits);
	if (!pa_is_ram(pa) && !write)
		fault_around(mm, v, va, e, bits);
	else
		plat_tlb_added(mm, va, 1);
	return 0;
}

/* A page that is present and shared with a file becomes a copy before it is written to. False: it
 * cannot or need not. */
static bool copy_ahead(struct mm *mm, u64 va, u64 *e)
{
	u64 old = *e, copy;
	int err;

	if (!(old & PTE_P) || (old & PTE_W) || !(old & PTE_COW) || pages_low())
		return false;
	copy = copy_frame(old & PTE_ADDR, &err);
	if (!copy)
		return false;
	pte_set(mm, e, copy, (old & ~(PTE_ADDR | PTE_COW)) | PTE_W);
	plat_tlb_flush(mm, va, 1); /* before its frame may become the next one's copy */
	pte_drop(mm, old);
	return true;
}

/* A program's data that is too large to be copied at once: it is relocated and written to here and
 * there, and in the end all over. */
static void copy_around(struct mm *mm, const struct vma *v, u64 va, u64 *e)
{
	u64 lo = round_down(va, MM_DATA_AROUND * PAGE_SIZE);
	struct range r = clip(v, va, lo, lo + MM_DATA_AROUND * PAGE_SIZE);
	bool any = false;

	for (u64 at = r.lo; at < r.hi; at += PAGE_SIZE)
		any |= copy_ahead(mm, at, entry_at(e, va, at));
	if (any)
		plat_tlb_added(mm, r.lo, (r.hi - r.lo) >> PAGE_SHIFT);
}

/* A write to a present page without PTE_W in a mapping that may be written. */
static int fault_write_protected(struct mm *mm, struct vma *v, u64 va, u64 *e)
{
	u64 old = *e, pa = old & PTE_ADDR, fresh;
	int err;

	if (v->flags & MAP_SHARED) { /* first write: the file system wants to know */
		err = file_page(v, va, true, &fresh);
		if (err)
			return err;
	} else if (!(old & PTE_COW) || page_refs(pa) == 1) {
		fresh = pa; /* the other owners are gone */
		if (pa_is_ram(pa))
			page_get(pa);
	} else {
		fresh = copy_frame(pa, &err);
		if (!fresh)
			return err;
		if (v->file)
			v->vmflags |= VMA_COPIES;
	}
	pte_drop(mm, old);
	pte_set(mm, e, fresh,
		(old & ~(PTE_ADDR | PTE_COW)) | PTE_A | (v->prot & PROT_WRITE ? PTE_W : 0));
	if (fresh != pa)
		plat_tlb_flush(mm, va, 1);
	plat_tlb_added(mm, va, 1);
	if (v->file && (v->flags & MAP_PRIVATE) && (v->flags & MAP_DENYWRITE))
		copy_around(mm, v, va, e);
	return 0;
}

static int fault_absent(struct mm *mm, struct vma *v, u64 va, bool write, u64 *e)
{
	if (v->vmflags & VMA_SPECIAL)
		return -EIO; /* Linux's special mappings answer SIGBUS past their pages */
	if (!v->file)
		return fault_anon(mm, v, va, write, e);
	if (v->flags & MAP_SHARED)
		return fault_file_shared(mm, v, va, write, e);
	return fault_file_private(mm, v, va, write, e);
}

static int fault_in(struct mm *mm, struct vma *v, u64 va, bool write, bool force)
{
	u64 *e = pgtable_entry(mm->pgd, va, true);

	if (!e)
		return -ENOMEM;
	if (!*e)
		return fault_absent(mm, v, va, write, e);
	/* Forced on a private page that is ours alone, there is nothing to do. */
	if (write && !(*e & PTE_W) && (!force || (*e & PTE_COW) || (v->flags & MAP_SHARED)))
		return fault_write_protected(mm, v, va, e);
	plat_tlb_added(mm, va, 1); /* a stale entry somewhere: the tables are right already */
	return 0;
}

int mm_fault(struct mm *mm, u64 va, enum mm_access access, s32 *si_code)
{
	struct vma *v = fault_vma(mm, va);
	int r;

	assert_locked();
	*si_code = SEGV_MAPERR;
	if (!v)
		return -EFAULT;
	*si_code = SEGV_ACCERR;
	if (!access_allowed(v, access))
		return -EFAULT;
	r = fault_in(mm, v, round_down(va, PAGE_SIZE), access == MM_WRITE, false);
	if (r == -EIO)
		*si_code = BUS_ADRERR;
	if (r == -ENOMEM)
		kern->stats.oom = true;
	return r;
}

int mm_fault_force(struct mm *mm, u64 va, bool write)
{
	struct vma *v = fault_vma(mm, va);

	if (!v || (v->vmflags & VMA_SPECIAL))
		return -EFAULT;
	if (write && !(v->prot & PROT_WRITE) &&
		((v->flags & MAP_SHARED) || !(v->maxprot & PROT_WRITE)))
		return -EFAULT;
	return fault_in(mm, v, round_down(va, PAGE_SIZE), write, true);
}
