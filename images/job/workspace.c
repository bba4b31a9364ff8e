/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory that the steps of one entry share. What is in it was made by strangers: it is
 * taken away without following links, and without recursion, however deep it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/job/job_internal.h"

int workspace_make(char out[PATH_MAX], struct image_error *e)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || *tmp != '/')
		tmp = "/tmp";
	if (snprintf(out, PATH_MAX, "%s/sandbox-job-XXXXXX", tmp) >= PATH_MAX)
		return image_fail(e, -ENAMETOOLONG, "TMPDIR is too long");
	if (!mkdtemp(out))
		return image_fail(
			e, -errno, "cannot make a workspace in %s: %s", tmp, strerror(errno));
	return 0;
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != EACCES)
		return fd;
	if (fchmodat(at, name, 0700, 0)) /* a directory just now, and nobody is left to swap it */
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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

int workspace_remove(const char *path, struct image_error *e)
{
	int top = open_dir(AT_FDCWD, path), r = top < 0 ? -errno : 0;
	unsigned serial = 0;
	bool left = true;

	if (!r && fchmod(top, 0700))
		r = -errno;
	while (!r && left)
		r = round_over(top, &serial, &left);
	if (top >= 0)
		close(top);
	if (!r && rmdir(path))
		r = -errno;
	return r ? image_fail(e, r, "cannot remove the workspace %s: %s", path, strerror(-r)) : 0;
}
