/* SPDX-License-Identifier: Apache-2.0
 *
 * COPY, and the directories of WORKDIR. Each source is a layer. It is packed twice: once for its
 * digest alone, which says whether the cache has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/beneath.h"
#include "images/pack/build_internal.h"

struct copy {
	struct build *b;
	const char *created_by;
	struct layer_options layers;
	const char *source; /* as given; NULL: directories alone */
	int fd;		    /* of it */
	struct stat st;
	struct place at; /* where it goes; a directory's content goes into it */
};

/* The directories of path[0..n) that the image has not. */
static int add_parents(struct copy *c, struct layer_writer *w, size_t n)
{
	char dir[LAYER_PATH_MAX + 1];
	int r = 0;

	for (size_t i = c->at.have + 1; i <= n && !r; i++) {
		struct layer_entry m = {.path = dir, .mode = S_IFDIR | 0755};

		if (i < n && c->at.path[i] != '/')
			continue;
		snprintf(dir, sizeof dir, "%.*s", (int)i, c->at.path);
		if (*dir)
			r = layer_add(w, &m, -1, c->b->e);
	}
	return r;
}

static int add_file(struct copy *c, struct layer_writer *w)
{
	const char *slash = strrchr(c->at.path, '/');
	struct layer_entry m = {
		.path = c->at.path,
		.mode = c->st.st_mode,
		.size = (uint64_t)c->st.st_size,
		.uid = c->st.st_uid,
		.gid = c->st.st_gid,
		.mtime = c->st.st_mtim.tv_sec,
	};
	int r = add_parents(c, w, slash ? (size_t)(slash - c->at.path) : 0);

	return r ? r : layer_add(w, &m, c->fd, c->b->e);
}

static int add_members(struct copy *c, struct layer_writer *w)
{
	char prefix[LAYER_PATH_MAX + 2];
	int r;

	if (c->source && S_ISREG(c->st.st_mode))
		return add_file(c, w);
	r = add_parents(c, w, strlen(c->at.path));
	if (r || !c->source)
		return r;
	snprintf(prefix, sizeof prefix, "%s%s", c->at.path, *c->at.path ? "/" : "");
	return layer_add_tree(w, c->fd, prefix, c->b->o->progress, c->b->e);
}

static int fill(void *arg, struct layer_writer *w, struct image_error *e)
{
	return add_members(arg, w);
}

static int put_layer(struct copy *c)
{
	const char *texts[] = {"COPY", NULL};
	struct digest diff_id, key;
	int r = draft_add(c->b->draft, NULL, &c->layers, fill, c, NULL, &diff_id, c->b->e);

	texts[1] = diff_id.hex;
	if (!r)
		r = cache_key(c->b, texts, 2, &key);
	if (r)
		return r;
	r = cache_use(c->b, &key, c->created_by);
	if (r)
		return r < 0 ? r : 0;
	r = draft_add(c->b->draft, c->b->store, &c->layers, fill, c, c->created_by, NULL, c->b->e);
	if (!r)
		cache_put(c->b, &key);
	return r;
}

/* -- the source -- */

static int open_source(struct copy *c)
{
	char clean[LAYER_PATH_MAX + 1];
	const char *wrong = layer_path_clean(c->source, clean);

	if (wrong)
		return image_fail(c->b->e, -EINVAL, "\"%.200s\" %s", c->source, wrong);
	c->fd = beneath_open(c->b->context, clean, O_RDONLY | O_NONBLOCK);
	if (c->fd < 0)
		return image_fail(c->b->e, c->fd, "\"%.200s\" in %s: %s", c->source,
			c->b->o->context, beneath_why(c->fd));
	if (!fstat(c->fd, &c->st) && (S_ISREG(c->st.st_mode) || S_ISDIR(c->st.st_mode)))
		return 0;
	close(c->fd);
	return image_fail(
		c->b->e, -EINVAL, "\"%.200s\" is neither a file nor a directory", c->source);
}

/* -- the destination -- */

