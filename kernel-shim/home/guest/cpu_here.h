/* SPDX-License-Identifier: Apache-2.0
 * platform.h's plat_cpu in home guest: in ring 0 GS is this processor's struct guest_cpu, whose
 * first word it is. Volatile, so that the compiler reads it anew each time.
 */
#ifndef HOME_CPU_HERE_H
#define HOME_CPU_HERE_H

struct cpu;

static inline struct cpu *plat_cpu(void)
{
	struct cpu *c;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

#endif
