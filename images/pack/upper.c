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
};

static int read_archive(void *arg, const struct layer_sink *sink, struct image_error *e)
{
	struct archive_of *a = arg;

	return upper_read(a->upper, a->i, a->limits, sink, a->progress, e);
}

static int add_layer(struct store *s, struct draft *d, struct archive_of *a, const char *created_by,
	const struct layer_options *o, struct image_error *e)
{
	struct layer_writer *w;
	struct descriptor layer;
	struct digest diff_id;
	int r = layer_begin(s, o, &w, e);

	if (r)
		return r;
	r = layer_add_sorted(w, s, read_archive, a, e);
	if (r)
		layer_abort(w);
	else
		r = layer_end(w, &layer, &diff_id, e);
	return r ? r : draft_layer(d, &layer, &diff_id, created_by, e);
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
		struct archive_of a = {&u, i, &limits, p};

		r = add_layer(s, d, &a, created_by, &kept, e);
	}
	upper_close(&u);
	return r;
}
