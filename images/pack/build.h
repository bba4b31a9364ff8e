/* SPDX-License-Identifier: Apache-2.0
 *
 * Images from build files.
 */
#ifndef IMAGES_PACK_BUILD_H
#define IMAGES_PACK_BUILD_H

#include "images/pack/pack.h"

struct build_options {
	const char *file, *context;
	struct layer_options layers;
	const char *sandbox; /* the program that RUN uses */
	const char *mem;     /* of each RUN; NULL: its default */
	bool no_cache;
	/* Before each step; may be NULL. */
	void (*step)(void *arg, size_t i, size_t n, const char *text);
	void *arg;
	const struct progress *progress;
};
/* What a RUN prints goes to stderr. */
int build_image(
	struct store *s, const struct build_options *o, struct draft *out, struct image_error *e);

#endif
