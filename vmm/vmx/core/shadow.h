/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Shadow paging: the page tables that the CPU walks where it has no EPT, made from the guest's.
 * No VMCS in here: it can be compiled and tested in an ordinary process with a made-up host.
 *
 * The guest is always in 64-bit mode with 4-level paging, CR0.WP set, EFER.NXE set or not
 * (shadow_mode). The frames that a shadow table leads to are only ever the guest's own, with at
 * most the rights that its slot and the host's mapping give: a guest that lies harms itself.
 *
 * Guest tables that are shadowed are write-protected. A write to one makes it "unsynced": writable
 * again, and read anew when the guest says so by INVLPG, a load of CR3, or a change of CR0/CR4;
 * between, the shadow is what a TLB and its paging-structure caches might have kept (SDM 4.10).
 * With announcements on (shadow_announce_mode) the guest's tables are not write-protected at all:
 * the guest promises to announce every change that takes a right away or moves a page, and what it
 * adds is found by the fault.
 */
#ifndef VMX_CORE_SHADOW_H
#define VMX_CORE_SHADOW_H

#include "memory.h"

/* Shadow pages of a VM at most; beyond, the ones not used for longest go. */
#define SHADOW_PAGES_MAX 4096u

/* A vCPU's. */
struct shadow_vcpu {
	uint64_t guest_cr3; /* as the guest loaded it */
	/* For VMCS GUEST_CR3; 0: shadow_load is needed (may sleep). Another vCPU may clear it,
	 * under the lock and followed by vmx_flush_tlbs: read it after tlb_generation, before each
	 * entry.
	 */
	uint64_t root_pa;
	void *root;
	struct vmx_page_cache cache;
	uint64_t *scratch; /* a page: of a table, while it is compared */
	uint32_t modes;
	/* The last fault that nothing explained, and shadow_mmu.changes then. */
	bool doubtful;
	uint32_t doubtful_error;
	uint64_t doubtful_gva, doubtful_changes;
};

/*
 * The guest's CR3 is now cr3 (low 12 bits ignored): root_pa is set. The caller flushes the TLB if
 * there are VPIDs. Unsynced tables under this root are read anew. May sleep.
 * 0; -EFAULT: the guest's CR3 leads to no memory (a triple fault is what the guest gets); -ENOMEM.
 */
int shadow_load(struct vmx_vcpu *v, uint64_t cr3);
/* INVLPG: may sleep. */
void shadow_invlpg(struct vmx_vcpu *v, uint64_t gva);
/* The modes that change what the guest's entries mean: without NXE bit 63 is reserved; SMEP and
 * SMAP (with vmx_fault_info.ac) are only for the fault's verdict, as the CPU itself enforces them.
 * All unsynced tables are read anew, and the TLBs flushed. May sleep. */
#define SHADOW_NXE  1u
#define SHADOW_SMEP 2u
#define SHADOW_SMAP 4u
void shadow_mode(struct vmx_vcpu *v, uint32_t modes);
/* The guest's announcement that entries of [gva, gva + pages * 4096) under cr3 changed: also those
 * of higher levels that lead there. Right in either mode, not needed in the other. May sleep. */
void shadow_announce(struct vmx_vcpu *v, uint64_t cr3, uint64_t gva, uint64_t pages);
/* When it changes, every vCPU needs shadow_load. */
void shadow_announce_mode(struct vmx_vm *vm, bool on);
/* Page tables of this root, and what only it led to, are gone: the guest is about to use the frames
 * for something else. */
void shadow_announce_root_gone(struct vmx_vcpu *v, uint64_t cr3);

/* The shadow's part of struct vmx_vcpu and struct vmx_vm, wherever the core keeps it. */
struct shadow_vcpu *shadow_of(struct vmx_vcpu *v);
struct vmx_vm *shadow_vm_of(struct vmx_vcpu *v);

struct shadow_counts {
	uint64_t faults, injected, pages, reclaimed, unsynced, synced, announced;
};
void shadow_counts(const struct vmx_vm *vm, struct shadow_counts *out);

#endif
