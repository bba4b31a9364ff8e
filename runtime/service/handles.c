/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles: the numbers by which the guest names what the host has open. A handle is an index and a
 * generation, so that one that was forgotten is refused although its index lives on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define INDEX_BITS  20u
#define INDEX_MAX   (1u << INDEX_BITS)
#define GEN_MAX	    0xfffu
#define CHUNK	    256u
#define NIL	    UINT32_MAX
#define FD_RESERVE  64u /* descriptors for the rest of the launcher */
#define FD_FALLBACK 1024u

static struct handle *at(const struct handles *t, uint32_t index)
{
	return &t->chunk[index / CHUNK][index % CHUNK];
}

/* Every handle costs a descriptor, so the limit on those is the limit on these. */
void handles_set_cap(struct service *s)
{
	struct rlimit rl;
	rlim_t n = getrlimit(RLIMIT_NOFILE, &rl) ? FD_FALLBACK : rl.rlim_cur;

	n = n > 2 * FD_RESERVE ? n - FD_RESERVE : n / 2;
	s->handles.cap = n < INDEX_MAX ? (uint32_t)n : INDEX_MAX;
}

int handles_init(struct service *s)
{
	s->handles.free_head = s->handles.free_tail = NIL;
	handles_set_cap(s);
	return 0;
}

void handles_free(struct handles *t)
{
	for (uint32_t i = 0; i < t->used; i++) {
		struct handle *h = at(t, i);

		if (h->kind != HANDLE_FREE)
			close(h->fd);
		free(h->path);
	}
	for (uint32_t i = 0; i < t->nchunks; i++)
		free(t->chunk[i]);
	free(t->chunk);
	*t = (struct handles){.free_head = NIL, .free_tail = NIL};
}

void handles_destroy(struct service *s)
{
	handles_free(&s->handles);
}

bool handles_full(const struct service *s)
{
	return s->handles.live >= s->handles.cap;
}

static int grow(struct handles *t)
{
	struct handle **more = realloc(t->chunk, (t->nchunks + 1) * sizeof(*more));
	struct handle *chunk;

	if (!more)
		return -ENOMEM;
	t->chunk = more;
	chunk = calloc(CHUNK, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	t->chunk[t->nchunks++] = chunk;
	return 0;
}

int handles_make(struct handles *t, uint32_t used)
{
	int r = 0;

	*t = (struct handles){.free_head = NIL, .free_tail = NIL};
	while (!r && t->nchunks * CHUNK < used)
		r = grow(t);
	if (r)
		handles_free(t);
	else
		t->used = used;
	return r;
}

/* An index that is free, or NIL. */
static uint32_t take_index(struct handles *t)
{
	uint32_t i = t->free_head;

	if (i != NIL) {
		t->free_head = at(t, i)->next_free;
		if (t->free_head == NIL)
			t->free_tail = NIL;
		return i;
	}
	if (t->used == t->nchunks * CHUNK && grow(t))
		return NIL;
	return t->used++;
}

int64_t handle_add(struct service *s, const struct handle *init)
{
	struct handles *t = &s->handles;
	uint32_t i = handles_full(s) ? NIL : take_index(t);
	struct handle *h;
	uint16_t generation;

	if (i == NIL) {
		close(init->fd);
		free(init->path);
		return handles_full(s) ? -ENFILE : -ENOMEM;
	}
	h = at(t, i);
	generation = h->generation < GEN_MAX ? (uint16_t)(h->generation + 1) : 1;
	*h = *init;
	h->generation = generation;
	h->index = i;
	h->watch = 0;
	t->live++;
	return (int64_t)handle_id(h);
}

struct handle *handle_at(struct service *s, uint32_t index)
{
	return index < s->handles.used ? at(&s->handles, index) : NULL;
}

struct handle *handle_get(struct service *s, uint64_t id)
{
	struct handles *t = &s->handles;
	uint32_t index = (uint32_t)id & (INDEX_MAX - 1);
	struct handle *h;

	if (id > UINT32_MAX || index >= t->used)
		return NULL;
	h = at(t, index);
	return h->kind != HANDLE_FREE && h->generation == id >> INDEX_BITS ? h : NULL;
}

uint32_t handle_id(const struct handle *h)
{
	return (uint32_t)h->generation << INDEX_BITS | h->index;
}

void handle_drop(struct service *s, struct handle *h)
{
	struct handles *t = &s->handles;
	uint32_t index = h->index;

	watch_forget(s, h); /* before close: another descriptor may keep the description in epoll */
	close(h->fd);
	free(h->path);
	h->path = NULL;
	h->fd = -1;
	h->kind = HANDLE_FREE;
	h->next_free = NIL;
	if (t->free_tail == NIL)
		t->free_head = index;
	else
		at(t, t->free_tail)->next_free = index;
	t->free_tail = index;
	t->live--;
}

int handles_each(struct service *s, int (*fn)(struct service *s, struct handle *h, const void *arg),
	const void *arg)
{
	int r = 0;

	for (uint32_t i = 0; i < s->handles.used && !r; i++) {
		struct handle *h = at(&s->handles, i);

		if (h->kind != HANDLE_FREE)
			r = fn(s, h, arg);
	}
	return r;
}

static unsigned reach_of(const struct handle *h)
{
	switch (h->kind) {
	case HANDLE_STREAM:
		return (h->flags & HANDLE_TTY ? SERVICE_TERMINAL : 0) |
		       (h->flags & HANDLE_SOCKET ? SERVICE_SOCKET : 0);
	case HANDLE_DIR:
		return h->rights & RIGHT_WRITE ? SERVICE_CHANGES | SERVICE_NAMES : 0;
	case HANDLE_NODE:
	case HANDLE_FILE:
	case HANDLE_DIRFILE:
		return h->rights & RIGHT_WRITE ? SERVICE_CHANGES : 0;
	default:
		return 0;
	}
}

/* All others come from these, with the same rights or less: what is reached through a grant may be
 * the root of another, but that one's handle is here too. */
unsigned service_reach(const struct service *s)
{
	unsigned reach = 0;

	for (uint32_t i = 0; i < s->handles.used; i++)
		reach |= reach_of(at(&s->handles, i));
	return reach;
}

int64_t forget_op(struct request *rq)
{
	stream_end(rq->s, rq->h);
	handle_drop(rq->s, rq->h);
	return 0;
}
