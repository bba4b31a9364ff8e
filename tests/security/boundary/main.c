/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/security/boundary/boundary.h"

#define RUN(name, list) _cmocka_run_group_tests(name, list, list##_count, NULL, NULL)

/* An argument chooses tests by a pattern. */
int main(int argc, char **argv)
{
	int failed;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	/* the filter first: what it would let through is not tried */
	failed = RUN("boundary: filter", filter_tests);

	if (failed)
		return failed;
	failed += RUN("boundary: calls", call_tests);
	failed += RUN("boundary: contexts", context_tests);
	failed += RUN("boundary: lives", life_tests);
	return failed;
}
