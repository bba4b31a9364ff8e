/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths that may not lead out of a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "images/pack/pack.h"

int beneath_open(int dirfd, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC)};
	long fd;

	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	fd = syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

int beneath_open_directory(
	int dirfd, const char *dir, const char *path, int *fd, struct image_error *e)
{
	*fd = beneath_open(dirfd, path, O_RDONLY | O_DIRECTORY);
	if (*fd >= 0)
		return 0;
	return image_fail(e, *fd, "%s/%s: %s", dir, path,
		*fd == -ELOOP	? "leads through a symbolic link"
		: *fd == -EXDEV ? "leads out of the directory"
				: strerror(-*fd));
}
