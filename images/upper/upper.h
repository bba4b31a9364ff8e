/* SPDX-License-Identifier: Apache-2.0
 *
 * What `sandbox run --upper DIR` kept: archives 1.tar, 2.tar, …, each what one sandbox changed in
 * the image with those before it (kernel-shim/fs/keep.c writes them). They are a guest's, so as
 * hostile as any layer.
 */
#ifndef IMAGES_UPPER_H
#define IMAGES_UPPER_H

#include "images/layer/layer.h"

struct upper {
	const char *dir; /* as given: for messages */
	int fd;
	unsigned *numbers; /* ascending */
	size_t n;
};

/* -ENOENT, -ENOTDIR, …; one without archives is no error. Empty ones, of sandboxes that were killed
 * before they wrote, are passed over. */
int upper_open(const char *dir, struct upper *out, struct image_error *e);
void upper_close(struct upper *u);
/* Archive i as layer_read gives it. -EBADMSG: its end is missing, as when the sandbox that wrote
 * it was killed while it did. */
int upper_read(const struct upper *u, size_t i, struct layer_limits *limits,
	const struct layer_sink *sink, const struct progress *p, struct image_error *e);

#endif
