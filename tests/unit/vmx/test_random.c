/* SPDX-License-Identifier: Apache-2.0
 *
 * Random runs against the reference, from fixed seeds: what a run does is the same each time. The
 * address spaces of several vCPUs, in the two ways in which a guest keeps its tables.
 */
#include <stdlib.h>

#include "tests/unit/vmx/guest.h"
#include "tests/unit/vmx/tests.h"

#define STEPS	12000u
#define ALL_FUN (FUN_HOST | FUN_MODES | FUN_BOUNDS | FUN_BETWEEN)

static void run(uint64_t seed, bool self_map, bool announce, bool hostile, uint32_t fun)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	machine_init(m, seed, 64);
	if (hostile)
		guest_run_hostile(m, STEPS, announce, fun);
	else
		guest_run(m, STEPS, self_map, announce, fun);
	/* It did what it is for. */
	assert_true(m->accesses > STEPS / 2);
	assert_true(m->gave_up < m->accesses / 100);
	machine_destroy(m);
	free(m);
}

static void test_one_at_a_time(void **state)
{
	run(1, false, false, false, 0);
	run(2, true, false, false, FUN_HOST | FUN_MODES);
}

static void test_bounds(void **state)
{
	run(3, true, false, false, FUN_HOST | FUN_BOUNDS);
}

static void test_interleaved(void **state)
{
	run(4, false, false, false, FUN_BETWEEN);
	run(5, true, false, false, ALL_FUN);
	run(6, true, false, false, ALL_FUN);
}

static void run_crew(uint64_t seed, bool announce, uint32_t fun)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	machine_init(m, seed, 64);
	guest_run_crew(m, STEPS, !announce, announce, fun);
	assert_true(m->gave_up < m->accesses / 100);
	machine_destroy(m);
	free(m);
}

static void test_crew(void **state)
{
	run_crew(14, false, FUN_HOST | FUN_MODES);
	run_crew(15, false, ALL_FUN);
	run_crew(16, true, FUN_HOST | FUN_MODES);
	run_crew(17, true, ALL_FUN);
}

static void test_announced(void **state)
{
	run(7, false, true, false, 0);
	run(8, false, true, false, FUN_HOST | FUN_MODES | FUN_BOUNDS);
	run(9, false, true, false, ALL_FUN);
}

static void test_hostile(void **state)
{
	run(10, false, false, true, 0);
	run(11, false, false, true, ALL_FUN);
}

static void test_lies(void **state)
{
	run(12, false, true, true, FUN_HOST);
	run(13, false, true, true, ALL_FUN);
}

int tests_random(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_crew),
		cmocka_unit_test(test_announced),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests_name("shadow, at random", tests, NULL, NULL);
}
