/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGES_UPPER_STACK_H
#define IMAGES_UPPER_STACK_H

#include "images/flat/flat.h"
#include "images/upper/upper.h"

/* Writes DIR/flat.erofs, whole or not at all: the image with u's archives on it, what `sandbox run
 * --upper DIR` begins with. After 0 *e may hold a sentence, as after flat_write. */
int upper_stack(struct store *s, const struct manifest *m, struct upper *u,
	const struct progress *p, struct image_error *e);

#endif
