/* SPDX-License-Identifier: Apache-2.0
 *
 * DIR/flat.erofs: an image with the archives of DIR on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/upper/stack.h"

#define NAME "flat.erofs"

static int read_archive(void *arg, size_t i, struct layer_limits *limits,
	const struct layer_sink *sink, const struct progress *p, struct image_error *e)
{
	return upper_read(arg, i, limits, sink, p, e);
}

/* A file of DIR that has no name anybody looks up. *temp: its name, or "" where it needs none yet.
 */
static int temp_open(const struct upper *u, char temp[64])
{
	int fd = openat(u->fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);

	*temp = 0;
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	snprintf(temp, 64, "." NAME ".%ld", (long)getpid());
	return openat(u->fd, temp, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static int publish(const struct upper *u, int fd, char temp[64])
{
	char link[32];

	if (fsync(fd))
		return -errno;
	if (!*temp) {
		snprintf(temp, 64, "." NAME ".%ld", (long)getpid());
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		unlinkat(u->fd, temp, 0);
		if (linkat(AT_FDCWD, link, u->fd, temp, AT_SYMLINK_FOLLOW))
			return -errno;
	}
	return renameat(u->fd, temp, u->fd, NAME) ? -errno : 0;
}

int upper_stack(struct store *s, const struct manifest *m, struct upper *u,
	const struct progress *p, struct image_error *e)
{
	const struct flat_above above = {u->n, read_archive, u};
	char temp[64];
	int fd = temp_open(u, temp), r;

	if (fd < 0)
		return image_fail(e, -errno, "%s: %s", u->dir, strerror(errno));
	r = flat_write(s, m, fd, &above, p, e);
	if (!r) {
		r = publish(u, fd, temp);
		if (r)
			image_fail(e, r, "%s/" NAME ": %s", u->dir, strerror(-r));
	}
	if (r && *temp)
		unlinkat(u->fd, temp, 0);
	close(fd);
	return r;
}
