/* SPDX-License-Identifier: Apache-2.0
 *
 * Random runs with new seeds for as long as one likes: soak SECONDS [FIRST-SEED]. The seed of a run
 * is printed before it, and the run repeated by giving it and a second or so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/vmx/guest.h"

#define STEPS 20000u

static uint64_t accesses, runs;

/* The seed says what kind of run it is. */
static void run(uint64_t seed)
{
	struct machine *m = calloc(1, sizeof(*m));
	uint32_t fun = (uint32_t)(seed >> 2) & 15;
	bool announce = seed & 2;

	assert_non_null(m);
	machine_init(m, seed, seed & 32 ? 64 : SHADOW_PAGES_MIN);
	if (fun & FUN_BETWEEN && !(seed & 1))
		guest_run_crew(m, STEPS, !announce && (seed & 64), announce, fun);
	else if (seed & 1)
		guest_run_hostile(m, STEPS, announce, fun);
	else
		guest_run(m, STEPS, !announce && (seed & 64), announce, fun);
	accesses += m->accesses;
	runs++;
	machine_destroy(m);
	free(m);
}

static uint64_t seed_next;
static double seconds;

static void test_soak(void **state)
{
	time_t end = time(NULL) + (time_t)seconds;

	do {
		printf("seed %lu\r", (unsigned long)seed_next);
		fflush(stdout);
		run(seed_next++);
	} while (time(NULL) < end);
	printf("%lu runs, %lu accesses\n", (unsigned long)runs, (unsigned long)accesses);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_soak)};

	seconds = argc > 1 ? atof(argv[1]) : 10;
	seed_next = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
	return cmocka_run_group_tests_name("shadow, soaked", tests, NULL, NULL);
}
