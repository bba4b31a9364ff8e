/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/flat/read_all.h"

#define DEPTH_MAX 4
#define CALLS_MAX 2000

struct reading {
	const struct flat_image *f;
	unsigned depth, calls;
};

static int read_node(void *arg, const char *name, size_t len, uint64_t nid);

static void read_content(const struct flat_image *f, const struct flat_node *node)
{
	uint64_t size = (uint64_t)node->st.st_size, data, end;
	char buf[10000];

	flat_read(f, node, buf, sizeof buf, 0);
	flat_read(f, node, buf, sizeof buf, size / 2);
	flat_read(f, node, buf, sizeof buf, size - 1);
	if (!flat_data(f, node, size / 3, &data, &end) && (data > size || end > size || end < data))
		abort();
}

static void read_one(struct reading *r, const struct flat_node *node)
{
	void *area;
	size_t n;

	if (!flat_xattrs(r->f, node, &area, &n))
		free(area);
	if (S_ISREG(node->st.st_mode) || S_ISLNK(node->st.st_mode))
		read_content(r->f, node);
	if (!S_ISDIR(node->st.st_mode) || r->depth == DEPTH_MAX)
		return;
	r->depth++;
	flat_list(r->f, node, read_node, r);
	r->depth--;
}

static int read_node(void *arg, const char *name, size_t len, uint64_t nid)
{
	struct reading *r = arg;
	struct flat_node node;
	char path[512];

	if (!len || len > 255 || memchr(name, '/', len) || memchr(name, 0, len))
		abort();
	if (++r->calls > CALLS_MAX)
		return 1;
	snprintf(path, sizeof path, "%.*s/../x", (int)len, name);
	flat_lookup(r->f, path, true, &node);
	if (!flat_stat(r->f, nid, &node))
		read_one(r, &node);
	return 0;
}

void read_all(int fd)
{
	struct reading r = {0};
	struct flat_image *f;
	struct flat_node root;

	if (flat_map(fd, &f, NULL))
		return;
	r.f = f;
	if (!flat_root(f, &root))
		read_one(&r, &root);
	flat_unmap(f);
}
