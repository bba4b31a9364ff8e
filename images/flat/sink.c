/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers over each other: what each member does to the tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "images/flat/writer.h"

#define LINK_TEXT_MAX 4095u

/* path's last name, and the directory that the rest leads to. */
static int parent_of(struct flat_writer *w, const char *path, enum tree_how how, struct node **dir,
	const char **name, struct image_error *e)
{
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	return tree_walk(&w->tree, path, slash ? (size_t)(slash - path) : 0, how, dir, e);
}

static int device_number(const struct layer_entry *m, uint32_t *out, struct image_error *e)
{
	unsigned major = major(m->rdev), minor = minor(m->rdev);

	if (major > 0xfff || minor > 0xfffff)
		return image_fail(
			e, -EINVAL, "device %u:%u: numbers end at 4095:1048575", major, minor);
	*out = (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12;
	return 0;
}

static int set_attributes(
	struct flat_writer *w, struct node *n, const struct layer_entry *m, struct image_error *e)
{
	uint8_t *area;
	uint32_t size;
	int r;

	if (m->mtime_ns >= 1000000000)
		return image_fail(
			e, -EINVAL, "a time of %u nanoseconds after a second", m->mtime_ns);
	n->mode = m->mode & (S_IFMT | 07777);
	n->uid = m->uid;
	n->gid = m->gid;
	n->mtime = m->mtime;
	n->mtime_ns = m->mtime_ns;
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode)) {
		r = device_number(m, &n->rdev, e);
		if (r)
			return r;
	}
	r = xattr_pack(m->xattrs, m->nxattrs, &area, &size, w->left_out, e);
	return r ? r : tree_set_xattrs(&w->tree, n, area, size, e);
}

static int set_link(struct flat_writer *w, struct node *n, const char *text, struct image_error *e)
{
	size_t len = text ? strlen(text) : 0;
	int r;

	if (!len || len > LINK_TEXT_MAX)
		return image_fail(e, -EINVAL, "a symbolic link of %zu bytes; 1 to %u are possible",
			len, LINK_TEXT_MAX);
	r = tree_charge(&w->tree, len, e);
	if (r)
		return r;
	n->tail = malloc(len);
	if (!n->tail) {
		w->tree.bytes -= len;
		return image_fail(e, -ENOMEM, "out of memory for a symbolic link");
	}
	memcpy(n->tail, text, len);
	n->tail_size = (uint32_t)len;
	n->size = len;
	n->layout = EROFS_INLINE;
	if (content_fits(n, len))
		return 0;
	n->layout = EROFS_PLAIN;
	return content_link(w, n, e);
}

static int fill(
	struct flat_writer *w, struct node *n, const struct layer_entry *m, struct image_error *e)
{
	int r = set_attributes(w, n, m, e);

	if (!r && S_ISLNK(m->mode))
		r = set_link(w, n, m->target, e);
	if (!r && S_ISREG(m->mode)) {
		n->size = m->size;
		r = content_begin(w, n, e);
	}
	return r;
}

