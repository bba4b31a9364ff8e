/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "images/job/arena.h"

struct arena_block {
	struct arena_block *next;
	max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b;

	if (n > ARENA_MAX - a->used)
		return NULL;
	b = calloc(1, sizeof *b + (n ? n : 1));
	if (!b)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	a->used += n;
	return b->data;
}

char *arena_copy(struct arena *a, const char *text, size_t n)
{
	char *out = arena_alloc(a, n + 1);

	if (out)
		memcpy(out, text, n);
	return out;
}

void arena_free(struct arena *a)
{
	struct arena_block *b = a->blocks, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
	a->used = 0;
}
