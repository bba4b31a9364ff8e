/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images/flat/tree.h"

/* Some eight million files. Content is not in it, but for the ends of files, which have a budget of
 * their own. */
#define TREE_BYTES_MAX	  (2ull << 30)
#define TREE_ENTRY_NODE	  48u /* what tsearch and malloc add to an entry */
#define TREE_MALLOC_EXTRA 16u

union key {
	struct tree_entry entry;
	char room[sizeof(struct tree_entry) + TREE_NAME_MAX];
};

static int compare(const void *left, const void *right)
{
	const struct tree_entry *a = left, *b = right;
	int c = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	return c ? c : (int)a->len - (int)b->len;
}

int tree_charge(struct tree *t, uint64_t n, struct image_error *e)
{
	if (n > TREE_BYTES_MAX - t->bytes)
		return image_fail(e, -EFBIG,
			"too many files: their names and attributes take more than %llu MiB of "
			"memory",
			TREE_BYTES_MAX >> 20);
	t->bytes += n;
	return 0;
}

static int no_memory(struct image_error *e)
{
	return image_fail(e, -ENOMEM, "out of memory while layers are flattened");
}

struct node *tree_node(struct tree *t, mode_t mode, struct image_error *e)
{
	struct node *n;

	if (tree_charge(t, sizeof *n + TREE_MALLOC_EXTRA, e))
		return NULL;
	n = calloc(1, sizeof *n);
	if (!n) {
		no_memory(e);
		return NULL;
	}
	n->mode = mode;
	t->nnodes++;
	return n;
}

void tree_forget(struct tree *t, struct node *n)
{
	if (S_ISREG(n->mode)) {
		t->gone(t->arg, n);
		t->bytes -= n->nmap * sizeof *n->map;
		free(n->map);
	} else if (S_ISLNK(n->mode)) {
		t->bytes -= n->tail_size;
	}
	t->bytes -= sizeof *n + TREE_MALLOC_EXTRA + n->xattr_size;
	t->nnodes--;
	free(n->xattrs);
	free(n->tail);
	free(n);
}

int tree_set_xattrs(
	struct tree *t, struct node *n, uint8_t *area, uint32_t size, struct image_error *e)
{
	int r = tree_charge(t, size, e);

	if (r) {
		free(area);
		return r;
	}
	t->bytes -= n->xattr_size;
	free(n->xattrs);
	n->xattrs = area;
	n->xattr_size = size;
	return 0;
}

int tree_begin(struct tree *t, struct image_error *e)
{
	t->layer = 1;
	t->root = tree_node(t, S_IFDIR | 0755, e);
	if (!t->root)
		return -ENOMEM;
	t->root->parent = t->root;
	return 0;
}

static void remove_entry(struct tree *t, struct node *dir, struct tree_entry *entry);

static void empty(struct tree *t, struct node *dir)
{
	while (dir->children)
		remove_entry(t, dir, *(struct tree_entry **)dir->children);
}

static void remove_entry(struct tree *t, struct node *dir, struct tree_entry *entry)
{
	struct node *n = entry->node;

	tdelete(entry, &dir->children, compare);
	t->bytes -= sizeof *entry + TREE_ENTRY_NODE + entry->len;
	free(entry);
	/* A directory has one entry; what its nlink says is for the image. */
	if (S_ISDIR(n->mode))
		empty(t, n);
	else if (--n->nlink)
		return;
	tree_forget(t, n);
}

void tree_end(struct tree *t)
{
	if (!t->root)
		return;
	empty(t, t->root);
	tree_forget(t, t->root);
	t->root = NULL;
}

struct tree_entry *tree_find(const struct node *dir, const char *name, size_t len)
{
	union key key;
	struct tree_entry *const *found;

	if (len > TREE_NAME_MAX)
		return NULL;
	key.entry.len = (uint16_t)len;
	memcpy(key.room + offsetof(struct tree_entry, name), name, len);
	found = tfind(&key.entry, &dir->children, compare);
	return found ? *found : NULL;
}

static int add(struct tree *t, struct node *dir, const char *name, size_t len, struct node *n,
	struct image_error *e)
{
	size_t size = sizeof(struct tree_entry) + len;
	struct tree_entry *entry;
	int r = tree_charge(t, size + TREE_ENTRY_NODE, e);

	if (r)
		return r;
	entry = malloc(size);
	if (!entry)
		return no_memory(e);
	entry->node = n;
	entry->layer = t->layer;
	entry->len = (uint16_t)len;
	memcpy(entry->name, name, len);
	if (!tsearch(entry, &dir->children, compare)) {
		free(entry);
		return no_memory(e);
	}
	n->nlink++;
	return 0;
}

int tree_put(struct tree *t, struct node *dir, const char *name, size_t len, struct node *n,
	struct image_error *e)
{
	struct tree_entry *old;

	if (!len || len > TREE_NAME_MAX)
		return image_fail(e, -ENAMETOOLONG, "a name of %zu bytes; at most %u are possible",
			len, TREE_NAME_MAX);
	if (S_ISDIR(n->mode)) {
		if (dir->depth >= TREE_DEPTH_MAX)
			return image_fail(e, -ENAMETOOLONG,
				"directories more than %u deep in each other", TREE_DEPTH_MAX);
		n->depth = (uint16_t)(dir->depth + 1);
		n->parent = dir;
		n->cleared = t->layer;
	}
	old = tree_find(dir, name, len);
	if (old)
		remove_entry(t, dir, old);
	return add(t, dir, name, len, n, e);
}

struct gathered {
	struct tree_entry **list;
	size_t n, room;
	bool failed;
};

static void gather(const void *at, VISIT visit, void *arg)
{
	struct gathered *g = arg;

	if (g->failed || (visit != postorder && visit != leaf))
		return;
	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 16;
		struct tree_entry **more = reallocarray(g->list, room, sizeof *more);

		if (!more) {
			g->failed = true;
			return;
		}
		g->list = more;
		g->room = room;
	}
	g->list[g->n++] = *(struct tree_entry *const *)at;
}

int tree_list(const struct node *dir, struct tree_entry ***out, size_t *n)
{
	struct gathered g = {0};

	twalk_r(dir->children, gather, &g);
	if (g.failed) {
		free(g.list);
		return -ENOMEM;
	}
	*out = g.list;
	*n = g.n;
	return 0;
}

int tree_clear_lower(struct tree *t, struct node *dir)
{
	struct tree_entry **list;
	size_t n;
	int r;

	/* Once in a layer is enough: what comes after is the layer's. It also bounds what a layer
	 * of nothing but opaque markers costs. */
	if (dir->cleared == t->layer)
		return 0;
	r = tree_list(dir, &list, &n);
	if (r)
		return r;
	dir->cleared = t->layer;
	for (size_t i = 0; i < n && !r; i++)
		r = tree_drop_lower(t, dir, list[i]);
	free(list);
	return r;
}

int tree_drop_lower(struct tree *t, struct node *dir, struct tree_entry *entry)
{
	struct node *n = entry->node;
	int r;

	if (S_ISDIR(n->mode)) {
		r = tree_clear_lower(t, n);
		if (r)
			return r;
	}
	if (entry->layer < t->layer && !(S_ISDIR(n->mode) && n->children))
		remove_entry(t, dir, entry);
	return 0;
}
