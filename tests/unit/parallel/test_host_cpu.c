/* SPDX-License-Identifier: Apache-2.0
 * Home host's processors: the lock, user mode left by kicks, idle ones woken. User code here runs
 * until it is kicked.
 */
#include <time.h>

#include "core/task.h"
#include "home/host/host_internal.h"
#include "tests/unit/parallel/threads.h"

#define TURNS 1000u

struct host_home host_home;
struct kernel *kern;
static struct kernel kernel;
static u32 kicked[NCPUS];
static u32 runs_old;	  /* how many look at `page` in user mode */
static u64 page, changes; /* with the lock */
static u64 token;	  /* with the lock: whose turn */
static u32 wrong;	  /* what was not as it should be; the test's thread asserts */

static void expect(bool good)
{
	if (!good)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void fake_kick(void *engine, u32 cpu)
{
	__atomic_store_n(&kicked[cpu], 1, __ATOMIC_SEQ_CST);
}

static const struct host_engine_ops engine = {.name = "fake", .kick = fake_kick};

static int begin(void **state)
{
	kern = &kernel;
	kern->ncpus = NCPUS;
	for (u32 i = 0; i < NCPUS; i++) {
		kern->cpus[i].id = i;
		kicked[i] = 0;
	}
	host_home.c.engine = &engine;
	token = 0;
	return 0;
}

/* -- what others run in user mode is not changed under them -- */

static void user_mode(u32 cpu)
{
	u64 seen = page;

	__atomic_store_n(&kicked[cpu], 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&runs_old, 1, __ATOMIC_SEQ_CST);
	host_user_begin(NULL);
	for (u32 i = 0; i < 50 && !__atomic_load_n(&kicked[cpu], __ATOMIC_SEQ_CST); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
	expect(seen == __atomic_load_n(&page, __ATOMIC_RELAXED));
	__atomic_fetch_sub(&runs_old, 1, __ATOMIC_SEQ_CST);
	host_user_end();
}

static void change_the_page(u32 cpu)
{
	host_cpu_begin(cpu);
	for (u32 i = 0; i < TURNS / 4; i++) {
		if (i % 4 == cpu) {
			plat_cpus_leave(NULL);
			expect(!__atomic_load_n(&runs_old, __ATOMIC_SEQ_CST));
			__atomic_store_n(&page, page + 1, __ATOMIC_RELAXED);
			changes++;
		}
		user_mode(cpu);
	}
	host_cpu_end();
}

static void test_cpus_leave(void **state)
{
	threads_run(change_the_page);
	assert_int_equal(changes, TURNS / 4);
	assert_int_equal(wrong, 0);
}

/* -- a token goes round; who has not got it is idle -- */

static void pass_on(u32 cpu)
{
	host_cpu_begin(cpu);
	while (token < TURNS) {
		if (token % NCPUS != cpu) {
			plat_idle(TIME_NEVER);
			continue;
		}
		token++;
		plat_wake_cpu(&kern->cpus[token % NCPUS]);
	}
	for (u32 i = 0; i < NCPUS; i++)
		plat_wake_cpu(&kern->cpus[i]);
	host_cpu_end();
}

static void test_idle(void **state)
{
	threads_run(pass_on);
	assert_int_equal(token, TURNS);
}

/* -- an idle one wakes by itself -- */

static void test_idle_deadline(void **state)
{
	struct timespec t;
	u64 until;

	clock_gettime(CLOCK_MONOTONIC, &t);
	until = (u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec + 5000000;
	host_cpu_begin(0);
	plat_idle(until);
	plat_lock_pause();
	host_cpu_end();
	clock_gettime(CLOCK_MONOTONIC, &t);
	assert_true((u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec >= until);
}

/* -- slips -- */

static jmp_buf *slip;

_Noreturn void plat_panic(const char *why)
{
	if (!slip)
		abort();
	longjmp(*slip, 1);
}

static bool panics(void (*fn)(void))
{
	jmp_buf here;
	volatile bool slipped = true;

	slip = &here;
	if (!setjmp(here)) {
		fn();
		slipped = false;
	}
	slip = NULL;
	return slipped;
}

static void wake_a_cpu(void)
{
	plat_wake_cpu(&kern->cpus[1]);
}

static void take(void)
{
	host_cpu_begin(0);
}

static void test_slips(void **state)
{
	assert_true(panics(wake_a_cpu)); /* without the lock */
	assert_true(panics(host_cpu_end));
	assert_false(panics(take));
	assert_false(panics(wake_a_cpu));
	assert_true(panics(take)); /* once more */
	assert_false(panics(host_cpu_end));
}

int tests_host_cpu(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cpus_leave, begin),
		cmocka_unit_test_setup(test_idle, begin),
		cmocka_unit_test_setup(test_idle_deadline, begin),
		cmocka_unit_test_setup(test_slips, begin),
	};

	return cmocka_run_group_tests_name("home host's processors", tests, NULL, NULL);
}
