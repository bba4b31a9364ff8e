/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/cli/stage.h"

int stage_name(char out[STAGE_NAME])
{
	uint64_t number;

	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return -errno;
	snprintf(out, STAGE_NAME, ".sandbox-%016" PRIx64, number);
	return 0;
}

int stage_end(int at, const char *stage, const char *name)
{
	struct stat st;

	if (!renameat2(at, stage, at, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* A file system that cannot promise: asking first is the next best. */
	if (!fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;
	return renameat(at, stage, at, name) ? -errno : 0;
}

static void empty(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct dirent *d;
	DIR *dir;

	if (fd < 0)
		return;
	fchmod(fd, 0700); /* the image's mode may not let us */
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return;
	}
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			stage_remove(fd, d->d_name);
	closedir(dir);
}

void stage_remove(int at, const char *stage)
{
	if (!unlinkat(at, stage, 0) || errno != EISDIR)
		return;
	empty(at, stage);
	unlinkat(at, stage, AT_REMOVEDIR);
}
