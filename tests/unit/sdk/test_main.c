/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sdk/sdk_test.h"

int main(void)
{
	int failed = run_tests_run();

	failed += run_tests_limits();
	failed += run_tests_control();
	failed += run_tests_abi();
	failed += run_tests_host();
	failed += run_tests_snapshot();
	failed += run_tests_template();
	return failed;
}
