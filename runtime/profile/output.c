/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/whole.h"
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

/* What whole_open needs. */
static int may_make(const struct output *o)
{
	return faccessat(o->dir, ".", R_OK | W_OK | X_OK, AT_EACCESS) ? -errno : 0;
}

static int look(struct output *o)
{
	struct stat st;

	if (fstatat(o->dir, o->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT && *o->name ? may_make(o) : -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return open_as_it_is(o);
	return may_make(o);
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

static int put_file(const struct output *o, const char *bytes, size_t n)
{
	struct whole w;
	int r = whole_open(&w, o->dir, o->name, 0666);

	if (r)
		return r;
	r = write_all(w.fd, bytes, n);
	if (!r)
		return whole_end(&w);
	whole_abort(&w);
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
	r = put_file(o, bytes, n);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
