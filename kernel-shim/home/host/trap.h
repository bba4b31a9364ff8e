/* SPDX-License-Identifier: Apache-2.0
 *
 * The trap engine: user code in ring 3 of vCPUs; ring 0 of the VM holds only stubs that exit to the
 * launcher with one `out`. For hosts that emulate guest ring 0 in software (DESIGN section 5):
 * there a trap costs two emulated instructions instead of a kernel's worth.
 */
#ifndef HOME_HOST_TRAP_H
#define HOME_HOST_TRAP_H

#include "home/host/host.h"
#include "vmm/vm.h"

struct host_trap;

/* Bytes of guest-physical memory from 0 that are the engine's. */
u64 host_trap_ram(u64 ram_size, u32 ncpus);

extern const struct host_engine_ops host_trap_ops;

/* Writes tables and stubs to ram, sets the registers of the vCPUs, one for each processor. They
 * stay the caller's. */
int host_trap_create(struct host_trap **out, const struct vm_ops *ops, struct vm *vm,
	struct vcpu *const *vcpus, u32 ncpus, const struct vm_caps *caps, u8 *ram, u64 ram_size);
void host_trap_destroy(struct host_trap *e);
/* Any thread: make user code return TRAP_KICK soon, on whichever processors there is some. */
void host_trap_kick(struct host_trap *e);

/* As host_process_park: nothing that matters is left in the vCPUs. */
void host_trap_park(struct host_trap *e);
/* In a process that was forked from this one then, on its thread: the vCPU was made again. Kicks
 * come by a timer from now on: tgkill(2) is for a process that the jail knew. 0 or -errno. */
int host_trap_copied(struct host_trap *e);

#endif
