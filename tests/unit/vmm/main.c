/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vmm/tests.h"

void tests_need_kvm(void)
{
	char why[160];

	if (vm_kvm_ops.available(why, sizeof(why)) == 0)
		return;
	print_message("skipped: %s\n", why);
	skip();
}

const struct vm_caps *tests_caps(void)
{
	static struct vm_caps caps;
	static bool known;

	if (!known)
		assert_int_equal(vm_kvm_ops.probe(&caps), 0);
	known = true;
	return &caps;
}

int main(void)
{
	int failed = 0;

	failed += tests_available();
	failed += tests_exits();
	failed += tests_kick();
	failed += tests_memory();
	failed += tests_state();
	failed += tests_tlb();
	return failed != 0;
}
