/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOME_HOST_INTERNAL_H
#define HOME_HOST_INTERNAL_H

#include "home/host/host.h"

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

/* memcpy between memory of which one side may be a file mapping that has lost its pages: 0, or
 * -EFAULT instead of SIGBUS. */
int host_soft_copy_init(void); /* installs the SIGBUS handler */
int host_soft_copy(void *dst, const void *src, size_t n);
/* The same for a compare-and-exchange. */
int host_soft_cmpxchg(u32 *word, u32 expect, u32 desired, u32 *old);

#endif
