/* SPDX-License-Identifier: Apache-2.0
 * The boundary between a trapped process and the host: its filter, and what the launcher believes.
 */
#ifndef TEST_SECURITY_BOUNDARY_H
#define TEST_SECURITY_BOUNDARY_H

#include "tests/unit/process/code.h"

extern const struct CMUnitTest filter_tests[], call_tests[], context_tests[], life_tests[];
extern const size_t filter_tests_count, call_tests_count, context_tests_count, life_tests_count;

/* xorshift64*: the same numbers for the same seed. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

#endif
