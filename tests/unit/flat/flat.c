/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/flat/flat.h"

void make_begin(struct making *m)
{
	*m = (struct making){.fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
	assert_true(m->fd >= 0);
	assert_int_equal(flat_begin(m->fd, &m->w, &m->e), 0);
}

static int put(struct making *m, struct layer_entry *entry)
{
	const struct layer_sink *s = flat_sink(m->w);

	entry->xattrs = m->xattrs;
	entry->nxattrs = m->nxattrs;
	return s->entry(s->arg, entry, &m->e);
}

int put_node(struct making *m, const char *path, mode_t mode, uint64_t size)
{
	return put(m,
		&(struct layer_entry){
			.kind = LAYER_NODE, .path = path, .mode = mode, .size = size, .mtime = 7});
}

int put_dir(struct making *m, const char *path)
{
	return put_node(m, path, S_IFDIR | 0700, 0);
}

int put_link(struct making *m, const char *path, const char *target)
{
	return put(m, &(struct layer_entry){.kind = LAYER_NODE,
			      .path = path,
			      .mode = S_IFLNK | 0777,
			      .target = target});
}

int put_hard(struct making *m, const char *path, const char *target)
{
	return put(
		m, &(struct layer_entry){.kind = LAYER_HARDLINK, .path = path, .target = target});
}

int put_data(struct making *m, const void *data, size_t n, uint64_t off)
{
	const struct layer_sink *s = flat_sink(m->w);

	return s->data(s->arg, data, n, off, &m->e);
}

int put_file(struct making *m, const char *path, const char *content)
{
	int r = put_node(m, path, S_IFREG | 0644, strlen(content));

	return r ? r : put_data(m, content, strlen(content), 0);
}

int put_white(struct making *m, const char *path)
{
	return put(m, &(struct layer_entry){.kind = LAYER_WHITEOUT, .path = path});
}

int put_opaque(struct making *m, const char *path)
{
	return put(m, &(struct layer_entry){.kind = LAYER_OPAQUE, .path = path});
}

void next_layer(struct making *m)
{
	assert_int_equal(flat_layer_done(m->w, &m->e), 0);
}

struct flat_image *make_end(struct making *m)
{
	struct flat_image *f;
	int r = flat_end(m->w, &m->e);

	if (r)
		fail_msg("flat_end: %s", m->e.text);
	m->w = NULL;
	if (flat_map(m->fd, &f, &m->e))
		fail_msg("flat_map: %s", m->e.text);
	return f;
}

void make_abort(struct making *m)
{
	flat_abort(m->w);
	close(m->fd);
}

void finish(struct making *m, struct flat_image *f)
{
	flat_unmap(f);
	close(m->fd);
}

struct paths {
	const struct flat_image *f;
	char text[8192];
	char prefix[8192];
};

static int add_path(void *arg, const char *name, size_t len, uint64_t nid)
{
	struct paths *p = arg;
	size_t had = strlen(p->prefix), used = strlen(p->text);
	struct flat_node node;

	snprintf(p->text + used, sizeof p->text - used, "%s%s%.*s", used ? " " : "", p->prefix,
		(int)len, name);
	assert_int_equal(flat_stat(p->f, nid, &node), 0);
	if (!S_ISDIR(node.st.st_mode))
		return 0;
	snprintf(p->prefix + had, sizeof p->prefix - had, "%.*s/", (int)len, name);
	assert_int_equal(flat_list(p->f, &node, add_path, p), 0);
	p->prefix[had] = 0;
	return 0;
}

const char *all_paths(const struct flat_image *f)
{
	static struct paths p;
	struct flat_node root;

	memset(&p, 0, sizeof p);
	p.f = f;
	assert_int_equal(flat_root(f, &root), 0);
	assert_int_equal(flat_list(f, &root, add_path, &p), 0);
	return p.text;
}

const char *content_of(const struct flat_image *f, const char *path)
{
	static char text[8192];
	struct flat_node node;
	ssize_t n;

	assert_int_equal(flat_lookup(f, path, true, &node), 0);
	n = flat_read(f, &node, text, sizeof text - 1, 0);
	assert_int_equal(n, node.st.st_size);
	text[n] = 0;
	return text;
}
