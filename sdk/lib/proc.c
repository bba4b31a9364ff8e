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

static int read_text(pid_t pid, const char *file, char *text, size_t room)
{
	char name[32];
	ssize_t n;
	int fd;

	snprintf(name, sizeof name, "/proc/%d/%s", (int)pid, file);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, room - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = 0;
	return 0;
}

static int read_entry(pid_t pid, struct entry *e)
{
	char line[1024];
	int r = read_text(pid, "stat", line, sizeof line);

	e->pid = pid;
	return r ? r : parse(line, e);
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

/* proc(5), status: the last of NSpid is the number in its own PID namespace. A kernel without those
 * does not say it. 0: it is gone. */
static int number_inside(pid_t pid)
{
	char text[4096], *at;

	if (read_text(pid, "status", text, sizeof text))
		return 0;
	at = strstr(text, "\nNSpid:");
	if (!at)
		return (int)pid;
	at[strcspn(at + 1, "\n") + 1] = 0;
	return atoi(strrchr(at, '\t') + 1);
}

/* number: which of those there are, 0: any. */
static pid_t group_of_child(const struct entry *list, size_t n, pid_t parent, int number)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].parent == parent && list[i].group == list[i].pid &&
			(!number || number_inside(list[i].pid) == number))
			return list[i].pid;
	return 0;
}

static pid_t find_leader(
	const struct entry *list, size_t n, pid_t launcher, const struct proc_clone *clone)
{
	pid_t first;

	if (!clone->template)
		return group_of_child(list, n, launcher, 0);
	first = clone->leader ? group_of_child(list, n, clone->template, 0) : 0;
	return first ? group_of_child(list, n, first, clone->leader) : 0;
}

int proc_find(pid_t launcher, const struct proc_clone *clone, struct proc_group *out)
{
	uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK), ticks = 0;
	struct entry *list = NULL, leader;
	size_t n = 0;
	int r = read_all(&list, &n);

	for (size_t i = 0; i < n && !r; i++)
		if (list[i].pid == launcher)
			ticks += list[i].ticks;
	out->leader = r ? 0 : find_leader(list, n, launcher, clone);
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
