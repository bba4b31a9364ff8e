/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in these directories was made by strangers: it is taken away without following links, and
 * without recursion, however deep it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/scratch.h"

#define SUFFIX "XXXXXX" /* for mkdtemp(3) */

const struct scratch_kind scratch_job = {"job", "/tmp"};
/* Large, and /tmp may be memory. */
const struct scratch_kind scratch_build = {"build", "/var/tmp"};

/* -- removing -- */

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* By the descriptor: the name may be another thing's by now. */
static int allow_ourselves(int path_fd)
{
	char link[32];
	struct stat st;

	if (fstat(path_fd, &st))
		return -1;
	if (st.st_uid != geteuid()) {
		errno = EACCES;
		return -1;
	}
	snprintf(link, sizeof link, "/proc/self/fd/%d", path_fd);
	return chmod(link, 0700);
}

/* One of ours is opened although a program took our right to it away. */
static int open_dir(int at, const char *name)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, O_RDONLY | flags), path_fd;

	if (fd >= 0 || errno != EACCES)
		return fd;
	path_fd = openat(at, name, O_PATH | flags);
	if (path_fd < 0)
		return -1;
	if (!allow_ourselves(path_fd))
		fd = openat(at, name, O_RDONLY | flags);
	close(path_fd);
	return fd;
}

/* One entry of `dir`: a file goes, a directory is moved up into `top` under a new name. */
static int take_entry(int dir, const char *name, int top, unsigned *serial)
{
	char fresh[32];
	int r;

	if (!unlinkat(dir, name, 0))
		return 0;
	if (errno != EISDIR)
		return -errno;
	if (!unlinkat(dir, name, AT_REMOVEDIR))
		return 0;
	if (fchmodat(dir, name, 0700, 0)) /* to move it, its ".." must be writable */
		return -errno;
	do
		snprintf(fresh, sizeof fresh, ".gone-%u", ++*serial);
	while ((r = renameat2(dir, name, top, fresh, RENAME_NOREPLACE)) && errno == EEXIST);
	return r ? -errno : 0;
}

/* Empties the directory `name` of `top` and removes it. */
static int flatten(int top, const char *name, unsigned *serial)
{
	int fd = open_dir(top, name), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return -errno;
	if (fchmod(fd, 0700))
		r = -errno;
	for (struct dirent *n; !r && (n = readdir(d));)
		if (!is_dot(n->d_name))
			r = take_entry(fd, n->d_name, top, serial);
	closedir(d);
	if (!r && unlinkat(top, name, AT_REMOVEDIR))
		r = errno == ENOTEMPTY ? 0 : -errno; /* readdir missed some: the next round */
	return r;
}

/* One round over the top: directories in it are emptied into it. *left: there was something. */
static int round_over(int top, unsigned *serial, bool *left)
{
	int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	*left = false;
	if (!d)
		return -errno;
	for (struct dirent *n; !r && (n = readdir(d));) {
		if (is_dot(n->d_name))
			continue;
		*left = true;
		if (unlinkat(top, n->d_name, 0) && unlinkat(top, n->d_name, AT_REMOVEDIR))
			r = flatten(top, n->d_name, serial);
	}
	closedir(d);
	return r;
}

/* Empties the directory that is open as `top`. */
static int clear(int top)
{
	unsigned serial = 0;
	bool left = true;
	int r = fchmod(top, 0700) ? -errno : 0;

	while (!r && left)
		r = round_over(top, &serial, &left);
	return r;
}

int scratch_remove(struct scratch *s, struct image_error *e)
{
	int r;

	if (!*s->path)
		return 0;
	r = clear(s->fd);
	if (!r && rmdir(s->path))
		r = -errno;
	if (r)
		image_fail(e, r, "cannot remove %s: %s", s->path, strerror(-r));
	close(s->fd);
	*s->path = 0;
	return r;
}

/* -- what others left -- */

/* "sandbox-KIND-abcdef" */
static bool is_of_kind(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && strlen(name + n) == strlen(SUFFIX);
}

/* Ours, and nobody holds it. */
static bool is_left(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !flock(fd, LOCK_EX | LOCK_NB);
}

static const char *where(const char *place)
{
	const char *tmp = getenv("TMPDIR");

	return tmp && *tmp == '/' ? tmp : place;
}

void scratch_sweep(const struct scratch_kind *kind)
{
	char prefix[64];
	DIR *d = opendir(where(kind->place));
	struct dirent *n;

	snprintf(prefix, sizeof prefix, "sandbox-%s-", kind->name);
	while (d && (n = readdir(d))) {
		int fd = is_of_kind(n->d_name, prefix) ? open_dir(dirfd(d), n->d_name) : -1;

		if (fd < 0)
			continue;
		if (is_left(fd) && !clear(fd))
			unlinkat(dirfd(d), n->d_name, AT_REMOVEDIR);
		close(fd);
	}
	if (d)
		closedir(d);
}

/* -- making -- */

/* Locked, and still what the name leads to. -EAGAIN: a sweep came between. */
static int lock_named(int fd, const char *path)
{
	struct stat held, named;

	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &held))
		return -errno;
	if (lstat(path, &named))
		return errno == ENOENT ? -EAGAIN : -errno;
	return held.st_ino == named.st_ino && held.st_dev == named.st_dev ? 0 : -EAGAIN;
}

static int make(struct scratch *s, const char *place, const char *kind)
{
	int n = snprintf(s->path, sizeof s->path, "%s/sandbox-%s-" SUFFIX, place, kind), r;

	if (n < 0 || (size_t)n >= sizeof s->path)
		return -ENAMETOOLONG;
	if (!mkdtemp(s->path))
		return -errno;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	r = lock_named(s->fd, s->path);
	if (!r)
		return 0;
	close(s->fd);
	if (r != -EAGAIN)
		rmdir(s->path);
	return r;
}

int scratch_make(struct scratch *s, const struct scratch_kind *kind, struct image_error *e)
{
	const char *place = where(kind->place);
	int r;

	do
		r = make(s, place, kind->name);
	while (r == -EAGAIN);
	if (!r)
		return 0;
	*s->path = 0;
	return image_fail(e, r, "cannot make a directory in %s: %s", place, strerror(-r));
}
