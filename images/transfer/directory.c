/* SPDX-License-Identifier: Apache-2.0
 *
 * An OCI layout as a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/beneath.h"
#include "images/store/document.h"
#include "images/transfer/origin.h"

#define BUFFER (256u << 10)

struct directory {
	struct origin src;
	int fd;
};

static int copy_all(int fd, struct taker *t, char *buf, struct image_error *e)
{
	for (;;) {
		ssize_t n = read(fd, buf, BUFFER);
		int r;

		if (n < 0) {
			r = image_fail(
				e, -errno, "cannot read %s: %s", t->w->path, strerror(errno));
			blob_abort(t->blob);
			return r;
		}
		if (!n)
			return taker_end(t, e);
		r = taker_add(t, buf, (size_t)n, e);
		if (r)
			return r;
	}
}

static int take_file(
	struct store *s, int fd, struct want *w, struct meter *m, struct image_error *e)
{
	char *buf = malloc(BUFFER);
	struct taker t;
	int r = buf ? taker_begin(&t, s, w, m, e) : image_fail(e, -ENOMEM, "out of memory");

	if (!r)
		r = copy_all(fd, &t, buf, e);
	free(buf);
	return r;
}

static int take(struct origin *src, struct store *s, struct want *w, size_t n, struct meter *m,
	struct image_error *e)
{
	const struct directory *d = (const struct directory *)src;
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		/* a document of a stranger's named it */
		int fd = beneath_open(d->fd, w[i].path, O_RDONLY | O_NONBLOCK);
		struct stat st;

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			r = image_fail(e, fd, "cannot open %s: %s", w[i].path, beneath_why(fd));
		else if (fstat(fd, &st))
			r = image_fail(e, -errno, "%s: %s", w[i].path, strerror(errno));
		else if (!S_ISREG(st.st_mode))
			r = image_fail(e, -EBADMSG, "%s is no regular file", w[i].path);
		else
			r = take_file(s, fd, &w[i], m, e);
		if (fd >= 0)
			close(fd);
	}
	return r;
}

static int document(
	struct origin *src, const char *name, char **data, size_t *n, struct image_error *e)
{
	const struct directory *d = (const struct directory *)src;
	int r = document_read(d->fd, name, BLOB_DOCUMENT_MAX, data, n);

	if (r && r != -ENOENT)
		return image_fail(e, r, "cannot read %s: %s", name, strerror(-r));
	return r;
}

static const char *resolve(struct origin *src, const char *path)
{
	(void)src;
	return path;
}

static void close_directory(struct origin *src)
{
	struct directory *d = (struct directory *)src;

	close(d->fd);
	free(d);
}

static const struct origin_ops ops = {take, document, resolve, close_directory};

int origin_directory(int fd, const char *what, struct origin **out, struct image_error *e)
{
	struct directory *d = calloc(1, sizeof *d);

	if (!d)
		return image_fail(e, -ENOMEM, "out of memory");
	d->src = (struct origin){&ops, what};
	d->fd = fd;
	*out = &d->src;
	return 0;
}
