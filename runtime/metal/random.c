/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers: RDRAND (SDM vol. 1, 7.3.17) where the CPU has it. Elsewhere there is only the
 * jitter of its counter, which does for hash tables and not for keys: main.c says so.
 */
#include "runtime/metal/box.h"
#include "vmm/vmx/core/x86.h"

#define CPUID_RDRAND (1u << 30)
#define RETRIES	     10 /* Intel's advice for an instruction that has nothing for a moment */

bool box_random_is_strong(void)
{
	return x86_cpuid(1, 0).ecx & CPUID_RDRAND;
}

static uint64_t from_cpu(void)
{
	uint64_t value;
	uint8_t ok = 0;

	for (int i = 0; i < RETRIES && !ok; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(ok) : : "cc");
	if (!ok)
		metal_die("the CPU's random number generator fails");
	return value;
}

static uint64_t from_jitter(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 64; i++) {
		(void)x86_cpuid(0, 0); /* takes as long as it likes */
		state = (state ^ x86_rdtsc()) * 0xbf58476d1ce4e5b9u;
		state ^= state >> 29;
	}
	return state;
}

void box_random(void *to, size_t n)
{
	bool strong = box_random_is_strong();
	uint8_t *at = to;

	while (n) {
		uint64_t value = strong ? from_cpu() : from_jitter();
		size_t part = n < sizeof(value) ? n : sizeof(value);

		memcpy(at, &value, part);
		at += part;
		n -= part;
	}
}
