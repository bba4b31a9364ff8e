/* SPDX-License-Identifier: Apache-2.0
 *
 * A build under way, as its steps see it.
 */
#ifndef IMAGES_PACK_BUILD_INTERNAL_H
#define IMAGES_PACK_BUILD_INTERNAL_H

#include "images/pack/build.h"
#include "images/pack/buildfile.h"
#include "images/pack/present.h"

/* What a RUN keeps: it may be large, so rather on a disk than in memory. */

struct build {
	struct store *store;
	const struct build_options *o;
	struct draft *draft;
	int context; /* directory */
	struct image_error *e;
};

/* Variables of the image, for expansion. */
struct build_vars build_vars(const struct build *b);
/* Where the image's programs start: absolute. */
const char *build_workdir(const struct build *b);

int build_copy(struct build *b, const struct build_step *step);
int build_run(struct build *b, const struct build_step *step);
/* The directory, if the image has it not, as a layer. */
int build_directory(struct build *b, const char *path, const char *created_by);

/* -- build_cache.c: layers by what they were made of -- */

/* The key for a layer on top of the draft as it is: of it, of the options that change bytes, and of
 * n texts. */
int cache_key(struct build *b, const char *const *texts, size_t n, struct digest *out);
/* Puts the layer of this key on the draft: 1; 0: not known, or not in the store any more. */
int cache_use(struct build *b, const struct digest *key, const char *created_by);
/* Remembers the draft's topmost layer. What fails is no failure of the build. */
void cache_put(struct build *b, const struct digest *key);

#endif
