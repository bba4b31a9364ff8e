/* SPDX-License-Identifier: Apache-2.0
 *
 * An image that is being made: a configuration and the layers so far.
 */
#ifndef IMAGES_PACK_DRAFT_H
#define IMAGES_PACK_DRAFT_H

#include "images/layer/layer.h"

struct draft {
	json_t *config;
	struct descriptor *layers; /* base first; annotations are references of the draft's */
	size_t nlayers;
	int64_t epoch; /* the time of everything in it */
};

/* SOURCE_DATE_EPOCH, else 0. -EINVAL with a sentence if it says something else than seconds. */
int draft_epoch(int64_t *out, struct image_error *e);
/* base NULL or "scratch": nothing. */
int draft_begin(struct store *s, const char *base, struct draft *out, struct image_error *e);
void draft_clear(struct draft *d);

/* A layer on top, and its line of history. */
int draft_layer(struct draft *d, const struct descriptor *layer, const struct digest *diff_id,
	const char *created_by, struct image_error *e);
/* A layer that `fill` gives its members, put on top the same way. s NULL: for its diff_id alone,
 * which *diff_id (may be NULL) gets; the draft stays. */
typedef int (*draft_fill)(void *arg, struct layer_writer *w, struct image_error *e);
int draft_add(struct draft *d, struct store *s, const struct layer_options *o, draft_fill fill,
	void *arg, const char *created_by, struct digest *diff_id, struct image_error *e);
/* A line of history about the configuration. */
int draft_history(struct draft *d, const char *created_by, struct image_error *e);

/* Of the configuration: "Entrypoint" and "Cmd" (words NULL: takes it away), "User", "WorkingDir",
 * "Env" ("NAME=VALUE"; replaces NAME) and "Labels". -EINVAL: no UTF-8, no name. */
int draft_set_words(struct draft *d, const char *key, char *const *words, struct image_error *e);
int draft_set_text(struct draft *d, const char *key, const char *value, struct image_error *e);
int draft_set_env(struct draft *d, const char *assignment, struct image_error *e);
int draft_set_label(struct draft *d, const char *assignment, struct image_error *e);
/* The value, borrowed, or NULL. */
const char *draft_text(const struct draft *d, const char *key);
const char *draft_env(const struct draft *d, const char *name);

/* Into the store, under name unless that is NULL. *out may be NULL. */
int draft_write(struct store *s, const struct draft *d, const char *name, struct descriptor *out,
	struct image_error *e);

#endif
