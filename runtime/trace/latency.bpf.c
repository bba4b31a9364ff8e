/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs in the host's kernel: how long exits, page faults and waiting for a processor take, added up
 * there. Loaded once for each group of tracepoints, with the programs of that group alone, because
 * each kernel lacks others.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "runtime/trace/latency.h"
#include "runtime/trace/target.bpf.h"

struct task_struct {
	int pid, tgid;
	unsigned int __state;
	char comm[16];
} __attribute__((preserve_access_index));

/* Before Linux 5.14. */
struct task_struct___before {
	long state;
} __attribute__((preserve_access_index));

/* Of x86-64, as struct pt_regs of the kernel calls it. */
struct pt_regs {
	unsigned long si;
} __attribute__((preserve_access_index));

#define NR_IOCTL      16
#define KVM_RUN	      0xae80
#define KVM_EXIT_INTR 10
#define PF_WRITE      2
#define PF_INSTR      16

char gpl[] SEC("license") = "GPL"; /* what the helpers below ask for */

__u64 lost;	     /* times for which there was no room */
bool entries;	     /* kvm_entry is told */
__u32 launcher_tgid; /* the process as the first PID namespace knows it, once it was seen */

struct pending {
	__u64 since;
	__u32 kind, reason;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* thread: as the group's filter names it */
	__type(value, struct pending);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct latency_key);
	__type(value, struct latency);
} times SEC(".maps");

