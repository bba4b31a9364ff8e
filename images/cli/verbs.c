/* SPDX-License-Identifier: Apache-2.0 */
#include "images/cli/verb.h"

const struct cli_verb *const image_verbs[] = {
	&verb_pack,
	&verb_commit,
	&verb_import,
	&verb_export,
	&verb_pull,
	&verb_push,
	&verb_ls,
	&verb_inspect,
	&verb_history,
	&image_verb_diff,
	&image_verb_cat,
	&image_verb_extract,
	&verb_tag,
	&verb_rm,
	&verb_gc,
	&verb_verify,
	&image_verb_flatten,
	&image_verb_stack,
	NULL,
};
