/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOME_HOST_INTERNAL_H
#define HOME_HOST_INTERNAL_H

#include "home/host/host.h"
#include "home/host/soft_copy.h"

/* The home's own state: one kernel to a process, as in a VM. */
struct host_home {
	struct host_home_config c;
};
extern struct host_home host_home;

/* cpu.c: this thread is processor `cpu` from now on; it has or takes the lock. */
void host_cpu_begin(u32 cpu);
void host_cpu_end(void);
/* This processor waits for something: that is no time that its turn took. */
void host_user_waits(void);

#endif
