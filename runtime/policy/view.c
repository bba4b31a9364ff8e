/* SPDX-License-Identifier: Apache-2.0
 *
 * The view: the mounts of a sandbox, and paths followed through them as the program would.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

static void mount_clear(struct launch_mount *m)
{
	if (m->fd >= 0)
		close(m->fd);
	free((char *)m->target);
	free((char *)m->source);
}

static int view_room(struct view *v)
{
	unsigned room = v->room ? v->room * 2 : 64;
	struct launch_mount *mounts;
	enum view_rank *ranks;

	if (v->n < v->room)
		return 0;
	mounts = reallocarray(v->mounts, room, sizeof *mounts);
	if (!mounts)
		return -ENOMEM;
	v->mounts = mounts;
	ranks = reallocarray(v->ranks, room, sizeof *ranks);
	if (!ranks)
		return -ENOMEM;
	v->ranks = ranks;
	v->room = room;
	return 0;
}

/* Index of target, or where it belongs. A parent's target is a prefix of its children's, so the
 * order of strcmp puts it first. */
static unsigned view_place(const struct view *v, const char *target, bool *found)
{
	unsigned lo = 0, hi = v->n;

	*found = false;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		int c = strcmp(v->mounts[mid].target, target);

		if (!c) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int view_add(struct view *v, const struct launch_mount *m, enum view_rank rank)
{
	struct launch_mount copy = *m;
	bool found;
	unsigned at;

	copy.target = strdup(m->target);
	copy.source = strdup(m->source ? m->source : "");
	if (!copy.target || !copy.source || view_room(v)) {
		mount_clear(&copy);
		return -ENOMEM;
	}
	at = view_place(v, copy.target, &found);
	if (found && rank < v->ranks[at]) {
		mount_clear(&copy);
		return 0;
	}
	if (found) {
		mount_clear(&v->mounts[at]);
	} else {
		memmove(v->mounts + at + 1, v->mounts + at, (v->n - at) * sizeof *v->mounts);
		memmove(v->ranks + at + 1, v->ranks + at, (v->n - at) * sizeof *v->ranks);
		v->n++;
	}
	v->mounts[at] = copy;
	v->ranks[at] = rank;
	return 0;
}

const struct launch_mount *view_covering(const struct view *v, const char *path)
{
	const struct launch_mount *best = NULL;

	for (unsigned i = 0; i < v->n; i++)
		if (path_within(path, v->mounts[i].target))
			best = &v->mounts[i]; /* sorted: a later match is longer */
	return best;
}

void view_drop_below(struct view *v, const char *dir)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < v->n; i++) {
		struct launch_mount *m = &v->mounts[i];

		if (v->ranks[i] == VIEW_DEFAULT && strcmp(m->target, dir) &&
			path_within(m->target, dir)) {
			mount_clear(m);
			continue;
		}
		v->mounts[kept] = *m;
		v->ranks[kept++] = v->ranks[i];
	}
	v->n = kept;
}

void view_clear(struct view *v)
{
	for (unsigned i = 0; i < v->n; i++)
		mount_clear(&v->mounts[i]);
	free(v->mounts);
	free(v->ranks);
	flat_unmap(v->image);
	memset(v, 0, sizeof *v);
}

static bool has_mount_below(const struct view *v, const char *path)
{
	for (unsigned i = 0; i < v->n; i++)
		if (strcmp(v->mounts[i].target, path) && path_within(v->mounts[i].target, path))
			return true;
	return false;
}

static int image_step(const struct view *v, struct view_node *out, const char *rest,
	char link[POLICY_PATH_MAX], bool *is_link)
{
	int r = flat_lookup(v->image, rest, false, &out->flat);
	ssize_t n;

	if (r == -ENOENT && has_mount_below(v, out->path))
		return 0;
	if (r)
		return r;
	out->st = out->flat.st;
	*is_link = S_ISLNK(out->st.st_mode);
	out->in_image = !*is_link;
	if (!*is_link)
		return 0;
	n = flat_read(v->image, &out->flat, link, POLICY_PATH_MAX - 1, 0);
	if (n <= 0)
		return n ? (int)n : -ENOENT;
	link[n] = 0;
	return 0;
}

