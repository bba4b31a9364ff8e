/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/profile/profile.h"

/* -- names -- */

struct naming {
	struct stacks *by_name;
	const struct stacks *raw;
	struct symbols *symbols;
	struct names *names;
	struct stacks callers; /* each place that was asked about once: self is 2 + slot */
	uint32_t *to;	       /* by node of raw: of by_name */
};

static uint32_t slot_in(const struct stack_node *n)
{
	return n->file >> STACK_SLOT;
}

static int caller_slot(struct naming *g, const struct stack_node *n)
{
	uint32_t known = stacks_child(&g->callers, 0, n->file, n->value);
	struct stack_node *c = &g->callers.node[known];

	if (known && !c->self) /* there is room: as many as raw has, or fewer */
		c->self = (uint64_t)(2 + symbols_caller(g->symbols, n->file, n->value));
	return known ? (int)c->self - 2 : -1;
}

static uint32_t child(struct naming *g, uint32_t parent, const struct stack_node *n)
{
	uint32_t file = n->file & ((1u << STACK_SLOT) - 1);

	return stacks_child(
		g->by_name, parent, STACK_NAME, symbols_name(g->symbols, g->names, file, n->value));
}

/* A word of the stack that may be the return address of the innermost function is believed where
 * the function's own file says that it is. */
static uint32_t parent_of(struct naming *g, const struct stack_node *n)
{
	const struct stack_node *above = &g->raw->node[n->parent];
	uint32_t parent = g->to[n->parent];
	int slot = slot_in(above) ? caller_slot(g, n) : -1;

	for (; slot >= 0 && slot_in(above); above = &g->raw->node[above->parent])
		if (slot_in(above) == (uint32_t)slot + 1)
			return child(g, parent, above);
	return parent;
}

/* Parents come before their children, so one pass is enough. As many nodes or fewer: there is room,
 * what may be a caller makes its node not here but with what it called. */
static void name_nodes(struct naming *g)
{
	for (uint32_t i = 0; i < g->raw->count; i++) {
		const struct stack_node *from = &g->raw->node[i];

		if (slot_in(from))
			g->to[i] = g->to[from->parent];
		else if (i)
			g->to[i] = child(g, parent_of(g, from), from);
		g->by_name->node[g->to[i]].self += from->self;
	}
}

static int name_all(
	struct stacks *by_name, const struct stacks *raw, struct symbols *s, struct names *n)
{
	struct naming g = {.by_name = by_name, .raw = raw, .symbols = s, .names = n};
	int r = stacks_init(&g.callers);

	if (r)
		return r;
	g.to = calloc(raw->count, sizeof *g.to);
	if (g.to)
		name_nodes(&g);
	else
		r = -ENOMEM;
	free(g.to);
	stacks_free(&g.callers);
	stacks_sum(by_name);
	return r;
}

/* -- order -- */

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
	struct sorting o = {s, n};
	uint32_t *sorted = work, *first, *stack;

	t->order = calloc(s->count, sizeof *t->order);
	t->depth = calloc(s->count, sizeof *t->depth);
	if (!work || !t->order || !t->depth) {
		free(work);
		return -ENOMEM;
	}
	first = work + s->count;
	stack = first + s->count;
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
