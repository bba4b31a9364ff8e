/* SPDX-License-Identifier: Apache-2.0
 *
 * An image as ls, inspect and history show it.
 */
#ifndef IMAGES_CLI_BRIEF_H
#define IMAGES_CLI_BRIEF_H

#include "images/cli/verb.h"
#include "images/oci/oci.h"

#define BRIEF_TIME  24
#define BRIEF_SHORT 20 /* of a digest: "sha256:" and 12 digits */

struct brief {
	struct manifest manifest;
	struct image_config config;
	uint64_t bytes; /* manifest, configuration and layers as they are stored */
};

int brief_load(
	struct store *s, const struct descriptor *d, struct brief *out, struct image_error *e);
int brief_find(struct store *s, const char *name, struct brief *out, struct image_error *e);
void brief_clear(struct brief *b);
/* A verb of one NAME and no options of its own that shows something of that image; the exit code.
 */
int brief_run(const struct cli_verb *verb, int argc, char **argv,
	int (*show)(struct store *s, const struct verb_names *v, const struct brief *b));
/* "2026-11-26 09:40" of a member "created", or "-". */
void brief_created(const json_t *o, char out[BRIEF_TIME]);
void brief_digest(const struct digest *d, char out[BRIEF_SHORT]);
json_t *brief_digest_json(const struct digest *d);

#endif
