/* SPDX-License-Identifier: Apache-2.0
 *
 * Members in somebody else's order, put into ours: what they are in memory, what they hold in a
 * file of the store that has no name.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/write_internal.h"

#define MEMORY_MAX (512u << 20)
#define ALIGNMENT  4096u /* of contents in the file, so that their holes are holes */

/* A member, copied. A hard link shares the node of what it links to. */
struct item {
	char *name; /* in the archive */
	struct node *node;
	bool replaced; /* by a later one of this name */
};
struct node {
	struct layer_entry m;
	uint64_t base; /* of its content */
	const char *written_as;
	unsigned links; /* items that have it */
};

struct sorted {
	struct store *store;
	struct item **items;
	size_t n, room;
	void *by_name; /* tsearch(3): the latest item of each name */
	struct item *current;
	int fd; /* contents; -1: none yet */
	uint64_t end;
	size_t memory;
	struct image_error *e;
};

static int no_memory(struct sorted *s)
{
	return image_fail(s->e, -ENOMEM, "not enough memory to sort a layer");
}

/* -- copies -- */

static char *copy_text(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int copy_xattrs(struct layer_entry *to, const struct layer_entry *m)
{
	struct layer_xattr *list = calloc(m->nxattrs + 1, sizeof *list);

	if (!list)
		return -ENOMEM;
	to->xattrs = list;
	to->nxattrs = m->nxattrs;
	for (size_t i = 0; i < m->nxattrs; i++) {
		void *value = malloc(m->xattrs[i].size + 1);

		list[i].name = strdup(m->xattrs[i].name);
		list[i].value = value;
		list[i].size = m->xattrs[i].size;
		if (!value || !list[i].name)
			return -ENOMEM;
		memcpy(value, m->xattrs[i].value, m->xattrs[i].size);
	}
	return 0;
}

static void node_drop(struct node *n)
{
	if (!n || --n->links)
		return;
	for (size_t i = 0; n->m.xattrs && i < n->m.nxattrs; i++) {
		free((void *)n->m.xattrs[i].name);
		free((void *)n->m.xattrs[i].value);
	}
	free((void *)n->m.xattrs);
	free((void *)n->m.path);
	free((void *)n->m.target);
	free(n);
}

static struct node *node_copy(const struct layer_entry *m)
{
	struct node *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->m = *m;
	n->links = 1;
	n->m.xattrs = NULL;
	n->m.nxattrs = 0;
	n->m.path = strdup(m->path);
	n->m.target = copy_text(m->target);
	if (n->m.path && (n->m.target || !m->target) && !copy_xattrs(&n->m, m))
		return n;
	node_drop(n);
	return NULL;
}

/* -- collecting -- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

/* The node for m: that of the link's target, or one of its own. */
static int node_of(struct sorted *s, const struct layer_entry *m, struct node **out)
{
	struct item key = {.name = (char *)m->target};
	struct item **found;

	if (m->kind != LAYER_HARDLINK) {
		*out = node_copy(m);
		return *out ? 0 : no_memory(s);
	}
	found = tfind(&key, &s->by_name, by_name);
	if (!found || (*found)->node->m.kind != LAYER_NODE)
		return image_fail(s->e, -EBADMSG, "\"%.200s\" is a hard link to nothing", m->path);
	*out = (*found)->node;
	(*out)->links++;
	return 0;
}

static int item_new(struct sorted *s, const struct layer_entry *m, struct item **out)
{
	char name[LAYER_PATH_MAX + 1];
	struct item *it;
	int r = layer_member_name(m, name);

	if (r)
		return image_fail(s->e, r, "\"%.200s\" cannot be a name in a layer", m->path);
	it = calloc(1, sizeof *it);
	if (!it)
		return no_memory(s);
	it->name = strdup(name);
	r = it->name ? node_of(s, m, &it->node) : no_memory(s);
	if (!r) {
		*out = it;
		return 0;
	}
	free(it->name);
	free(it);
	return r;
}

static void item_free(struct item *it)
{
	node_drop(it->node);
	free(it->name);
	free(it);
}

static int keep(struct sorted *s, struct item *it)
{
	size_t room = s->room ? s->room * 2 : 256;
	struct item **items, **found;

	if (s->n == s->room) {
		items = reallocarray(s->items, room, sizeof(struct item *));
		if (!items)
			return no_memory(s);
		s->items = items;
		s->room = room;
	}
	found = tsearch(it, &s->by_name, by_name);
	if (!found)
		return no_memory(s);
	if (*found != it) {
		(*found)->replaced = true;
		*found = it;
	}
	s->items[s->n++] = it;
	return 0;
}

static int count_memory(struct sorted *s, const struct layer_entry *m)
{
	size_t n = sizeof(struct item) + sizeof(struct node) + 2 * strlen(m->path) + 128;

	n += m->target ? strlen(m->target) : 0;
	for (size_t i = 0; i < m->nxattrs; i++)
		n += m->xattrs[i].size + strlen(m->xattrs[i].name) + 64;
	s->memory += n;
	return s->memory <= MEMORY_MAX ? 0
				       : image_fail(s->e, -EFBIG,
						 "so many members that their names take more than "
						 "512 MiB of memory");
}

static int on_entry(void *arg, const struct layer_entry *m, struct image_error *e)
{
	struct sorted *s = arg;
	int r = count_memory(s, m);

	if (!r)
		r = item_new(s, m, &s->current);
	if (r)
		return r;
	r = keep(s, s->current);
	if (r) {
		item_free(s->current);
		return r;
	}
	if (m->kind != LAYER_NODE || !S_ISREG(m->mode))
		return 0;
	s->current->node->base = s->end;
	s->end += (m->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return 0;
}

static int on_data(void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	struct sorted *s = arg;
	const char *p = data;
	uint64_t at = s->current->node->base + offset;

	while (n) {
		ssize_t done = pwrite(s->fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return image_fail(e, -errno, "%s: cannot be written: %s",
				store_dir(s->store), strerror(errno));
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

/* -- writing -- */

static int in_order(const void *a, const void *b)
{
	return layer_path_compare(
		(*(struct item *const *)a)->name, (*(struct item *const *)b)->name);
}

static bool is_below(const char *name, const char *other)
{
	size_t n = strlen(other);

	return !strncmp(name, other, n) && name[n] == '/';
}

static int write_item(struct sorted *s, struct layer_writer *w, const struct item *it)
{
	struct node *n = it->node;
	struct layer_entry m = n->m;

	if (n->written_as) {
		m = (struct layer_entry){
			.kind = LAYER_HARDLINK, .path = it->name, .target = n->written_as};
		return layer_add(w, &m, -1, s->e);
	}
	if (m.kind == LAYER_NODE && *m.path)
		m.path = it->name;
	n->written_as = it->name;
	return layer_add_spooled(w, &m, s->fd, n->base, s->e);
}

static int write_all(struct sorted *s, struct layer_writer *w)
{
	const char *file = NULL; /* the last that is no directory */
	int r = 0;

	if (s->n)
		qsort(s->items, s->n, sizeof *s->items, in_order);
	for (size_t i = 0; i < s->n && !r; i++) {
		const struct item *it = s->items[i];

		if (it->replaced)
			continue;
		if (file && is_below(it->name, file))
			return image_fail(s->e, -EBADMSG,
				"member \"%.160s\" is below \"%.160s\", which is no directory",
				it->name, file);
		if (!S_ISDIR(it->node->m.mode) || it->node->m.kind != LAYER_NODE)
			file = it->name;
		r = write_item(s, w, it);
	}
	return r;
}

static void leave_alone(void *item)
{
}

int layer_add_sorted(struct layer_writer *w, struct store *store,
	int (*read)(void *arg, const struct layer_sink *sink, struct image_error *e), void *arg,
	struct image_error *e)
{
	struct sorted s = {.store = store, .fd = -1, .e = e};
	const struct layer_sink sink = {on_entry, on_data, &s};
	int r = store_temp(store, &s.fd, e);

	if (r)
		return r;
	r = read(arg, &sink, e);
	if (!r && ftruncate(s.fd, (off_t)s.end)) /* the last content may end in a hole */
		r = image_fail(e, -errno, "%s: %s", store_dir(store), strerror(errno));
	if (!r)
		r = write_all(&s, w);
	tdestroy(s.by_name, leave_alone);
	for (size_t i = 0; i < s.n; i++)
		item_free(s.items[i]);
	free(s.items);
	close(s.fd);
	return r;
}
