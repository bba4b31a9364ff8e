/* SPDX-License-Identifier: Apache-2.0
 *
 * The core's tests on bare metal: with EPT, where there is one, and with shadow paging.
 */
#include "../core/x86.h"
#include "metal.h"
#include "test.h"
#include <string.h>

#define MULTIBOOT_MAGIC	 0x2badb002u
#define MULTIBOOT_MEMORY 1u
#define CPUID_XSAVE	 (1u << 26)

#define MULTIBOOT_LINE 4u

struct multiboot {
	uint32_t flags, kib_below, kib_above, boot_device, line;
};

/* NAME=NUMBER of the command line. */
static uint64_t option(const struct multiboot *m, const char *name, uint64_t otherwise)
{
	const char *p = m->flags & MULTIBOOT_LINE ? (const char *)(uintptr_t)m->line : "";
	size_t n = strlen(name);
	uint64_t value = 0;

	while (*p && (memcmp(p, name, n) || p[n] != '='))
		p++;
	if (!*p)
		return otherwise;
	for (p += n + 1; *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	return value;
}

extern char metal_end[];
_Noreturn void metal_main(uint32_t magic, const struct multiboot *m);

/* All that the CPU has of what the core knows. */
static void xsave_on(void)
{
	struct x86_cpuid d;
	uint64_t cr4 = x86_cr4() | CR4_OSXSAVE;

	if (!(x86_cpuid(1, 0).ecx & CPUID_XSAVE))
		return;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	d = x86_cpuid(0xd, 0);
	x86_xsetbv(d.eax & 0xe7);
}

/* With EPT, or without; false: this CPU cannot. */
static bool tests_with(const struct multiboot *m, bool ept)
{
	if (metal_vmx_on(ept) != SBV_STATE_READY)
		metal_die("no VMX");
	if (vmx_caps.ept != ept) {
		metal_vmx_off();
		return false;
	}
	metal_print("== %s\n", ept ? "EPT" : "shadow paging");
	test_cpu();
	test_instructions();
	test_refusals();
	test_events();
	test_memory();
	test_paging();
	test_turns();
	test_hostile(option(m, "seed", 1), option(m, "hostile", 100));
	test_entry();
	metal_vmx_off();
	return true;
}

_Noreturn void metal_main(uint32_t magic, const struct multiboot *m)
{
	bool had_ept;

	metal_console_init();
	if (magic != MULTIBOOT_MAGIC || !(m->flags & MULTIBOOT_MEMORY))
		metal_die("not loaded by multiboot");
	metal_pages_init((uintptr_t)metal_end, 0x100000 + (uint64_t)m->kib_above * 1024);
	metal_traps_init();
	metal_apic_init();
	xsave_on();
	test_cpu_first();
	had_ept = tests_with(m, true);
	tests_with(m, false);
	test_reasons(had_ept);
	metal_off();
}
