/* SPDX-License-Identifier: Apache-2.0
 *
 * What guests that mean ill are made of, from a seed: privileged instructions, MSRs, control
 * registers, page tables that refer to themselves or to nothing, random bytes. The same seed makes
 * the same guest.
 */
#ifndef VMX_GUEST_HOSTILE_H
#define VMX_GUEST_HOSTILE_H

#include "layout.h"

struct hostile {
	uint64_t state;
	uint64_t cr4; /* the guest's, as it begins */
};

void hostile_seed(struct hostile *h, uint64_t seed, uint64_t cr4);

uint64_t hostile_any(struct hostile *h);
uint32_t hostile_below(struct hostile *h, uint32_t n);
/* Of a table, of a page with something behind it or nothing, at the edges of the address space. */
uint64_t hostile_address(struct hostile *h);
/* For a register or an MSR: likely one that has a meaning there. */
uint64_t hostile_value(struct hostile *h);
uint64_t hostile_msr(struct hostile *h);

/* n bytes of code; it may be begun anywhere in them. */
void hostile_code(struct hostile *h, uint8_t *code, size_t n);
/* For a host that cannot interrupt a guest which holds interrupts back: afterwards no byte of this
 * code is, or begins, an instruction that may clear RFLAGS.IF, wherever it is begun. */
void hostile_code_keeps_if(uint8_t *code, size_t n);

#endif
