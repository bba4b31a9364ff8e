/* SPDX-License-Identifier: Apache-2.0
 *
 * unit-vmm [kvm|vmx [PATTERN]]: the tests (whose names match) on that backend; kvm if none is
 * named.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/vmm/tests.h"

void tests_need_vm(void)
{
	char why[256];

	if (machine_ops->available(why, sizeof(why)) == 0)
		return;
	print_message("skipped: %s\n", why);
	skip();
}

const struct vm_caps *tests_caps(void)
{
	static struct vm_caps caps;
	static bool known;

	if (!known)
		assert_int_equal(machine_ops->probe(&caps), 0);
	known = true;
	return &caps;
}

static int choose_backend(const char *name)
{
	static const struct vm_ops *const all[] = {&vm_kvm_ops, &vm_vmx_ops};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->name, name))
			continue;
		machine_ops = all[i];
		return 0;
	}
	fprintf(stderr, "unit-vmm: no backend %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	int failed = argc > 1 ? choose_backend(argv[1]) : 0;

	if (failed)
		return failed;
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);

	failed += tests_again();
	failed += tests_available();
	failed += tests_exits();
	failed += tests_kick();
	failed += tests_memory();
	failed += tests_state();
	failed += tests_tlb();
	return failed != 0;
}
