/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that goes all at once, and never more of it than a job file may cost.
 */
#ifndef IMAGES_JOB_ARENA_H
#define IMAGES_JOB_ARENA_H

#include <stddef.h>

#define ARENA_MAX (64u << 20)

struct arena {
	struct arena_block *blocks;
	size_t used;
};

/* Zeroed; NULL: out of memory, or beyond ARENA_MAX. */
void *arena_alloc(struct arena *a, size_t n);
char *arena_copy(struct arena *a, const char *text, size_t n); /* with a NUL behind it */
void arena_free(struct arena *a);

#endif
