/* SPDX-License-Identifier: Apache-2.0
 *
 * Artifacts: what a step left in the workspace, copied out. Strangers made it, so nothing in it is
 * followed: links are copied where they stay inside what is copied, and refused where not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/beneath.h"
#include "images/job/job_internal.h"
#include "runtime/cli/whole.h"

#define DEPTH_MAX 64u

struct copier {
	const struct job_artifact *a;
	struct image_error *e;
};

static int fail(const struct copier *c, int err, const char *name, const char *what)
{
	return image_fail(c->e, err, "artifact %s: %s: %s", c->a->path, name, what);
}

/* [from, to) of in to the same place of out. */
static int copy_range(int in, int out, off_t from, off_t to)
{
	char buf[64 << 10];

	while (from < to) {
		size_t want = (size_t)(to - from) < sizeof buf ? (size_t)(to - from) : sizeof buf;
		ssize_t n = pread(in, buf, want, from);

		if (n <= 0)
			return n ? -errno : -EIO;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(out, buf + done, (size_t)(n - done), from + done);

			if (w < 0)
				return -errno;
			done += w;
		}
		from += n;
	}
	return 0;
}

/* Holes stay holes: a file that claims to be huge must not become so. */
static int copy_content(int in, int out, off_t size)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(in, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(in, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		hole = hole > size ? size : hole;
		r = copy_range(in, out, data, hole);
		if (r)
			return r;
		at = hole;
	}
	return ftruncate(out, size) ? -errno : 0;
}

/* Writes `in` to a new file in `dir`, which then takes the name. */
static int copy_file(
	const struct copier *c, int in, const struct stat *st, int dir, const char *name)
{
	struct whole out;
	int r = whole_open(&out, dir, name, 0600);

	if (r)
		return fail(c, r, name, strerror(-r));
	out.unsynced = true;
	r = copy_content(in, out.fd, st->st_size);
	if (!r && fchmod(out.fd, st->st_mode & 0777))
		r = -errno;
	if (r)
		whole_abort(&out);
	else
		r = whole_end(&out);
	return r ? fail(c, r, name, strerror(-r)) : 0;
}

/* Does a link `depth` directories below the copy's top stay in it? By its text alone: ".." only
 * before any name, for what a name leads to may be a link itself. */
static bool link_inside(const char *target, unsigned depth)
{
	long at = (long)depth;
	bool named = false;

	if (*target == '/')
		return false;
	while (*target) {
		size_t n = strcspn(target, "/");

		if (n == 2 && !strncmp(target, "..", 2))
			at--;
		else if (n && !(n == 1 && *target == '.'))
			named = true;
		if (at < 0 || (named && n == 2 && !strncmp(target, "..", 2)))
			return false;
		target += n;
		target += strspn(target, "/");
	}
	return true;
}

static int copy_link(const struct copier *c, int from, const char *name, int dir, unsigned depth)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof target - 1);

	if (n < 0)
		return fail(c, -errno, name, strerror(errno));
	target[n] = 0;
	if (!link_inside(target, depth))
		return fail(c, -EPERM, name, "a link that leads out of what is copied");
	if (unlinkat(dir, name, 0) && errno != ENOENT)
		return fail(c, -errno, name, strerror(errno));
	return symlinkat(target, dir, name) ? fail(c, -errno, name, strerror(errno)) : 0;
}

/* The directory `name` of `dir`, made if it is missing; what else has the name goes. */
static int make_dir(int dir, const char *name)
{
	int fd = -1;

	for (int i = 0; i < 2 && fd < 0; i++) {
		if (mkdirat(dir, name, 0755) && errno != EEXIST)
			return -errno;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && unlinkat(dir, name, 0))
			return -errno;
	}
	return fd < 0 ? -EEXIST : fd;
}

static int copy_tree(const struct copier *c, int from, int dir, unsigned depth);

