/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML document as a tree, with the line of every part. Deliberately less than YAML: no anchors,
 * aliases, tags or second documents, keys are text and come once.
 */
#ifndef IMAGES_JOB_TREE_H
#define IMAGES_JOB_TREE_H

#include <stddef.h>

#include "images/error.h"
#include "images/job/arena.h"

#define TREE_DEPTH_MAX 12u
#define TREE_NODES_MAX 65536u

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree {
	enum tree_kind kind;
	unsigned line;	   /* from 1; of the key, where it has one */
	const char *key;   /* of a value in a map */
	const char *text;  /* TREE_TEXT: UTF-8 without NULs */
	struct tree *kids; /* of lists and maps, in order */
	struct tree *next;
	size_t nkids;
};

/* -EINVAL with "FILE:LINE: sentence". */
int tree_parse(const char *file, const char *data, size_t n, struct arena *a, struct tree **out,
	struct image_error *e);
const char *tree_kind_name(const struct tree *t); /* "text", "a list", "a map" */

#endif
