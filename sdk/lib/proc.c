/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/lib/proc.h"

struct entry {
	pid_t pid, parent, group;
	char state;
	uint64_t ticks;
};

/* proc(5), stat: the name is in parentheses and may have some itself. */
static int parse(char *line, struct entry *e)
{
	char *rest = strrchr(line, ')');
	unsigned long user, system;
	long child_user, child_system;

	if (!rest || sscanf(rest + 1, " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
			     &e->state, &e->parent, &e->group, &user, &system, &child_user,
			     &child_system) != 7)
		return -EIO;
	e->ticks = user + system + (uint64_t)(child_user + child_system);
	return 0;
}

static int read_entry(pid_t pid, struct entry *e)
{
	char name[32], line[1024];
	ssize_t n;
	int fd;

	snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, line, sizeof line - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	line[n] = 0;
	e->pid = pid;
	return parse(line, e);
}

/* One look at all processes, so that a number means one process throughout. Those that went away
 * meanwhile are left out. */
static int read_all(struct entry **list, size_t *n)
{
	DIR *dir = opendir("/proc");
	size_t room = 0;
	struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		if (*n == room) {
			struct entry *more = realloc(*list, (room ? room * 2 : 256) * sizeof *more);

			if (!more) {
				closedir(dir);
				return -ENOMEM;
			}
			*list = more;
			room = room ? room * 2 : 256;
		}
		if (!read_entry(pid, *list + *n))
			++*n;
	}
	closedir(dir);
	return 0;
}

/* Looked at again, after the leader: one that it reaped before has its time there, one that it
 * reaps now is missed until the next look, none is counted twice. */
static uint64_t members(const struct entry *list, size_t n, pid_t leader)
{
	uint64_t ticks = 0;
	struct entry e;

	for (size_t i = 0; i < n; i++)
		if (list[i].group == leader && list[i].pid != leader &&
			!read_entry(list[i].pid, &e) && e.group == leader)
			ticks += e.ticks;
	return ticks;
}

int proc_find(pid_t launcher, struct proc_group *out)
{
	uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK), ticks = 0;
	struct entry *list = NULL, leader;
	size_t n = 0;
	int r = read_all(&list, &n);

	out->leader = 0;
	for (size_t i = 0; i < n && !r; i++)
		if (list[i].pid == launcher)
			ticks += list[i].ticks;
		else if (list[i].parent == launcher && list[i].group == list[i].pid)
			out->leader = list[i].pid;
	if (!r && out->leader && !read_entry(out->leader, &leader))
		ticks += leader.ticks + members(list, n, out->leader);
	out->cpu_ns = ticks * tick;
	free(list);
	return r;
}

char proc_state(pid_t pid)
{
	struct entry e;

	return read_entry(pid, &e) ? 0 : e.state;
}

pid_t proc_parent(pid_t pid)
{
	struct entry e;

	return read_entry(pid, &e) ? 0 : e.parent;
}
