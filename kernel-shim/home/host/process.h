/* SPDX-License-Identifier: Apache-2.0
 *
 * The process engine: user code in trapped processes of the host (vmm/process), one for each
 * address space and processor that runs it. The core's page tables say what is mapped; the
 * processes' mappings are a cache of them, as a processor's TLB is, kept up to date before user
 * code runs.
 */
#ifndef HOME_HOST_PROCESS_H
#define HOME_HOST_PROCESS_H

#include "home/host/host.h"
#include "vmm/process/process.h"

struct host_process;

extern const struct host_engine_ops host_process_ops;

/* shared_start: guest-physical, the first byte of what the memfd of vm holds. vm stays the
 * caller's. */
int host_process_create(
	struct host_process **out, struct process_vm *vm, u64 shared_start, u32 ncpus);
void host_process_destroy(struct host_process *e);
/* Any thread: make user code return TRAP_KICK soon, on whichever processors there is some. */
void host_process_kick(struct host_process *e);

/* No process runs user code any more and none is left of it: all that the engine has is in memory,
 * for a copy of this one to go on with (process_heir_make). What programs had mapped comes back at
 * once when they run. With the kernel lock, on a processor's thread, while no other one runs. */
void host_process_park(struct host_process *e);

/* After that, once: what programs share with nobody is frozen, and their processes in a copy of
 * this one map it from fd instead, which is the memfd of vm opened to read, and stays the caller's.
 * m: the request under way. 0 or -errno: nothing is frozen. */
int host_process_freeze(struct host_process *e, int fd, const struct chan_msg *m);
/* What is at an offset of the memfd. */
enum host_process_page {
	HOST_PAGE_UNUSED, /* what is in it does not matter */
	HOST_PAGE_OWN,
	HOST_PAGE_FROZEN, /* only read, and the same in all copies */
};
enum host_process_page host_process_page(const struct host_process *e, u64 off);

/* What the file window holds, as the service maps and unmaps it. fd stays the caller's. */
int host_process_window_map(struct host_process *e, u64 window_off, u64 len, int fd, u64 file_off);
void host_process_window_unmap(struct host_process *e, u64 window_off, u64 len);

#endif
