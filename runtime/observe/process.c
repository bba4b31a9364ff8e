/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host's kernel tells of a process: proc_pid_stat(5).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/observe/state_internal.h"

static int read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, out, size - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	out[n] = 0;
	return 0;
}

/* The name, field 2, can hold anything: what follows is behind its last parenthesis. */
int observe_process_read(int pid, struct observe_process *out)
{
	const uint64_t tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	char path[32], text[1024];
	const char *s;
	uint64_t user, system, rss;
	int r;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	r = read_text(path, text, sizeof text);
	if (r)
		return r;
	s = strrchr(text, ')');
	if (!s || sscanf(s + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			  " %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %" SCNu64,
			  &user, &system, &out->start, &rss) != 4)
		return -EBADMSG;
	out->cpu_ns = (user + system) * tick_ns;
	out->rss_bytes = rss * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
