/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher's system calls from the kernel's tracepoints, one after another.
 */
#ifndef TRACE_CALLS_H
#define TRACE_CALLS_H

#include "runtime/trace/event.h"

struct calls;

/* From now on `each` is told of every call of process pid. 0, or -errno with what is missing. */
int calls_open(struct calls **out, int pid, void (*each)(void *arg, const struct trace_call *c),
	void *arg, const char **missing);
/* Tells what came; waits for it at most so long. */
void calls_poll(struct calls *c, int wait_ms);
/* Becomes readable when something came. */
int calls_fd(struct calls *c);
/* How many were lost because there were too many at a time. */
unsigned long long calls_lost(const struct calls *c);
void calls_close(struct calls *c);

#endif
