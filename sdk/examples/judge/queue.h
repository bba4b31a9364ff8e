/* SPDX-License-Identifier: Apache-2.0
 *
 * Work for a few threads: a bounded line of jobs. Who finds it full is told so at once.
 */
#ifndef JUDGE_QUEUE_H
#define JUDGE_QUEUE_H

#include <stdbool.h>

struct queue;

/* Called by a worker for each job; `stopping`: only say that it will not be done. */
typedef void (*queue_fn)(void *job, bool stopping);

/* NULL: no memory, or no threads. Signals are blocked in its threads as in the caller. */
struct queue *queue_start(unsigned workers, unsigned room, queue_fn work);
/* False: full, or stopping. Any thread. */
bool queue_push(struct queue *q, void *job);
/* How many wait, how many are worked on. Any thread. */
void queue_count(struct queue *q, unsigned *waiting, unsigned *running);
/* Jobs that are worked on are finished, those that wait are called with `stopping`. */
void queue_stop(struct queue *q);
void queue_free(struct queue *q); /* stopped; NULL: nothing */

#endif
