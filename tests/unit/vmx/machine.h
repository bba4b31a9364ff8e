/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine without a CPU of its own: guest memory in frames of this process, a host for the VMX
 * core that can be told to fail, and processors in software that walk the shadow tables as the
 * real ones would, with TLBs and paging-structure caches that are emptied only when they must be.
 */
#ifndef TESTS_UNIT_VMX_MACHINE_H
#define TESTS_UNIT_VMX_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/vmx/core/shadow_internal.h"

/* --- memory of the guest --- */

#define RAM_GPA	   0ull
#define RAM_PAGES  1024u
#define TABLES_GPA 0x100000ull	 /* in RAM: where tests put tables */
#define BIG_GPA	   0x40000000ull /* in pieces of 2 MiB on the host */
#define BIG_PAGES  3072u
#define ROM_GPA	   0x80000000ull /* a read-only slot */
#define ROM_PAGES  32u
#define LOG_GPA	   0x90000000ull /* a slot whose dirty pages are logged */
#define LOG_PAGES  32u
#define HOLE_GPA   0xa0000000ull /* no slot */

#define HVA_BASE    0x7f0000000000ull
#define HVA_PAGES   (RAM_PAGES + BIG_PAGES + ROM_PAGES + LOG_PAGES)
#define SPARE_PAGES 64u
#define FRAMES	    (HVA_PAGES + SPARE_PAGES)
#define FRAME_PA    0x1000000000ull
#define TABLE_PA    0x2000000000ull
#define TABLES_MAX  16384u
#define NO_FRAME    (~0u)

enum machine_slot { SLOT_RAM, SLOT_BIG, SLOT_ROM, SLOT_LOG };

/* A page of the owner's address space. */
struct hva_page {
	uint32_t frame; /* NO_FRAME: taken away; the next use gives it one */
	bool readonly;	/* the host's mapping: frame_get for writing fails */
	bool shared;	/* writable only after frame_get for writing */
	bool broken;	/* there is no memory: -EFAULT */
};

struct host {
	struct machine *machine;
	bool locked;
	uint8_t *pool;		/* FRAMES pages, aligned to 2 MiB */
	uint32_t owner[FRAMES]; /* hva page that has it; NO_FRAME: free */
	struct hva_page page[HVA_PAGES];
	bool big_split[BIG_PAGES / PT_ENTRIES];
	uint8_t *table_pool; /* TABLES_MAX pages */
	bool table_live[TABLES_MAX];
	uint32_t tables_free, tables_live;
	uint64_t sequence;
	uint64_t leaving;     /* address of a page that the host has begun to take away; 0: none */
	uint32_t frames_held; /* frame_get without frame_put */
	uint64_t leave_count;
	/* What to do wrong. */
	uint32_t stale_next;	 /* so many frame_stale say true */
	int frame_error;	 /* of frame_get, once */
	int32_t allocs_left;	 /* page_alloc fails afterwards; < 0: never */
	uint32_t cmpxchg_losses; /* so many user_cmpxchg64 find another value */
	/* Called where the core holds no lock. */
	void (*between)(struct machine *m);
};

/* --- processors --- */

#define TLB_ENTRIES 64u
#define PSC_ENTRIES 16u

struct tlb_entry {
	bool valid, write, user, nx;
	uint64_t page; /* gva >> 12 */
	uint64_t pa;   /* of the 4 KiB page */
};

/* A page-directory or page-directory-pointer entry that was used: leads to a table. */
struct psc_entry {
	bool valid, write, user, nx;
	uint32_t level; /* of the table that it leads to: 1 or 2 */
	uint64_t prefix;
	uint64_t table;
};

struct vmx_vcpu {
	struct shadow_vcpu shadow;
	struct machine *machine;
	uint32_t index;
	uint64_t generation; /* of the TLB */
	struct tlb_entry tlb[TLB_ENTRIES];
	struct psc_entry psc[PSC_ENTRIES];
	uint32_t psc_next;
	uint32_t modes;	 /* what the CPU enforces; the core may be told less */
	bool ac;	 /* RFLAGS */
	bool busy;	 /* in the middle of something */
	uint64_t began;	 /* clock of its access under way; ~0: none */
	uint64_t faults; /* calls of the fault operation */
	/* Of flushes, for the reference: the clock when it began. */
	uint64_t flushed_all;
	struct {
		uint64_t page, time;
	} flushed[64];
	uint32_t flushed_next;
};

#define VCPUS 3u

enum outcome_kind { OUT_OK, OUT_FAULT, OUT_MMIO, OUT_MEMORY, OUT_LATER, OUT_ERROR, OUT_DEAD };

