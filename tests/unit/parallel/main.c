/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "tests/unit/parallel/threads.h"

static void (*run)(u32 cpu);

static void *thread_main(void *cpu)
{
	run((u32)(u64)cpu);
	return NULL;
}

void threads_run(void (*fn)(u32 cpu))
{
	pthread_t threads[NCPUS];

	run = fn;
	for (u64 i = 0; i < NCPUS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main, (void *)i), 0);
	for (u32 i = 0; i < NCPUS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	return tests_host_cpu() + tests_guest_lock();
}
