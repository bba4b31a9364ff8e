/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/pack/plan.h"

#define LINKS_MAX 40 /* as the kernel follows */

static struct plan_member *find(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->list[i].path, path))
			return &p->list[i];
	return NULL;
}

static int no_memory(struct image_error *e)
{
	return image_fail(e, -ENOMEM, "not enough memory");
}

static int conflict(const char *path, struct image_error *e)
{
	return image_fail(e, -EEXIST, "/%s: two different files would be there in the image", path);
}

static int room_for_one(struct plan *p, struct image_error *e)
{
	size_t room = p->room ? p->room * 2 : 64;
	struct plan_member *list;

	if (p->n < p->room)
		return 0;
	list = reallocarray(p->list, room, sizeof *list);
	if (!list)
		return no_memory(e);
	p->list = list;
	p->room = room;
	return 0;
}

static int add(struct plan *p, const char *path, mode_t mode, const char *source,
	const struct stat *st, struct image_error *e)
{
	struct plan_member *m = find(p, path);

	if (m) {
		bool same =
			(m->mode & S_IFMT) == (mode & S_IFMT) &&
			(S_ISREG(mode) ? m->st.st_dev == st->st_dev && m->st.st_ino == st->st_ino
				       : !source || !strcmp(m->source, source));

		return same ? 0 : conflict(path, e);
	}
	if (room_for_one(p, e))
		return -ENOMEM;
	m = &p->list[p->n];
	*m = (struct plan_member){.path = strdup(path), .mode = mode};
	m->source = source ? strdup(source) : NULL;
	if (st)
		m->st = *st;
	p->n++;
	return m->path && (m->source || !source) ? 0 : no_memory(e);
}

static int add_parents(struct plan *p, const char *path, struct image_error *e)
{
	char dir[LAYER_PATH_MAX + 1];
	int r = 0;

	for (const char *s = strchr(path, '/'); s && !r; s = strchr(s + 1, '/')) {
		snprintf(dir, sizeof dir, "%.*s", (int)(s - path), path);
		r = add(p, dir, S_IFDIR | 0755, NULL, NULL, e);
	}
	return r;
}

int plan_directories(struct plan *p, const char *path, struct image_error *e)
{
	char at[PATH_MAX];
	size_t len = 0;
	int r = 0;

	for (const char *next; !r && (next = strchr(path, '/')); path = next + 1) {
		size_t n = (size_t)(next - path);

		if (n == 2 && !memcmp(path, "..", 2)) {
			while (len && at[--len] != '/')
				;
		} else if (n && !(n == 1 && *path == '.') && len + n + 1 < sizeof at) {
			if (len)
				at[len++] = '/';
			memcpy(at + len, path, n);
			len += n;
			at[len] = 0;
			r = add(p, at, S_IFDIR | 0755, NULL, NULL, e);
		}
	}
	return r;
}

/* Who packs has a umask: what counts is whether it is a program. */
static mode_t mode_of(const struct stat *st)
{
	return S_IFREG | (st->st_mode & 0111 ? 0755 : 0644);
}

