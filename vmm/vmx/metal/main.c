/* SPDX-License-Identifier: Apache-2.0
 *
 * The core's tests on bare metal: with EPT, where there is one, and with shadow paging.
 */
#include "metal.h"
#include "test.h"

_Noreturn void metal_main(uint32_t magic, const struct multiboot *m);

/* With EPT, or without; false: this CPU cannot. */
static bool tests_with(bool ept)
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
	test_state();
	test_turns();
	test_hostile(metal_option("seed", 1), metal_option("hostile", 100));
	test_entry();
	metal_vmx_off();
	return true;
}

_Noreturn void metal_main(uint32_t magic, const struct multiboot *m)
{
	bool had_ept;

	metal_boot(magic, m);
	test_cpu_first();
	had_ept = tests_with(true);
	tests_with(false);
	test_reasons(had_ept);
	metal_off();
}
