/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tables of names and stacks hash with: seeded, so that no program prepares what collides.
 */
#ifndef PROFILE_HASH_H
#define PROFILE_HASH_H

#include <stdint.h>
#include <sys/random.h>

struct hash_seed {
	uint64_t word[2];
};

static inline void hash_seed_make(struct hash_seed *s)
{
	while (getrandom(s, sizeof *s, 0) != (ssize_t)sizeof *s)
		; /* interrupted before the kernel's pool was ready */
}

/* One word more: the two halves of a product, folded. */
static inline uint64_t hash_add(const struct hash_seed *s, uint64_t h, uint64_t word)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)(h ^ s->word[0]) * (word ^ s->word[1]);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
