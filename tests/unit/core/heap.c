/* SPDX-License-Identifier: Apache-2.0
 * The kernel heap of the unit tests, in the place of mm/slab.c: each block is one of malloc's, so
 * that the address sanitizer sees use after kfree and writes past the end. Blocks that live are
 * remembered, to be counted and to be given back at the end of a run.
 */
#include <stdlib.h>

#include "harness.h"

#define BUCKET_BITS 14
#define BUCKETS	    (1u << BUCKET_BITS)

u64 heap_live, heap_fail_at;

static struct block {
	struct block *next;
	void *p;
} * blocks[BUCKETS];

static struct block **bucket(const void *p)
{
	/* Fibonacci hashing: blocks of one size lie at multiples of it */
	return &blocks[((u64)p >> 4) * 0x9e3779b97f4a7c15ull >> (64 - BUCKET_BITS)];
}

struct mm_state;
void slab_init(struct mm_state *s);
void slab_init(struct mm_state *s)
{
	(void)s;
}

void *kalloc(size_t n)
{
	struct block *b;

	if (heap_fail_at && !--heap_fail_at)
		return NULL;
	b = malloc(sizeof(*b));
	assert_non_null(b);
	/* as mm/slab.c: 64-byte aligned from 64 bytes on */
	if (posix_memalign(&b->p, n >= 64 ? 64 : 16, n ? n : 1))
		fail_msg("the host has no memory for %zu bytes", n);
	memset(b->p, 0xa5, n); /* who forgets to write it will see */
	b->next = *bucket(b->p);
	*bucket(b->p) = b;
	heap_live++;
	return b->p;
}

void *kzalloc(size_t n)
{
	void *p = kalloc(n);

	if (p)
		memset(p, 0, n);
	return p;
}

void kfree(void *p)
{
	struct block **at, *b;

	if (!p)
		return;
	for (at = bucket(p); *at && (*at)->p != p; at = &(*at)->next)
		;
	b = *at;
	if (b) {
		*at = b->next;
		free(b);
		heap_live--;
	}
	free(p); /* the sanitizer names a pointer that is none or was freed before */
}

char *kstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = kalloc(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = 0;
	}
	return p;
}

void heap_free_all(void)
{
	heap_fail_at = 0;
	for (u32 i = 0; i < BUCKETS; i++) {
		while (blocks[i])
			kfree(blocks[i]->p);
	}
}
