/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vmx/tests.h"

int main(void)
{
	int failed = 0;

	failed += tests_walk();
	failed += tests_sync();
	failed += tests_host();
	failed += tests_announce();
	failed += tests_bounds();
	failed += tests_random();
	return failed != 0;
}
