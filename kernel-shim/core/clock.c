/* SPDX-License-Identifier: Apache-2.0
 * Clocks from the boot clock page and the TSC: no exit. The arithmetic is the vDSO's.
 */
#include "core/task.h"

static u64 clock_read(volatile u64 *base_field)
{
	volatile struct boot_clock *c = kern->clock;
	u32 seq;
	u64 ns;

	do {
		seq = c->seq;
		__asm__ volatile(
			"" ::
				: "memory"); /* x86 keeps loads in order; so must the compiler */
		u64 tsc = plat_tsc(), base = c->base_tsc;
		u64 delta = tsc > base ? tsc - base : 0;

		ns = *base_field + (u64)(((unsigned __int128)delta * c->mult) >> c->shift);
		__asm__ volatile("" ::: "memory");
	} while ((seq & 1) || seq != c->seq);
	return ns;
}

u64 clock_mono_ns(void)
{
	return clock_read(&kern->clock->mono_ns);
}

u64 clock_since(u64 mono_ns)
{
	u64 now = clock_mono_ns();

	return now > mono_ns ? now - mono_ns : 0;
}

u64 clock_real_ns(void)
{
	return clock_read(&kern->clock->real_ns);
}

u64 clock_boot_ns(void)
{
	return clock_read(&kern->clock->boot_ns);
}

u64 clock_raw_ns(void)
{
	return clock_read(&kern->clock->raw_ns);
}
