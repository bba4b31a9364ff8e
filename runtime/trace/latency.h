/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of one kind, as latency.bpf.c adds them up for histogram.c. Buckets are those of
 * runtime/service/histogram.h.
 */
#ifndef TRACE_LATENCY_H
#define TRACE_LATENCY_H

#include <linux/types.h>

#define LATENCY_BUCKETS	    24
#define LATENCY_FIRST_SHIFT 8

enum latency_kind {
	LATENCY_RUN,	/* from entry to exit */
	LATENCY_KERNEL, /* from an exit that the kernel handled to the next entry */
	LATENCY_USER,	/* from one that went to the launcher; reason: what it was told */
	LATENCY_SCHED,	/* from when a thread could run until it did; role */
	LATENCY_FAULT,	/* no time, only how often; reason: FAULT_*; role */
	LATENCY_MEMORY, /* of a page that was not there, also for the guest; the same */
};

#define FAULT_WRITE 1
#define FAULT_FETCH 2

struct latency_key {
	__u32 kind; /* enum latency_kind */
	__u32 reason;
	char role[16]; /* the thread's name; of the first, which has the program's: "" */
};

struct latency {
	__u64 ns;
	__u64 count[LATENCY_BUCKETS];
};

#endif
