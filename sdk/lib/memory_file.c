/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/memory_file.h"

static bool fill(int fd, const char *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = pwrite(fd, data + at, size - at, (off_t)at);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			at += (size_t)n;
	}
	return true;
}

/* NULL, or the call that failed, with errno. */
static const char *prepare(int fd, const void *data, size_t size, unsigned mode, bool sealed)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

	if (fd < 0)
		return "memfd_create";
	if (!fill(fd, data, size))
		return "pwrite";
	if (fchmod(fd, mode))
		return "fchmod";
	return sealed && fcntl(fd, F_ADD_SEALS, seals) ? "fcntl" : NULL;
}

int memory_file_make(
	const void *data, size_t size, unsigned mode, bool sealed, int *fd, struct sb_error **error)
{
	const char *call;
	int r;

	*fd = fd_high(memfd_create("sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	call = prepare(*fd, data, size, mode, sealed);
	if (!call)
		return 0;
	r = error_system(error, call, errno, "cannot make a file in memory");
	fd_close(fd);
	return r;
}

int memory_file_take(
	int fd, size_t limit, char **data, size_t *size, bool *truncated, struct sb_error **error)
{
	static const char what[] = "cannot read a file that the program wrote";
	struct stat st;
	size_t want, at = 0;
	char *buf;

	if (fstat(fd, &st))
		return error_system(error, "fstat", errno, what);
	*truncated = (size_t)st.st_size > limit;
	want = *truncated ? limit : (size_t)st.st_size;
	buf = malloc(want + 1);
	if (!buf)
		return error_no_memory(error);
	while (at < want) {
		ssize_t n = pread(fd, buf + at, want - at, (off_t)at);

		if (!n)
			break;
		if (n < 0 && errno != EINTR) {
			int err = errno;

			free(buf);
			return error_system(error, "pread", err, what);
		}
		if (n > 0)
			at += (size_t)n;
	}
	buf[at] = 0;
	*data = buf;
	*size = at;
	return 0;
}
