/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs in the host's kernel: each system call of one process, from the raw_syscalls tracepoints.
 * Only fields of the kernel's own registers are read, and libbpf finds them in the running kernel's
 * BTF.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "runtime/trace/event.h"
#include "runtime/trace/target.bpf.h"

/* Of x86-64, as struct pt_regs of the kernel calls them. */
struct pt_regs {
	unsigned long di, si, dx, r10, r8, r9;
} __attribute__((preserve_access_index));

#define NR_EXIT	      60
#define NR_EXIT_GROUP 231

char gpl[] SEC("license") = "GPL"; /* what the helpers below ask for */

__u64 lost; /* calls for which the buffer had no room */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct trace_call);
} running SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} done SEC(".maps");

static __always_inline void tell(const struct trace_call *call)
{
	if (bpf_ringbuf_output(&done, (void *)call, sizeof(*call), 0))
		__sync_fetch_and_add(&lost, 1);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(call_enter, struct pt_regs *regs, long nr)
{
	__u32 tid = target_thread();
	struct trace_call call = {0};

	if (!tid)
		return 0;
	call.at_ns = bpf_ktime_get_ns();
	call.nr = (__u32)nr;
	call.tid = tid;
	call.args[0] = BPF_CORE_READ(regs, di);
	call.args[1] = BPF_CORE_READ(regs, si);
	call.args[2] = BPF_CORE_READ(regs, dx);
	call.args[3] = BPF_CORE_READ(regs, r10);
	call.args[4] = BPF_CORE_READ(regs, r8);
	call.args[5] = BPF_CORE_READ(regs, r9);
	bpf_get_current_comm(call.comm, sizeof(call.comm));
	if (nr == NR_EXIT || nr == NR_EXIT_GROUP)
		tell(&call);
	else if (bpf_map_update_elem(&running, &tid, &call, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_exit, struct pt_regs *regs, long result)
{
	__u32 tid = target_thread();
	struct trace_call *call;

	if (!tid)
		return 0;
	call = bpf_map_lookup_elem(&running, &tid);
	if (!call)
		return 0;
	call->ns = bpf_ktime_get_ns() - call->at_ns;
	call->result = result;
	call->returned = 1;
	tell(call);
	bpf_map_delete_elem(&running, &tid);
	return 0;
}
