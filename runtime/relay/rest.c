/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/relay/rest.h"

#define PATH_SIZE 320
#define TEXT_SIZE 512

/* Where servers wait for connections. */
static const long waits[] = {SYS_accept, SYS_accept4, SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6,
	SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2};

static bool read_text(char out[TEXT_SIZE], const char *dir, const char *name)
{
	char path[PATH_SIZE];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, out, TEXT_SIZE - 1);
	close(fd);
	out[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* Of a process that hides it: it may be so. */
static bool waits_for_connections(const char *task)
{
	char text[TEXT_SIZE];
	long number;

	if (!read_text(text, task, "syscall"))
		return true;
	number = strtol(text, NULL, 10);
	for (size_t i = 0; isdigit((unsigned char)*text) && i < sizeof waits / sizeof *waits; i++)
		if (waits[i] == number)
			return true;
	return false;
}

static bool runs(const char *task)
{
	char text[TEXT_SIZE];
	const char *name_end;

	if (!read_text(text, task, "stat")) /* gone */
		return false;
	name_end = strrchr(text, ')');
	return name_end && (name_end[1] == ' ') && strchr("RD", name_end[2]);
}

static const char *next_number(DIR *d)
{
	const struct dirent *e;

	while ((e = readdir(d)))
		if (isdigit((unsigned char)*e->d_name))
			return e->d_name;
	return NULL;
}

static enum rest look_at_process(const char *pid)
{
	char dir[64], task[PATH_SIZE];
	enum rest r = REST_OTHER;
	const char *tid;
	DIR *d;

	snprintf(dir, sizeof dir, "/proc/%.16s/task", pid);
	d = opendir(dir);
	while (d && r != REST_BUSY && (tid = next_number(d))) {
		snprintf(task, sizeof task, "%s/%s", dir, tid);
		if (runs(task))
			r = REST_BUSY;
		else if (r == REST_OTHER && waits_for_connections(task))
			r = REST_YES;
	}
	if (d)
		closedir(d);
	return r;
}

enum rest rest_look(void)
{
	DIR *d = opendir("/proc");
	enum rest all = REST_OTHER, one;
	const char *pid;

	while (d && all != REST_BUSY && (pid = next_number(d))) {
		if (strtol(pid, NULL, 10) == getpid())
			continue;
		one = look_at_process(pid);
		if (one != REST_OTHER)
			all = one;
	}
	if (d)
		closedir(d);
	return all;
}