static bool type_known(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

static int add_node(struct flat_writer *w, const struct layer_entry *m, struct image_error *e)
{
	struct tree_entry *old;
	struct node *dir, *n;
	const char *name;
	int r;

	if (!*m->path)
		return S_ISDIR(m->mode) ? set_attributes(w, w->tree.root, m, e)
					: image_fail(e, -EINVAL, "the root is no directory");
	r = parent_of(w, m->path, TREE_MAKE, &dir, &name, e);
	if (r)
		return r;
	old = tree_find(dir, name, strlen(name));
	if (old && S_ISDIR(m->mode) && S_ISDIR(old->node->mode)) {
		old->layer = w->tree.layer;
		return set_attributes(w, old->node, m, e);
	}
	n = tree_node(&w->tree, m->mode & S_IFMT, e);
	if (!n)
		return -ENOMEM;
	r = tree_put(&w->tree, dir, name, strlen(name), n, e);
	if (r) {
		tree_forget(&w->tree, n);
		return r;
	}
	return fill(w, n, m, e);
}

static int add_hardlink(struct flat_writer *w, const struct layer_entry *m, struct image_error *e)
{
	struct tree_entry *target = NULL;
	struct node *dir, *n;
	const char *name;
	int r = parent_of(w, m->target, TREE_FIND, &dir, &name, e);

	if (r)
		return r;
	if (dir)
		target = tree_find(dir, name, strlen(name));
	if (!target || S_ISDIR(target->node->mode))
		return image_fail(e, -EINVAL, "hard link to \"%s\", which is %s", m->target,
			target ? "a directory" : "not there");
	n = target->node;
	/* Held: the way to the new name, or the name, may be where the target was. */
	n->nlink++;
	r = parent_of(w, m->path, TREE_MAKE, &dir, &name, e);
	if (!r)
		r = tree_put(&w->tree, dir, name, strlen(name), n, e);
	if (!--n->nlink)
		tree_forget(&w->tree, n);
	return r;
}

static int whiteout(struct flat_writer *w, const struct layer_entry *m, struct image_error *e)
{
	struct tree_entry *entry;
	struct node *dir;
	const char *name;
	int r = parent_of(w, m->path, TREE_LOWER, &dir, &name, e);

	if (r || !dir)
		return r;
	entry = tree_find(dir, name, strlen(name));
	return entry ? tree_drop_lower(&w->tree, dir, entry) : 0;
}

static int opaque(struct flat_writer *w, const struct layer_entry *m, struct image_error *e)
{
	struct node *dir;
	int r = tree_walk(&w->tree, m->path, strlen(m->path), TREE_LOWER, &dir, e);

	return r || !dir ? r : tree_clear_lower(&w->tree, dir);
}

static int apply(struct flat_writer *w, const struct layer_entry *m, struct image_error *e)
{
	switch (m->kind) {
	case LAYER_NODE:
		return type_known(m->mode) ? add_node(w, m, e)
					   : image_fail(e, -EINVAL, "of no known type");
	case LAYER_HARDLINK:
		return add_hardlink(w, m, e);
	case LAYER_WHITEOUT:
		return whiteout(w, m, e);
	case LAYER_OPAQUE:
		return opaque(w, m, e);
	}
	return image_fail(e, -EINVAL, "of no known kind");
}

/* A sentence for whoever gave none: memory, or what a callback could not say. */
static int checked(struct flat_writer *w, int r, struct image_error *e)
{
	if (!r && w->failed)
		return image_fail(e, w->failed, "writing the flat image: %s", strerror(-w->failed));
	return r;
}

static int entry(void *arg, const struct layer_entry *m, struct image_error *e)
{
	struct flat_writer *w = arg;
	struct image_error why = {"out of memory"};
	int r = content_end(w, e);

	if (r)
		return r;
	r = checked(w, apply(w, m, &why), &why);
	return r ? image_fail(e, r, "\"%s\": %s", m->path, why.text) : 0;
}

static int data(void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	return content_add(arg, data, n, offset, e);
}

int flat_begin(int fd, struct flat_writer **out, struct image_error *e)
{
	struct flat_writer *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return image_fail(e, -ENOMEM, "out of memory for a flat image");
	w->tree.gone = content_gone;
	w->tree.arg = w;
	w->sink = (struct layer_sink){.entry = entry, .data = data, .arg = w};
	r = tree_begin(&w->tree, e);
	if (!r)
		r = out_begin(&w->out, fd, e);
	if (r)
		flat_abort(w);
	else
		*out = w;
	return r;
}

const struct layer_sink *flat_sink(struct flat_writer *w)
{
	return &w->sink;
}

int flat_layer_done(struct flat_writer *w, struct image_error *e)
{
	int r = content_end(w, e);

	if (r)
		return r;
	if (w->tree.layer == UINT16_MAX)
		return image_fail(e, -E2BIG, "more than %u layers", UINT16_MAX - 1u);
	w->tree.layer++;
	return checked(w, 0, e);
}

int flat_end(struct flat_writer *w, struct image_error *e)
{
	int r = content_end(w, e);

	if (!r)
		r = checked(w, metadata_write(w, e), e);
	if (!r && e)
		*e->text = 0;
	if (!r && *w->left_out)
		image_fail(
			e, 0, "left out, as flat images have no place for them: %s", w->left_out);
	flat_abort(w);
	return r;
}

void flat_abort(struct flat_writer *w)
{
	if (!w)
		return;
	w->done = true;
	tree_end(&w->tree);
	out_end(&w->out);
	free(w);
}
