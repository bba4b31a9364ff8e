/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGES_LAYER_TOC_WRITE_H
#define IMAGES_LAYER_TOC_WRITE_H

#include "images/layer/frames.h"
#include "images/layer/toc.h"

/* A table while its layer is written. One that JSON cannot say (names that are no UTF-8), or that
 * would be too large, is none: the layer is as good without. */
struct toc;
struct toc *toc_new(void); /* NULL: no memory */
/* A member before its content is written, under this name. data: how much of it is in frames. */
int toc_add(struct toc *t, const struct layer_entry *m, const char *name, uint64_t data,
	struct image_error *e);
/* It will have no table, so that nobody need make frames' digests. */
bool toc_is_none(const struct toc *t);
/* Writes table and footer behind the frames; *annotations: or NULL. */
int toc_end(struct toc *t, const struct frame *frames, size_t n, uint64_t end, int level,
	struct blob_writer *blob, json_t **annotations, struct image_error *e);
void toc_free(struct toc *t);

#endif
