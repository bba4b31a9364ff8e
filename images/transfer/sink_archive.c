/* SPDX-License-Identifier: Apache-2.0
 *
 * A tar archive, always of the same bytes for the same images: no owners, no times. A file gets its
 * name when it is whole.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/transfer/sink.h"
#include "runtime/cli/whole.h"

struct tarball {
	struct sink k;
	struct archive *a;
	int fd;		   /* where it is written to */
	struct whole file; /* fd is its own; none: written to directly */
	char *path;
	bool has_dirs; /* "blobs/sha256/", the only ones there are */
	bool finished;
};

static int failed(const struct tarball *t, struct image_error *e)
{
	int err = archive_errno(t->a);
	const char *why = err > 0 ? strerror(err) : archive_error_string(t->a);

	return image_fail(e, err > 0 ? -err : -EIO, "cannot write %s: %s", t->path,
		why ? why : "the archive is refused");
}

static int put_header(const struct tarball *t, const char *path, mode_t type, uint64_t size,
	struct image_error *e)
{
	struct archive_entry *m = archive_entry_new();
	int r;

	if (!m)
		return image_fail(e, -ENOMEM, "out of memory");
	archive_entry_set_pathname(m, path);
	archive_entry_set_filetype(m, type);
	archive_entry_set_perm(m, type == AE_IFDIR ? 0755 : 0644);
	archive_entry_set_size(m, (la_int64_t)size);
	archive_entry_set_mtime(m, 0, 0);
	r = archive_write_header(t->a, m);
	archive_entry_free(m);
	return r < ARCHIVE_WARN ? failed(t, e) : 0;
}

/* Tools that unpack as an ordinary user want directories to be there by name. */
static int begin_member(struct tarball *t, const char *path, uint64_t size, struct image_error *e)
{
	int r = 0;

	if (strchr(path, '/') && !t->has_dirs) {
		t->has_dirs = true;
		r = put_header(t, "blobs/", AE_IFDIR, 0, e);
		if (!r)
			r = put_header(t, "blobs/sha256/", AE_IFDIR, 0, e);
	}
	return r ? r : put_header(t, path, AE_IFREG, size, e);
}

static int write_data(void *arg, const void *data, size_t n, struct image_error *e)
{
	const struct tarball *t = arg;

	return archive_write_data(t->a, data, n) == (la_ssize_t)n ? 0 : failed(t, e);
}

static int blob(struct sink *k, const char *path, int fd, uint64_t size, const struct digest *d,
	struct meter *m, struct image_error *e)
{
	struct tarball *t = (struct tarball *)k;
	int r = begin_member(t, path, size, e);

	return r ? r : sink_copy(fd, path, size, d, m, write_data, t, e);
}

static int document(
	struct sink *k, const char *path, const char *data, size_t n, struct image_error *e)
{
	struct tarball *t = (struct tarball *)k;
	int r = begin_member(t, path, n, e);

	return r ? r : write_data(t, data, n, e);
}

static int existing(struct sink *k, char **data, size_t *n, struct image_error *e)
{
	(void)k, (void)data, (void)n, (void)e;
	return -ENOENT; /* archives are written anew */
}

static int finish(struct sink *k, struct image_error *e)
{
	struct tarball *t = (struct tarball *)k;
	int r = 0;

	if (archive_write_close(t->a) < ARCHIVE_WARN)
		return failed(t, e);
	t->finished = true;
	if (t->file.fd >= 0) {
		r = whole_end(&t->file);
		t->fd = -1;
	}
	return r ? image_fail(e, r, "cannot write %s: %s", t->path, strerror(-r)) : 0;
}

static void close_archive(struct sink *k)
{
	struct tarball *t = (struct tarball *)k;

	if (t->a && !t->finished)
		archive_write_fail(t->a); /* no end of archive after a failure */
	archive_write_free(t->a);
	if (t->file.fd >= 0)
		whole_abort(&t->file);
	else if (t->fd >= 0)
		close(t->fd);
	free(t->path);
	free(t);
}

static const struct sink_ops ops = {blob, document, existing, finish, close_archive, true};

/* A pipe or a device cannot be renamed over. */
static int open_target(struct tarball *t, struct image_error *e)
{
	struct stat st;
	int r = 0;

	if (!strcmp(t->path, "-")) {
		if (isatty(STDOUT_FILENO))
			return image_fail(e, -EINVAL, "no archive to a terminal: name a file");
		t->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else if (stat(t->path, &st) || S_ISREG(st.st_mode)) {
		r = whole_open(&t->file, AT_FDCWD, t->path, 0666);
		t->fd = t->file.fd;
	} else {
		t->fd = open(t->path, O_WRONLY | O_CLOEXEC);
	}
	if (!r && t->fd < 0)
		r = -errno;
	return r ? image_fail(e, r, "cannot write %s: %s", t->path, strerror(-r)) : 0;
}

static int open_writer(struct tarball *t, struct image_error *e)
{
	int r = open_target(t, e);

	if (r)
		return r;
	t->a = archive_write_new();
	if (!t->a)
		return image_fail(e, -ENOMEM, "out of memory");
	archive_write_set_format_pax_restricted(t->a);
	archive_write_set_bytes_in_last_block(t->a, 1);
	return archive_write_open_fd(t->a, t->fd) < ARCHIVE_WARN ? failed(t, e) : 0;
}

int sink_archive(const char *path, struct sink **out, struct image_error *e)
{
	struct tarball *t = calloc(1, sizeof *t);
	int r;

	if (!t || !(t->path = strdup(path))) {
		free(t);
		return image_fail(e, -ENOMEM, "out of memory");
	}
	t->k.ops = &ops;
	t->fd = t->file.fd = -1;
	r = open_writer(t, e);
	if (r)
		close_archive(&t->k);
	else
		*out = &t->k;
	return r;
}
