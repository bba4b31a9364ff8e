/* SPDX-License-Identifier: Apache-2.0
 *
 * A program and what its loader would load for it, breadth first as the loader does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/pack/loader.h"
#include "images/pack/pack.h"
#include "images/pack/plan.h"

#define PROGRAM_DIR "/app/bin" /* whatever lies beside the program ($ORIGIN) stays in /app */
#define OBJECTS_MAX 1024u
#define CREATED_BY  "sandbox image pack --binary"

struct closure {
	struct object *objects[OBJECTS_MAX]; /* the program first */
	size_t n;
	struct loader loader;
	struct plan plan;
	struct words dirs; /* of libraries that only a cache, which the image has not, would find */
	struct image_error *e;
};

static int no_memory(struct closure *c)
{
	return image_fail(c->e, -ENOMEM, "not enough memory");
}

static void object_free(struct object *o)
{
	free(o->host);
	free(o->image);
	free(o->name);
	elf_clear(&o->elf);
	free(o);
}

static int object_new(struct closure *c, const struct object *loader, const char *name,
	const char *host, const char *image, int fd)
{
	struct object *o = calloc(1, sizeof *o);
	int r;

	if (!o)
		return no_memory(c);
	*o = (struct object){strdup(host), strdup(image), strdup(name), .loader = loader};
	r = !o->host || !o->image || !o->name ? no_memory(c) : elf_read(fd, &o->elf, c->e);
	if (r == -ENOEXEC)
		r = image_within(c->e, r, "%s", host);
	if (!r && c->n == OBJECTS_MAX)
		r = image_fail(c->e, -E2BIG, "more than %u libraries", OBJECTS_MAX);
	if (r)
		object_free(o);
	else
		c->objects[c->n++] = o;
	return r;
}

static bool loaded(const struct closure *c, const char *name)
{
	for (size_t i = 1; i < c->n; i++) {
		const struct object *o = c->objects[i];

		if (!strcmp(o->name, name) || (o->elf.soname && !strcmp(o->elf.soname, name)))
			return true;
	}
	return false;
}

/* Without "." and "..", as text; ".." at the top stays there. */
static void flatten(const char *path, char out[PATH_MAX])
{
	size_t len = 0;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !memcmp(path, "..", 2)) {
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *path == '.')) {
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n;
		path += *path == '/';
	}
	out[len] = 0;
}

/* The loader of the image has no cache of its own: it is told of the directory. */
static int remember_dir(struct closure *c, const char *path)
{
	char dir[PATH_MAX];
	size_t n = (size_t)(strrchr(path, '/') - path);

	memcpy(dir, path, n);
	dir[n] = 0;
	if (loader_knows(&c->loader, dir))
		return 0;
	for (size_t i = 0; i < c->dirs.n; i++)
		if (!strcmp(c->dirs.list[i], dir))
			return 0;
	return words_add(&c->dirs, dir, n, c->e);
}

static int place(struct closure *c, const char *host, const char *image, enum found_by how)
{
	char flat[PATH_MAX];
	int r;

	if (how == FOUND_CACHE && remember_dir(c, host))
		return -ENOMEM;
	if (!strcmp(host, image))
		return plan_as_here(&c->plan, host, c->e);
	flatten(image, flat);
	r = plan_directories(&c->plan, image, c->e);
	return r ? r : plan_elsewhere(&c->plan, flat + 1, host, c->e);
}

static int need(struct closure *c, const struct object *by, const char *name)
{
	char host[PATH_MAX], image[PATH_MAX];
	enum found_by how;
	int fd, r;

	if (loaded(c, name))
		return 0;
	r = loader_find(&c->loader, by, name, host, image, &how, &fd);
	if (r == -EEXIST)
		return 0;
	if (r)
		return image_fail(c->e, r, "%s, which %s needs, is not on this machine: install it",
			name, by->host);
	r = object_new(c, by, name, host, image, fd);
	close(fd);
	return r ? r : place(c, host, image, how);
}

static int add_program(struct closure *c, const char *path)
{
	char host[PATH_MAX], image[PATH_MAX];
	const char *base = strrchr(path, '/');
	int fd = realpath(path, host) ? open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1, r;

	base = base ? base + 1 : path;
	if (fd < 0)
		return image_fail(c->e, -errno, "%s: %s", path, strerror(errno));
	snprintf(image, sizeof image, PROGRAM_DIR "/%s", base);
	r = object_new(c, NULL, base, host, image, fd);
	close(fd);
	return r ? r : plan_file(&c->plan, image + 1, host, c->e);
}

static int collect(struct closure *c, const char *path)
{
	const struct elf *program;
	int r = add_program(c, path);

	if (r)
		return r;
	program = &c->objects[0]->elf;
	r = loader_begin(program->interp, &c->loader, c->e);
	if (!r && program->interp) {
		r = *program->interp == '/'
			    ? plan_as_here(&c->plan, program->interp, c->e)
			    : image_fail(c->e, -ENOEXEC,
				      "its interpreter \"%.100s\" is no absolute path",
				      program->interp);
		if (r)
			r = image_within(c->e, r, "%s", path);
	}
	for (size_t i = 0; i < c->n && !r; i++)
		for (size_t j = 0; j < c->objects[i]->elf.needed.n && !r; j++)
			r = need(c, c->objects[i], c->objects[i]->elf.needed.list[j]);
	return r;
}

static int fill(void *arg, struct layer_writer *w, struct image_error *e)
{
	struct closure *c = arg;

	return plan_write(&c->plan, w, e);
}

static int set_library_path(struct closure *c, struct draft *d)
{
	char text[4 * PATH_MAX] = "LD_LIBRARY_PATH=";
	size_t len = strlen(text);

	if (!c->dirs.n)
		return 0;
	for (size_t i = 0; i < c->dirs.n; i++) {
		if (len + strlen(c->dirs.list[i]) + 2 > sizeof text)
			return image_fail(
				c->e, -E2BIG, "its libraries lie in too many directories");
		len += (size_t)snprintf(
			text + len, sizeof text - len, "%s%s", i ? ":" : "", c->dirs.list[i]);
	}
	return draft_set_env(d, text, c->e);
}

static int describe(struct closure *c, struct draft *d)
{
	char *entrypoint[] = {c->objects[0]->image, NULL};
	int r = draft_set_words(d, "Entrypoint", entrypoint, c->e);

	if (!r)
		r = draft_set_words(d, "Cmd", NULL, c->e);
	return r ? r : set_library_path(c, d);
}

int pack_binary(struct store *s, struct draft *d, const char *path, const struct layer_options *o,
	const struct progress *p, struct image_error *e)
{
	struct closure *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return image_fail(e, -ENOMEM, "not enough memory");
	c->e = e;
	progress_report(p, "looking for libraries", 0, 0);
	r = collect(c, path);
	if (!r)
		r = draft_add(d, s, o, fill, c, CREATED_BY, NULL, c->e);
	if (!r)
		r = describe(c, d);
	for (size_t i = 0; i < c->n; i++)
		object_free(c->objects[i]);
	plan_clear(&c->plan);
	words_clear(&c->dirs);
	loader_end(&c->loader);
	free(c);
	return r;
}
