/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json as a document: no files, no locks, no libcrypto (the launcher links it). What is in it
 * that is not ours is kept.
 */
#ifndef IMAGES_STORE_INDEX_H
#define IMAGES_STORE_INDEX_H

#include <jansson.h>

#include "images/store/store.h"

#define INDEX_MAX (4u << 20) /* bytes: some ten thousand names */

/* Every entry is checked. */
int index_parse(const char *data, size_t n, json_t **out, struct image_error *e);
/* All entries, a malloc'ed array. */
int index_refs(const json_t *root, struct store_ref **out, size_t *n, struct image_error *e);
/* By the name as it is written, else as image_name_parse makes it. Of several of one name the one
 * for linux/amd64. -ENOENT. */
int index_find(const json_t *root, const char *name, struct store_ref *out, struct image_error *e);
int index_set(json_t *root, const struct store_ref *ref, struct image_error *e);
int index_unset(json_t *root, const char *name, struct image_error *e);
/* A malloc'ed text in one line, sorted keys. */
int index_text(const json_t *root, char **out, size_t *n, struct image_error *e);

#endif
