/* SPDX-License-Identifier: Apache-2.0
 * Waiting for children.
 */
#ifndef CORE_REAP_H
#define CORE_REAP_H

#include "core/task.h"

struct wait_query {
	s32 which; /* P_ALL, P_PID, P_PGID */
	s32 id;
	u32 options; /* W*, with WEXITED for wait4 */
};
struct wait_result {
	s32 pid; /* 0: nothing yet (WNOHANG) */
	u32 uid;
	s32 status;			       /* as wait4 stores it */
	s32 code;			       /* CLD_* */
	s32 value;			       /* exit code or signal, for siginfo */
	u64 utime_ns, stime_ns, max_rss_pages; /* of the child and what it waited for */
};
/* The pid, 0, -ECHILD or -ERESTARTSYS. */
long process_wait(struct process *p, const struct wait_query *q, struct wait_result *r);

#endif
