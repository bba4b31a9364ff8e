/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/security/boundary/witness.h"

pid_t witness_pid(int pidfd)
{
	char path[64], line[128];
	int pid = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Pid: %d", &pid);
	if (f)
		fclose(f);
	return pid;
}

static void add(struct witness *w, const char *fmt, ...)
{
	size_t used = strlen(w->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text + used, sizeof(w->text) - used, fmt, ap);
	va_end(ap);
}

/* Sizes and counters change by themselves, and so does what it is doing; SigQ is of all the user.
 */
static bool is_steady(const char *line)
{
	static const char *const moving[] = {"State:", "SigQ:", "Vm", "Rss", "HugetlbPages",
		"voluntary_", "nonvoluntary_", "Speculation", "x86_Thread", "Mems_", "Cpus_"};

	for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++)
		if (!strncmp(line, moving[i], strlen(moving[i])))
			return false;
	return true;
}

static void add_file(struct witness *w, pid_t pid, const char *name)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "r");
	add(w, "-- %s\n", name);
	while (f && fgets(line, sizeof(line), f))
		if (is_steady(line))
			add(w, "%s", line);
	if (f)
		fclose(f);
}

static void add_link(struct witness *w, pid_t pid, const char *name)
{
	char path[320], to[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, to, sizeof(to) - 1);
	to[n < 0 ? 0 : n] = 0;
	add(w, "%s -> %s\n", name, to);
}

static void add_fds(struct witness *w, pid_t pid)
{
	char path[64], name[300];
	struct dirent **list;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "fd/%s", list[i]->d_name);
			add_link(w, pid, name);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

void witness_take(struct witness *w, pid_t pid)
{
	char children[64];

	w->text[0] = 0;
	snprintf(children, sizeof(children), "task/%d/children", pid);
	add_file(w, pid, "status");
	add_file(w, pid, "limits");
	add_file(w, pid, "maps");
	add_file(w, pid, children);
	add_file(w, pid, "timers");
	add_file(w, pid, "personality");
	add_file(w, pid, "oom_score_adj");
	add_file(w, pid, "coredump_filter");
	add_link(w, pid, "cwd");
	add_link(w, pid, "root");
	add_fds(w, pid);
}

const char *witness_difference(const struct witness *a, const struct witness *b)
{
	size_t i = 0, line = 0;

	while (a->text[i] && a->text[i] == b->text[i])
		if (a->text[i++] == '\n')
			line = i;
	return a->text[i] == b->text[i] ? NULL : b->text + line;
}
