/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's part of histograms: groups of tracepoints, each of which a kernel may lack.
 */
#ifndef TRACE_LATENCY_GROUPS_H
#define TRACE_LATENCY_GROUPS_H

#include <stdbool.h>

#include "runtime/observe/look.h"
#include "runtime/trace/latency.h"

struct latency_bpf;
struct kernel_target;

enum latency_group {
	GROUP_KVM,
	GROUP_VMX,
	GROUP_MEMORY, /* needs fentry, which fewer kernels have: else GROUP_FAULTS */
	GROUP_FAULTS,
	GROUP_SCHED,
	LATENCY_GROUPS
};

/* Has it something to tell of such a sandbox? */
bool latency_group_is_for(enum latency_group g, const struct observe_head *h);
/* As the kernel calls its tracepoints, or the function. */
const char *latency_group_name(enum latency_group g);
/* Counts from now on. 0 or -errno: -EPERM, or this kernel lacks one of its tracepoints. */
int latency_group_open(
	struct latency_bpf **out, enum latency_group g, const struct kernel_target *target);
void latency_group_each(struct latency_bpf *bpf,
	void (*each)(void *arg, const struct latency_key *k, const struct histogram *h), void *arg);
unsigned long long latency_group_lost(const struct latency_bpf *bpf);
void latency_group_close(struct latency_bpf *bpf);

#endif
