/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/profile/output.h"

/* The directory is held from now on: a path may lead elsewhere once the program has run. */
static int hold_directory(struct output *o)
{
	const char *slash = strrchr(o->path, '/');
	char dir[4096] = ".";
	size_t n = slash ? (size_t)(slash - o->path) + 1 : 0;

	o->name = o->path + n;
	if (n >= sizeof dir)
		return -ENAMETOOLONG;
	if (n) {
		memcpy(dir, o->path, n);
		dir[n] = 0;
	}
	o->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return o->dir < 0 ? -errno : 0;
}

/* Without a reader a pipe is refused at once; with one, writing waits for it. */
static int open_as_it_is(struct output *o)
{
	int flags;

	o->fd = openat(o->dir, o->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	flags = o->fd < 0 ? -1 : fcntl(o->fd, F_GETFL);
	return flags < 0 || fcntl(o->fd, F_SETFL, flags & ~O_NONBLOCK) ? -errno : 0;
}

static int look(struct output *o)
{
	struct stat st;

	if (fstatat(o->dir, o->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT && *o->name &&
				       !faccessat(o->dir, ".", W_OK | X_OK, AT_EACCESS)
			       ? 0
			       : -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return open_as_it_is(o);
	return faccessat(o->dir, ".", W_OK | X_OK, AT_EACCESS) ? -errno : 0;
}

int output_begin(struct output *o, const char *path)
{
	int r;

	*o = (struct output){.path = path, .dir = -1, .fd = -1};
	if (!strcmp(path, "-")) {
		o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return o->fd < 0 ? -errno : 0;
	}
	r = hold_directory(o);
	if (!r)
		r = look(o);
	if (r)
		output_end(o);
	return r;
}

void output_end(struct output *o)
{
	if (o->dir >= 0)
		close(o->dir);
	if (o->fd >= 0)
		close(o->fd);
	o->dir = o->fd = -1;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t part = write(fd, bytes, n);

		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			return part ? -errno : -EIO;
		bytes += part;
		n -= (size_t)part;
	}
	return 0;
}

static int make_and_rename(const struct output *o, const char *bytes, size_t n)
{
	char temp[48];
	uint64_t number;
	int fd, r;

	if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
		return -EIO;
	snprintf(temp, sizeof temp, ".sandbox-profile-%016llx", (unsigned long long)number);
	fd = openat(o->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, n);
	if (close(fd) && !r)
		r = -errno;
	if (!r && renameat(o->dir, temp, o->dir, o->name))
		r = -errno;
	if (r)
		unlinkat(o->dir, temp, 0);
	return r;
}

int output_put(const struct output *o, const char *bytes, size_t n)
{
	sigset_t all, before;
	int r;

	if (o->fd >= 0)
		return write_all(o->fd, bytes, n);
	/* an interrupt comes before or after, so that nothing unfinished is left behind */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	r = make_and_rename(o, bytes, n);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
