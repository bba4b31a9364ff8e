/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory of the host as members of a layer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "images/layer/write_internal.h"

#define XATTRS_MAX     256u
#define XATTR_LIST_FEW 512u /* bytes */

/* A file with several names, under the first. */
struct linked {
	dev_t dev;
	ino_t ino;
	char path[];
};

struct walk {
	struct layer_writer *w;
	struct image_error *e;
	void *links; /* tsearch(3) of struct linked */
	bool top;    /* the directory itself is a member */
	size_t len;
	char path[LAYER_PATH_MAX + 1]; /* of the member at hand */
	/* Its extended attributes. */
	char names[XATTR_LIST_MAX];
	struct layer_xattr xattrs[XATTRS_MAX];
	size_t nxattrs;
};

static int walk_failed(struct walk *k, int err)
{
	return image_fail(
		k->e, -err, "%s: cannot be read: %s", *k->path ? k->path : ".", strerror(err));
}

static int changed(struct walk *k)
{
	return image_fail(k->e, -ESTALE, "%s: changed while it was read", *k->path ? k->path : ".");
}

/* -- names -- */

struct names {
	char **list;
	size_t n, room;
};

static void names_free(struct names *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->list[i]);
	free(v->list);
}

static int names_add(struct names *v, const char *name)
{
	if (v->n == v->room) {
		size_t room = v->room ? v->room * 2 : 32;
		char **list = reallocarray(v->list, room, sizeof *list);

		if (!list)
			return ENOMEM;
		v->list = list;
		v->room = room;
	}
	v->list[v->n] = strdup(name);
	return v->list[v->n] ? (v->n++, 0) : ENOMEM;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names in dirfd, sorted. An errno. */
static int names_read(int dirfd, struct names *out)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	*out = (struct names){0};
	if (!d) {
		r = errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (errno = 0, de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			r = names_add(out, de->d_name);
	r = r ? r : errno;
	closedir(d);
	if (r)
		names_free(out);
	else if (out->n)
		qsort(out->list, out->n, sizeof *out->list, by_bytes);
	return r;
}

static int path_push(struct walk *k, const char *name)
{
	size_t n = strlen(name), slash = k->len > 0;

	if (k->len + slash + n > LAYER_PATH_MAX)
		return image_fail(k->e, -ENAMETOOLONG,
			"%.200s…: what is below it has a path of more than 4,095 bytes", k->path);
	if (slash)
		k->path[k->len] = '/';
	memcpy(k->path + k->len + slash, name, n + 1);
	k->len += slash + n;
	return 0;
}

static void path_cut(struct walk *k, size_t len)
{
	k->path[len] = 0;
	k->len = len;
}

static bool excluded(const struct walk *k)
{
	const char *slash = strrchr(k->path, '/');

	if (!k->w->options.exclude)
		return false;
	for (const char *const *x = k->w->options.exclude; *x; x++) {
		if (**x == '/' ? !fnmatch(*x + 1, k->path, 0) : !fnmatch(*x, k->path, 0))
			return true;
		if (slash && !strchr(*x, '/') && !fnmatch(*x, slash + 1, 0))
			return true;
	}
	return false;
}

/* -- what a file is -- */

static bool wanted_xattr(const char *name)
{
	return !strncmp(name, "user.", 5) || !strcmp(name, "security.capability");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct layer_xattr *)a)->name, ((const struct layer_xattr *)b)->name);
}

/* Its value, malloc'ed. */
static int xattr_value(struct walk *k, int fd, const char *name, void **value, size_t *size)
{
	ssize_t n = fgetxattr(fd, name, NULL, 0);

	if (n < 0)
		return errno == ENODATA ? changed(k) : walk_failed(k, errno);
	*value = malloc((size_t)n + 1);
	if (!*value)
		return walk_failed(k, ENOMEM);
	if (fgetxattr(fd, name, *value, (size_t)n) != n) {
		free(*value);
		return changed(k);
	}
	*size = (size_t)n;
	return 0;
}

