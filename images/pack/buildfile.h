/* SPDX-License-Identifier: Apache-2.0
 *
 * Build files: the subset of Dockerfiles that docs/build-file.md describes. Text only, nothing is
 * looked up here.
 */
#ifndef IMAGES_PACK_BUILDFILE_H
#define IMAGES_PACK_BUILDFILE_H

#include "images/pack/words.h"

#define BUILDFILE_MAX (1u << 20) /* bytes */

enum build_kind {
	BUILD_FROM,
	BUILD_COPY,
	BUILD_RUN,
	BUILD_ENV,
	BUILD_WORKDIR,
	BUILD_USER,
	BUILD_ENTRYPOINT,
	BUILD_CMD,
	BUILD_LABEL,
};

struct build_step {
	enum build_kind kind;
	unsigned line;	  /* where it begins */
	char *text;	  /* the instruction on one line, its name in capitals */
	const char *args; /* what follows the name, in text */
};

struct build_file {
	struct build_step *steps; /* the first is BUILD_FROM, and no other is */
	size_t n;
};

/* name is for the sentences, which begin with "NAME:LINE: ". */
int build_file_parse(const char *name, const char *text, size_t n, struct build_file *out,
	struct image_error *e);
void build_file_clear(struct build_file *f);

/* Words with quotes, backslashes and variables: $NAME, ${NAME}, ${NAME:-else}, ${NAME:+then}; none
 * in single quotes. A variable's value is never taken apart. */
struct build_vars {
	const char *(*get)(void *arg, const char *name); /* NULL: not set */
	void *arg;
};
int build_words(
	const char *args, const struct build_vars *v, struct words *out, struct image_error *e);
/* What "NAME=VALUE NAME=VALUE" says, as words; or the one of the older form "NAME VALUE". */
int build_assignments(
	const char *args, const struct build_vars *v, struct words *out, struct image_error *e);

#endif
