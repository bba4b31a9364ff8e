/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/security/boundary/boundary.h"

#define RUN(name, list) _cmocka_run_group_tests(name, list, list##_count, NULL, NULL)

int main(void)
{
	/* the filter first: what it would let through is not tried */
	int failed = RUN("boundary: filter", filter_tests);

	return failed ? failed : RUN("boundary: calls", call_tests);
}
