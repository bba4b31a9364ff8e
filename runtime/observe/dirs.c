/* SPDX-License-Identifier: Apache-2.0
 *
 * The directories that state may be in. One that somebody else could have put in the way is not
 * used: it must be this user's, closed to all others, and below nothing that another user owns.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/observe/state_internal.h"

static unsigned add(char path[OBSERVE_DIRS][256], unsigned n, const char *text)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(path[i], text))
			return n;
	snprintf(path[n], 256, "%s", text);
	return n + 1;
}

unsigned observe_dirs(char path[OBSERVE_DIRS][256])
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	unsigned uid = (unsigned)geteuid(), n = 0;
	char text[256];

	if (xdg && *xdg == '/' && snprintf(text, sizeof text, "%s/sandbox", xdg) < (int)sizeof text)
		n = add(path, n, text);
	snprintf(text, sizeof text, "/run/user/%u/sandbox", uid);
	n = add(path, n, text);
	snprintf(text, sizeof text, "/run/sandbox-%u", uid);
	n = add(path, n, text);
	snprintf(text, sizeof text, "/tmp/sandbox-%u", uid);
	return add(path, n, text);
}

/* What lies in it is ours or root's, or nobody but the owner may replace it there. */
static bool parent_is_safe(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return false;
	return !(st.st_mode & 022) || (st.st_mode & S_ISVTX);
}

static int parent_open(const char *path, const char **name)
{
	char parent[256];
	const char *slash = strrchr(path, '/');
	int fd;

	*name = slash + 1;
	snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (parent_is_safe(fd))
		return fd;
	close(fd);
	return -EPERM;
}

static int open_below(int parent, const char *name, int how)
{
	int fd = openat(parent, name, how | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return fd;
	close(fd);
	return -EPERM;
}

int observe_dir_open(const char *path)
{
	const char *name;
	int parent = parent_open(path, &name), fd;

	if (parent < 0)
		return parent;
	fd = open_below(parent, name, O_RDONLY);
	close(parent);
	return fd;
}

int observe_dir_make(const char *path)
{
	const char *name;
	int parent = parent_open(path, &name), fd;

	if (parent < 0)
		return parent;
	fd = open_below(parent, name, O_PATH);
	if (fd == -ENOENT) {
		fd = mkdirat(parent, name, 0700) && errno != EEXIST
			     ? -errno
			     : open_below(parent, name, O_PATH);
	}
	close(parent);
	return fd;
}
