/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' guest (../guest/layout.h) on metal: made, run, asked.
 */
#ifndef VMX_METAL_GUEST_H
#define VMX_METAL_GUEST_H

#include "../core/vcpu.h"
#include "../guest/layout.h"
#include "metal.h"

#define GUEST_DONE 0x80 /* the vector that the code ends with */

struct guest {
	struct vmx_vm *vm;
	struct vmx_vcpu *v;
	uint8_t *memory, *readonly, *logged;
	struct vmx_user_exit exit; /* of the last run */
	struct sbv_stats stats;
};

/* false: no memory. Then, too, guest_end. */
bool guest_make(struct guest *g);
void guest_end(struct guest *g);

uint64_t *guest_word(struct guest *g, uint64_t gpa);
/* The entry for a page of the main memory in the guest's page table. */
uint64_t *guest_pte(struct guest *g, uint64_t va);
uint64_t guest_cr4(void);

/* The code, and behind it the end; in which ring, with registers as the caller then sets them. */
struct sbv_regs *guest_start(struct guest *g, const char *code, size_t n, int ring);
/* The other registers: between a read and a write of these. */
void guest_sregs(struct guest *g, void (*change)(struct sbv_sregs *s));
void guest_run(struct guest *g);
/* INTR after a moment. */
void guest_run_briefly(struct guest *g);
/* Its tables as they were made, and all else zero. The core is not told. */
void guest_reset(struct guest *g);

/* The vector that a handler told of, -1: the exit was another. */
int guest_trap(const struct guest *g);
/* Where the exception that was told of happened, and its error code if it has one. */
uint64_t guest_trap_rip(struct guest *g);
uint64_t guest_trap_error(struct guest *g);
/* Exits so far that are neither a marker's nor the demand for memory. */
uint64_t guest_exits(const struct guest *g);

#endif
