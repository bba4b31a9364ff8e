/* SPDX-License-Identifier: Apache-2.0
 *
 * Page tables for tests that say exactly what is in them: put into memory before the guest runs, or
 * as by a device.
 */
#ifndef TESTS_UNIT_VMX_TABLES_H
#define TESTS_UNIT_VMX_TABLES_H

#include "tests/unit/vmx/machine.h"

#define P   PT_PRESENT
#define W   PT_WRITE
#define U   PT_USER
#define A   PT_ACCESSED
#define D   PT_DIRTY
#define L   PT_LARGE
#define NX  PT_NX
#define PWU (P | W | U)

struct tables {
	struct machine m;
	uint64_t next; /* page for a table */
	uint64_t root;
};

/* A machine with one root, loaded by all vCPUs. */
struct tables *tables_init(void);
void tables_destroy(struct tables *t);
uint64_t tables_page(struct tables *t);
void tables_poke(struct tables *t, uint64_t gpa, uint64_t value);
uint64_t tables_peek(struct tables *t, uint64_t gpa);
/* The address of the entry of this level for gva; tables down to there are made, with P, W and U.
 */
uint64_t tables_at(struct tables *t, uint64_t root, uint64_t gva, uint32_t level);
void tables_map(struct tables *t, uint64_t gva, uint32_t level, uint64_t entry);
/* RAM at gva + gpa, for writing to tables as a guest does. */
#define WINDOW 0x7f8000000000ull
void tables_window(struct tables *t);
/* A store through it that is an error if it does not go through. */
void tables_store(struct tables *t, struct vmx_vcpu *v, uint64_t gpa, uint64_t value);

/* An access that is as the reference says, and is also what the test says. */
void expect_ok(struct vmx_vcpu *v, uint64_t gva, uint32_t access, uint64_t gpa);
void expect_fault(struct vmx_vcpu *v, uint64_t gva, uint32_t access, uint32_t error);
void expect_told(
	struct vmx_vcpu *v, uint64_t gva, uint32_t access, enum outcome_kind kind, uint64_t gpa);

#endif
