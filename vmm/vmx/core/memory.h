/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Guest-physical memory: slots of the owner's address space, and the two ways to give it to the
 * guest, EPT (ept.c) and shadow paging (shadow.c), behind one table of operations.
 */
#ifndef VMX_CORE_MEMORY_H
#define VMX_CORE_MEMORY_H

#include "host.h"

struct vmx_vcpu;

#define VMX_SLOTS 32

#define VMX_SLOT_READONLY 1u
#define VMX_SLOT_LOG	  2u

struct vmx_slot {
	uint64_t gpa, hva, size; /* size 0: free */
	uint32_t flags;
	uint64_t *dirty; /* with VMX_SLOT_LOG: a bit for each page */
};

/* Where a guest-physical page is. */
struct vmx_place {
	uint64_t hva;
	uint64_t pages; /* from here to the end of the slot */
	uint32_t slot;
	bool writable;
	bool logged;
	/* The largest level (1..3) at which the slot's gpa and hva run in parallel around it. */
	uint8_t level;
};

enum vmx_fault {
	VMX_FAULT_RESUME, /* done: run the instruction again */
	VMX_FAULT_INJECT, /* shadow only: it is the guest's own #PF, with the error code in *inject
			   */
	VMX_FAULT_MMIO,	  /* no slot there */
	VMX_FAULT_MEMORY, /* the host has no memory, or not with that right */
	VMX_FAULT_RETRY_LATER, /* -EINTR of the host: go to the launcher with a signal pending */
	VMX_FAULT_ERROR,       /* no memory for tables */
};

struct vmx_fault_info {
	uint64_t gva;	/* shadow: the address of the #PF */
	uint64_t gpa;	/* EPT: of the violation; shadow: filled in for MMIO and MEMORY */
	uint32_t error; /* shadow: #PF's error code; EPT: VMX_ACCESS_* */
	uint32_t inject;
	bool ac; /* shadow: RFLAGS.AC, for SMAP */
};
#define VMX_ACCESS_READ	 1u
#define VMX_ACCESS_WRITE 2u
#define VMX_ACCESS_FETCH 4u

struct vmx_mmu_ops {
	const char *name;
	int (*vm_init)(struct vmx_vm *vm);
	void (*vm_destroy)(struct vmx_vm *vm);
	int (*vcpu_init)(struct vmx_vcpu *v);
	void (*vcpu_destroy)(struct vmx_vcpu *v);
	/* May sleep. */
	enum vmx_fault (*fault)(struct vmx_vcpu *v, struct vmx_fault_info *info);
	/* Nothing in the tables leads to these guest-physical pages any more. Lock held, atomic.
	 * true: something did, and the TLBs must be flushed before the pages are anyone else's. */
	bool (*zap)(struct vmx_vm *vm, uint64_t gpa, uint64_t size);
	/* The guest can no longer write to these without a fault. Lock held, atomic; as zap. */
	bool (*protect)(struct vmx_vm *vm, uint64_t gpa, uint64_t size);
	/* What was made from the guest's page tables goes. Lock held, atomic; the caller flushes.
	 */
	void (*forget)(struct vmx_vm *vm);
};

extern const struct vmx_mmu_ops vmx_mmu_ept;
extern const struct vmx_mmu_ops vmx_mmu_shadow;

/* memory.c. The slot that holds gpa, under the lock; false: none. */
bool vmx_place_find(const struct vmx_vm *vm, uint64_t gpa, struct vmx_place *out);
/* The same, taking the lock itself. */
bool vmx_place(struct vmx_vm *vm, uint64_t gpa, struct vmx_place *out);
/* Lock held: the page was, or may from now on be, written. */
void vmx_mark_dirty(struct vmx_vm *vm, uint64_t gpa);
/* 8 bytes of guest memory, aligned. 0, -ENXIO: no slot, -EFAULT: the host has no memory. */
int vmx_guest_read64(struct vmx_vm *vm, uint64_t gpa, uint64_t *value);
/* As vmx_host_ops.user_cmpxchg64; -EFAULT for a read-only slot too. The page is marked dirty. */
int vmx_guest_cmpxchg64(struct vmx_vm *vm, uint64_t gpa, uint64_t old, uint64_t new_value);
/* A whole page. */
int vmx_guest_read_page(struct vmx_vm *vm, uint64_t gpa, void *page);
/* The TLBs of all vCPUs forget what they know of this VM before the caller goes on. atomic. */
void vmx_flush_tlbs(struct vmx_vm *vm);

/* A few pages taken before the lock is, so that nothing need be allocated under it. */
#define VMX_CACHE_PAGES 12
struct vmx_page_cache {
	void *page[VMX_CACHE_PAGES];
	uint32_t n;
};
int vmx_cache_fill(struct vmx_vm *vm, struct vmx_page_cache *c, uint32_t n); /* 0, -ENOMEM */
void *vmx_cache_take(struct vmx_page_cache *c);				     /* never fails */
void vmx_cache_drain(struct vmx_vm *vm, struct vmx_page_cache *c);

#endif