static int add_xattr(struct walk *k, int fd, const char *name)
{
	void *value = NULL;
	size_t size = 0;
	int r;

	if (k->nxattrs == XATTRS_MAX)
		return image_fail(k->e, -EFBIG, "%s: too many extended attributes", k->path);
	r = xattr_value(k, fd, name, &value, &size);
	if (!r)
		k->xattrs[k->nxattrs++] = (struct layer_xattr){name, value, size};
	return r;
}

static void drop_xattrs(struct walk *k)
{
	for (size_t i = 0; i < k->nxattrs; i++)
		free((void *)k->xattrs[i].value);
	k->nxattrs = 0;
}

static int read_xattrs(struct walk *k, int fd)
{
	/* The kernel makes a buffer as large as ours, each time. */
	ssize_t n = flistxattr(fd, k->names, XATTR_LIST_FEW);
	int r = 0;

	if (n < 0 && errno == ERANGE)
		n = flistxattr(fd, k->names, sizeof k->names);
	if (n < 0)
		return errno == ENOTSUP ? 0 : walk_failed(k, errno);
	for (ssize_t at = 0; at < n && !r; at += (ssize_t)strlen(k->names + at) + 1)
		if (wanted_xattr(k->names + at))
			r = add_xattr(k, fd, k->names + at);
	qsort(k->xattrs, k->nxattrs, sizeof *k->xattrs, by_name);
	return r;
}

/* A descriptor of exactly the file that was looked at. */
static int open_same(struct walk *k, int dirfd, const char *name, const struct stat *st, int *fd)
{
	int flags = S_ISDIR(st->st_mode) ? O_DIRECTORY : O_NONBLOCK;
	struct stat now;

	*fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
	if (*fd < 0)
		return errno == ENOENT || errno == ELOOP ? changed(k) : walk_failed(k, errno);
	if (fstat(*fd, &now) || now.st_dev != st->st_dev || now.st_ino != st->st_ino ||
		(now.st_mode & S_IFMT) != (st->st_mode & S_IFMT) || now.st_size != st->st_size) {
		close(*fd);
		return changed(k);
	}
	return 0;
}

/* -- members -- */

