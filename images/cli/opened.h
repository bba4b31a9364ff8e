/* SPDX-License-Identifier: Apache-2.0
 *
 * An image's files, for the verbs that read some: flattened if it is not yet.
 */
#ifndef IMAGES_CLI_OPENED_H
#define IMAGES_CLI_OPENED_H

#include "images/cli/verb.h"
#include "images/flat/flat.h"

struct opened {
	struct store *store;
	struct flat_image *image;
	struct digest manifest;
	const char *name;
	char left_out[512]; /* what flat_open said of an image that it made just now, or "" */
};
/* After a failure there is nothing to close. */
int opened_begin(
	const struct verb_common *c, const char *name, struct opened *o, struct image_error *e);
void opened_end(struct opened *o);

/* flat_lookup with a sentence. */
int opened_lookup(const struct opened *o, const char *path, bool follow, struct flat_node *out,
	struct image_error *e);
/* What flat_*'s -errno says of a path. */
const char *opened_why(int err);

#endif
