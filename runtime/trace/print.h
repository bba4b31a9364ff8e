/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRACE_PRINT_H
#define TRACE_PRINT_H

#include <stdbool.h>

#include "runtime/observe/look.h"
#include "runtime/trace/event.h"

/* One call, a line: as text or as a JSON object. */
void print_call(const struct trace_call *c, const struct observe_head *h, bool json);
/* "12:00:00.000000 " of a time by CLOCK_MONOTONIC; the offset makes CLOCK_REALTIME of it. */
int64_t print_clock_offset(void);
void print_clock(uint64_t at_ns, int64_t offset);
/* A call as text, behind what says when. */
void print_call_done(const struct trace_call *c, const struct observe_head *h);
/* Of the launcher's first thread, which has no name of its own. */
const char *print_first_role(const struct observe_head *h);
/* What its own counts say happened between two looks at a sandbox, a line. */
void print_counts(const struct observe_seen *before, const struct observe_seen *now, bool json);

#endif
