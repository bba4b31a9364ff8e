/* SPDX-License-Identifier: Apache-2.0 */
#include "images/cli/verb.h"

const struct cli_verb *const image_verbs[] = {
	&verb_import,
	&verb_export,
	&verb_pull,
	&verb_push,
	NULL,
};
