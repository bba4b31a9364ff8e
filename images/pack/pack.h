/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers made of what is on this machine.
 */
#ifndef IMAGES_PACK_H
#define IMAGES_PACK_H

#include "images/layer/layer.h"
#include "images/pack/draft.h"

/* The tree below dir as layers on the draft: those of `own` (relative directories, each a layer of
 * its own; NULL-terminated or NULL), then the rest. */
int pack_directory(struct store *s, struct draft *d, const char *dir, const char *const *own,
	const struct layer_options *o, const struct progress *p, struct image_error *e);

/* The program at path, what interprets it, the libraries that its loader would find for it, and
 * nothing else, as one layer; its entrypoint is the program. Nothing is run. */
int pack_binary(struct store *s, struct draft *d, const char *path, const struct layer_options *o,
	const struct progress *p, struct image_error *e);

/* What `sandbox run --upper DIR` kept, on top of the draft: a layer for each sandbox. Owners are
 * kept, times are not. -ENOENT: nothing was kept there. */
int pack_upper(struct store *s, struct draft *d, const char *dir, const char *created_by,
	const struct layer_options *o, const struct progress *p, struct image_error *e);

#endif
