/* SPDX-License-Identifier: Apache-2.0
 * Home guest's lock: one at a time, and nobody is left parked. PARK and UNPARK as the launcher does
 * them, by a semaphore that holds one.
 */
#include <pthread.h>
#include <time.h>

#include "home/guest/lock.h"
#include "tests/unit/parallel/threads.h"

#define TURNS 3000u

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool unparked;
} parking[NCPUS];
static _Thread_local u32 this_cpu;
static u64 counter; /* with the lock: the sanitizer knows whether */
static u32 parks;

void guest_park(u64 deadline)
{
	pthread_mutex_lock(&parking[this_cpu].lock);
	while (!parking[this_cpu].unparked)
		pthread_cond_wait(&parking[this_cpu].changed, &parking[this_cpu].lock);
	parking[this_cpu].unparked = false;
	pthread_mutex_unlock(&parking[this_cpu].lock);
	__atomic_fetch_add(&parks, 1, __ATOMIC_RELAXED);
}

void guest_unpark(u32 cpu)
{
	pthread_mutex_lock(&parking[cpu].lock);
	parking[cpu].unparked = true;
	pthread_cond_signal(&parking[cpu].changed);
	pthread_mutex_unlock(&parking[cpu].lock);
}

static void take_turns(u32 cpu)
{
	this_cpu = cpu;
	for (u32 i = 0; i < TURNS; i++) {
		guest_lock_take(cpu);
		counter++;
		if (i % 100 == 0) /* longer than anybody looks for it */
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
		guest_lock_drop();
		if (i % 7 == 0)
			guest_unpark((cpu + 1) % NCPUS); /* of something else */
	}
}

static void test_lock(void **state)
{
	for (u32 i = 0; i < NCPUS; i++) {
		pthread_mutex_init(&parking[i].lock, NULL);
		pthread_cond_init(&parking[i].changed, NULL);
	}
	threads_run(take_turns);
	assert_int_equal(counter, NCPUS * TURNS);
	assert_true(parks > 0);
}

int tests_guest_lock(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lock)};

	return cmocka_run_group_tests_name("home guest's lock", tests, NULL, NULL);
}
