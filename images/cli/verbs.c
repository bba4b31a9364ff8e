/* SPDX-License-Identifier: Apache-2.0 */
#include "images/cli/verb.h"

extern const struct cli_verb pack_verb;

const struct cli_verb *const image_verbs[] = {&pack_verb, NULL};
