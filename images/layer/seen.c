/* SPDX-License-Identifier: Apache-2.0
 *
 * The paths that an archive has named so far, for its hard links and for members below something
 * that is no directory. An archive may have ten million of them: each takes 8 bytes of an open
 * table, whatever its length. Two paths made to collide only let a link through that names
 * nothing; whoever lays the tree out looks targets up himself.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "images/layer/layer_internal.h"

#define SLOTS_MIN 1024u
#define KIND_MASK 3u

/* A byte more. Seeded, so that nobody prepares names that collide; in one pass over a path, so that
 * a deep one costs its length and not its square. */
static uint64_t add(const struct seen *s, uint64_t h, char c)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)(h ^ s->seed[0]) * (((unsigned char)c + 1u) ^ s->seed[1]);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t key_of(const struct seen *s, const char *path, size_t len)
{
	uint64_t h = 0;

	for (size_t i = 0; i < len; i++)
		h = add(s, h, path[i]);
	return h & ~(uint64_t)KIND_MASK;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint64_t *find(uint64_t *slots, size_t nslots, uint64_t key)
{
	size_t i = (size_t)(key >> 2) & (nslots - 1);

	while (slots[i] && (slots[i] & ~(uint64_t)KIND_MASK) != key)
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

/* Interrupted before the kernel's pool was ready, it is asked again. */
static int take_seed(struct seen *s)
{
	ssize_t n;

	do
		n = getrandom(s->seed, sizeof s->seed, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == sizeof s->seed ? 0 : -EIO;
}

static int grow(struct seen *s)
{
	size_t n = s->nslots ? s->nslots * 2 : SLOTS_MIN;
	int r = s->nslots ? 0 : take_seed(s);
	uint64_t *slots;

	if (r)
		return r;
	slots = calloc(n, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->nslots; i++)
		if (s->slots[i])
			*find(slots, n, s->slots[i] & ~(uint64_t)KIND_MASK) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->nslots = n;
	return 0;
}

int seen_put(struct seen *s, const char *path, size_t len, enum seen_kind kind)
{
	int r = s->used * 4 >= s->nslots * 3 ? grow(s) : 0;
	uint64_t key, *slot;

	if (r)
		return r;
	key = key_of(s, path, len); /* the seed is there from the first slot on */
	slot = find(s->slots, s->nslots, key);
	s->used += !*slot;
	*slot = key | (uint64_t)kind;
	return 0;
}

enum seen_kind seen_get(const struct seen *s, const char *path, size_t len)
{
	if (!s->nslots)
		return SEEN_NOT;
	return (enum seen_kind)(*find(s->slots, s->nslots, key_of(s, path, len)) & KIND_MASK);
}

size_t seen_obstacle(const struct seen *s, const char *path, enum seen_kind *kind)
{
	uint64_t h = 0;

	for (const char *at = path; s->nslots && *at; h = add(s, h, *at++)) {
		if (*at != '/')
			continue;
		*kind = (enum seen_kind)(
			*find(s->slots, s->nslots, h & ~(uint64_t)KIND_MASK) & KIND_MASK);
		if (*kind == SEEN_LINK || *kind == SEEN_OTHER)
			return (size_t)(at - path);
	}
	return 0;
}

void seen_free(struct seen *s)
{
	free(s->slots);
	*s = (struct seen){0};
}
