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

#include "runtime/cli/whole.h"

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

	/* kernels and file systems that do not know O_TMPFILE take it for other flags */
	if (fd < 0)
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

/* The directory that path is in; its last part is copied. */
static int open_parent(struct whole *w, int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";

	if (!*name)
		return *path ? -EISDIR : -ENOENT;
	if (strlen(name) > NAME_MAX || (slash && slash - path >= PATH_MAX - 1))
		return -ENAMETOOLONG;
	strcpy(w->name, name);
	if (slash)
		snprintf(dir, sizeof dir, "%.*s", (int)(slash - path) + 1, path);
	w->dir = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w->dir < 0 ? -errno : 0;
}

int whole_open(struct whole *w, int dirfd, const char *path, mode_t mode)
{
	int r;

	*w = (struct whole){.fd = -1};
	r = open_parent(w, dirfd, path);
	if (r)
		return r;
	r = nameless_open(w->dir, ".", mode);
	if (r == -EOPNOTSUPP)
		r = open_named(w, mode);
	if (r >= 0) {
		w->fd = r;
		return 0;
	}
	close(w->dir);
	return r;
}

/* File systems of a network say at a close(2) what they could not keep. */
static int flush(int fd)
{
	int other = dup(fd);

	return other < 0 || close(other) ? -1 : 0;
}

/* A file without a name cannot replace one that has it: it gets one of its own first. */
static int replace(struct whole *w)
{
	int r = 0;

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
	return 0;
}

static int give_name(struct whole *w)
{
	int r = -EEXIST;

	if (w->unsynced ? flush(w->fd) : fsync(w->fd))
		return -errno;
	if (!*w->temp)
		r = nameless_link(w->fd, w->dir, w->name);
	if (r == -EEXIST)
		r = replace(w);
	if (r)
		return r;
	return !w->unsynced && fsync(w->dir) ? -errno : 0;
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
