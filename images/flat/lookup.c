/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/flat/image.h"

#define LINKS_MAX 40u /* as Linux has it */
#define TEXT_MAX  4095u
#define STEPS_MAX 8192u

struct lookup {
	const struct flat_image *f;
	uint64_t at;
	char *text; /* malloc'ed: what is left of the path */
	const char *rest;
	unsigned links, steps;
	bool follow;
};

static int follow_link(struct lookup *l, const struct image_inode *link)
{
	size_t left = strlen(l->rest);
	char *text;
	ssize_t n;

	if (++l->links > LINKS_MAX)
		return -ELOOP;
	if (!link->size || link->size > TEXT_MAX)
		return -EUCLEAN;
	text = malloc(link->size + 1 + left + 1);
	if (!text)
		return -ENOMEM;
	n = image_content(l->f, link, text, link->size, 0);
	if (n < 0 || memchr(text, 0, link->size)) {
		free(text);
		return n < 0 ? (int)n : -EUCLEAN;
	}
	text[link->size] = '/';
	memcpy(text + link->size + 1, l->rest, left + 1);
	/* A name and nothing after it: the link's own text ends the path, without a slash. */
	if (!left)
		text[link->size] = 0;
	free(l->text);
	l->text = text;
	l->rest = text;
	if (text[0] == '/')
		l->at = l->f->root;
	return 0;
}

static int step(struct lookup *l, const char *name, size_t len)
{
	struct image_inode inode;
	uint64_t nid;
	bool last = !l->rest[strspn(l->rest, "/")], dir = *l->rest == '/';
	int r;

	if (++l->steps > STEPS_MAX)
		return -ELOOP;
	if (len == 1 && name[0] == '.')
		return 0;
	r = image_find(l->f, l->at, name, len, &nid);
	if (!r)
		r = image_inode(l->f, nid, &inode);
	if (r)
		return r;
	if (S_ISLNK(inode.mode) && (!last || dir || l->follow))
		return follow_link(l, &inode);
	if ((!last || dir) && !S_ISDIR(inode.mode))
		return -ENOTDIR;
	l->at = nid;
	return 0;
}

int flat_lookup(const struct flat_image *f, const char *path, bool follow, struct flat_node *out)
{
	struct lookup l = {.f = f, .at = f->root, .rest = path, .follow = follow};
	int r = 0;

	while (!r && *(l.rest += strspn(l.rest, "/"))) {
		const char *name = l.rest;
		size_t len = strcspn(name, "/");

		l.rest += len;
		r = len > 255 ? -ENAMETOOLONG : step(&l, name, len);
	}
	free(l.text);
	return r ? r : flat_stat(f, l.at, out);
}
