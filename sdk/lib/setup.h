/* SPDX-License-Identifier: Apache-2.0
 *
 * What is needed until a sandbox runs: its object, and the ends that its process gets.
 */
#ifndef SDK_SETUP_H
#define SDK_SETUP_H

#include "sdk/include/sandbox.h"
#include "sdk/lib/sandbox_internal.h"

struct setup {
	struct sb *s;
	int std[3];	 /* the sandbox's ends */
	int ends[SINKS]; /* of SINK_REPORT and SINK_MESSAGES */
	int self;	 /* what the sandbox ends with: pidfd of this process */
	struct sb_error **error;
};

/* Each: 0 or a code. setup_clear is to follow in any case, and sb_free of s if it is not NULL. */
int setup_begin(struct setup *u, struct sb_error **error);
int setup_events(struct setup *u);
/* piped: input from memory comes by a pipe, not as a file, and nothing is a terminal. */
int setup_streams(struct setup *u, const struct sb_stream *in, const struct sb_stream *out,
	const struct sb_stream *err, bool piped);
/* Where what comes goes to, of a kind that is no descriptor. */
void setup_sink(struct sink *sink, const struct sb_stream *out);
int setup_tie(struct setup *u);
/* For the descriptor that the caller polls. */
int setup_watch(struct setup *u, int fd, uint32_t events);
/* The code of a call that failed, with errno. */
int setup_fail(struct setup *u, const char *call);
void setup_clear(struct setup *u);

#endif
