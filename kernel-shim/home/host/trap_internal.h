/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOME_HOST_TRAP_INTERNAL_H
#define HOME_HOST_TRAP_INTERNAL_H

#include "home/host/kick_timer.h"
#include "home/host/trap.h"

/* Guest-virtual address of guest-physical 0 for the engine's pages. */
#define TRAP_VA 0xffffffff80000000ull

#define TRAP_PA_GDT	 0x1000u
#define TRAP_PA_TSS	 0x2000u /* one for each processor */
#define TRAP_PA_IOMAP	 0x4000u /* of all: to 0x6001 */
#define TRAP_PA_IDT	 0x7000u
#define TRAP_PA_STUBS	 0x8000u
#define TRAP_PA_IRETQ	 0x8800u
#define TRAP_PA_FLUSH	 0x8810u
#define TRAP_PA_SYNC	 0x8820u
#define TRAP_PA_SYNC_NOW 0x8840u
#define TRAP_PA_LSTAR	 0x9000u
#define TRAP_PA_PDPT	 0xa000u
#define TRAP_PA_PD	 0xb000u
#define TRAP_PA_PT	 0xc000u
#define TRAP_PA_MAP_PDPT 0xd000u  /* all RAM at TRAP_MAP_VA, for ring 0 only */
#define TRAP_PA_MAP_PD	 0x10000u /* one page for each GiB, and then the stacks */
#define TRAP_MAP_VA	 0xffff800000000000ull
#define TRAP_SYNC_MAX	 64u /* a stack's page has their addresses below the stack */

#define TRAP_VECTORS	  32u
#define TRAP_STUB_SIZE	  16u
#define TRAP_TSS_SIZE	  128u /* 104 and room: from one to the next */
#define TRAP_IOMAP_SIZE	  8193u
#define TRAP_KERNEL_CS	  0x10u
#define TRAP_KERNEL_SS	  0x18u
#define TRAP_TSS_SEL	  0x40u /* of the first processor; 16 bytes each */
#define TRAP_PORT_SYSCALL 0x80u
#define TRAP_PORT_SYNCED  0x81u

/* A processor: a vCPU, and what it was given last. Looked at and changed with the kernel lock. */
struct trap_cpu {
	struct host_trap *e;
	u32 id;
	struct vcpu *vcpu;
	u64 stack;	   /* guest-physical: its page */
	bool ring0;	   /* the vCPU is in ring 0 */
	bool flush;	   /* the loaded address space lost entries */
	bool kick_pending; /* a kick came together with a trap */
	u64 entered; /* shadow: the changes that ring 0 writes before this user code are below it */
	struct vm_sregs s;	/* as last set */
	struct task *fpu_owner; /* whose state the vCPU holds */
	struct kick_timer timer;
	struct kick_timer nudge; /* in a copy: for other threads */
};

struct host_trap {
	const struct vm_ops *ops;
	struct vm *vm;
	u8 *ram;
	bool syscall_ring0;
	bool xsave;
	bool copied;
	size_t fpu_size;
	/* KVM shadows our page tables and sees only ring 0's writes to them. What it has not been
	 * shown are the changes [synced, changed), by number; the shadow is all vCPUs'. */
	bool shadow;
	bool forget; /* too much changed to name */
	u64 synced, changed;
	u64 sync[TRAP_SYNC_MAX]; /* their entries' addresses in the guest, by number modulo size */
	u32 ncpus;
	struct trap_cpu cpu[];
};

/* trap_stubs.c */
u64 trap_stack(u64 ram_size, u32 cpu); /* guest-physical */
u32 trap_tss_limit(u32 cpu);
void trap_stubs_write(u8 *ram, u64 ram_size, u32 ncpus, bool syscall_ring0);
void trap_pgd_init(u64 *pgd);

/* trap_shadow.c: what keeps KVM's shadow true. */
/* Entries for [va, va + npages * 4096) of mm have changed. */
void shadow_changed(struct host_trap *e, struct mm *mm, u64 va, u64 npages);
/* The shadow is made true at once: with a frame that may be used again another vCPU could go wrong
 * meanwhile. */
void shadow_forget(struct host_trap *e);
void shadow_sync_now(struct trap_cpu *c, struct mm *mm);
/* Puts what c's ring 0 is to write on its stack page; the number of entries. */
u32 shadow_list(struct trap_cpu *c);
/* User code ran on c: what it was to write first is written. */
void shadow_synced(struct trap_cpu *c);

/* trap.c */
void trap_to_ring0(struct trap_cpu *c);
void trap_set_sregs(struct trap_cpu *c);

#endif
