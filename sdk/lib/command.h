/* SPDX-License-Identifier: Apache-2.0
 *
 * From a checked configuration to the command line of `sandbox run` or `restore`, its environment,
 * and where the executable is.
 */
#ifndef SDK_COMMAND_H
#define SDK_COMMAND_H

#include "sdk/include/sandbox.h"
#include "sdk/lib/sandbox_internal.h"
#include "sdk/lib/words.h"

/* Descriptors that the words name. */
struct command_fds {
	int report, messages, until;
	const int *files; /* one for each of config.files */
};

/* 0 or a code; the words are to be cleared in either case. */
int command_make(const struct sb_config *c, const struct sandbox_kind *kind,
	const struct command_fds *fds, struct words *argv, struct words *env,
	struct sb_error **error);
/* The path of `sandbox`, to be freed. */
int command_executable(const struct sb_config *c, char **path, struct sb_error **error);

#endif
