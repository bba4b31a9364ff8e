/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a store: its directory, its lock, its layout.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/store/document.h"
#include "images/store/place.h"
#include "images/store/store_internal.h"

#define LAYOUT	    "oci-layout"
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define LAYOUT_MAX  4096u
#define INDEX_EMPTY                                                                                \
	"{\"manifests\":[],\"mediaType\":\"application/vnd.oci.image.index.v1+json\","             \
	"\"schemaVersion\":2}"

/* What the store consists of: a directory with nothing else in it may become one. */
static const char *const own_names[] = {
	".", "..", ".lock", ".index.lock", "tmp", "blobs", "flat", "cache", STORE_INDEX, LAYOUT};

/* mkdir -p; private, as images may hold secrets. */
static int make_dirs(const char *dir)
{
	char *path = strdup(dir), *p = path;
	int r = 0;

	if (!path)
		return -ENOMEM;
	while (!r && p) {
		p = strchr(p + strspn(p, "/"), '/');
		if (p)
			*p = 0;
		if (mkdir(path, 0700) && errno != EEXIST)
			r = -errno;
		if (p)
			*p = '/';
	}
	free(path);
	return r;
}

static bool is_own(const char *name)
{
	for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
		if (!strcmp(name, own_names[i]))
			return true;
	return false;
}

/* 0, -EEXIST: a directory of something else. */
static int check_fresh(struct store *s)
{
	DIR *d = store_opendir(s, ".");
	struct dirent *entry;
	int r = 0;

	if (!d)
		return -errno;
	while (!r && (entry = readdir(d)))
		if (!is_own(entry->d_name))
			r = -EEXIST;
	closedir(d);
	return r;
}

/* A small file, whole or not at all; one that is there stays. */
static int make_file(struct store *s, const char *name, const char *text, struct image_error *e)
{
	int fd, r;

	if (!faccessat(s->fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	r = store_temp(s, &fd, e);
	if (r)
		return r;
	r = temp_write(s, fd, text, strlen(text), e);
	if (!r)
		r = store_publish(s, fd, name, e);
	temp_drop(s, fd);
	return r;
}

/* The layout's version. -ENOENT: no layout. */
static int check_layout(struct store *s, struct image_error *e)
{
	const char *version;
	char *text;
	json_t *root;
	size_t n;
	int r = document_read(s->fd, LAYOUT, LAYOUT_MAX, &text, &n);

	if (r == -ENOENT)
		return r;
	if (r)
		return image_fail(e, r, "cannot read %s/" LAYOUT ": %s", s->dir, document_why(r));
	r = document_parse(text, n, &root, e);
	free(text);
	if (r)
		return image_within(e, r, "image store %s: " LAYOUT, s->dir);
	version = json_string_value(json_object_get(root, "imageLayoutVersion"));
	if (!version || strncmp(version, "1.", 2))
		r = image_fail(e, -ENOTSUP,
			"image store %s is of a version of the layout that is not known here "
			"(1.0.0)",
			s->dir);
	json_decref(root);
	return r;
}

static int make_layout(struct store *s, struct image_error *e)
{
	static const char *const dirs[] = {STORE_TMP, "blobs", STORE_BLOBS};
	int r;

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		r = make_dir(s, dirs[i]);
		if (r)
			return store_fail(s, e, r, "make %s", dirs[i]);
	}
	/* the store's own name, if we may: it may lie in a directory that we can only pass through
	 */
	if (faccessat(s->fd, LAYOUT, F_OK, AT_SYMLINK_NOFOLLOW))
		(void)sync_parent(s, "../");
	r = make_file(s, LAYOUT, LAYOUT_TEXT, e);
	if (!r)
		r = make_file(s, STORE_INDEX, INDEX_EMPTY, e);
	return r;
}

/* Before the lock: nothing is put into a directory that is no store of images. */
static int look(struct store *s, struct image_error *e)
{
	int r = check_layout(s, e);

	if (r != -ENOENT)
		return r;
	if (s->mode != STORE_USE)
		return store_missing(s->dir, e);
	r = check_fresh(s);
	if (r == -EEXIST)
		return image_fail(e, r,
			"%s is no image store and not empty; choose another directory with --store",
			s->dir);
	return r ? store_fail(s, e, r, "read the directory") : 0;
}

static int take_lock(struct store *s, bool nowait, struct image_error *e)
{
	bool read = s->mode == STORE_READ;
	int op = s->mode == STORE_REMOVE ? LOCK_EX : LOCK_SH;
	int fd = lock_file(
		s->fd, ".lock", read ? O_RDONLY : O_RDWR | O_CREAT, op | (nowait ? LOCK_NB : 0));

	if (fd == -EWOULDBLOCK)
		return image_fail(e, -EBUSY,
			"image store %s is in use by another sandbox; try again when that has "
			"ended",
			s->dir);
	/* a layout that another program made, or that cannot be written to: nobody removes there */
	if (read && (fd == -ENOENT || fd == -EACCES))
		return 0;
	if (fd < 0)
		return store_fail(s, e, fd, "lock it");
	s->lock = fd;
	return 0;
}

static int open_dir(struct store *s, struct image_error *e)
{
	int r = s->mode == STORE_USE ? make_dirs(s->dir) : 0;

	if (r)
		return image_fail(e, r, "cannot make the image store %s: %s", s->dir, strerror(-r));
	s->fd = open(s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return store_missing(s->dir, e);
	return image_fail(e, -errno, "cannot open the image store %s: %s", s->dir, strerror(errno));
}

int store_open(const char *dir, enum store_mode mode, bool nowait, struct store **out,
	struct image_error *e)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return image_fail(e, -ENOMEM, "no memory");
	s->mode = mode;
	s->fd = s->lock = -1;
	pthread_mutex_init(&s->mutex, NULL);
	r = store_place(dir, &s->dir, e);
	if (!r)
		r = open_dir(s, e);
	if (!r)
		r = look(s, e);
	if (!r)
		r = take_lock(s, nowait, e);
	if (!r && mode != STORE_READ)
		r = make_layout(s, e);
	if (r) {
		store_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	temps_forget(s);
	if (s->lock >= 0)
		close(s->lock);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->mutex);
	free(s->dir);
	free(s);
}

const char *store_dir(const struct store *s)
{
	return s->dir;
}

int store_fd(const struct store *s)
{
	return s->fd;
}
