/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox run --trace --host`: the trace goes through sandbox-trace, which puts the host's calls
 * between its lines. It is started before the jail closes, and stays outside.
 */
#ifndef RUN_JOIN_H
#define RUN_JOIN_H

#include <stdint.h>
#include <stdio.h>

struct run_join {
	FILE *lines;	     /* to it */
	char buffer[BUFSIZ]; /* of lines: left to itself libc asks what it is, in the jail */
};

/* Its output goes to out_fd. 0 when it is ready, or POLICY_FAILED (said). */
int run_join_start(struct run_join *j, const char *home, int out_fd);
/* A line that is done now; any thread. kind: "program", "channel". */
void run_join_line(struct run_join *j, const char *kind, const char *text);
/* Waits until all is written. 0, or -1 when not all could be. */
int run_join_end(struct run_join *j);

#endif
