/* SPDX-License-Identifier: Apache-2.0
 *
 * How often something took how long, by powers of two: bucket 0 is below 256 ns, each has twice the
 * bound of the one before, and the last has no bound (1.07 s and more).
 */
#ifndef SERVICE_HISTOGRAM_H
#define SERVICE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS     24u
#define HISTOGRAM_FIRST_SHIFT 8u

struct histogram {
	uint64_t ns; /* all together */
	uint64_t count[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t ns)
{
	uint64_t n = ns >> HISTOGRAM_FIRST_SHIFT;
	unsigned bucket = n ? 64u - (unsigned)__builtin_clzll(n) : 0;

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline uint64_t histogram_total(const struct histogram *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->count[i];
	return n;
}

/* One thread adds; others may look at any time. What they write there changes only what is shown.
 */
static inline void histogram_add(volatile struct histogram *h, uint64_t ns)
{
	volatile uint64_t *count = &h->count[histogram_bucket(ns)];

	*count = *count + 1;
	h->ns = h->ns + ns;
}

#endif
