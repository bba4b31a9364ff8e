/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "sdk/examples/judge/queue.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t more;
	queue_fn work;
	void **ring; /* of `room` jobs, `n` of them from `first` on */
	unsigned room, first, n, running, workers;
	bool stopping;
	pthread_t thread[];
};

/* The next one, or NULL: no more will come. */
static void *take(struct queue *q, bool *stopping)
{
	void *job = NULL;

	pthread_mutex_lock(&q->lock);
	while (!q->n && !q->stopping)
		pthread_cond_wait(&q->more, &q->lock);
	if (q->n) {
		job = q->ring[q->first];
		q->first = (q->first + 1) % q->room;
		q->n--;
		q->running++;
	}
	*stopping = q->stopping;
	pthread_mutex_unlock(&q->lock);
	return job;
}

static void *worker(void *arg)
{
	struct queue *q = arg;
	bool stopping;
	void *job;

	while ((job = take(q, &stopping))) {
		q->work(job, stopping);
		pthread_mutex_lock(&q->lock);
		q->running--;
		pthread_mutex_unlock(&q->lock);
	}
	return NULL;
}

struct queue *queue_start(unsigned workers, unsigned room, queue_fn work)
{
	struct queue *q = calloc(1, sizeof *q + workers * sizeof *q->thread);
	int r = 0;

	if (!q)
		return NULL;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->more, NULL);
	q->work = work;
	q->room = room;
	q->ring = calloc(room, sizeof *q->ring);
	while (q->ring && q->workers < workers && !r) {
		r = pthread_create(&q->thread[q->workers], NULL, worker, q);
		q->workers += !r;
	}
	if (q->workers == workers)
		return q;
	queue_stop(q);
	queue_free(q);
	errno = r ? r : ENOMEM;
	return NULL;
}

bool queue_push(struct queue *q, void *job)
{
	bool taken;

	pthread_mutex_lock(&q->lock);
	taken = q->n < q->room && !q->stopping;
	if (taken)
		q->ring[(q->first + q->n++) % q->room] = job;
	pthread_cond_signal(&q->more);
	pthread_mutex_unlock(&q->lock);
	return taken;
}

void queue_count(struct queue *q, unsigned *waiting, unsigned *running)
{
	pthread_mutex_lock(&q->lock);
	*waiting = q->n;
	*running = q->running;
	pthread_mutex_unlock(&q->lock);
}

void queue_stop(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->stopping = true;
	pthread_cond_broadcast(&q->more);
	pthread_mutex_unlock(&q->lock);
	for (unsigned i = 0; i < q->workers; i++)
		pthread_join(q->thread[i], NULL);
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
	free(q->ring);
	free(q);
}
