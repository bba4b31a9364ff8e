/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "images/beneath.h"

int beneath_open(int dirfd, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC)};
	long fd;

	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	fd = syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

const char *beneath_why(int err)
{
	return err == -ELOOP   ? "leads through a symbolic link"
	       : err == -EXDEV ? "leads out of the directory"
			       : strerror(-err);
}
