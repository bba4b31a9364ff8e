/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory as layers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/beneath.h"
#include "images/pack/pack.h"

#define CREATED_BY "sandbox image pack"

struct tree {
	int fd;
	const char *prefix;
	const struct progress *progress;
};

static int fill(void *arg, struct layer_writer *w, struct image_error *e)
{
	const struct tree *t = arg;

	return layer_add_tree(w, t->fd, t->prefix, t->progress, e);
}

static int add_layer(struct store *s, struct draft *d, int fd, const char *prefix,
	const struct layer_options *o, const struct progress *p, struct image_error *e)
{
	struct tree t = {fd, prefix, p};

	return draft_add(d, s, o, fill, &t, CREATED_BY, NULL, e);
}

static int add_own(struct store *s, struct draft *d, int dirfd, const char *dir, const char *path,
	const struct layer_options *o, const struct progress *p, struct image_error *e)
{
	char clean[LAYER_PATH_MAX + 1];
	const char *wrong = layer_path_clean(path, clean);
	int fd, r;

	if (wrong || !*clean)
		return image_fail(e, -EINVAL, "--layer-per \"%.200s\": %s", path,
			wrong ? wrong : "is all of it");
	fd = beneath_open(dirfd, clean, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return image_fail(e, fd, "%s/%s: %s", dir, clean, beneath_why(fd));
	r = add_layer(s, d, fd, clean, o, p, e);
	close(fd);
	return r;
}

/* A pattern that matches this path alone, malloc'ed. */
static char *pattern_of(const char *path)
{
	char clean[LAYER_PATH_MAX + 1], *out = malloc(2 * sizeof clean), *to = out;

	if (!out || layer_path_clean(path, clean)) {
		free(out);
		return NULL;
	}
	*to++ = '/';
	for (const char *s = clean; *s; s++) {
		if (strchr("*?[\\", *s))
			*to++ = '\\';
		*to++ = *s;
	}
	*to = 0;
	return out;
}

static size_t length(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* All but the directories that have a layer of their own. */
static int add_rest(struct store *s, struct draft *d, int fd, const char *const *own,
	const struct layer_options *o, const struct progress *p, struct image_error *e)
{
	size_t nown = length(own), nexclude = length(o->exclude);
	struct layer_options rest = *o;
	char **list = calloc(nown + nexclude + 1, sizeof *list);
	int r = 0;

	for (size_t i = 0; list && i < nown; i++) {
		list[i] = pattern_of(own[i]);
		r = list[i] ? r : -ENOMEM;
	}
	if (!list || r) {
		r = image_fail(e, -ENOMEM, "not enough memory");
	} else {
		if (nexclude)
			memcpy(list + nown, o->exclude, nexclude * sizeof *list);
		rest.exclude = (const char *const *)list;
		r = add_layer(s, d, fd, "", &rest, p, e);
	}
	for (size_t i = 0; list && i < nown; i++)
		free(list[i]);
	free(list);
	return r;
}

int pack_directory(struct store *s, struct draft *d, const char *dir, const char *const *own,
	const struct layer_options *o, const struct progress *p, struct image_error *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return image_fail(e, -errno, "%s: %s", dir, strerror(errno));
	for (const char *const *path = own; path && *path && !r; path++)
		r = add_own(s, d, fd, dir, *path, o, p, e);
	if (!r)
		r = add_rest(s, d, fd, own, o, p, e);
	close(fd);
	return r;
}
