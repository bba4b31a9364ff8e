/* SPDX-License-Identifier: Apache-2.0
 *
 * DIR/flat.erofs: an image with the archives of DIR on it.
 */
#include <string.h>

#include "images/upper/stack.h"
#include "runtime/cli/whole.h"

#define NAME "flat.erofs"

static int read_archive(void *arg, size_t i, struct layer_limits *limits,
	const struct layer_sink *sink, const struct progress *p, struct image_error *e)
{
	return upper_read(arg, i, limits, sink, p, e);
}

int upper_stack(struct store *s, const struct manifest *m, struct upper *u,
	const struct progress *p, struct image_error *e)
{
	const struct flat_above above = {u->n, read_archive, u};
	struct whole file;
	int r = whole_open(&file, u->fd, NAME, 0666);

	if (r)
		return image_fail(e, r, "%s: %s", u->dir, strerror(-r));
	r = flat_write(s, m, file.fd, &above, p, e);
	if (r) {
		whole_abort(&file);
		return r;
	}
	r = whole_end(&file);
	return r ? image_fail(e, r, "%s/" NAME ": %s", u->dir, strerror(-r)) : 0;
}
