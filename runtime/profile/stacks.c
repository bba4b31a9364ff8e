/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples as a tree, while they come: a program can make as many different stacks as it likes, so
 * there is an end to it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/profile/profile.h"

#define NODES_MAX (1u << 20)
#define SLOTS	  (2 * NODES_MAX)

/* All at once: what is not used is not touched. */
int stacks_init(struct stacks *s)
{
	*s = (struct stacks){.count = 1};
	hash_seed_make(&s->seed);
	s->node = calloc(NODES_MAX, sizeof *s->node);
	s->slot = calloc(SLOTS, sizeof *s->slot);
	if (s->node && s->slot)
		return 0;
	stacks_free(s);
	return -ENOMEM;
}

void stacks_free(struct stacks *s)
{
	free(s->node);
	free(s->slot);
	*s = (struct stacks){0};
}

static uint32_t slot_of(const struct stacks *s, uint32_t parent, uint32_t file, uint64_t value)
{
	uint64_t h =
		hash_add(&s->seed, hash_add(&s->seed, 0, value), (uint64_t)parent << 32 | file);

	return (uint32_t)((h ^ h >> 31) % SLOTS);
}

uint32_t stacks_child(struct stacks *s, uint32_t parent, uint32_t file, uint64_t value)
{
	uint32_t at = slot_of(s, parent, file, value);

	for (; s->slot[at]; at = (at + 1) % SLOTS) {
		const struct stack_node *n = &s->node[s->slot[at]];

		if (n->parent == parent && n->file == file && n->value == value)
			return s->slot[at];
	}
	if (s->count == NODES_MAX)
		return 0;
	s->slot[at] = s->count;
	s->node[s->count] = (struct stack_node){.value = value, .file = file, .parent = parent};
	return s->count++;
}

/* False when there is no room for it: the sample ends at its parent. */
static bool go_on(struct stacks *s, uint32_t *at, uint32_t file, uint64_t value)
{
	uint32_t child = stacks_child(s, *at, file, value);

	if (child)
		*at = child;
	return child;
}

static bool add_frame(struct stacks *s, uint32_t *at, const struct samples_frame *f, uint32_t slot)
{
	if (slot > SAMPLES_WORDS)
		return true; /* none that a launcher writes */
	return go_on(s, at, (f->file & ((1u << STACK_SLOT) - 1)) | slot << STACK_SLOT, f->value);
}

void stacks_add(struct stacks *s, struct names *n, const struct samples_sample *sample)
{
	uint32_t at = 0;
	bool whole = go_on(s, &at, STACK_NAME, names_add(n, sample->comm, sizeof sample->comm));

	for (uint32_t i = sample->nframes; i-- && whole;)
		whole = add_frame(s, &at, &sample->frame[i], i ? sample->frame[i].slot : 0);
	if (whole && sample->in == SAMPLES_IN_CALL)
		whole = go_on(s, &at, STACK_CALL, sample->nr);
	else if (whole && sample->in != SAMPLES_IN_USER)
		whole = go_on(s, &at, STACK_FAULT, sample->in);
	s->node[at].self += sample->ticks;
	s->cut += whole ? 0 : sample->ticks;
}

void stacks_sum(struct stacks *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		s->node[i].total = s->node[i].self;
	for (uint32_t i = s->count; i-- > 1;)
		s->node[s->node[i].parent].total += s->node[i].total;
}