struct outcome {
	enum outcome_kind kind;
	uint64_t gpa;	/* OK: of the byte; MMIO, MEMORY: as told */
	uint64_t pa;	/* OK */
	uint32_t error; /* FAULT */
};

/* A word of guest memory that was overwritten. */
struct past {
	uint64_t time, gpa, old;
	uint64_t retired; /* clock when its announcement was complete; 0: not yet */
};
#define PAST_MAX 4096u

struct machine {
	struct vmx_vm vm;
	struct host host;
	struct vmx_vcpu vcpu[VCPUS];
	uint64_t clock;
	uint64_t seed;
	struct past past[PAST_MAX];
	uint32_t pasts;
	bool announcing; /* the guest's discipline, as the reference knows it */
	/* For user_cmpxchg64's checks: the access under way. */
	const struct vmx_vcpu *now;
	uint64_t now_gva;
	uint32_t now_access;
	bool watch_bits;
	uint64_t bits_set;	    /* cmpxchg that went through */
	uint8_t written[LOG_PAGES]; /* through the guest's accesses, since the last log */
	/* Of the guest that the random tests play. */
	void *guest;
	uint64_t accesses, gave_up; /* gave_up: too many possible pasts to look at */
};

/* machine.c */
void machine_init(struct machine *m, uint64_t seed, uint32_t pages_max);
/* Everything that the core took is given back, or the test fails. */
void machine_destroy(struct machine *m);
uint64_t machine_random(struct machine *m); /* 64 bits */
uint32_t machine_below(struct machine *m, uint32_t n);
bool machine_chance(struct machine *m, uint32_t percent);

/* host.c */
extern const struct vmx_host_ops host_ops;
void host_init(struct host *h, struct machine *m);
void host_destroy(struct host *h);
/* NULL: no memory of the guest's there. gpa's word as it is now, from the host's side. */
uint64_t *host_word(struct machine *m, uint64_t gpa);
uint32_t host_hva_page(struct machine *m, uint64_t gpa); /* NO_FRAME: none */
/* The guest-physical address that a frame stands for at present; ~0: it is free. */
uint64_t host_gpa_of(struct machine *m, uint64_t pa);
/* The host moves a page elsewhere, or takes it away until it is used. */
void host_move(struct machine *m, uint64_t gpa);
void host_take(struct machine *m, uint64_t gpa);
/* The 2 MiB of the big region are in one piece again. */
void host_join(struct machine *m, uint64_t gpa);
/* ... in two steps: after the first it is told as stale, after the second it is elsewhere. */
void host_move_begin(struct machine *m, uint64_t gpa);
void host_move_end(struct machine *m);
/* ... or write-protects it, as fork does: the next frame_get for writing makes it writable. */
void host_share(struct machine *m, uint64_t gpa);

/* cpu.c */
struct outcome cpu_access(struct vmx_vcpu *v, uint64_t gva, uint32_t access);
void cpu_load_cr3(struct vmx_vcpu *v, uint64_t cr3);
void cpu_invlpg(struct vmx_vcpu *v, uint64_t gva);
void cpu_mode(struct vmx_vcpu *v, uint32_t modes, bool told);
/* A store of 64 bits: false if the access does not go through. */
bool cpu_store(struct vmx_vcpu *v, uint64_t gva, uint64_t value, struct outcome *out);
/* No TLB that may still be used knows of the page of tables, or of the frame. */
void cpu_assert_unknown(struct machine *m, uint64_t pa);

/* reference.c: what the guest's tables say. */
void past_add(struct machine *m, uint64_t gpa, uint64_t old);
/* The last one added for gpa has been announced. */
void past_retire(struct machine *m, uint64_t gpa);
/* All that no CPU may know of any more; everything. */
void past_prune(struct machine *m);
void past_forget(struct machine *m);
/* Could a CPU have done that, given what the tables said since it flushed (an answer) or since
 * `began` (a fault)? */
bool reference_explains(struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint32_t access,
	const struct outcome *out, uint64_t began);
/* Is the word at gpa one that the walk of gva uses, as tables are now? */
bool reference_on_path(struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint64_t gpa);
/* Does v know of all changes of the entries that it would use? */
bool reference_settled(struct machine *m, const struct vmx_vcpu *v, uint64_t gva);
/* What it is, by the tables of now. */
struct outcome reference_now(
	struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint32_t access);

/* invariants.c */
void invariants_check(struct machine *m);

/* access and check; the outcome */
struct outcome checked_access(struct vmx_vcpu *v, uint64_t gva, uint32_t access);

#endif
