/* SPDX-License-Identifier: Apache-2.0
 * What is mapped in a trapped process: four levels of 512 entries, like the page tables that it
 * mirrors, in the launcher's own memory.
 */
#include <stdlib.h>

#include "home/host/process_internal.h"

#define LEVELS 4

static u32 index_at(u64 va, u32 level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

static u64 span(u32 level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static void **child(void **at, bool make)
{
	if (!*at && make)
		*at = calloc(512, sizeof(u64));
	return *at;
}

u64 *mirror_find(struct mirror *m, u64 va, bool make, u64 *skip)
{
	void **t = child(&m->root, make);

	*skip = ~0ull;
	for (u32 level = LEVELS; t && level > 1; level--) {
		*skip = span(level) - (va & (span(level) - 1));
		t = child(&t[index_at(va, level)], make);
	}
	return t ? (u64 *)t + index_at(va, 1) : NULL;
}

static void free_level(void *table, u32 level)
{
	void **t = table;

	for (u32 i = 0; level > 1 && i < 512; i++)
		if (t[i])
			free_level(t[i], level - 1);
	free(table);
}

bool mirror_any(struct mirror *m, u64 lo, u64 hi)
{
	for (u64 va = lo, skip; va < hi; va += min_u64(skip, hi - va)) {
		u64 *have = mirror_find(m, va, false, &skip);

		if (have && *have)
			return true;
		if (have)
			skip = PAGE_SIZE;
	}
	return false;
}

void mirror_clear(struct mirror *m)
{
	if (m->root)
		free_level(m->root, LEVELS);
	m->root = NULL;
}
