/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of sandbox-trace share: which sandbox, until when, and whether the kernel lets us.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/observe/look.h"

struct trace {
	struct observe_seen seen; /* the sandbox */
	bool json;
	uint32_t count; /* calls still to be shown; only if limited */
	bool limited;
	uint64_t until_ns; /* CLOCK_MONOTONIC; 0: no end */
	int pidfd;	   /* of the launcher */
	bool failed;	   /* stdout takes no more */
};

uint64_t trace_now_ns(void);
/* Stopped by a signal, its time is over, or it showed all that was wanted. */
bool trace_is_over(const struct trace *t);
/* Waits; true: the launcher has ended. */
bool trace_has_ended(const struct trace *t, int wait_ms);
void trace_flush(struct trace *t);
/* The sandbox as it is now. 0, or -ESRCH when it has ended, or -ENOMEM. */
int trace_look(const struct trace *t, struct observe_seen *now);

/* kernel.c: a process for programs in the kernel, as this process's PID namespace numbers it. */
struct kernel_target {
	uint32_t pid;
	uint64_t dev, ino;
};
/* 0, or -errno with what is missing. */
int kernel_target(struct kernel_target *out, int pid, const char **missing);
extern const char kernel_needs_right[];

/* What sandbox-trace is started for; each returns the exit code. */
int calls_run(struct trace *t);
int histogram_run(struct trace *t);
/* join.c: argv of its own. */
int join_main(int argc, char **argv);

#endif