static int by_inode(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

/* The path under which the file came before, NULL if it did not. */
static int find_link(struct walk *k, const struct stat *st, const char **path)
{
	struct linked *l = malloc(sizeof *l + k->len + 1);
	struct linked **found;

	if (!l)
		return walk_failed(k, ENOMEM);
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	memcpy(l->path, k->path, k->len + 1);
	found = tsearch(l, &k->links, by_inode);
	*path = found && *found != l ? (*found)->path : NULL;
	if (!found || *found != l)
		free(l);
	return found ? 0 : walk_failed(k, ENOMEM);
}

static struct layer_entry entry_of(const struct walk *k, const struct stat *st)
{
	return (struct layer_entry){
		.kind = LAYER_NODE,
		.path = k->path,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = st->st_rdev,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
		.mtime = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
	};
}

/* A member with a descriptor: a regular file or a directory. */
static int add_open(struct walk *k, int fd, const struct stat *st)
{
	struct layer_entry m = entry_of(k, st);
	int r = read_xattrs(k, fd);

	m.xattrs = k->xattrs;
	m.nxattrs = k->nxattrs;
	if (!r)
		r = layer_add(k->w, &m, fd, k->e);
	drop_xattrs(k);
	return r;
}

static int add_regular(struct walk *k, int dirfd, const char *name, const struct stat *st)
{
	struct layer_entry link = {.kind = LAYER_HARDLINK, .path = k->path};
	int fd, r;

	if (st->st_nlink > 1) {
		r = find_link(k, st, &link.target);
		if (r)
			return r;
		if (link.target)
			return layer_add(k->w, &link, -1, k->e);
	}
	r = open_same(k, dirfd, name, st, &fd);
	if (r)
		return r;
	r = add_open(k, fd, st);
	close(fd);
	return r;
}

static int add_symlink(struct walk *k, int dirfd, const char *name, const struct stat *st)
{
	struct layer_entry m = entry_of(k, st);
	char text[LAYER_PATH_MAX + 2];
	ssize_t n = readlinkat(dirfd, name, text, sizeof text);

	if (n < 0)
		return walk_failed(k, errno);
	if ((size_t)n > LAYER_PATH_MAX)
		return walk_failed(k, ENAMETOOLONG);
	text[n] = 0;
	m.target = text;
	return layer_add(k->w, &m, -1, k->e);
}

static int walk_directory(struct walk *k, int fd);

static int add_directory(struct walk *k, int dirfd, const char *name, const struct stat *st)
{
	int fd, r = open_same(k, dirfd, name, st, &fd);

	if (r)
		return r;
	r = add_open(k, fd, st);
	if (!r)
		r = walk_directory(k, fd);
	close(fd);
	return r;
}

static int add_member(struct walk *k, int dirfd, const char *name)
{
	struct layer_entry m;
	struct stat st;

	if (!strncmp(name, LAYER_WHITEOUT_PREFIX, strlen(LAYER_WHITEOUT_PREFIX)))
		return image_fail(k->e, -EINVAL,
			"%s: names that begin with \".wh.\" mean deletions in layers; rename it or "
			"--exclude it",
			k->path);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? changed(k) : walk_failed(k, errno);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return add_directory(k, dirfd, name, &st);
	case S_IFREG:
		return add_regular(k, dirfd, name, &st);
	case S_IFLNK:
		return add_symlink(k, dirfd, name, &st);
	case S_IFSOCK:
		return 0;
	default:
		m = entry_of(k, &st);
		return layer_add(k->w, &m, -1, k->e);
	}
}

static int walk_directory(struct walk *k, int fd)
{
	size_t len = k->len;
	struct names v;
	int r = names_read(fd, &v);

	if (r)
		return walk_failed(k, r);
	for (size_t i = 0; i < v.n && !r; i++) {
		r = path_push(k, v.list[i]);
		if (!r && !excluded(k))
			r = add_member(k, fd, v.list[i]);
		path_cut(k, len);
	}
	names_free(&v);
	return r;
}

/* What the progress is measured by; a guess if the tree changes, which is found out later. */
static void measure(int dirfd, uint64_t *total)
{
	struct names v;
	struct stat st;

	if (names_read(dirfd, &v))
		return;
	for (size_t i = 0; i < v.n; i++) {
		if (fstatat(dirfd, v.list[i], &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(st.st_mode))
			*total += (uint64_t)st.st_size / st.st_nlink;
		if (S_ISDIR(st.st_mode)) {
			int fd = openat(
				dirfd, v.list[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0) {
				measure(fd, total);
				close(fd);
			}
		}
	}
	names_free(&v);
}

static int add_top(struct walk *k, int dirfd)
{
	struct stat st;
	int r = 0;

	if (k->top) {
		if (fstat(dirfd, &st))
			return walk_failed(k, errno);
		r = add_open(k, dirfd, &st);
	}
	return r ? r : walk_directory(k, dirfd);
}

int layer_add_tree(struct layer_writer *w, int dirfd, const char *prefix, const struct progress *p,
	struct image_error *e)
{
	struct walk *k = calloc(1, sizeof *k);
	int r;

	if (!k)
		return image_fail(e, -ENOMEM, "not enough memory to read a directory");
	k->w = w;
	k->e = e;
	w->progress = p;
	w->done = w->total = 0;
	if (p)
		measure(dirfd, &w->total);
	r = path_push(k, prefix);
	if (!r && k->len && k->path[k->len - 1] == '/')
		path_cut(k, k->len - 1);
	else
		k->top = k->len > 0;
	if (!r)
		r = add_top(k, dirfd);
	tdestroy(k->links, free);
	free(k);
	w->progress = NULL;
	return r;
}
