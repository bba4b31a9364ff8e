/* SPDX-License-Identifier: Apache-2.0
 *
 * What a vCPU sees of page-table entries that the host changes.
 */
#ifndef TESTS_UNIT_VMM_TLB_H
#define TESTS_UNIT_VMM_TLB_H

#include "tests/unit/vmm/machine.h"

enum tlb_change {
	TLB_ADD,
	TLB_GRANT_WRITE,
	TLB_REVOKE_WRITE,
	TLB_UNMAP,
	TLB_REMAP,
	TLB_REVOKE_USER,
	TLB_REMAP_TABLE,
	TLB_CHANGES
};
/* By whom: the host alone, or ring 0 on its way out of the trap. */
enum tlb_flush {
	TLB_FLUSH_NONE,
	TLB_FLUSH_SREGS_SAME,
	TLB_FLUSH_SREGS_TOGGLE,
	TLB_FLUSH_MADVISE,  /* of the frame's host memory: KVM forgets what maps it */
	TLB_FLUSH_MPROTECT, /* the same, there and back */
	TLB_FLUSH_SLOT,	    /* a memory slot made and deleted: KVM forgets everything */
	TLB_FLUSH_GUEST_CR3,
	TLB_FLUSH_GUEST_INVLPG,
	TLB_FLUSH_GUEST_PTE, /* the entry written by ring 0 as well */
	TLB_FLUSH_OTHER_PTE, /* the entry written by ring 0 of another vCPU */
	TLB_FLUSHES
};
#define TLB_FLUSH_HOST_LAST TLB_FLUSH_SLOT

extern const char *const tlb_change_names[TLB_CHANGES];
extern const char *const tlb_flush_names[TLB_FLUSHES];

/* One access, the change while ring 3 is in a trap, one access. 1: seen; 0: stale; -1: broken. */
int tlb_try_trap(struct machine *m, enum tlb_change change, enum tlb_flush flush);
/* A way to try a host flush: 1, 0, -1 as above; stale is what is not seen within patience_ms. */
typedef int tlb_try_fn(struct machine *m, enum tlb_flush flush, unsigned patience_ms);
/* A remap with ring 3 stopped by a kick: no trap, no ring 0. */
tlb_try_fn tlb_try_kick;
/* A remap while ring 3 runs. */
tlb_try_fn tlb_try_live;
/* A page table's page is emptied and used again: does what it mapped show at the other address? */
tlb_try_fn tlb_try_reuse;
/* The flush alone, as the tests do it. 0 or -1. */
int tlb_flush_host(struct machine *m, enum tlb_flush flush);

#endif
