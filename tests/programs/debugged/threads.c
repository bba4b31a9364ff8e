/* SPDX-License-Identifier: Apache-2.0
 * For debuggers: three threads that wait while main works, and then count.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 3 };

static pthread_barrier_t begin;
static volatile int ready, total;

static void count(int by)
{
	__atomic_fetch_add(&total, by, __ATOMIC_SEQ_CST);
}

static void *work(void *arg)
{
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	pthread_barrier_wait(&begin);
	for (int i = 0; i < 100; i++)
		count((int)(long)arg);
	return arg;
}

static void all_wait(void)
{
	total = 0;
}

int main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&begin, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	while (ready < THREADS)
		usleep(1000);
	usleep(100000); /* until they sleep */
	all_wait();
	pthread_barrier_wait(&begin);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("total %d\n", total);
	return 0;
}
