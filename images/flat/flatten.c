/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/flat/flat.h"

/* Reading says how far it is in a layer; this says in which. */
struct named {
	const struct progress *outer;
	char what[64];
};

static void report(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const struct named *n = arg;

	progress_report(n->outer, n->what, done, total);
}

static int add_layer(struct store *s, const struct manifest *m, const struct image_config *c,
	size_t i, struct layer_limits *limits, struct flat_writer *w, const struct progress *p,
	struct image_error *e)
{
	struct named named = {.outer = p};
	struct progress mine = {.report = report, .arg = &named};
	int r;

	snprintf(named.what, sizeof named.what, "layer %zu of %zu", i + 1, m->nlayers);
	r = layer_read(s, &m->layers[i], i < c->ndiff_ids ? &c->diff_ids[i] : NULL, limits,
		flat_sink(w), p ? &mine : NULL, e);
	if (!r)
		r = flat_layer_done(w, e);
	return r ? image_within(e, r, "layer %zu of %zu", i + 1, m->nlayers) : 0;
}

static int flatten(struct store *s, const struct manifest *m, const struct image_config *c, int fd,
	const struct flat_above *above, const struct progress *p, struct image_error *e)
{
	struct layer_limits limits = layer_limits_default;
	struct flat_writer *w;
	int r = flat_begin(fd, &w, e);

	if (r)
		return r;
	for (size_t i = 0; i < m->nlayers && !r; i++)
		r = add_layer(s, m, c, i, &limits, w, p, e);
	for (size_t i = 0; above && i < above->n && !r; i++) {
		r = above->read(above->arg, i, &limits, flat_sink(w), p, e);
		if (!r)
			r = flat_layer_done(w, e);
	}
	if (!r && fd >= 0)
		return flat_end(w, e);
	flat_abort(w);
	return r;
}

int flat_check(struct store *s, const struct manifest *m, const struct image_config *c,
	const struct progress *p, struct image_error *e)
{
	return flatten(s, m, c, -1, NULL, p, e);
}

int flat_write(struct store *s, const struct manifest *m, int fd, const struct flat_above *above,
	const struct progress *p, struct image_error *e)
{
	struct image_error note = {""};
	struct image_config c;
	int r = config_load(s, m, &c, e);

	if (r)
		return r;
	r = flatten(s, m, &c, fd, above, p, &note);
	if (e && (r || *note.text))
		*e = note;
	config_clear(&c);
	return r;
}

static int make(struct store *s, const struct manifest *m, const char *path,
	const struct progress *p, struct image_error *e)
{
	struct image_error failed;
	int fd, r = store_temp(s, &fd, e);

	if (r)
		return r;
	r = flat_write(s, m, fd, NULL, p, e);
	if (!r) {
		r = store_publish(s, fd, path, &failed);
		if (r && e)
			*e = failed;
	}
	close(fd);
	return r;
}

/* 0, -ENOENT, or damaged. */
static int open_made(struct store *s, const char *path, int *fd, struct image_error *e)
{
	struct flat_image *image;
	int r;

	*fd = openat(store_fd(s), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? -ENOENT
				       : image_fail(e, -errno, "%s/%s: %s", store_dir(s), path,
						 strerror(errno));
	r = flat_map(*fd, &image, e);
	if (!r) {
		flat_unmap(image);
		return 0;
	}
	close(*fd);
	image_within(e, r, "%s/%s (it is made again when it is removed)", store_dir(s), path);
	/* It is not to be taken for one that is not there yet. */
	return r == -ENOENT ? -EIO : r;
}

int flat_open(struct store *s, const struct manifest *m, int *fd, const struct progress *p,
	struct image_error *e)
{
	char path[FLAT_PATH];
	int r;

	if (e)
		*e->text = 0;
	flat_path(&m->self.digest, path);
	r = open_made(s, path, fd, e);
	if (r != -ENOENT)
		return r;
	r = make(s, m, path, p, e);
	if (r)
		return image_within(e, r, "flattening the image");
	r = open_made(s, path, fd, e);
	if (r == -ENOENT)
		image_fail(e, r, "%s/%s went away while it was made", store_dir(s), path);
	return r;
}
