/* SPDX-License-Identifier: Apache-2.0
 *
 * One profile while it is taken: from a sandbox that runs, or of one that is started for it.
 */
#ifndef PROFILE_SESSION_H
#define PROFILE_SESSION_H

#include "runtime/cli/cli.h"
#include "runtime/profile/profile.h"

struct session {
	uint32_t hz;
	uint64_t duration_ns; /* 0: to the end */
	uint64_t until_ns;    /* CLOCK_MONOTONIC, from it */
	struct observe_samples ring;
	struct names *names;
	struct symbols *symbols;
	struct stacks stacks;
	uint32_t title; /* of names */
	char backend[16];
	bool sampled; /* there is something to write, if only nothing */
};

int session_init(struct session *s, const char *dir);
void session_free(struct session *s);
/* Both say what went wrong. The exit code; of session_run the program's. */
int session_attach(struct session *s, const char *id);
/* words: the sandbox's file, then what follows `run`; NULL-terminated. */
int session_run(struct session *s, char **words);

#endif
