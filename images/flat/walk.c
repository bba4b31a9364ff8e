/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images/flat/tree.h"

#define WALK_STEPS_MAX 8192u /* names on one path, those of links included */

struct walk {
	struct tree *tree;
	struct node *at;
	char *text; /* of the link that was followed last and what came after it; malloc'ed */
	const char *rest;
	size_t left;
	unsigned links, steps;
	enum tree_how how;
};

static int too_long(struct image_error *e)
{
	return image_fail(e, -ELOOP,
		"the path leads through more than %u symbolic links or %u names", TREE_LINKS_MAX,
		WALK_STEPS_MAX);
}

/* The link's text goes before what is left of the path. */
static int follow(struct walk *w, const struct node *link, struct image_error *e)
{
	size_t size = link->tail_size + 1 + w->left;
	char *text;

	if (++w->links > TREE_LINKS_MAX)
		return too_long(e);
	text = malloc(size);
	if (!text)
		return image_fail(e, -ENOMEM, "out of memory while a path is followed");
	memcpy(text, link->tail, link->tail_size);
	text[link->tail_size] = '/';
	memcpy(text + link->tail_size + 1, w->rest, w->left);
	free(w->text);
	w->text = text;
	w->rest = text;
	w->left = size;
	if (text[0] == '/')
		w->at = w->tree->root;
	return 0;
}

static int make(struct walk *w, const char *name, size_t len, struct image_error *e)
{
	struct node *n = tree_node(w->tree, S_IFDIR | 0755, e);
	int r;

	if (!n)
		return -ENOMEM;
	r = tree_put(w->tree, w->at, name, len, n, e);
	if (r)
		tree_forget(w->tree, n);
	else
		w->at = n;
	return r;
}

static int step(struct walk *w, const char *name, size_t len, struct image_error *e)
{
	const struct tree_entry *entry;

	if (!len || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && !memcmp(name, "..", 2)) {
		w->at = w->at->parent;
		return 0;
	}
	entry = tree_find(w->at, name, len);
	if (entry && S_ISDIR(entry->node->mode)) {
		w->at = entry->node;
		return 0;
	}
	if (entry && S_ISLNK(entry->node->mode) &&
		!(w->how == TREE_LOWER && entry->layer == w->tree->layer))
		return follow(w, entry->node, e);
	if (w->how == TREE_MAKE)
		return make(w, name, len, e);
	w->at = NULL;
	return 0;
}

int tree_walk(struct tree *t, const char *path, size_t len, enum tree_how how, struct node **out,
	struct image_error *e)
{
	struct walk w = {.tree = t, .at = t->root, .rest = path, .left = len, .how = how};
	int r = 0;

	while (w.left && w.at && !r) {
		const char *name = w.rest, *slash = memchr(name, '/', w.left);
		size_t n = slash ? (size_t)(slash - name) : w.left;

		w.rest += n + (slash ? 1 : 0);
		w.left -= n + (slash ? 1 : 0);
		r = ++w.steps > WALK_STEPS_MAX ? too_long(e) : step(&w, name, n, e);
	}
	free(w.text);
	*out = w.at;
	return r;
}
