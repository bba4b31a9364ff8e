/* SPDX-License-Identifier: Apache-2.0
 *
 * flock(2): it ends with the process, however that ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "images/store/store_internal.h"

int lock_file(int dirfd, const char *name, int flags, int op)
{
	int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	while (flock(fd, op)) {
		if (errno == EINTR)
			continue;
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
