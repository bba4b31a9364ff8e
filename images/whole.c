/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/whole.h"

#define PROC_FD_SIZE 32

static void proc_fd(int fd, char out[PROC_FD_SIZE])
{
	snprintf(out, PROC_FD_SIZE, "/proc/self/fd/%d", fd);
}

/* Its name comes by way of /proc: without that, as from a file system that cannot. */
int nameless_open(int dirfd, const char *dir, mode_t mode)
{
	int fd = openat(dirfd, dir, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	char link[PROC_FD_SIZE];

	if (fd <
		0) /* kernels and file systems that do not know O_TMPFILE take it for other flags */
		return errno == EISDIR || errno == ENOENT ? -EOPNOTSUPP : -errno;
	proc_fd(fd, link);
	if (!access(link, F_OK))
		return fd;
	close(fd);
	return -EOPNOTSUPP;
}

int nameless_link(int fd, int dirfd, const char *path)
{
	char link[PROC_FD_SIZE];

	proc_fd(fd, link);
	return linkat(AT_FDCWD, link, dirfd, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

static int choose_temp(struct whole *w)
{
	uint64_t number;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return -errno;
	snprintf(w->temp, sizeof w->temp, ".sandbox-%016" PRIx64, number);
	return 0;
}

static int open_named(struct whole *w, mode_t mode)
{
	int r = choose_temp(w);

	if (r)
		return r;
	r = openat(w->dir, w->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return r < 0 ? -errno : r;
}

int whole_open_at(struct whole *w, int dirfd, const char *name, mode_t mode)
{
	*w = (struct whole){.fd = -1};
	if (!*name || strlen(name) > NAME_MAX)
		return *name ? -ENAMETOOLONG : -ENOENT;
	strcpy(w->name, name);
	w->dir = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dir < 0)
		return -errno;
	w->fd = nameless_open(w->dir, ".", mode);
	if (w->fd == -EOPNOTSUPP)
		w->fd = open_named(w, mode);
	if (w->fd >= 0)
		return 0;
	close(w->dir);
	return w->fd;
}

int whole_open(struct whole *w, const char *path, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd = AT_FDCWD, r;

	*w = (struct whole){.fd = -1};
	if (!slash)
		return whole_open_at(w, fd, path, mode);
	if (snprintf(dir, sizeof dir, "%.*s", (int)(slash - path) + 1, path) >= (int)sizeof dir)
		return -ENAMETOOLONG;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = whole_open_at(w, fd, slash + 1, mode);
	close(fd);
	return r;
}

/* A file without a name cannot replace one that has it: it gets one of its own first. */
static int give_name(struct whole *w)
{
	int r = 0;

	if (fsync(w->fd))
		return -errno;
	if (!*w->temp) {
		r = choose_temp(w);
		if (!r)
			r = nameless_link(w->fd, w->dir, w->temp);
		if (r) {
			*w->temp = 0;
			return r;
		}
	}
	if (renameat(w->dir, w->temp, w->dir, w->name))
		return -errno;
	*w->temp = 0;
	return fsync(w->dir) ? -errno : 0;
}

int whole_end(struct whole *w)
{
	int r = give_name(w);

	whole_abort(w);
	return r;
}

void whole_abort(struct whole *w)
{
	if (w->fd < 0)
		return;
	if (*w->temp)
		unlinkat(w->dir, w->temp, 0);
	close(w->fd);
	close(w->dir);
	w->fd = -1;
}
