/* SPDX-License-Identifier: Apache-2.0
 *
 * What sandboxes changed in an image, as layers on top of it.
 */
#include <errno.h>

#include "images/pack/pack.h"
#include "images/upper/upper.h"

struct archive_of {
	const struct upper *upper;
	size_t i;
	struct layer_limits *limits;
	const struct progress *progress;
	struct store *store; /* where its content waits while it is sorted */
};

static int read_archive(void *arg, const struct layer_sink *sink, struct image_error *e)
{
	struct archive_of *a = arg;

	return upper_read(a->upper, a->i, a->limits, sink, a->progress, e);
}

static int fill(void *arg, struct layer_writer *w, struct image_error *e)
{
	struct archive_of *a = arg;

	return layer_add_sorted(w, a->store, read_archive, a, e);
}

int pack_upper(struct store *s, struct draft *d, const char *dir, const char *created_by,
	const struct layer_options *o, const struct progress *p, struct image_error *e)
{
	struct layer_limits limits = layer_limits_default;
	struct layer_options kept = *o;
	struct upper u;
	int r = upper_open(dir, &u, e);

	if (r)
		return r;
	kept.keep_owner = true; /* they are the image's own users */
	if (!u.n)
		r = image_fail(e, -ENOENT,
			"%s: holds no changes; `sandbox run --image NAME --upper %s` keeps them "
			"there",
			dir, dir);
	for (size_t i = 0; i < u.n && !r; i++) {
		struct archive_of a = {&u, i, &limits, p, s};

		r = draft_add(d, s, &kept, fill, &a, created_by, NULL, e);
	}
	upper_close(&u);
	return r;
}
