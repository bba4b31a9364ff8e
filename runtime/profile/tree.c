/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/profile/profile.h"

/* Parents come before their children, so one pass is enough. */
static int name_all(
	struct stacks *by_name, const struct stacks *raw, struct symbols *s, struct names *n)
{
	uint32_t *to = calloc(raw->count, sizeof *to);

	if (!to)
		return -ENOMEM;
	for (uint32_t i = 0; i < raw->count; i++) {
		const struct stack_node *from = &raw->node[i];

		if (i) /* as many nodes or fewer: there is room */
			to[i] = stacks_child(by_name, to[from->parent], STACK_NAME,
				symbols_name(s, n, from->file, from->value));
		by_name->node[to[i]].self += from->self;
	}
	free(to);
	stacks_sum(by_name);
	return 0;
}

struct sorting {
	const struct stacks *s;
	const struct names *n;
};

static int by_parent_and_name(const void *a, const void *b, void *arg)
{
	const struct sorting *o = arg;
	const struct stack_node *x = &o->s->node[*(const uint32_t *)a],
				*y = &o->s->node[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(names_text(o->n, (uint32_t)x->value), names_text(o->n, (uint32_t)y->value));
}

/* Depth first, without recursion: a node's children lie together in `sorted`. */
static void visit(struct tree *t, const uint32_t *sorted, const uint32_t *first, uint32_t *stack)
{
	const struct stacks *s = &t->by_name;
	uint32_t n = 0, top = 0;

	stack[top++] = 0;
	while (top) {
		uint32_t at = stack[--top], begin = first[at], end = begin;

		t->order[n++] = at;
		t->depth[at] = at ? t->depth[s->node[at].parent] + 1 : 0;
		while (end < s->count && sorted[end] && s->node[sorted[end]].parent == at)
			end++;
		while (end > begin)
			stack[top++] = sorted[--end];
	}
}

static int put_in_order(struct tree *t, const struct names *n)
{
	const struct stacks *s = &t->by_name;
	uint32_t *work = calloc(3, s->count * sizeof *work);
	uint32_t *sorted = work, *first = work + s->count, *stack = work + 2 * (size_t)s->count;
	struct sorting o = {s, n};

	t->order = calloc(s->count, sizeof *t->order);
	t->depth = calloc(s->count, sizeof *t->depth);
	if (!work || !t->order || !t->depth) {
		free(work);
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < s->count; i++)
		sorted[i] = i;
	qsort_r(sorted + 1, s->count - 1, sizeof *sorted, by_parent_and_name, &o);
	for (uint32_t i = 0; i < s->count; i++)
		first[i] = s->count;
	for (uint32_t i = s->count; i-- > 1;)
		first[s->node[sorted[i]].parent] = i;
	visit(t, sorted, first, stack);
	free(work);
	return 0;
}

int tree_make(struct tree *t, const struct stacks *raw, struct symbols *s, struct names *n)
{
	int r;

	*t = (struct tree){0};
	r = stacks_init(&t->by_name);
	if (!r)
		r = name_all(&t->by_name, raw, s, n);
	if (!r)
		r = put_in_order(t, n);
	if (r)
		tree_free(t);
	return r;
}

void tree_free(struct tree *t)
{
	stacks_free(&t->by_name);
	free(t->order);
	free(t->depth);
	*t = (struct tree){0};
}
