/* SPDX-License-Identifier: Apache-2.0 */
#include "images/cli/verb.h"

const struct cli_verb *const image_verbs[] = {
	&image_verb_ls,
	&image_verb_inspect,
	&image_verb_history,
	&image_verb_tag,
	&image_verb_rm,
	&image_verb_gc,
	&image_verb_verify,
	&image_verb_flatten,
	NULL,
};
