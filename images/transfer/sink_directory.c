/* SPDX-License-Identifier: Apache-2.0
 *
 * An OCI layout as a directory: new, empty, or a layout that is there already. Each file appears
 * when it is whole; index.json comes last, so the layout never names what is not there.
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
#include "images/transfer/sink.h"
#include "runtime/cli/whole.h"

struct directory {
	struct sink k;
	char *path;
	int fd;
	bool made; /* by us: goes again if nothing comes of it */
	bool finished;
};

/* A file of the layout on its way. */
struct target {
	struct whole file;
	const char *path;
};

static int fail(const char *path, int err, struct image_error *e)
{
	return image_fail(e, err, "cannot write %s: %s", path, strerror(-err));
}

static int write_all(void *arg, const void *data, size_t n, struct image_error *e)
{
	const struct target *t = arg;
	const char *at = data;

	while (n) {
		ssize_t w = write(t->file.fd, at, n);

		if (w < 0)
			return fail(t->path, -errno, e);
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

static int begin_file(
	const struct directory *d, struct target *t, const char *path, struct image_error *e)
{
	int r = whole_open(&t->file, d->fd, path, 0644);

	t->path = path;
	return r ? fail(path, r, e) : 0;
}

static int end_file(struct target *t, int r, struct image_error *e)
{
	if (r) {
		whole_abort(&t->file);
		return r;
	}
	r = whole_end(&t->file);
	return r ? fail(t->path, r, e) : 0;
}

static int blob(struct sink *k, const char *path, int fd, uint64_t size, const struct digest *d,
	struct meter *m, struct image_error *e)
{
	struct target t;
	int r = begin_file((const struct directory *)k, &t, path, e);

	return r ? r : end_file(&t, sink_copy(fd, path, size, d, m, write_all, &t, e), e);
}

static int document(
	struct sink *k, const char *path, const char *data, size_t n, struct image_error *e)
{
	struct target t;
	int r = begin_file((const struct directory *)k, &t, path, e);

	return r ? r : end_file(&t, write_all(&t, data, n, e), e);
}

static int existing(struct sink *k, char **data, size_t *n, struct image_error *e)
{
	const struct directory *d = (const struct directory *)k;
	int r = document_read(d->fd, "index.json", BLOB_DOCUMENT_MAX, data, n);

	if (r && r != -ENOENT)
		return image_fail(e, r, "cannot read %s/index.json: %s", d->path, strerror(-r));
	return r;
}

static int finish(struct sink *k, struct image_error *e)
{
	struct directory *d = (struct directory *)k;

	(void)e; /* each file is on disk by now, with its name */
	d->finished = true;
	return 0;
}

/* What a failed export made goes again. */
static void take_away(const struct directory *d)
{
	int fd = openat(d->fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *all = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *n; all && (n = readdir(all));)
		unlinkat(fd, n->d_name, 0);
	if (all)
		closedir(all);
	unlinkat(d->fd, "blobs/sha256", AT_REMOVEDIR);
	unlinkat(d->fd, "blobs", AT_REMOVEDIR);
	unlinkat(d->fd, "oci-layout", 0);
	unlinkat(d->fd, "index.json", 0);
	rmdir(d->path);
}

static void close_directory(struct sink *k)
{
	struct directory *d = (struct directory *)k;

	if (d->made && !d->finished)
		take_away(d);
	close(d->fd);
	free(d->path);
	free(d);
}

static const struct sink_ops ops = {blob, document, existing, finish, close_directory, false};

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	unsigned n = 0;

	while (d && readdir(d) && n < 3)
		n++;
	if (d)
		closedir(d);
	return n <= 2;
}

static int make_dir(const struct directory *d, const char *name, struct image_error *e)
{
	if (!mkdirat(d->fd, name, 0755) || errno == EEXIST)
		return 0;
	return image_fail(e, -errno, "cannot make %s/%s: %s", d->path, name, strerror(errno));
}

static int open_layout(struct directory *d, struct image_error *e)
{
	int r;

	d->made = !mkdir(d->path, 0755);
	if (!d->made && errno != EEXIST)
		return image_fail(e, -errno, "cannot make %s: %s", d->path, strerror(errno));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0 || flock(d->fd, LOCK_EX))
		return image_fail(e, -errno, "cannot open %s: %s", d->path, strerror(errno));
	if (faccessat(d->fd, "oci-layout", F_OK, 0) && !is_empty(d->fd))
		return image_fail(e, -ENOTEMPTY,
			"%s is neither empty nor an OCI layout: name a new directory", d->path);
	r = make_dir(d, "blobs", e);
	return r ? r : make_dir(d, "blobs/sha256", e);
}

int sink_directory(const char *path, struct sink **out, struct image_error *e)
{
	struct directory *d = calloc(1, sizeof *d);
	int r;

	if (!d || !(d->path = strdup(path))) {
		free(d);
		return image_fail(e, -ENOMEM, "out of memory");
	}
	d->k.ops = &ops;
	d->fd = -1;
	r = open_layout(d, e);
	if (r) {
		if (d->fd < 0)
			d->made = false;
		close_directory(&d->k);
		return r;
	}
	*out = &d->k;
	return 0;
}