int plan_file(struct plan *p, const char *path, const char *host, struct image_error *e)
{
	struct stat st;
	int r;

	if (stat(host, &st))
		return image_fail(e, -errno, "%s: %s", host, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return image_fail(e, -EINVAL, "%s: is no file", host);
	r = add_parents(p, path, e);
	return r ? r : add(p, path, mode_of(&st), host, &st, e);
}

int plan_link(struct plan *p, const char *path, const char *target, struct image_error *e)
{
	int r = add_parents(p, path, e);

	return r ? r : add(p, path, S_IFLNK | 0777, target, NULL, e);
}

static int read_link(const char *path, char out[PATH_MAX])
{
	ssize_t n = readlink(path, out, PATH_MAX);

	if (n < 0 || n >= PATH_MAX)
		return n < 0 ? -errno : -ENAMETOOLONG;
	out[n] = 0;
	return 0;
}

/* A walk along a path: `at` is where it is, all links resolved; `rest` is what is left. */
struct walk {
	char at[PATH_MAX], rest[2 * PATH_MAX];
	int links;
};

static int follow(
	struct plan *p, struct walk *k, const char *link, const char *rest, struct image_error *e)
{
	char target[PATH_MAX], next[2 * PATH_MAX];
	int r = read_link(link, target);

	if (!r && ++k->links > LINKS_MAX)
		r = -ELOOP;
	if (!r && snprintf(next, sizeof next, "%s%s", target, rest) >= (int)sizeof next)
		r = -ENAMETOOLONG;
	if (r)
		return image_fail(e, r, "%s: %s", link, strerror(-r));
	r = plan_link(p, link + 1, target, e);
	if (*target == '/')
		*k->at = 0;
	memcpy(k->rest, next, sizeof next);
	return r;
}

/* One component. 1: it was the last. */
static int step(struct plan *p, struct walk *k, struct image_error *e)
{
	char path[PATH_MAX], *rest = k->rest + strspn(k->rest, "/");
	size_t n = strcspn(rest, "/");
	struct stat st;
	int r;

	if (n == 2 && !memcmp(rest, "..", 2)) {
		char *slash = strrchr(k->at, '/');

		if (slash)
			*slash = 0;
	} else if (n && !(n == 1 && *rest == '.')) {
		if (snprintf(path, sizeof path, "%s/%.*s", k->at, (int)n, rest) >= PATH_MAX)
			return image_fail(
				e, -ENAMETOOLONG, "%s: %s", k->at, strerror(ENAMETOOLONG));
		if (lstat(path, &st))
			return image_fail(e, -errno, "%s: %s", path, strerror(errno));
		if (S_ISLNK(st.st_mode))
			return follow(p, k, path, rest + n, e);
		strcpy(k->at, path);
		r = S_ISDIR(st.st_mode) ? add(p, path + 1, S_IFDIR | 0755, NULL, NULL, e) : 0;
		if (r)
			return r;
		if (!S_ISDIR(st.st_mode)) {
			r = rest[n] ? image_fail(e, -ENOTDIR, "%s: is no directory", path)
				    : plan_file(p, path + 1, path, e);
			return r ? r : 1;
		}
	}
	memmove(k->rest, rest + n, strlen(rest + n) + 1);
	return *k->rest ? 0 : image_fail(e, -EISDIR, "%s: is a directory", k->at);
}

int plan_as_here(struct plan *p, const char *path, struct image_error *e)
{
	struct walk k = {.links = 0};
	int r = 0;

	if (snprintf(k.rest, sizeof k.rest, "%s", path) >= PATH_MAX)
		return image_fail(e, -ENAMETOOLONG, "%.200s…: %s", path, strerror(ENAMETOOLONG));
	while (!r)
		r = step(p, &k, e);
	return r < 0 ? r : 0;
}

/* Puts name in place of path's last component. */
static int replace_last(char path[PATH_MAX], const char *name)
{
	char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash + 1 - path) : 0;

	if (dir + strlen(name) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(path + dir, name);
	return 0;
}

int plan_elsewhere(struct plan *p, const char *path, const char *host, struct image_error *e)
{
	char here[PATH_MAX], there[PATH_MAX], target[PATH_MAX];
	int r;

	if (strlen(host) >= PATH_MAX || strlen(path) >= PATH_MAX)
		return image_fail(e, -ENAMETOOLONG, "%.200s…: %s", host, strerror(ENAMETOOLONG));
	strcpy(here, host);
	strcpy(there, path);
	for (int links = 0; links < LINKS_MAX && !read_link(here, target) && !strchr(target, '/');
		links++) {
		r = plan_link(p, there, target, e);
		if (r)
			return r;
		if (replace_last(here, target) || replace_last(there, target))
			return image_fail(e, -ENAMETOOLONG, "%s: %s", here, strerror(ENAMETOOLONG));
	}
	return plan_file(p, there, here, e);
}

/* -- the layer -- */

static int by_path(const void *a, const void *b)
{
	return layer_path_compare(
		((const struct plan_member *)a)->path, ((const struct plan_member *)b)->path);
}

static int write_file(const struct plan_member *m, struct layer_entry *entry,
	struct layer_writer *w, struct image_error *e)
{
	int fd = open(m->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct stat st;

	if (fd < 0)
		return image_fail(e, -errno, "%s: %s", m->source, strerror(errno));
	if (fstat(fd, &st) || st.st_dev != m->st.st_dev || st.st_ino != m->st.st_ino ||
		st.st_size != m->st.st_size || st.st_mtim.tv_sec != m->st.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != m->st.st_mtim.tv_nsec)
		r = image_fail(e, -ESTALE, "%s: changed while it was read", m->source);
	else
		r = layer_add(w, entry, fd, e);
	close(fd);
	return r;
}

int plan_write(struct plan *p, struct layer_writer *w, struct image_error *e)
{
	int r = 0;

	if (p->n)
		qsort(p->list, p->n, sizeof *p->list, by_path);
	for (size_t i = 0; i < p->n && !r; i++) {
		const struct plan_member *m = &p->list[i];
		struct layer_entry entry = {.path = m->path, .mode = m->mode};

		if (S_ISREG(m->mode)) {
			entry.size = (uint64_t)m->st.st_size;
			r = write_file(m, &entry, w, e);
		} else {
			entry.target = m->source;
			r = layer_add(w, &entry, -1, e);
		}
	}
	return r;
}

void plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].path);
		free(p->list[i].source);
	}
	free(p->list);
	*p = (struct plan){0};
}
