/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer that is being written, as write.c and tree.c see it.
 */
#ifndef IMAGES_LAYER_WRITE_INTERNAL_H
#define IMAGES_LAYER_WRITE_INTERNAL_H

#include "images/layer/layer_internal.h"

struct layer_writer {
	struct layer_options options;
	struct blob_writer *blob;
	struct encoder *encoder;
	struct hasher *tar_hash; /* lent to the encoder */
	struct archive *archive;
	struct archive_entry *entry; /* used again for each member */
	bool broken;		     /* a member failed: the archive is not to be ended */
	bool aborting;		     /* what still comes is nobody's */
	struct image_error error;    /* of the store, met inside libarchive */
	char last[LAYER_PATH_MAX + 1];
	uint64_t base; /* where in its descriptor the content begins */
	bool spooled;  /* the descriptor is our own, and holds more than this content */
	const struct progress *progress;
	uint64_t done, total; /* bytes of content, for the progress */
	unsigned char copy[256u << 10];
};

/* The name in the archive; whiteouts are names, too. */
int layer_member_name(const struct layer_entry *m, char out[LAYER_PATH_MAX + 1]);
/* As layer_add; the content begins at base and is nobody else's. */
int layer_add_spooled(struct layer_writer *w, const struct layer_entry *m, int fd, uint64_t base,
	struct image_error *e);

#endif
