/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/pack/present.h"

#define LINKS_MAX 40
#define REST_SIZE (2 * LAYER_PATH_MAX + 4)

int present_open(struct store *s, const struct draft *d, struct present *out,
	const struct progress *p, struct image_error *e)
{
	struct descriptor self;
	struct manifest m;
	int fd, r;

	out->image = NULL;
	if (!d->nlayers)
		return 0;
	r = draft_write(s, d, NULL, &self, e);
	if (!r)
		r = manifest_load(s, &self, &m, e);
	if (r)
		return r;
	r = flat_open(s, &m, &fd, p, e);
	manifest_clear(&m);
	if (r)
		return r;
	r = flat_map(fd, &out->image, e);
	close(fd);
	return r;
}

void present_close(struct present *p)
{
	if (p->image)
		flat_unmap(p->image);
	p->image = NULL;
}

int path_absolute(
	const char *base, const char *path, char out[LAYER_PATH_MAX + 2], struct image_error *e)
{
	char all[REST_SIZE];
	size_t len = 0;

	if (snprintf(all, sizeof all, "%s/%s", *path == '/' ? "" : base, path) >=
		(int)LAYER_PATH_MAX)
		return image_fail(e, -ENAMETOOLONG, "\"%.100s…\": longer than 4,095 bytes", path);
	for (const char *s = all; *s;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && !memcmp(s, "..", 2)) {
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *s == '.')) {
			out[len++] = '/';
			memcpy(out + len, s, n);
			len += n;
		}
		s += n;
		s += *s == '/';
	}
	if (!len)
		out[len++] = '/';
	out[len] = 0;
	return 0;
}

struct walk {
	const struct present *p;
	struct place *place;
	char rest[REST_SIZE];
	int links;
	struct image_error *e;
};

static int walk_fail(struct walk *k, int err)
{
	return image_fail(k->e, err, "/%s in the image: %s", k->place->path, strerror(-err));
}

/* Puts the link's text in place of the component. */
static int follow(struct walk *k, const struct flat_node *node, size_t len, const char *rest)
{
	char text[LAYER_PATH_MAX + 1], next[REST_SIZE];
	ssize_t n = flat_read(k->p->image, node, text, sizeof text - 1, 0);

	if (n <= 0)
		return walk_fail(k, n ? (int)n : -EUCLEAN);
	text[n] = 0;
	if (++k->links > LINKS_MAX)
		return walk_fail(k, -ELOOP);
	if (snprintf(next, sizeof next, "%s%s", text, rest) >= (int)sizeof next)
		return walk_fail(k, -ENAMETOOLONG);
	memcpy(k->rest, next, sizeof next);
	k->place->path[*text == '/' ? 0 : len] = 0;
	k->place->have = strlen(k->place->path);
	return 0;
}

static void up(struct place *at)
{
	char *slash = strrchr(at->path, '/');

	*(slash ? slash : at->path) = 0;
	if (at->have > strlen(at->path))
		at->have = strlen(at->path);
}

/* One component of what exists, or appended to what does not. */
static int step(struct walk *k, const char *name, size_t n, const char *rest)
{
	struct place *at = k->place;
	size_t len = strlen(at->path);
	bool gone = at->have < len || !k->p->image;
	struct flat_node node;
	char rest_copy[REST_SIZE];
	int r;

	if (len + n + 1 > LAYER_PATH_MAX)
		return walk_fail(k, -ENAMETOOLONG);
	if (len && !gone && !S_ISDIR(at->mode))
		return walk_fail(k, -ENOTDIR);
	snprintf(at->path + len, sizeof at->path - len, "%s%.*s", len ? "/" : "", (int)n, name);
	memmove(rest_copy, rest, strlen(rest) + 1);
	memcpy(k->rest, rest_copy, strlen(rest_copy) + 1);
	at->mode = 0;
	if (gone)
		return 0;
	r = flat_lookup(k->p->image, at->path, false, &node);
	if (r == -ENOENT)
		return 0;
	if (r)
		return walk_fail(k, r);
	if (S_ISLNK(node.st.st_mode))
		return follow(k, &node, len, rest_copy);
	at->mode = node.st.st_mode;
	at->have = strlen(at->path);
	return 0;
}

int present_find(
	const struct present *p, const char *path, struct place *out, struct image_error *e)
{
	struct walk k = {.p = p, .place = out, .e = e};
	int r = 0;

	*out = (struct place){.mode = S_IFDIR};
	if (snprintf(k.rest, sizeof k.rest, "%s", path) > (int)LAYER_PATH_MAX)
		return image_fail(e, -ENAMETOOLONG, "\"%.100s…\": longer than 4,095 bytes", path);
	while (!r) {
		const char *s = k.rest + strspn(k.rest, "/");
		size_t n = strcspn(s, "/");

		if (!n)
			break;
		if (n == 2 && !memcmp(s, "..", 2)) {
			up(out);
			out->mode = S_IFDIR;
			memmove(k.rest, s + n, strlen(s + n) + 1);
		} else if (n == 1 && *s == '.') {
			memmove(k.rest, s + n, strlen(s + n) + 1);
		} else {
			r = step(&k, s, n, s + n);
		}
	}
	return r;
}
