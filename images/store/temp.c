/* SPDX-License-Identifier: Apache-2.0
 *
 * Files under way. One without a name (O_TMPFILE) is gone with its process, however that ends;
 * where the file system has none, it has a name in tmp/ and is locked, so that gc knows it is in
 * use.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/store/store_internal.h"
#include "runtime/cli/whole.h"

#define PUBLISHED 0444

struct temp {
	struct temp *next;
	dev_t dev;
	ino_t ino;
	char path[STORE_PATH];
};

static void random_path(char out[STORE_PATH])
{
	uint64_t r[2];

	while (getrandom(r, sizeof r, 0) != sizeof r)
		; /* interrupted before the kernel's pool was ready */
	snprintf(out, STORE_PATH, STORE_TMP "/%016" PRIx64 "%016" PRIx64, r[0], r[1]);
}

static int remember(struct store *s, int fd, const char *path)
{
	struct temp *t = calloc(1, sizeof *t);
	struct stat st;

	if (!t)
		return -ENOMEM;
	if (fstat(fd, &st)) {
		int err = -errno;

		free(t);
		return err;
	}
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	snprintf(t->path, sizeof t->path, "%s", path);
	pthread_mutex_lock(&s->mutex);
	t->next = s->temps;
	s->temps = t;
	pthread_mutex_unlock(&s->mutex);
	return 0;
}

static int open_named(struct store *s)
{
	char path[STORE_PATH];
	int fd, r;

	random_path(path);
	fd = openat(s->fd, path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = flock(fd, LOCK_EX | LOCK_NB) ? -errno : remember(s, fd, path);
	if (!r)
		return fd;
	unlinkat(s->fd, path, 0);
	close(fd);
	return r;
}

int store_temp(struct store *s, int *fd, struct image_error *e)
{
	int r = store_writable(s, e);

	if (r)
		return r;
	r = nameless_open(s->fd, STORE_TMP, 0600);
	if (r == -EOPNOTSUPP)
		r = open_named(s);
	if (r < 0)
		return store_fail(s, e, r, "make a temporary file");
	*fd = r;
	return 0;
}

/* The record of fd's name, taken off the list; NULL: it has none. The caller's to free. */
static struct temp *recall(struct store *s, int fd)
{
	struct temp *found = NULL;
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	pthread_mutex_lock(&s->mutex);
	for (struct temp **t = &s->temps; *t; t = &(*t)->next) {
		if ((*t)->dev == st.st_dev && (*t)->ino == st.st_ino) {
			found = *t;
			*t = found->next;
			break;
		}
	}
	pthread_mutex_unlock(&s->mutex);
	return found;
}

void temp_drop(struct store *s, int fd)
{
	struct temp *t = recall(s, fd);

	if (t)
		unlinkat(s->fd, t->path, 0);
	free(t);
	close(fd);
}

void temps_forget(struct store *s)
{
	struct temp *next;

	for (struct temp *t = s->temps; t; t = next) {
		next = t->next;
		unlinkat(s->fd, t->path, 0);
		free(t);
	}
	s->temps = NULL;
}

int temp_write(struct store *s, int fd, const void *data, size_t n, struct image_error *e)
{
	const char *p = data;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return store_fail(s, e, -errno, "write");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int sync_parent(struct store *s, const char *path)
{
	char dir[STORE_PATH];
	const char *slash = strrchr(path, '/');
	int fd, r = 0;

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		r = -errno;
	close(fd);
	return r;
}

int make_dir(struct store *s, const char *path)
{
	if (!mkdirat(s->fd, path, 0700))
		return sync_parent(s, path);
	return errno == EEXIST ? 0 : -errno;
}

static int make_parents(struct store *s, const char *path)
{
	char dir[STORE_PATH];
	int r = 0;

	for (const char *slash = strchr(path, '/'); !r && slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
		r = make_dir(s, dir);
	}
	return r;
}

/* Content before name: a name never stands for less than the whole file. */
static int prepare(struct store *s, int fd, const char *path, mode_t mode)
{
	int r;

	if (*path == '/' || strstr(path, "..") || strlen(path) >= STORE_PATH)
		return -EINVAL;
	r = make_parents(s, path);
	if (r)
		return r;
	return fchmod(fd, mode) || fsync(fd) ? -errno : 0;
}

/* In place of whatever has the name: for that it must have one already. */
static int replace(struct store *s, int fd, const char *path)
{
	struct temp *t = recall(s, fd);
	char name[STORE_PATH];
	int r = 0;

	if (t) {
		snprintf(name, sizeof name, "%s", t->path);
		free(t);
	} else {
		random_path(name);
		r = nameless_link(fd, s->fd, name);
	}
	if (!r && renameat(s->fd, name, s->fd, path)) {
		r = -errno;
		unlinkat(s->fd, name, 0);
	}
	return r;
}

static int add(struct store *s, int fd, const char *path)
{
	struct temp *t = recall(s, fd);
	int r;

	if (!t)
		return nameless_link(fd, s->fd, path);
	r = linkat(s->fd, t->path, s->fd, path, 0) ? -errno : 0;
	if (r == -EPERM || r == -EOPNOTSUPP) /* no hard links here */
		r = renameat(s->fd, t->path, s->fd, path) ? -errno : 0;
	else
		unlinkat(s->fd, t->path, 0);
	free(t);
	return r;
}

int store_publish(struct store *s, int fd, const char *path, struct image_error *e)
{
	int r = prepare(s, fd, path, PUBLISHED);

	if (!r) {
		r = add(s, fd, path);
		if (r == -EEXIST)
			r = 0;
	}
	if (!r)
		r = sync_parent(s, path);
	return r ? store_fail(s, e, r, "write %s", path) : 0;
}

int temp_replace(struct store *s, int fd, const char *path, mode_t mode, struct image_error *e)
{
	int r = prepare(s, fd, path, mode);

	if (!r)
		r = replace(s, fd, path);
	if (!r)
		r = sync_parent(s, path);
	return r ? store_fail(s, e, r, "write %s", path) : 0;
}