/* One component further: fills out->fd and st for out->path, or a link's text. */
static int lookup_step(
	const struct view *v, struct view_node *out, char link[POLICY_PATH_MAX], bool *is_link)
{
	const struct launch_mount *m = view_covering(v, out->path);
	const char *rest = m ? path_below(out->path, m->target) : "";
	ssize_t n;
	int fd;

	*is_link = false;
	out->fd = -1;
	out->in_image = false;
	memset(&out->st, 0, sizeof out->st);
	out->st.st_mode = S_IFDIR | 0755;
	if (!m)
		return -ENOENT;
	if (m->kind == LAUNCH_MOUNT_IMAGE)
		return image_step(v, out, rest, link, is_link);
	if (m->kind == LAUNCH_MOUNT_LINK) {
		if (*rest)
			return -ENOTDIR;
		*is_link = true;
		return strlen(m->source) < POLICY_PATH_MAX ? (strcpy(link, m->source), 0)
							   : -ENAMETOOLONG;
	}
	if (m->kind != LAUNCH_MOUNT_HOST)
		return !*rest || has_mount_below(v, out->path) ? 0 : -ENOENT;
	fd = *rest ? openat(m->fd, rest, O_PATH | O_NOFOLLOW | O_CLOEXEC)
		   : fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return errno == ENOENT && has_mount_below(v, out->path) ? 0 : -errno;
	if (fstat(fd, &out->st)) {
		close(fd);
		return -EIO;
	}
	if (S_ISLNK(out->st.st_mode)) {
		n = readlinkat(fd, "", link, POLICY_PATH_MAX - 1);
		close(fd);
		if (n <= 0)
			return -ENOENT;
		link[n] = 0;
		*is_link = true;
		return 0;
	}
	out->fd = fd;
	return 0;
}

/* todo = text + "/" + todo */
static int todo_push(char todo[POLICY_PATH_MAX], const char *text)
{
	size_t a = strlen(text), b = strlen(todo);

	if (a + b + 2 > POLICY_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(todo + a + 1, todo, b + 1);
	memcpy(todo, text, a);
	todo[a] = '/';
	return 0;
}

/* Takes the first component off todo. False at the end. */
static bool next_component(char todo[POLICY_PATH_MAX], char name[NAME_MAX + 1], int *r)
{
	char *s = todo + strspn(todo, "/");
	size_t n = strcspn(s, "/");

	*r = 0;
	if (!n)
		return false;
	if (n > NAME_MAX) {
		*r = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, s, n);
	name[n] = 0;
	memmove(todo, s + n, strlen(s + n) + 1);
	return true;
}

int view_lookup(const struct view *v, const char *path, struct view_node *out)
{
	char todo[POLICY_PATH_MAX], link[POLICY_PATH_MAX], name[NAME_MAX + 1],
		parent[POLICY_PATH_MAX];
	unsigned links = 0;
	bool is_link;
	int r;

	if (strlen(path) >= sizeof todo)
		return -ENAMETOOLONG;
	strcpy(todo, path);
	strcpy(out->path, "/");
	r = lookup_step(v, out, link, &is_link);
	if (r)
		return r;
	while (next_component(todo, name, &r)) {
		bool dir = S_ISDIR(out->st.st_mode);

		view_node_close(out);
		if (!dir)
			return -ENOTDIR;
		strcpy(parent, out->path);
		r = path_normalise(out->path, parent, name);
		if (!r)
			r = lookup_step(v, out, link, &is_link);
		if (r)
			return r;
		if (is_link) {
			if (++links > LINKS_MAX)
				return -ELOOP;
			r = todo_push(todo, link);
			if (r)
				return r;
			strcpy(out->path, *link == '/' ? "/" : parent);
			out->st.st_mode = S_IFDIR | 0755; /* where it goes on */
		}
	}
	if (r)
		view_node_close(out);
	return r;
}

void view_node_close(struct view_node *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	n->in_image = false;
}

ssize_t view_node_read(const struct view *v, const struct view_node *n, void *buf, size_t size)
{
	char name[32];
	ssize_t got;
	int fd;

	if (n->in_image)
		return flat_read(v->image, &n->flat, buf, size, 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", n->fd);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	got = pread(fd, buf, size, 0);
	if (got < 0)
		got = -errno;
	close(fd);
	return got;
}

bool view_node_executable(const struct view_node *n)
{
	char name[32];

	if (n->in_image)
		return n->st.st_mode & 0111;
	snprintf(name, sizeof name, "/proc/self/fd/%d", n->fd);
	return !access(name, X_OK);
}
