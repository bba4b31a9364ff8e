/* SPDX-License-Identifier: Apache-2.0
 *
 * Physical memory, first fit. The run that a page begins is written beside it, so that what is
 * taken can be counted and given back by its address alone.
 */
#include "metal.h"

#define PAGES_MAX 32768 /* 128 MiB */

static struct {
	uint64_t start;
	size_t n, used;
	int limit;
	uint16_t run[PAGES_MAX]; /* pages of the run that begins here; 0: free, INSIDE: of one
				    before */
} pages = {.limit = -1};
#define INSIDE UINT16_MAX

void metal_pages_init(uint64_t start, uint64_t end)
{
	pages.start = (start + VMX_PAGE_SIZE - 1) & VMX_PAGE_MASK;
	pages.n = (end - pages.start) / VMX_PAGE_SIZE;
	if (pages.n > PAGES_MAX)
		pages.n = PAGES_MAX;
}

static uint64_t lent_start, lent_end;

void metal_memory_lent(uint64_t start, uint64_t end)
{
	lent_start = start;
	lent_end = end;
}

bool metal_is_memory(uint64_t pa)
{
	return (pa >= pages.start && pa < pages.start + pages.n * VMX_PAGE_SIZE) ||
	       (pa >= lent_start && pa < lent_end);
}

static bool is_free(size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
		if (pages.run[i])
			return false;
	return true;
}

void *metal_pages_alloc(size_t n)
{
	size_t first = 0;
	void *p;

	if (!pages.limit)
		return NULL;
	while (first + n <= pages.n && !is_free(first, n))
		first += pages.run[first] && pages.run[first] != INSIDE ? pages.run[first] : 1;
	if (first + n > pages.n || n >= INSIDE)
		return NULL;
	if (pages.limit > 0)
		pages.limit--;
	pages.run[first] = (uint16_t)n;
	for (size_t i = 1; i < n; i++)
		pages.run[first + i] = INSIDE;
	pages.used += n;
	p = (void *)(uintptr_t)(pages.start + first * VMX_PAGE_SIZE);
	memset(p, 0, n * VMX_PAGE_SIZE);
	return p;
}

void metal_pages_free(void *p)
{
	size_t first = ((uint64_t)(uintptr_t)p - pages.start) / VMX_PAGE_SIZE;
	uint16_t n = first < pages.n ? pages.run[first] : 0;

	if (!n || n == INSIDE || ((uintptr_t)p & (VMX_PAGE_SIZE - 1)))
		metal_die("free of %lx, which nobody has", (unsigned long)(uintptr_t)p);
	for (size_t i = 0; i < n; i++)
		pages.run[first + i] = 0;
	pages.used -= n;
	memset(p, 0xdb, n * VMX_PAGE_SIZE); /* whoever still reads it notices */
}

size_t metal_pages_used(void)
{
	return pages.used;
}

void metal_pages_limit(int n)
{
	pages.limit = n;
}
