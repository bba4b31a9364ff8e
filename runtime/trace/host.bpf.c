/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs in the host's kernel: each system call of one launcher, and of the processes that it or its
 * zygote forked, from the raw_syscalls tracepoints. Of the kernel's own structures libbpf finds
 * what is read in the running kernel's BTF.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "runtime/trace/event.h"
#include "runtime/trace/target.bpf.h"

/* Of x86-64, as struct pt_regs of the kernel calls them. */
struct pt_regs {
	unsigned long di, si, dx, r10, r8, r9;
} __attribute__((preserve_access_index));

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct pid_namespace {
	struct ns_common ns;
} __attribute__((preserve_access_index));

struct upid {
	int nr;
	struct pid_namespace *ns;
} __attribute__((preserve_access_index));

/* Its numbers, the first namespace's first: as many as level says and one. */
struct pid {
	unsigned int level;
	struct upid numbers[1];
} __attribute__((preserve_access_index));

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	struct files_struct *files;
} __attribute__((preserve_access_index));

#define PID_LEVELS    8
#define NR_EXIT	      60
#define NR_EXIT_GROUP 231

char gpl[] SEC("license") = "GPL"; /* what the helpers below ask for */

__u64 lost;	     /* calls for which the buffer had no room */
__u32 launcher_tgid; /* the process as the first PID namespace knows it, once it was seen */

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

/* -- whose it is -- */

/* What the launcher named so before it let go of everything: the zygote, whose children keep it. */
static __always_inline bool is_called_zygote(void)
{
	char comm[16] = {0};

	if (bpf_get_current_comm(comm, sizeof(comm)))
		return false;
	for (unsigned i = 0; i < sizeof(TRACE_ZYGOTE); i++)
		if (comm[i] != TRACE_ZYGOTE[i])
			return false;
	return true;
}

/* Its number where the one who looks is: most are in a PID namespace of their own below that. */
static __always_inline __u32 number_of(struct task_struct *t)
{
	struct pid *pid = BPF_CORE_READ(t, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 0; i < PID_LEVELS && i <= level; i++) {
		struct upid *at = (void *)pid + bpf_core_field_offset(pid->numbers) +
				  i * bpf_core_type_size(struct upid);

		if (BPF_CORE_READ(at, ns, ns.inum) == (__u32)target_ino)
			return (__u32)BPF_CORE_READ(at, nr);
	}
	return 0;
}

static __always_inline __u32 forked_thread(__u32 *role)
{
	struct task_struct *t = (void *)bpf_get_current_task(), *parent;

	if (!launcher_tgid || !is_called_zygote())
		return 0;
	parent = BPF_CORE_READ(t, real_parent);
	*role = TRACE_OF_ZYGOTE;
	if (BPF_CORE_READ(parent, tgid) == launcher_tgid)
		return number_of(t);
	*role = TRACE_OF_TRAPPED; /* and not the zygote of a clone, which has other files */
	return BPF_CORE_READ(parent, real_parent, tgid) == launcher_tgid &&
			       BPF_CORE_READ(t, files) == BPF_CORE_READ(parent, files)
		       ? number_of(t)
		       : 0;
}

/* The thread's number, or 0: it is none of this sandbox. */
static __always_inline __u32 thread_of(__u32 *role)
{
	__u32 tid = target_thread();

	if (!tid)
		return forked_thread(role);
	if (!launcher_tgid)
		launcher_tgid = bpf_get_current_pid_tgid() >> 32;
	*role = TRACE_OF_LAUNCHER;
	return tid;
}

/* -- the calls -- */

SEC("tp_btf/sys_enter")
int BPF_PROG(call_enter, struct pt_regs *regs, long nr)
{
	struct trace_call call = {0};
	__u32 tid = thread_of(&call.of);

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
	struct trace_call *call;
	__u32 role, tid = thread_of(&role);

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
