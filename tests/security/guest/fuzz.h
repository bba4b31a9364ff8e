/* SPDX-License-Identifier: Apache-2.0
 * A program that does anything: runs inside the sandbox and tries to make the launcher or the shim
 * fail. Each child is determined by the seed and its number.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "tests/security/guest/random.h"

/* Memory that arguments point to: the first pages can be written, then one that can only be read,
 * one with no access, and nothing. */
#define ARENA	    0x10000000ull
#define ARENA_PAGES 16u
#define ARENA_RO    (ARENA + ARENA_PAGES * 4096ull)
#define ARENA_NONE  (ARENA_RO + 4096)
#define ARENA_END   (ARENA_NONE + 4096)

/* What a child needs: the arena, descriptors of all kinds, files to name. */
void world_make(struct random *r);

/* arguments.c */
uint64_t fuzz_number(struct random *r);
void fuzz_arguments(struct random *r, uint64_t nr, uint64_t a[6]);
/* Writes random structures all over the arena. */
void arena_fill(struct random *r);

/* What children do. None returns but by chance. */
void child_calls(struct random *r);   /* random system calls */
void child_bytes(struct random *r);   /* random instructions */
void child_threads(struct random *r); /* the first, while threads change its memory */
void child_racer(struct random *r);   /* backend process: the same without the stub's consent */

/* Calls made, over all children: in memory that they share. */
extern uint64_t *fuzz_count;

#endif
