/* SPDX-License-Identifier: Apache-2.0
 * For debuggers: three threads that wait while main works, and then count.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3 };

static pthread_barrier_t begin;
static volatile int total;
static volatile pid_t ids[THREADS + 1];

static void count(int by)
{
	__atomic_fetch_add(&total, by, __ATOMIC_SEQ_CST);
}

static void *work(void *arg)
{
	ids[(long)arg] = gettid();
	pthread_barrier_wait(&begin);
	for (int i = 0; i < 100; i++)
		count((int)(long)arg);
	return arg;
}

static int sleeps(pid_t id)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	return strstr(text, ") S ") != NULL;
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
	for (int i = 1; i <= THREADS; i++)
		while (!sleeps(ids[i]))
			usleep(1000);
	all_wait();
	pthread_barrier_wait(&begin);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("total %d\n", total);
	return 0;
}
