/* SPDX-License-Identifier: Apache-2.0 */
#include "images/cli/verb.h"

const struct cli_verb *const image_verbs[] = {
	&verb_pack,
	&verb_build,
	&verb_commit,
	&verb_import,
	&verb_export,
	&verb_pull,
	&verb_push,
	&verb_ls,
	&verb_inspect,
	&verb_history,
	&verb_diff,
	&verb_cat,
	&verb_extract,
	&verb_tag,
	&verb_rm,
	&verb_gc,
	&verb_verify,
	&verb_flatten,
	&verb_stack,
	NULL,
};
