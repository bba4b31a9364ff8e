/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/upper/number.h"
#include "images/upper/upper.h"

#define TAR_END 1024 /* two blocks of zeroes */

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* 1: one with something in it; 0: an empty one, of a sandbox that never began or was killed before
 * its end; -EBUSY: one that has not ended. */
static int look_at(DIR *dir, const char *name)
{
	int fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_SH | LOCK_NB))
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (fstat(fd, &st))
		r = -errno;
	close(fd);
	return r ? r : st.st_size > 0;
}

static int collect(struct upper *u, DIR *dir)
{
	struct dirent *d;

	while ((d = readdir(dir))) {
		unsigned number = upper_number(d->d_name), *more;
		int r = number ? look_at(dir, d->d_name) : 0;

		if (r < 0)
			return r;
		if (!r)
			continue;
		more = reallocarray(u->numbers, u->n + 1, sizeof *more);
		if (!more)
			return -ENOMEM;
		u->numbers = more;
		more[u->n++] = number;
	}
	if (u->n)
		qsort(u->numbers, u->n, sizeof *u->numbers, compare);
	return 0;
}

int upper_open(const char *dir, struct upper *out, struct image_error *e)
{
	DIR *d = opendir(dir);
	int r;

	*out = (struct upper){.dir = dir, .fd = -1};
	if (!d)
		return image_fail(e, -errno, "%s: %s", dir, strerror(errno));
	out->fd = fcntl(dirfd(d), F_DUPFD_CLOEXEC, 3);
	r = out->fd < 0 ? -errno : collect(out, d);
	closedir(d);
	if (!r)
		return 0;
	upper_close(out);
	return image_fail(e, r, "%s: %s", dir,
		r == -EBUSY ? "a sandbox still writes its changes there" : strerror(-r));
}

void upper_close(struct upper *u)
{
	if (u->fd >= 0)
		close(u->fd);
	free(u->numbers);
	u->fd = -1;
	u->numbers = NULL;
}

/* libarchive takes an archive without its end for whole. */
static bool has_end(int fd)
{
	static const char zero[TAR_END];
	char end[TAR_END];
	off_t size = lseek(fd, 0, SEEK_END);

	return size >= TAR_END && pread(fd, end, sizeof end, size - TAR_END) == TAR_END &&
	       !memcmp(end, zero, sizeof end) && lseek(fd, 0, SEEK_SET) == 0;
}

int upper_read(const struct upper *u, size_t i, struct layer_limits *limits,
	const struct layer_sink *sink, const struct progress *p, struct image_error *e)
{
	char name[UPPER_NAME], what[320];
	int fd, r;

	upper_name(u->numbers[i], name);
	snprintf(what, sizeof what, "%.256s/%s", u->dir, name);
	fd = openat(u->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return image_fail(e, -errno, "%s: %s", what, strerror(errno));
	if (has_end(fd))
		r = layer_read_fd(fd, what, limits, sink, p, e);
	else
		r = image_fail(e, -EBADMSG,
			"%s: not whole: the sandbox that wrote it was killed; remove it to go on "
			"without its changes",
			what);
	close(fd);
	return r;
}
