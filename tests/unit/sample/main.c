/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sample/machine.h"

int main(void)
{
	int failed = _cmocka_run_group_tests("memory", memory_tests, memory_count, NULL, NULL);

	failed += _cmocka_run_group_tests("stack", stack_tests, stack_count, NULL, NULL);
	failed += _cmocka_run_group_tests("file", file_tests, file_count, NULL, NULL);
	failed += _cmocka_run_group_tests("when", when_tests, when_count, NULL, NULL);
	return failed;
}
