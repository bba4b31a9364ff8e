/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of words as people write them: a JSON array of strings, or words as a shell takes them
 * apart (quotes and backslashes; nothing is expanded).
 */
#ifndef IMAGES_PACK_WORDS_H
#define IMAGES_PACK_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "images/error.h"

#define WORDS_MAX 1024u

struct words {
	char **list; /* NULL-terminated */
	size_t n;
};
/* Either, by its first character. -EINVAL with what is wrong. */
int words_parse(const char *text, struct words *out, struct image_error *e);
/* *is_json: it is an array of strings; no error if it is not, but *out is empty then. */
int words_parse_json(const char *text, struct words *out, bool *is_json, struct image_error *e);
/* Appends a copy. -ENOMEM, or -E2BIG beyond WORDS_MAX. */
int words_add(struct words *w, const char *word, size_t n, struct image_error *e);
void words_clear(struct words *w);

#endif
