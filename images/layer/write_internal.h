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
	struct hasher *tar_hash; /* of what goes into the encoder */
	struct archive *archive;
	struct archive_entry *entry; /* used again for each member */
	bool broken;		     /* a member failed: the archive is not to be ended */
	bool aborting;		     /* what still comes is nobody's */
	struct image_error error;    /* of the store, met inside libarchive */
	char last[LAYER_PATH_MAX + 1];
	const struct progress *progress;
	uint64_t done, total; /* bytes of content, for the progress */
	unsigned char copy[256u << 10];
};

#endif
