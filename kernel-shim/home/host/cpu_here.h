/* SPDX-License-Identifier: Apache-2.0
 * platform.h's plat_cpu in home host: a function that the compiler cannot look into, for it would
 * keep the address of the thread's own variable over a switch to another thread.
 */
#ifndef HOME_CPU_HERE_H
#define HOME_CPU_HERE_H

struct cpu;

struct cpu *plat_cpu(void);

#endif
