/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of the shim's memory, ELF loader and vDSO.
 */
#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

int mm_setup(void **state)
{
	fake_start();
	return 0;
}

int mm_teardown(void **state)
{
	return fake_stop() ? 0 : -1;
}

int main(void)
{
	int failed = 0;

	cmocka_set_message_output(CM_OUTPUT_STDOUT);
#define RUN(name)                                                                                  \
	failed += _cmocka_run_group_tests(#name, name##_tests, name##_tests_count, NULL, NULL);
	MM_GROUPS(RUN)
	return failed != 0;
}
