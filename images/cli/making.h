/* SPDX-License-Identifier: Apache-2.0
 *
 * What the verbs that make images have in common: pack, commit, build.
 */
#ifndef IMAGES_CLI_MAKING_H
#define IMAGES_CLI_MAKING_H

#include "images/cli/verb.h"
#include "images/pack/pack.h"

/* Options -t, --compression, --level, --keep-owner and those of every verb; a child of a verb's
 * argp with a struct making as its input. */
struct making {
	struct verb_common common;
	const char *verb;
	const char *tag; /* as given; NULL: none */
	struct layer_options layers;
};
extern const struct argp making_argp;
extern const struct argp_child making_child[];

/* After the options: checks the tag (required: or there must be one) and reads SOURCE_DATE_EPOCH.
 * 0, or the exit code: said. */
int making_begin(struct making *m, bool required, char name[STORE_NAME_MAX]);
/* Says what was made; the exit code. name may be "". */
int making_end(const struct making *m, const char *name, const struct descriptor *manifest,
	const struct draft *d);

#endif
