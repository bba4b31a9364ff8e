/* SPDX-License-Identifier: Apache-2.0
 *
 * Which blobs the names of a store lead to: for gc, that removes the others.
 */
#ifndef IMAGES_CLI_REACH_H
#define IMAGES_CLI_REACH_H

#include "images/oci/oci.h"

/* A set of digests. Every digest that a document mentions is in it, also of images for other
 * machines, signatures and whatever else is not read here. A document that is damaged is an error:
 * what it needs is not known. One that is missing needs nothing. */
int reach_all(struct store *s, json_t **out, struct image_error *e);
/* Whether all digests that a document mentions are in it. */
bool reach_covers(const json_t *set, const json_t *document);
bool reach_has(const json_t *set, const struct digest *d);

#endif
