/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What the files of shadow paging share. Everything but shadow_walk's, and what a comment exempts,
 * is called under the VM's lock (host.h).
 *
 * Words. A *table* is a page of the guest's memory that its CPU would walk; a *page* (struct
 * shadow_page) is what the real CPU walks instead. A *leaf* is an entry that leads to memory, a
 * *link* one that leads to another page. A *direct* page has no table: it splits a large page of
 * the guest.
 */
#ifndef VMX_CORE_SHADOW_INTERNAL_H
#define VMX_CORE_SHADOW_INTERNAL_H

#include "shadow.h"
#include "vmx.h"

/* --- entries of page tables (SDM 4.5) --- */

#define PT_PRESENT  (1ull << 0)
#define PT_WRITE    (1ull << 1)
#define PT_USER	    (1ull << 2)
#define PT_ACCESSED (1ull << 5)
#define PT_DIRTY    (1ull << 6)
#define PT_LARGE    (1ull << 7) /* of levels 2 and 3 */
#define PT_NX	    (1ull << 63)
#define PT_ADDRESS  0x000ffffffffff000ull

#define PT_ENTRIES 512u
#define PT_LEVELS  4u

static inline uint32_t pt_index(uint64_t gva, uint32_t level)
{
	return (uint32_t)(gva >> (VMX_PAGE_SHIFT + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

/* Pages of 4 KiB that an entry of this level covers. */
static inline uint64_t pt_span(uint32_t level)
{
	return 1ull << 9 * (level - 1);
}

static inline bool pt_is_leaf(uint64_t entry, uint32_t level)
{
	return level == 1 || (level < PT_LEVELS && (entry & PT_LARGE));
}

/* The frame that a leaf of this level starts at: below the address a large one has other bits. */
static inline uint64_t pt_leaf_gfn(uint64_t entry, uint32_t level)
{
	return ((entry & PT_ADDRESS) >> VMX_PAGE_SHIFT) & ~(pt_span(level) - 1);
}

/* Bits that must be 0 in a present entry, else the access is a fault with RSVD: shadow_walk.c. */
uint64_t pt_reserved(uint32_t level, uint64_t entry, uint32_t modes);

/* Error code of a page fault (SDM 4.7). */
#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_USER	    4u
#define PF_RESERVED 8u
#define PF_FETCH    16u

/* --- pages --- */

/*
 * An entry's place in the list of all entries that lead to the same: a link's in its child's
 * parents, a leaf's in the reverse map's bucket of its frame.
 */
struct shadow_link {
	uint64_t target;     /* LINK_PAGE | id of a page; or a frame, with LINK_LARGE if of 2 MiB */
	uint32_t next, prev; /* entry numbers: page id * 512 + index; 0: none */
};
#define LINK_PAGE  (1ull << 63)
#define LINK_LARGE (1ull << 62)
#define LINK_FRAME (LINK_LARGE - 1)

#define LINKS_PER_PAGE (VMX_PAGE_SIZE / sizeof(struct shadow_link))

enum shadow_state {
	SHADOW_SYNCED,	 /* its table is write-protected, and holds what this was made from */
	SHADOW_STALE,	 /* ... write-protected, but must be compared with this */
	SHADOW_UNSYNCED, /* ... may be written at any time */
};

#define OWNER_MANY (~0u)

struct shadow_page {
	uint64_t *entries; /* what the CPU walks: written with 64-bit stores only */
	struct shadow_link *links[2];
	uint64_t pa;
	uint64_t gfn;	  /* of the table; direct: of the first frame */
	uint64_t serial;  /* of this use of the descriptor */
	uint64_t checked; /* shadow_mmu.sequence, before the table was last read for a comparison */
	uint32_t id;
	uint32_t epoch;	  /* advanced whenever it becomes unsynced */
	uint32_t parents; /* first of the links that lead here */
	uint32_t hash_next;
	uint32_t lru_next, lru_prev;
	uint32_t list_next, list_prev; /* unsynced or stale ones */
	uint32_t doomed_next;
	uint32_t owner; /* id of the only root that leads here, or OWNER_MANY */
	uint16_t users; /* vCPUs that have it as their root */
	uint16_t present;
	uint8_t level;
	uint8_t state; /* enum shadow_state; direct: always synced */
	bool live, direct, doomed;
};

#define SHADOW_CHUNK (VMX_PAGE_SIZE / sizeof(struct shadow_page))
#define SHADOW_HASH  1024u
#define SHADOW_RMAP  4096u
/* Below this a walk of one address could need more than there is. */
#define SHADOW_PAGES_MIN 16u
/* From page_alloc for one shadow page: entries and links; and for a chunk of descriptors. */
#define SHADOW_PAGE_COST 3u
/* What one fault may need. */
#define SHADOW_FAULT_COST (3 * SHADOW_PAGE_COST + 1)

/* A list of pages by id, 0: none. Ids start at 1. */
struct shadow_mmu {
	uint32_t pages, pages_max; /* pages_max: tests lower it */
	uint32_t ids;		   /* that have a descriptor: 1..ids */
	uint32_t free;		   /* descriptors without a page, by doomed_next */
	uint32_t lru_first, lru_last;
	uint32_t listed; /* unsynced or stale */
	uint32_t doomed; /* lost its last parent: shadow_settle looks again */
	uint32_t dead;	 /* to be freed after the flush, by doomed_next */
	bool announce;
	bool need_flush;
	uint64_t sequence; /* of everything that makes a vCPU forget translations */
	uint64_t changes;  /* of entries that lost something */
	uint64_t serials;
	uint64_t leaves;
	uint64_t hash_key;
	struct shadow_counts counts;
	struct shadow_page *chunk[SHADOW_PAGES_MAX / SHADOW_CHUNK + 1];
	uint32_t hash[SHADOW_HASH]; /* by gfn */
	uint32_t rmap[SHADOW_RMAP]; /* by gfn: leaves */
};

static inline struct shadow_mmu *shadow_mmu_of(const struct vmx_vm *vm)
{
	return vm->mmu_state;
}

static inline struct shadow_page *shadow_page_at(const struct shadow_mmu *m, uint32_t id)
{
	return &m->chunk[(id - 1) / SHADOW_CHUNK][(id - 1) % SHADOW_CHUNK];
}

static inline struct shadow_link *shadow_link_at(const struct shadow_page *p, uint32_t index)
{
	return &p->links[index / LINKS_PER_PAGE][index % LINKS_PER_PAGE];
}

/* shadow_page.c: which pages there are. */
struct shadow_page *shadow_page_find(
	struct shadow_mmu *m, uint64_t gfn, uint32_t level, bool direct);
/* The first page of any level made from the table at gfn; the next one. */
struct shadow_page *shadow_table_first(struct shadow_mmu *m, uint64_t gfn);
struct shadow_page *shadow_table_next(struct shadow_mmu *m, const struct shadow_page *p);
/* Unsynced, unless direct. From the cache, which holds enough. */
struct shadow_page *shadow_page_new(
	struct vmx_vm *vm, struct vmx_page_cache *c, uint64_t gfn, uint32_t level, bool direct);
/* It and what only it leads to is gone; a vCPU that has it as its root has none. */
void shadow_page_kill(struct vmx_vm *vm, struct shadow_page *p);
/* To be killed by shadow_settle if nothing leads to it by then. */
void shadow_page_doom(struct shadow_mmu *m, struct shadow_page *p);
/* Before the lock is dropped after any of this: flushes what must be, then frees. */
void shadow_settle(struct vmx_vm *vm);
/* Every page; and the memory of the descriptors, when no vCPU is left. */
void shadow_page_kill_all(struct vmx_vm *vm);
void shadow_page_free_chunks(struct vmx_vm *vm);

/* shadow_map.c: what the entries lead to, and back. */
struct shadow_page *shadow_child(
	struct shadow_mmu *m, const struct shadow_page *p, uint32_t index); /* NULL: not a link */
/* The entry is empty; TLBs are to be flushed. */
void shadow_entry_drop(struct shadow_mmu *m, struct shadow_page *p, uint32_t index);
/* The entry, until now empty, leads to target. */
void shadow_entry_set(struct shadow_mmu *m, struct shadow_page *p, uint32_t index, uint64_t entry,
	uint64_t target);
/* The entry leads where it did, with other rights. */
void shadow_entry_rights(
	struct shadow_mmu *m, struct shadow_page *p, uint32_t index, uint64_t entry);
void shadow_page_empty(struct shadow_mmu *m, struct shadow_page *p);
/* Takes the right to write from [gfn, gfn + n), or all. */
void shadow_frames_protect(struct shadow_mmu *m, uint64_t gfn, uint64_t n);
void shadow_frames_zap(struct shadow_mmu *m, uint64_t gfn, uint64_t n);

/* shadow_lru.c: which pages go when there are too many. */
void shadow_lru_add(struct shadow_mmu *m, struct shadow_page *p);
void shadow_lru_remove(struct shadow_mmu *m, struct shadow_page *p);
void shadow_lru_touch(struct shadow_mmu *m, struct shadow_page *p);
/* Room for a few more pages, without those that translate gva under root (may be NULL). */
void shadow_reclaim(struct vmx_vm *vm, struct shadow_page *root, uint64_t gva);

/* shadow_sync.c: tables and the pages made from them. */
/* Must writes to the frame be caught? (n frames from gfn on: to any of them) */
bool shadow_frame_guarded(struct shadow_mmu *m, uint64_t gfn, uint64_t n);
/* Pages made from any of these frames are unsynced from now on. */
void shadow_frames_unsync(struct shadow_mmu *m, uint64_t gfn, uint64_t n);
void shadow_page_unsync(struct shadow_mmu *m, struct shadow_page *p);
void shadow_page_unlist(struct shadow_mmu *m, struct shadow_page *p);
/* Before an existing page is linked once more. */
void shadow_page_refresh(struct shadow_mmu *m, struct shadow_page *p);
/* The page's entries [first, last] become what the table says, `words` being its words from first
 * on, but for what it says beyond them: that the next fault finds. */
void shadow_page_compare(struct shadow_mmu *m, struct shadow_page *p, const uint64_t *words,
	uint32_t first, uint32_t last, bool fixed, uint32_t modes);
/* The flush that a load of CR3 is, for the vCPU's root; of everything. Drop the lock meanwhile. */
void shadow_root_sync(struct vmx_vcpu *v);
void shadow_all_sync(struct vmx_vcpu *v);
/* Reads words of the table; takes the lock itself, may sleep. fixed: they can never be written: the
 * accessed and dirty bits count as set. */
int shadow_table_read(
	struct vmx_vm *vm, uint64_t gfn, uint32_t first, uint32_t n, uint64_t *words, bool *fixed);

/* shadow_walk.c: the guest's tables. Without the lock; may sleep. */
struct shadow_walk {
	uint64_t gva;
	uint32_t access;	       /* PF_WRITE, PF_USER, PF_FETCH */
	uint32_t error;		       /* of WALK_FAULT */
	uint32_t leaf;		       /* level of the leaf */
	uint64_t entry[PT_LEVELS + 1]; /* by level, accessed and dirty set as they are now */
	uint64_t at[PT_LEVELS + 1];    /* their guest-physical addresses */
	bool user;		       /* of WALK_DONE: all levels have PT_USER */
	uint64_t gpa;		       /* of the access; of the entry, if it is no memory */
};
enum shadow_walked {
	WALK_DONE,
	WALK_FAULT,   /* the guest's own */
	WALK_CHANGED, /* an entry changed meanwhile: walk again */
	WALK_MMIO,
	WALK_MEMORY,
};
enum shadow_walked shadow_walk(
	struct vmx_vm *vm, uint64_t cr3, uint32_t modes, bool ac, struct shadow_walk *w);

/* shadow_around.c: the pages behind the one that faulted. find and release without the lock. */
#define SHADOW_AROUND 15u
struct shadow_around {
	uint64_t word[SHADOW_AROUND]; /* of the guest's table */
	struct vmx_frame frame[SHADOW_AROUND];
	uint32_t n;
};
void shadow_around_find(struct vmx_vm *vm, const struct shadow_walk *w,
	const struct vmx_place *place, uint32_t modes, struct shadow_around *a);
void shadow_around_put(struct vmx_vm *vm, struct shadow_page *p, const struct shadow_walk *w,
	const struct vmx_place *place, uint64_t sequence, const struct shadow_around *a);
void shadow_around_release(struct vmx_vm *vm, struct shadow_around *a);

/* shadow_announce.c: the entries for gva are compared; takes the lock, may sleep. */
void shadow_announce_range(struct vmx_vcpu *v, uint64_t cr3, uint64_t gva, uint64_t pages);

/* shadow_fault.c */
enum vmx_fault shadow_fault(struct vmx_vcpu *v, struct vmx_fault_info *info);

static inline void shadow_lock(struct vmx_vm *vm)
{
	vm->host->lock(vm->host_vm);
}

/* Nothing that was taken out outlives the lock. */
static inline void shadow_unlock(struct vmx_vm *vm)
{
	shadow_settle(vm);
	vm->host->unlock(vm->host_vm);
}

#endif
