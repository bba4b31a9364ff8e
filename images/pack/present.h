/* SPDX-License-Identifier: Apache-2.0
 *
 * What an image in the making has already, for what is put at a path of it.
 */
#ifndef IMAGES_PACK_PRESENT_H
#define IMAGES_PACK_PRESENT_H

#include "images/flat/flat.h"
#include "images/pack/draft.h"

struct present {
	struct flat_image *image; /* NULL: no layer yet, so nothing */
};
/* Writes the draft, without a name, and flattens it. */
int present_open(struct store *s, const struct draft *d, struct present *out,
	const struct progress *p, struct image_error *e);
void present_close(struct present *p);

struct place {
	char path[LAYER_PATH_MAX + 1]; /* relative, no link on the way to what exists of it */
	size_t have;		       /* bytes of path that exist */
	mode_t mode;		       /* of what is there, links followed; 0: nothing */
};
/* An absolute path as the image's programs would follow it. -ENOTDIR, -ELOOP, … */
int present_find(
	const struct present *p, const char *path, struct place *out, struct image_error *e);

/* Takes "." and ".." out of an absolute path, as text. */
int path_absolute(
	const char *base, const char *path, char out[LAYER_PATH_MAX + 2], struct image_error *e);

#endif
