/* SPDX-License-Identifier: Apache-2.0
 *
 * One host system call that returned (or never will), as host.bpf.c tells it to main.c.
 */
#ifndef TRACE_EVENT_H
#define TRACE_EVENT_H

#include <linux/types.h>

#define TRACE_ZYGOTE "zygote" /* as vmm/process/zygote.c calls that process */

enum trace_of { TRACE_OF_LAUNCHER, TRACE_OF_ZYGOTE, TRACE_OF_TRAPPED };

struct trace_call {
	__u64 at_ns; /* CLOCK_MONOTONIC when it was entered */
	__u64 ns;    /* how long it took */
	__u64 args[6];
	__s64 result;
	__u32 nr;
	__u32 tid;
	__u32 returned; /* 0: the call that ends the thread */
	__u32 of;	/* enum trace_of */
	char comm[16];
};

#endif
