/* SPDX-License-Identifier: Apache-2.0
 * The same numbers for the same seed: xorshift64*.
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_u64(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

static inline uint64_t random_below(struct random *r, uint64_t n)
{
	return (random_u64(r) >> 11) % n;
}

/* Never 0. */
static inline struct random random_seeded(uint64_t seed)
{
	struct random r = {seed * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull};

	r.state |= 1;
	random_u64(&r);
	return r;
}

#endif