static __always_inline __u32 bucket_of(__u64 ns)
{
	__u64 n = ns >> LATENCY_FIRST_SHIFT;
	__u32 bucket = 0;

	for (int shift = 32; shift; shift /= 2) {
		if (n >> shift) {
			n >>= shift;
			bucket += shift;
		}
	}
	bucket += n != 0;
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static __always_inline void add(const struct latency_key *key, __u64 ns)
{
	struct latency *l = bpf_map_lookup_elem(&times, key);

	if (!l) {
		struct latency none = {0};

		bpf_map_update_elem(&times, key, &none, BPF_NOEXIST);
		l = bpf_map_lookup_elem(&times, key);
	}
	if (!l) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	__sync_fetch_and_add(&l->ns, ns);
	__sync_fetch_and_add(&l->count[bucket_of(ns)], 1);
}

static __always_inline void begin(__u32 tid, __u32 kind, __u32 reason)
{
	struct pending p = {.since = bpf_ktime_get_ns(), .kind = kind, .reason = reason};

	if (bpf_map_update_elem(&pending, &tid, &p, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
}

/* What began is over; it goes by the name that it has by now. */
static __always_inline void end(__u32 tid, const char *role)
{
	struct pending *p = bpf_map_lookup_elem(&pending, &tid);
	struct latency_key key = {0};

	if (!p)
		return;
	key.kind = p->kind;
	key.reason = p->reason;
	if (role)
		__builtin_memcpy(key.role, role, sizeof(key.role));
	add(&key, bpf_ktime_get_ns() - p->since);
	bpf_map_delete_elem(&pending, &tid);
}

/* -- exits: of KVM, and of our own module. Both can be modules without BTF of their own, which raw
 * tracepoints do without -- */

static __always_inline int on_entry(void)
{
	__u32 tid = target_thread();

	if (!tid)
		return 0;
	end(tid, 0);
	begin(tid, LATENCY_RUN, 0);
	return 0;
}

static __always_inline int on_exit(void)
{
	__u32 tid = target_thread();

	if (!tid)
		return 0;
	end(tid, 0);
	begin(tid, LATENCY_KERNEL, 0);
	return 0;
}

static __always_inline int on_user(__u32 reason)
{
	__u32 tid = target_thread();
	struct pending *p = tid ? bpf_map_lookup_elem(&pending, &tid) : 0;

	if (p && p->kind == LATENCY_KERNEL) {
		p->kind = LATENCY_USER;
		p->reason = reason;
	} else if (tid) { /* nobody told of the exit itself */
		end(tid, 0);
		begin(tid, LATENCY_USER, reason);
	}
	return 0;
}

SEC("raw_tp/kvm_entry")
int BPF_PROG(kvm_entry)
{
	entries = true;
	return on_entry();
}

SEC("raw_tp/kvm_exit")
int BPF_PROG(kvm_exit)
{
	return on_exit();
}

SEC("raw_tp/kvm_userspace_exit")
int BPF_PROG(kvm_userspace_exit, __u32 reason, int error)
{
	return on_user(error < 0 ? KVM_EXIT_INTR : reason);
}

/* KVM that emulates ring 0 in software tells of no entry: there it is the launcher's asking for
 * one. */
SEC("tp_btf/sys_enter")
int BPF_PROG(kvm_run, struct pt_regs *regs, long nr)
{
	return !entries && nr == NR_IOCTL && BPF_CORE_READ(regs, si) == KVM_RUN ? on_entry() : 0;
}

SEC("raw_tp/sandbox_vmx_entry")
int BPF_PROG(sandbox_vmx_entry)
{
	return on_entry();
}

SEC("raw_tp/sandbox_vmx_exit")
int BPF_PROG(sandbox_vmx_exit)
{
	return on_exit();
}

SEC("raw_tp/sandbox_vmx_user")
int BPF_PROG(sandbox_vmx_user, const void *vcpu, __u32 reason)
{
	return on_user(reason);
}

/* -- pages that are not there: of user mode, and what KVM wants for a guest. In the kernel's
 * function, which as FAULT_FLAG_* says what for -- */

#define FLAG_WRITE 1
#define FLAG_FETCH 256

SEC("fentry/handle_mm_fault")
int BPF_PROG(memory_begin, void *vma, unsigned long address, unsigned int flags)
{
	__u32 tid = target_thread();

	if (tid)
		begin(tid, LATENCY_MEMORY,
			(flags & FLAG_WRITE ? FAULT_WRITE : 0) |
				(flags & FLAG_FETCH ? FAULT_FETCH : 0));
	return 0;
}

SEC("fexit/handle_mm_fault")
int BPF_PROG(memory_end)
{
	char role[16] = {0};
	__u32 tid = target_thread();

	if (!tid)
		return 0;
	if (tid != target_pid)
		bpf_get_current_comm(role, sizeof(role));
	end(tid, role);
	return 0;
}

/* -- where that is not to be had: a tracepoint where page faults begin, and none where they end --
 */

static __always_inline int on_fault(unsigned long error)
{
	struct latency_key key = {.kind = LATENCY_FAULT};
	__u32 tid = target_thread();

	if (!tid)
		return 0;
	key.reason = (error & PF_WRITE ? FAULT_WRITE : 0) | (error & PF_INSTR ? FAULT_FETCH : 0);
	if (tid != target_pid)
		bpf_get_current_comm(key.role, sizeof(key.role));
	add(&key, 0);
	return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user, unsigned long address, void *regs, unsigned long error)
{
	return on_fault(error);
}

/* -- threads that could run -- */

static __always_inline bool is_launcher(const struct task_struct *t)
{
	return launcher_tgid && t->tgid == launcher_tgid;
}

static __always_inline bool still_runs(const struct task_struct *t)
{
	const struct task_struct___before *before = (const void *)t;

	if (bpf_core_field_exists(before->state))
		return !BPF_CORE_READ(before, state);
	return !BPF_CORE_READ(t, __state);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *t)
{
	if (is_launcher(t))
		begin(t->pid, LATENCY_SCHED, 0);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(sched_wakeup_new, struct task_struct *t)
{
	if (is_launcher(t))
		begin(t->pid, LATENCY_SCHED, 0);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	char role[16] = {0};

	if (!launcher_tgid && target_thread()) /* prev is the current one */
		launcher_tgid = prev->tgid;
	if (is_launcher(prev) && (preempt || still_runs(prev)))
		begin(prev->pid, LATENCY_SCHED, 0);
	if (is_launcher(next)) {
		if (next->pid != next->tgid)
			BPF_CORE_READ_STR_INTO(&role, next, comm);
		end(next->pid, role);
	}
	return 0;
}
