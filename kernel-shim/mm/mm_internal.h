/* SPDX-License-Identifier: Apache-2.0
 * What the files of mm/ share with each other and with sys/mmap.c and core/exec.c.
 */
#ifndef MM_INTERNAL_H
#define MM_INTERNAL_H

#include <asm/errno.h>
#include <linux/mman.h>
#include <asm/resource.h>

#include "core/task.h"
#include "fs/vfs.h"
#include "mm/mm.h"

#define MM_MAX_VMAS  65530u	       /* vm.max_map_count */
#define MM_GUARD_GAP (256 * PAGE_SIZE) /* below a stack (stack_guard_gap) */
/* A page fault costs up to 40 µs on hosts with an emulated ring 0 (DESIGN section 5), so one fault
 * maps several pages: neighbours of a file page that need no host call, and what follows a
 * sequential walk over anonymous memory. */
#define MM_FILE_AROUND	 64u /* powers of two, all in pages */
#define MM_ANON_BATCH	 64u
#define MM_WHOLE	 8u   /* an anonymous mapping up to this size is filled at once */
#define MM_SMALL	 64u  /* one up to this size… */
#define MM_SMALL_AROUND	 4u   /* …gets so many at a fault */
#define MM_MEDIUM	 512u /* the same for what is written to (a heap's pieces) up to this size */
#define MM_MEDIUM_AROUND 8u
#define MM_COPY_AROUND	 16u
#define MM_DATA_AROUND	 8u

#define PROT_MASK (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PTE_PERM  (PTE_P | PTE_W | PTE_NX)

/* page.c: hangs off kern->mm_state, sits in front of the frame table. */
#define PAGE_ORDERS 20
struct slab_class {
	struct list partial; /* slabs with a free object */
};
#define SLAB_CLASSES 16
struct page_zone { /* frames [first, end) */
	u64 first, end;
	u64 bump;  /* frames from here on were never touched: they read as zero */
	u64 nfree; /* on the lists and beyond bump */
	u64 reserve;
	u32 free[PAGE_ORDERS]; /* heads of the lists of recycled blocks, 0: empty */
};
struct mm_state {
	u32 *frames; /* by frame number */
	u64 nframes;
	u64 zero_pa;
	u32 nzones; /* 2: programs' pages have the second for themselves */
	struct page_zone zone[2];
	struct slab_class slab[SLAB_CLASSES];
	struct list mms;
	u64 vdso_frames[4];
	u32 vdso_npages;
};
static inline struct mm_state *mm_state(void)
{
	return kern->mm_state;
}
/* Marks a kernel block's head with its order, so that kfree can tell. */
void page_set_order(u64 pa, u32 order);
u32 page_get_order(u64 pa);
u64 pages_alloc_contig_raw(u32 order);
void slab_init(struct mm_state *s);

/* pgtable.c */
/* Entry for va and how many entries from it on lie in the same table; *skip is the distance to the
 * next address that may have one when NULL is returned. */
u64 *pgtable_find(u64 pgd_pa, u64 va, u64 *skip);
/* Drops every page of [start, end); rss accounting and one TLB flush included. */
void pgtable_zap(struct mm *mm, u64 start, u64 end);
/* Frees tables that serve [start, end) and nothing outside [floor, ceiling). */
void pgtable_prune(struct mm *mm, u64 start, u64 end, u64 floor, u64 ceiling);
void pte_drop(struct mm *mm, u64 pte);
void mm_rss_add(struct mm *mm, u64 pa);

/* vma.c */
u32 vma_index(struct mm *mm, u64 va); /* first vma with end > va; nvmas: none */
struct vma *vma_alloc(u64 start, u64 end, u32 prot, u32 flags, u32 vmflags);
struct vma *vma_clone(const struct vma *v);
void vma_free(struct vma *v);
void vma_tell(const struct vma *v, bool more);	     /* v->file: a mapping more or less */
int vma_reserve(struct mm *mm, u32 more);	     /* room for `more` insertions */
int vma_insert(struct mm *mm, struct vma *v);	     /* the range must be free */
void vma_remove_at(struct mm *mm, u32 index, u32 n); /* does not free them */
int vma_split(struct mm *mm, u32 index, u64 va);     /* at va, strictly inside */
void vma_merge_around(
	struct mm *mm, u64 start, u64 end); /* joins what can be joined at the seams */
/* Splits so that [start, end) begins and ends at vma borders; *first is the index at start. */
int vma_isolate(struct mm *mm, u64 start, u64 end, bool removing, u32 *first);
static inline bool vma_shared(const struct vma *v)
{
	return v->flags & MAP_SHARED;
}
static inline bool vma_is_data(u32 prot, u32 flags)
{
	return (prot & PROT_WRITE) && !(flags & (MAP_SHARED | MAP_GROWSDOWN));
}
u64 vma_pte_bits(const struct vma *v);

/* map.c */
u64 mm_rlimit(u32 which); /* of current's process; ~0: none */
bool mm_may_expand(struct mm *mm, u32 prot, u32 flags, u64 pages);
void mm_account(struct mm *mm, u32 prot, u32 flags, s64 pages);
s64 mm_find_space(struct mm *mm, u64 addr, u64 len, u32 flags);
bool mm_may_lock(void); /* mlock(2): RLIMIT_MEMLOCK is not 0, or CAP_IPC_LOCK */
bool mm_can_lock(struct mm *mm, u64 more_pages);
/* A mapping that passed its checks: takes over the file reference in v. */
int mm_install(struct mm *mm, struct vma *v);

/* uaccess.c: as many bytes as there are */
size_t user_read_some(void *dst, u64 uaddr, size_t n);
size_t user_write_some(u64 uaddr, const void *src, size_t n);
/* The byte at uaddr, writable up to the end of its page; NULL if it is not RAM that may be written.
 */
u8 *user_ram_ptr(struct mm *mm, u64 uaddr);
int clear_mm(struct mm *mm, u64 uaddr, size_t n);

/* fault.c */
int mm_grow_stack(struct mm *mm, struct vma *v, u64 va);
/* For ptrace, whatever the protection; write: a private copy even if read-only. */
int mm_fault_force(struct mm *mm, u64 va, bool write);
u64 window_off(u64 pa);

#endif
