/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/process/code.h"

int main(void)
{
	return _cmocka_run_group_tests("process: run", run_tests, run_tests_count, NULL, NULL) +
	       _cmocka_run_group_tests(
		       "process: patch", patch_tests, patch_tests_count, NULL, NULL);
}
