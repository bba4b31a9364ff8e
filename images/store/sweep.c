/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing what nothing needs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/store/store_internal.h"

int store_remove(struct store *s, const char *path)
{
	if (s->mode != STORE_REMOVE)
		return -EPERM;
	return unlinkat(s->fd, path, 0) ? -errno : 0;
}

DIR *store_opendir(struct store *s, const char *path)
{
	int fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d || fd < 0)
		return d;
	err = errno;
	close(fd);
	errno = err;
	return NULL;
}

int store_each(struct store *s, const char *dir,
	int (*fn)(void *arg, const char *path, uint64_t size), void *arg)
{
	DIR *d = store_opendir(s, dir);
	struct dirent *entry;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (entry = readdir(d))) {
		char path[STORE_PATH + 256];
		struct stat st;

		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
			S_ISDIR(st.st_mode))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		/* disk blocks: files with holes are smaller than they say */
		r = fn(arg, path, (uint64_t)st.st_blocks * 512);
	}
	closedir(d);
	return r;
}

bool store_locked(struct store *s, const char *path)
{
	int fd = lock_file(s->fd, path, O_RDONLY, LOCK_EX | LOCK_NB);

	if (fd >= 0)
		close(fd);
	return fd == -EWOULDBLOCK;
}
