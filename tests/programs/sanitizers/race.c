// SPDX-License-Identifier: Apache-2.0
// Two threads count, with a lock or, given any argument, without.
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;

static void *add(void *without)
{
	for (int i = 0; i < 1000; i++) {
		if (!without)
			pthread_mutex_lock(&lock);
		count++;
		if (!without)
			pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, add, argc > 1 ? &count : NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (argc == 1)
		printf("%d\n", count);
	return 0;
}
