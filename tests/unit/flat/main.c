/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/flat/flat.h"

int main(void)
{
	int failed = run_layer_tests();

	failed += run_content_tests();
	failed += run_damage_tests();
	return failed != 0;
}
