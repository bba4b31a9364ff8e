/* SPDX-License-Identifier: Apache-2.0
 * See io.h.
 */
#include <string.h>

#include "io.h"

#define AT_CWD (-100)

long io_write(long fd, const void *data, size_t n)
{
	u_check(n <= IO_MAX);
	u_write(IO_BUF, data, n);
	return u_syscall(__NR_write, fd, IO_BUF, n);
}

long io_read(long fd, void *data, size_t n)
{
	long r;

	u_check(n <= IO_MAX);
	r = u_syscall(__NR_read, fd, IO_BUF, n);
	if (r > 0)
		u_read(data, IO_BUF, (size_t)r);
	return r;
}

long io_open(const char *path, int flags)
{
	u_write(IO_BUF, path, strlen(path) + 1);
	return u_syscall(__NR_openat, AT_CWD, IO_BUF, flags, 0);
}

long io_slurp(const char *path, char *text, size_t n)
{
	long fd = io_open(path, 0), len = 0, r;

	if (fd < 0)
		return fd;
	while ((r = io_read(fd, text + len, n - 1 - (size_t)len)) > 0)
		len += r;
	text[len] = 0;
	u_syscall(__NR_close, fd);
	return r < 0 ? r : len;
}

void io_pipe(int fd[2], int flags)
{
	u_expect(u_syscall(__NR_pipe2, B, flags), 0);
	u_read(fd, B, 2 * sizeof(fd[0]));
}
