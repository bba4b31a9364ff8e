/* SPDX-License-Identifier: Apache-2.0
 * Memory: page frames, page tables, address spaces, user access.
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "core/types.h"

struct file;
struct inode;
struct task;

/* -- page frames of guest RAM -- */
/* A zeroed (or not) 4 KiB frame with one reference; 0 when memory is out (RAM frame 0 is never
 * used). */
u64 page_alloc(void);	  /* zeroed */
u64 page_alloc_raw(void); /* contents undefined */
/* The same for what programs may map: never memory of the shim's own. */
u64 page_alloc_user(void);
u64 page_alloc_user_raw(void);
void page_get(u64 pa);
void page_put(u64 pa); /* frees at zero */
u32 page_refs(u64 pa);
u64 pages_alloc_contig(u32 order); /* 2^order frames, aligned, zeroed; 0 if none */
void pages_free_contig(u64 pa, u32 order);
/* Builds the frame table; touches little. user_start: programs' pages come from there on and the
 * shim's from below; 0: all from one. */
void page_init(u64 mem_size, u64 free_start, u64 user_start);
u64 pages_free_count(void);
u64 pages_total(void);
bool pa_is_ram(u64 pa);	   /* else a page of the file window: not counted, not freed */
u64 page_zero_frame(void); /* the shared frame of zeroes; not counted */
/* Program memory is refused when fewer frames than this are left: the rest is for the shim itself.
 */
bool pages_low(void);

/* -- page tables, x86-64 4-level format in RAM -- */
#define PTE_P	   0x001ull
#define PTE_W	   0x002ull
#define PTE_U	   0x004ull
#define PTE_A	   0x020ull
#define PTE_D	   0x040ull
#define PTE_COW	   0x200ull /* software: write-protected only because shared */
#define PTE_SHARED 0x400ull /* software: page of a MAP_SHARED mapping */
#define PTE_HELD                                                                                   \
	0x800ull /* software: PTE_P is clear because of PROT_NONE; the page is still owned */
#define PTE_NX	 (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull
/* Entry for va, or NULL; `make` allocates missing tables (NULL: memory is out). */
u64 *pgtable_entry(u64 pgd_pa, u64 va, bool make);
void pgtable_free(u64 pgd_pa); /* the user half's tables, not the pages */

/* -- address spaces -- */
struct vma {
	u64 start, end; /* page-aligned, [start, end) */
	u32 prot;	/* PROT_* */
	u32 flags;	/* MAP_SHARED, MAP_PRIVATE, MAP_GROWSDOWN, MAP_ANONYMOUS, … */
	u32 maxprot;
	u32 vmflags;	   /* VMA_* */
	struct file *file; /* a reference, or NULL: anonymous (shared anonymous has a tmpfs file) */
	u64 offset;	   /* of start in the file, bytes */
	const char *name;  /* "[stack]", "[heap]", "[vdso]", "[vvar]" or NULL; static */
};
#define VMA_WIPEONFORK 1u
#define VMA_DONTFORK   2u
#define VMA_LOCKED     4u
#define VMA_SPECIAL    8u  /* pages given at creation (vdso, vvar) */
#define VMA_COPIES     16u /* private file mapping: some pages were copied */

struct mm {
	u32 refs;
	u64 pgd;	   /* physical address */
	struct vma **vmas; /* sorted by start */
	u32 nvmas, cap;
	u64 brk_start, brk;
	u64 mmap_base; /* search down from here */
	u64 stack_top;
	u64 total_pages, rss_pages, peak_rss_pages, locked_pages;
	u64 code_start, code_end, data_start, data_end;
	u64 arg_start, arg_end, env_start, env_end;
	u64 vdso;	      /* address of the vDSO image, 0: none */
	u64 auxv[48];	      /* pairs as handed to the program, for /proc/PID/auxv */
	u64 home_private[2];  /* the home's own bookkeeping (loaded where, PCID…) */
	u64 data_pages;	      /* private and writable, for RLIMIT_DATA */
	u64 start_stack;      /* the program's first rsp */
	u64 fault_next;	      /* where the next anonymous fault is if they are sequential… */
	u32 fault_batch;      /* …and how many pages the last one mapped */
	u32 def_vmflags;      /* VMA_LOCKED after mlockall(MCL_FUTURE) */
	struct list all_link; /* every mm, for mm_file_truncated */
};

struct mm *mm_new(void);
/* Chooses stack_top and mmap_base; exec calls it before it maps anything. */
void mm_layout(struct mm *mm, u64 stack_limit, bool randomize);
struct mm *mm_fork(struct mm *old); /* copy on write; NULL when memory is out */
/* Before copies of this whole kernel are made, while no user code runs: pages that nothing but
 * private mappings lead to are never written to or freed again, in no copy; who writes gets another
 * page. Sets their bits in frozen, which has one for each frame of RAM; max of them at most. */
void mm_freeze(u64 *frozen, u64 max);
/* Nobody has it, and whoever gets it does not ask what is in it. */
bool page_unused(u64 pa);
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);
struct vma *mm_find(struct mm *mm, u64 va);	  /* the vma that holds va, or NULL */
struct vma *mm_find_after(struct mm *mm, u64 va); /* the first that ends after va, or NULL */

