/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of `sandbox image`, one file each; `sandbox job` beside them. Options by argp, mistakes
 * as one line (cli_parse). Exit codes: 0; POLICY_FAILED with one line on stderr; `verify` and
 * `diff` 1 when there is something to tell.
 */
#ifndef IMAGES_CLI_VERB_H
#define IMAGES_CLI_VERB_H

#include <jansson.h>

#include "images/progress.h"
#include "images/store/store.h"
#include "runtime/cli/cli.h"

/* All of `sandbox image`, by use: what makes images first. Ends with NULL. */
extern const struct cli_verb *const image_verbs[];
extern const struct cli_verb verb_cat, verb_diff, verb_extract, verb_flatten, verb_stack;
extern const struct cli_verb verb_gc;
extern const struct cli_verb verb_history;
extern const struct cli_verb verb_inspect;
extern const struct cli_verb verb_ls;
extern const struct cli_verb verb_rm;
extern const struct cli_verb verb_tag;
extern const struct cli_verb verb_verify;
extern const struct cli_verb job_verb;
extern const struct cli_verb verb_pack, verb_build, verb_commit;
extern const struct cli_verb verb_export;
extern const struct cli_verb verb_import;
extern const struct cli_verb verb_pull;
extern const struct cli_verb verb_push;

/* Says e's sentence; POLICY_FAILED. */
int verb_failed(const struct image_error *e);

/* Options that every verb has: children of its argp, with a struct verb_common as their input. */
struct verb_common {
	const char *store; /* --store DIR; NULL: the default */
	bool json;	   /* --json: one JSON document on stdout instead of text for eyes */
	bool quiet;	   /* -q: no progress */
};
extern const struct argp verb_common_argp;
extern const struct argp_child verb_common_child[]; /* the same, as `children` of an argp */

/* The arguments of a verb that takes min to max names and no options of its own, or whose parser
 * hands on to this one. */
struct verb_names {
	struct verb_common common;
	const char *verb;
	size_t min, max;
	char **names;
	size_t n;
};
error_t verb_names_parse(int key, char *arg, struct argp_state *state);

/* STORE_REMOVE; says so before it waits for others, unless quiet. -EBUSY instead with no_wait. */
int verb_open_alone(
	const struct verb_names *v, bool no_wait, struct store **out, struct image_error *e);

/* Writes the document and lets go of it; the exit code. */
int verb_json(json_t *root);
/* A string for JSON of what a stranger named: clean as on a terminal. */
json_t *verb_text(const char *s);

/* A progress bar on stderr: alive on a terminal (one line, its width asked each time), plain lines
 * ("packing: 40 % of 500 MiB") every ten seconds elsewhere, nothing with quiet. end: the line is
 * taken away. */
struct bar;
struct bar *bar_begin(const struct verb_common *c);
const struct progress *bar_progress(struct bar *b); /* NULL if quiet */
void bar_end(struct bar *b);

#endif
