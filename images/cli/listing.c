/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "images/cli/listing.h"

static int by_number(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static int enter_once(struct listing_walk *w, uint64_t nid)
{
	uint64_t *mine = malloc(sizeof *mine), **found;

	if (!mine)
		return -ENOMEM;
	*mine = nid;
	found = tsearch(mine, &w->seen, by_number);
	if (found && *found == mine)
		return 0;
	free(mine);
	return found ? -EUCLEAN : -ENOMEM;
}

static int add(void *arg, const char *name, size_t len, uint64_t nid)
{
	struct listing *l = arg;
	char *text;

	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct listing_name *more = reallocarray(l->names, room, sizeof *more);

		if (!more)
			return -ENOMEM;
		l->names = more;
		l->room = room;
	}
	text = strndup(name, len);
	if (!text)
		return -ENOMEM;
	l->names[l->n++] = (struct listing_name){text, len, nid};
	return 0;
}

static void clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i].text);
	free(l->names);
	*l = (struct listing){0};
}

int listing_enter(struct listing_walk *w, const struct flat_image *f, const struct flat_node *dir,
	struct listing *out)
{
	int r;

	*out = (struct listing){0};
	if (w->depth > LISTING_DEPTH_MAX)
		return -EUCLEAN;
	r = enter_once(w, dir->nid);
	if (!r)
		r = flat_list(f, dir, add, out);
	if (r)
		clear(out);
	else
		w->depth++;
	return r;
}

void listing_leave(struct listing_walk *w, struct listing *l)
{
	clear(l);
	w->depth--;
}

void listing_walk_end(struct listing_walk *w)
{
	tdestroy(w->seen, free);
	w->seen = NULL;
}

int listing_compare(const struct listing_name *a, const struct listing_name *b)
{
	int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

	return c ? c : a->len < b->len ? -1 : a->len > b->len;
}
