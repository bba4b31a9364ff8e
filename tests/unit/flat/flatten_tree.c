/* SPDX-License-Identifier: Apache-2.0
 *
 * flatten_tree DIR OUT.erofs: an image of a directory of this machine, as one layer. For tests of
 * what reads images; it goes through the sink only, without store and archives.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "images/flat/flat.h"

#define XATTRS_MAX 64

/* Files of several names: the first one seen is what the others link to. */
struct seen {
	dev_t dev;
	ino_t ino;
	char path[];
};

struct xattrs {
	struct layer_xattr list[XATTRS_MAX];
	size_t n;
	char names[65536];
	char values[1 << 18];
};

struct walk {
	const struct layer_sink *sink;
	void *seen;
	struct xattrs xattrs;
};

static int compare(const void *left, const void *right)
{
	const struct seen *a = left, *b = right;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

static const char *first_name(struct walk *w, const struct stat *st, const char *path)
{
	struct seen *s = malloc(sizeof *s + strlen(path) + 1), **found;

	if (!s)
		return NULL;
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	strcpy(s->path, path);
	found = tsearch(s, &w->seen, compare);
	if (!found || *found != s)
		free(s);
	return found ? (*found)->path : NULL;
}

static void read_xattrs(struct xattrs *x, const char *path)
{
	ssize_t all = llistxattr(path, x->names, sizeof x->names);
	size_t used = 0;

	x->n = 0;
	for (const char *name = x->names; all > 0 && name < x->names + all && x->n < XATTRS_MAX;
		name += strlen(name) + 1) {
		ssize_t n = lgetxattr(path, name, x->values + used, sizeof x->values - used);

		if (n < 0)
			continue;
		x->list[x->n++] = (struct layer_xattr){name, x->values + used, (size_t)n};
		used += (size_t)n;
	}
}

static int send_range(struct walk *w, int fd, off_t at, off_t end, struct image_error *e)
{
	static char buffer[100000]; /* no multiple of a block */
	int r = 0;

	while (at < end && !r) {
		size_t want = end - at < (off_t)sizeof buffer ? (size_t)(end - at) : sizeof buffer;
		ssize_t n = pread(fd, buffer, want, at);

		if (n <= 0)
			return image_fail(e, -EIO, "a file became shorter");
		r = w->sink->data(w->sink->arg, buffer, (size_t)n, (uint64_t)at, e);
		at += n;
	}
	return r;
}

static int send_content(struct walk *w, const char *path, off_t size, struct image_error *e)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	off_t at = 0;

	if (fd < 0)
		return image_fail(e, -errno, "%s: %s", path, strerror(errno));
	while (at < size && !r) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		at = hole < 0 || hole > size ? size : hole;
		r = send_range(w, fd, data, at, e);
	}
	close(fd);
	return r;
}

static int send(struct walk *w, const FTSENT *f, const char *path, struct image_error *e)
{
	const struct stat *st = f->fts_statp;
	char target[4096] = "";
	struct layer_entry m = {
		.kind = LAYER_NODE,
		.path = path,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = st->st_rdev,
		.size = (uint64_t)st->st_size,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
	int r;

	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		const char *first = first_name(w, st, path);

		if (first && strcmp(first, path)) {
			m.kind = LAYER_HARDLINK;
			m.target = first;
			return w->sink->entry(w->sink->arg, &m, e);
		}
	}
	if (S_ISLNK(st->st_mode)) {
		if (readlink(f->fts_accpath, target, sizeof target - 1) < 0)
			return image_fail(e, -errno, "%s: %s", path, strerror(errno));
		m.target = target;
	}
	read_xattrs(&w->xattrs, f->fts_accpath);
	m.xattrs = w->xattrs.list;
	m.nxattrs = w->xattrs.n;
	r = w->sink->entry(w->sink->arg, &m, e);
	if (!r && S_ISREG(st->st_mode))
		r = send_content(w, f->fts_accpath, st->st_size, e);
	return r;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int walk(struct walk *w, char *dir, struct image_error *e)
{
	char *roots[] = {dir, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	size_t skip = strlen(dir);
	FTSENT *f;
	int r = 0;

	if (!fts)
		return image_fail(e, -errno, "%s: %s", dir, strerror(errno));
	while (!r && (f = fts_read(fts))) {
		const char *path = f->fts_path + (f->fts_pathlen > skip ? skip + 1 : skip);

		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS)
			r = image_fail(
				e, -f->fts_errno, "%s: %s", f->fts_path, strerror(f->fts_errno));
		else if (f->fts_info != FTS_DP)
			r = send(w, f, path, e);
	}
	fts_close(fts);
	return r;
}

static int make(char *dir, int fd, struct image_error *e)
{
	struct walk *w = calloc(1, sizeof *w);
	struct flat_writer *f;
	int r = flat_begin(fd, &f, e);

	if (!w || r) {
		free(w);
		return r ? r : -ENOMEM;
	}
	w->sink = flat_sink(f);
	r = walk(w, dir, e);
	tdestroy(w->seen, free);
	free(w);
	if (!r)
		r = flat_layer_done(f, e);
	if (!r)
		return flat_end(f, e);
	flat_abort(f);
	return r;
}

int main(int argc, char **argv)
{
	struct image_error e = {""};
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: flatten_tree DIR OUT.erofs\n");
		return 2;
	}
	while (strlen(argv[1]) > 1 && argv[1][strlen(argv[1]) - 1] == '/')
		argv[1][strlen(argv[1]) - 1] = 0;
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || make(argv[1], fd, &e)) {
		fprintf(stderr, "flatten_tree: %s\n", fd < 0 ? strerror(errno) : e.text);
		return 1;
	}
	if (*e.text)
		fprintf(stderr, "flatten_tree: %s\n", e.text);
	close(fd);
	return 0;
}
