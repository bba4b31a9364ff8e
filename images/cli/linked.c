/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/beneath.h"
#include "images/cli/linked.h"

struct file {
	uint64_t nid;
	char path[];
};

static int by_number(const void *left, const void *right)
{
	const struct file *a = left, *b = right;

	return a->nid < b->nid ? -1 : a->nid > b->nid;
}

int linked_add(struct linked *l, uint64_t nid, const char *path)
{
	size_t n = strlen(path) + 1;
	struct file *f = malloc(sizeof *f + n), **found;

	if (!f)
		return -ENOMEM;
	f->nid = nid;
	memcpy(f->path, path, n);
	found = tsearch(f, &l->files, by_number);
	if (!found || *found != f)
		free(f);
	return found ? 0 : -ENOMEM;
}

static int open_parent(int top, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char *dir = strndup(path, slash ? (size_t)(slash - path) : 0);
	int fd = dir ? beneath_open(top, dir, O_PATH | O_DIRECTORY) : -ENOMEM;

	free(dir);
	*base = slash ? slash + 1 : path;
	return fd;
}

int linked_make(const struct linked *l, uint64_t nid, int top, int at, const char *name)
{
	const struct file key = {.nid = nid};
	struct file *const *found = tfind(&key, &l->files, by_number);
	const char *base;
	int fd, r;

	if (!found)
		return -ENOENT;
	fd = open_parent(top, (*found)->path, &base);
	if (fd < 0)
		return fd;
	r = linkat(fd, base, at, name, 0) ? -errno : 0;
	close(fd);
	/* Gone meanwhile is not "not copied yet". */
	return r == -ENOENT ? -ESTALE : r;
}

void linked_end(struct linked *l)
{
	tdestroy(l->files, free);
	l->files = NULL;
}
