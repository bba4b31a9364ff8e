/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sdk/lib/fd.h"

int fd_high(int fd)
{
	int high, err;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	errno = err;
	return high;
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int fd_pipe(int ends[2], int nonblocking)
{
	int err;

	if (pipe2(ends, O_CLOEXEC)) {
		ends[0] = ends[1] = -1;
		return -1;
	}
	ends[0] = fd_high(ends[0]);
	if (ends[0] >= 0)
		ends[1] = fd_high(ends[1]);
	if (ends[0] >= 0 && ends[1] >= 0 && !fcntl(ends[nonblocking], F_SETFL, O_NONBLOCK))
		return 0;
	err = errno;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	errno = err;
	return -1;
}
