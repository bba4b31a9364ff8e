/* SPDX-License-Identifier: Apache-2.0
 * Compiled once for each binary, with its CORE_GROUPS.
 */
#include "harness.h"

int main(void)
{
	int failed = 0;

#define X(noun)                                                                                    \
	failed += _cmocka_run_group_tests("core: " #noun, noun##_tests, noun##_count, NULL, NULL);
	CORE_GROUPS(X)
#undef X
	return failed ? 1 : 0;
}
