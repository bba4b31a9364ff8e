/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests of the core on metal: cases, and what was seen.
 */
#ifndef VMX_METAL_TEST_H
#define VMX_METAL_TEST_H

#include "guest.h"

/* A case begins; the one before is counted. */
void test_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* It fails if not ok, and the words say how. */
void test_expect(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A case with a guest of its own: made, and ended with nothing left of it. */
void test_guest_begin(struct guest *g);
void test_guest_end(struct guest *g);
/* It ended at this vector. */
void test_trap(struct guest *g, int vector);

void test_cpu_first(void); /* before VMX is on */
void test_cpu(void);
void test_instructions(void);
void test_refusals(void);
void test_events(void);
void test_memory(void);
void test_paging(void);
void test_state(void);
void test_turns(void);
void test_hostile(uint64_t first, uint64_t n); /* n guests, of seeds from first on */
void test_entry(void);
void test_reasons(bool had_ept);

/* Which exit reasons have been seen, in all guests; TEST_ENTRY_FAILED + n: failed entries of n. */
#define TEST_ENTRY_FAILED 64u
extern uint64_t test_seen[2 * TEST_ENTRY_FAILED];

#endif