static int copy_dir(const struct copier *c, int from, const char *name, int dir, unsigned depth)
{
	int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), out, r;

	if (in < 0)
		return fail(c, -errno, name, strerror(errno));
	out = make_dir(dir, name);
	r = out < 0 ? fail(c, out, name, strerror(-out)) : copy_tree(c, in, out, depth + 1);
	if (out >= 0)
		close(out);
	close(in);
	return r;
}

static int copy_node(
	const struct copier *c, int from, const char *name, int dir, const char *to, unsigned depth)
{
	struct stat st;
	int in, r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return fail(c, -errno, name, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return copy_link(c, from, name, dir, depth);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, from, name, dir, depth);
	if (!S_ISREG(st.st_mode))
		return fail(c, -EPERM, name, "neither file, directory nor link");
	in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return fail(c, -errno, name, strerror(errno));
	r = copy_file(c, in, &st, dir, to);
	close(in);
	return r;
}

static int copy_tree(const struct copier *c, int from, int dir, unsigned depth)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return fail(c, -errno, ".", strerror(errno));
	if (depth > DEPTH_MAX)
		r = fail(c, -ELOOP, ".", "directories are nested too deeply");
	for (struct dirent *n; !r && (n = readdir(d));)
		if (strcmp(n->d_name, ".") && strcmp(n->d_name, ".."))
			r = copy_node(c, from, n->d_name, dir, n->d_name, depth);
	closedir(d);
	return r;
}

/* The directory of the host that `path` names, made with its parents. */
static int host_dir(const char *path)
{
	int at = open(*path == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *copy = strdup(path), *save = NULL;

	if (!copy || at < 0) {
		free(copy);
		return -errno;
	}
	for (char *s = strtok_r(copy, "/", &save); s && at >= 0; s = strtok_r(NULL, "/", &save)) {
		int next;

		if (mkdirat(at, s, 0777) && errno != EEXIST)
			next = -errno;
		else
			next = openat(at, s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (next == -1)
			next = -errno;
		close(at);
		at = next;
	}
	free(copy);
	return at;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A file: into the directory part of `to`, under its last part, or its own name if `to` ends with a
 * slash. */
static int copy_single(const struct copier *c, int in, const struct stat *st)
{
	const char *name = last_part(c->a->to);
	char *parent = strndup(c->a->to, (size_t)(name - c->a->to));
	int dir = parent ? host_dir(parent) : -ENOMEM, fd, r;
	char self[64];

	free(parent);
	if (dir < 0)
		return fail(c, dir, c->a->to, strerror(-dir));
	snprintf(self, sizeof self, "/proc/self/fd/%d", in);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		r = fail(c, -errno, c->a->path, strerror(errno));
	else
		r = copy_file(c, fd, st, dir, *name ? name : last_part(c->a->path));
	if (fd >= 0)
		close(fd);
	close(dir);
	return r;
}

static int copy_whole(const struct copier *c, int in)
{
	int dir = host_dir(c->a->to), r;

	if (dir < 0)
		return fail(c, dir, c->a->to, strerror(-dir));
	r = copy_tree(c, in, dir, 0);
	close(dir);
	return r;
}

int artifact_copy(const char *workspace, const struct job_artifact *a, struct image_error *e)
{
	struct copier c = {a, e};
	int top = open(workspace, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), in;
	struct stat st;
	int r;

	if (top < 0)
		return fail(&c, -errno, "workspace", strerror(errno));
	in = beneath_open(top, a->path, O_PATH | O_NOFOLLOW);
	close(top);
	if (in < 0)
		return image_fail(e, in, "artifact %s: %s", a->path,
			in == -ENOENT  ? "the step left no such file"
			: in == -ELOOP ? "there is a link on the way to it"
				       : strerror(-in));
	if (fstat(in, &st))
		r = fail(&c, -errno, a->path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = copy_whole(&c, in);
	else if (S_ISREG(st.st_mode))
		r = copy_single(&c, in, &st);
	else
		r = image_fail(e, -EPERM, "artifact %s: neither a file nor a directory", a->path);
	close(in);
	return r;
}