/* Maps for mmap(2) and exec. addr is a hint or, with MAP_FIXED, the place. Takes its own reference
 * to file. Returns the address or -errno. */
s64 mm_map(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 offset);
/* One special mapping of given frames (vdso, vvar, clock page). */
s64 mm_map_special(struct mm *mm, u64 addr, const u64 *frames, u32 n, u32 prot, const char *name);
int mm_unmap(struct mm *mm, u64 addr, u64 len);
int mm_protect(struct mm *mm, u64 addr, u64 len, u32 prot);
s64 mm_remap(
	struct mm *mm, u64 addr, u64 old_len, u64 new_len, u32 flags, u64 new_addr); /* mremap(2) */
int mm_advise(struct mm *mm, u64 addr, u64 len, int advice); /* madvise(2) */
u64 mm_brk(struct mm *mm, u64 brk); /* brk(2): the new break, or the old one */
/* Faults in every page of a range that is mapped and accessible; 0 or the first error. */
int mm_populate(struct mm *mm, u64 addr, u64 len);

/* A page fault at va. 0 handled; -EFAULT: SIGSEGV (code in *si_code: SEGV_MAPERR or SEGV_ACCERR);
 * -EIO: SIGBUS (*si_code BUS_ADRERR); -ENOMEM: out of memory. */
enum mm_access { MM_READ = 0, MM_WRITE = 1, MM_EXEC = 2 };
int mm_fault(struct mm *mm, u64 va, enum mm_access access, s32 *si_code);
/* A file shrank: zap its pages past the new size in every mapping. */
void mm_file_truncated(struct inode *inode, u64 new_size);
/* Hole punched: zap [start, end) of the file in every mapping (private copies stay). */
void mm_file_punched(struct inode *inode, u64 start, u64 end);
/* A range of the file window is about to be given back: zap every mapping of it. */
void mm_window_zap(u64 window_off, u64 len);

/* -- user access: current's address space unless said. 0 or -EFAULT -- */
int copy_from_user(void *dst, u64 uaddr, size_t n);
int copy_to_user(u64 uaddr, const void *src, size_t n);
int clear_user(u64 uaddr, size_t n);
int get_user_u32(u32 *dst, u64 uaddr);
int get_user_u64(u64 *dst, u64 uaddr);
int put_user_u32(u64 uaddr, u32 v);
int put_user_u64(u64 uaddr, u64 v);
/* Length without NUL, or -EFAULT, or -ENAMETOOLONG when no NUL within n bytes. */
s64 strncpy_from_user(char *dst, u64 uaddr, size_t n);
int copy_from_mm(struct mm *mm, void *dst, u64 uaddr, size_t n);
/* Another's memory, as a debugger has it: with what the program has in it as text, whatever a home
 * put there instead. DEBUG: whatever the mapping allows, a private copy if need be, but never what
 * is shared and read-only. Bytes that were copied. */
enum mm_how { MM_PEEK, MM_POKE, MM_DEBUG_PEEK, MM_DEBUG_POKE };
size_t mm_access(struct mm *mm, u64 va, void *buf, size_t n, enum mm_how how);
int copy_to_mm(struct mm *mm, u64 uaddr, const void *src, size_t n,
	bool force); /* force: ptrace, /proc/PID/mem */
/* Atomic compare-and-exchange of a user word; -EFAULT, else 0 with the old value in *old. */
int cmpxchg_user_u32(u64 uaddr, u32 expect, u32 desired, u32 *old);
/* Physical location of a user word (futex keys): faults it in (for writing if `write`). pa of the
 * byte. */
int user_word_pa(u64 uaddr, bool write, u64 *pa);

/* -- uio: where a read puts and a write takes its bytes -- */
struct uio {
	bool kernel; /* the buffers are kernel memory */
	bool from_user_iov;
	u32 niov;
	u32 cur;
	size_t cur_off;
	size_t left; /* bytes not done yet */
	struct uio_vec {
		u64 base;
		u64 len;
	} * iov, one;
};
void uio_user(struct uio *u, u64 base, size_t len);
void uio_kernel(struct uio *u, void *base, size_t len);
int uio_user_iov(struct uio *u, u64 uiov, u32 n); /* copies and checks the vector; uio_free after */
void uio_free(struct uio *u);
/* Move n bytes and advance. Bytes moved, or -EFAULT if none could be. */
s64 uio_put(struct uio *u, const void *src, size_t n); /* read(2): kernel to caller */
s64 uio_get(struct uio *u, void *dst, size_t n);       /* write(2): caller to kernel */
s64 uio_zero(struct uio *u, size_t n);
/* Physical segments for the next up to max_bytes, for direct I/O through the channel. Faults pages
 * in (for writing when `put`). Does not advance: call uio_advance with what was moved. Returns the
 * number of segments (>0) and the bytes they cover in *bytes, or -EFAULT. Only RAM pages: a window
 * page ends the list (then *bytes may be 0: use a bounce page through uio_put/uio_get). */
struct chan_seg;
int uio_segs(struct uio *u, bool put, size_t max_bytes, struct chan_seg *seg, u32 max_segs,
	size_t *bytes);
void uio_advance(struct uio *u, size_t n);
/* The next contiguous piece of at most n bytes; 0 at the end. */
size_t uio_piece(struct uio *u, size_t n, u64 *addr);

#endif
