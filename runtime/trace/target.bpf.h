/* SPDX-License-Identifier: Apache-2.0
 *
 * For what runs in the host's kernel: whether it is the launcher's thread that runs.
 */
#ifndef TRACE_TARGET_BPF_H
#define TRACE_TARGET_BPF_H

/* The process, and the PID namespace in which that is its number. */
const volatile __u32 target_pid;
const volatile __u64 target_dev, target_ino;

/* The thread's number, or 0: another process. */
static __always_inline __u32 target_thread(void)
{
	struct bpf_pidns_info id = {0};

	if (bpf_get_ns_current_pid_tgid(target_dev, target_ino, &id, sizeof(id)) ||
		id.tgid != target_pid)
		return 0;
	return id.pid;
}

#endif
