/* SPDX-License-Identifier: Apache-2.0 */
#include "images/cli/verb.h"

const struct cli_verb *const image_verbs[] = {
	&image_verb_diff,
	&image_verb_cat,
	&image_verb_extract,
	&image_verb_flatten,
	&image_verb_stack,
	&verb_ls,
	&verb_inspect,
	&verb_history,
	&verb_tag,
	&verb_rm,
	&verb_gc,
	&verb_verify,
	NULL,
};