/* Where the source goes, links of the image followed. into: dest is a directory, there or not. */
static int find_place(struct copy *c, const struct present *p, const char *dest, bool into)
{
	char path[LAYER_PATH_MAX + 2];
	const char *base = strrchr(c->source, '/');
	int r = path_absolute(build_workdir(c->b), dest, path, c->b->e);

	if (!r)
		r = present_find(p, path, &c->at, c->b->e);
	if (!r && S_ISREG(c->st.st_mode) && (into || S_ISDIR(c->at.mode))) {
		char file[LAYER_PATH_MAX + 2];

		r = path_absolute(path, base ? base + 1 : c->source, file, c->b->e);
		if (!r)
			r = present_find(p, file, &c->at, c->b->e);
	}
	if (r)
		return r;
	if (S_ISREG(c->st.st_mode) ? S_ISDIR(c->at.mode) || !*c->at.path
				   : c->at.mode && !S_ISDIR(c->at.mode))
		return image_fail(c->b->e, -EEXIST, "/%s in the image is %s", c->at.path,
			S_ISDIR(c->at.mode) ? "a directory" : "no directory");
	return 0;
}

static int copy_one(struct build *b, const struct build_step *step,
	const struct layer_options *layers, const struct present *p, const char *source,
	const char *dest, bool into)
{
	struct copy c = {.b = b, .created_by = step->text, .layers = *layers, .source = source};
	int r = open_source(&c);

	if (r)
		return r;
	r = find_place(&c, p, dest, into);
	if (!r)
		r = put_layer(&c);
	close(c.fd);
	return r;
}

/* -- the instruction -- */

static int parse_owner(struct build *b, const char *text, struct layer_options *layers)
{
	char *end;
	unsigned long uid, gid;

	uid = gid = strtoul(text, &end, 10);
	if (*end == ':' && end != text && end[1] >= '0' && end[1] <= '9')
		gid = strtoul(end + 1, &end, 10);
	if (*text < '0' || *text > '9' || *end || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return image_fail(
			b->e, -EINVAL, "--chown=%.100s: want numbers, UID or UID:GID", text);
	layers->keep_owner = false;
	layers->uid = (uid_t)uid;
	layers->gid = (gid_t)gid;
	return 0;
}

/* Takes the flags off; what is left: sources and the destination. */
static int parse_flags(struct build *b, const char **args, struct layer_options *layers)
{
	static const char chown[] = "--chown=";
	int r = 0;

	while (!r && !strncmp(*args, "--", 2)) {
		size_t n = strcspn(*args, " \t");
		char flag[256];

		snprintf(flag, sizeof flag, "%.*s", n < sizeof flag ? (int)n : 255, *args);
		if (strncmp(flag, chown, strlen(chown)))
			return image_fail(b->e, -ENOTSUP, "%.100s is not supported", flag);
		r = parse_owner(b, flag + strlen(chown), layers);
		*args += n;
		*args += strspn(*args, " \t");
	}
	return r;
}

static int parse_words(struct build *b, const char *args, struct words *out)
{
	struct build_vars vars = build_vars(b);
	bool json = false;
	int r = 0;

	*out = (struct words){0};
	if (*args == '[')
		r = words_parse_json(args, out, &json, b->e);
	if (!r && !json)
		r = build_words(args, &vars, out, b->e);
	if (!r && out->n < 2) {
		words_clear(out);
		r = image_fail(b->e, -EINVAL, "want SOURCE... and a destination");
	}
	return r;
}

static bool names_directory(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !*base || !strcmp(base, ".") || !strcmp(base, "..");
}

int build_copy(struct build *b, const struct build_step *step)
{
	struct layer_options layers = b->o->layers;
	const char *args = step->args, *dest;
	struct present p; /* as it is before the first source */
	struct words w;
	int r = parse_flags(b, &args, &layers);

	if (!r)
		r = parse_words(b, args, &w);
	if (r)
		return r;
	dest = w.list[w.n - 1];
	r = present_open(b->store, b->draft, &p, b->o->progress, b->e);
	for (size_t i = 0; i + 1 < w.n && !r; i++)
		r = copy_one(
			b, step, &layers, &p, w.list[i], dest, w.n > 2 || names_directory(dest));
	present_close(&p);
	words_clear(&w);
	return r;
}

int build_directory(struct build *b, const char *path, const char *created_by)
{
	struct copy c = {.b = b, .created_by = created_by, .layers = b->o->layers, .fd = -1};
	struct present p;
	int r = present_open(b->store, b->draft, &p, b->o->progress, b->e);

	if (r)
		return r;
	r = present_find(&p, path, &c.at, b->e);
	present_close(&p);
	if (r || S_ISDIR(c.at.mode))
		return r ? r : draft_history(b->draft, created_by, b->e);
	if (c.at.mode)
		return image_fail(b->e, -ENOTDIR, "%s in the image is no directory", path);
	return put_layer(&c);
}
