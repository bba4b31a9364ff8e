/* SPDX-License-Identifier: Apache-2.0
 * Wait queues (wait.h).
 */
#include "core/task.h"

static void wake_task(struct wait_entry *e, u32 key)
{
	(void)key;
	e->woken = true;
	sched_wake(e->task);
}

void wait_entry_init(struct wait_entry *e, struct task *t)
{
	memset(e, 0, sizeof(*e));
	list_init(&e->link);
	e->task = t;
	e->fn = wake_task;
}

void waitq_add(struct waitq *q, struct wait_entry *e)
{
	assert_locked();
	e->q = q;
	list_add_tail(&q->waiters, &e->link);
}

void waitq_remove(struct wait_entry *e)
{
	assert_locked();
	if (!e->q)
		return;
	list_del(&e->link);
	e->q = NULL;
}

unsigned waitq_wake_n(struct waitq *q, u32 key, unsigned n)
{
	unsigned done = 0;

	assert_locked();
	list_for_each_safe(pos, tmp, &q->waiters)
	{
		struct wait_entry *e = list_entry(pos, struct wait_entry, link);

		if (done == n)
			break;
		e->fn(e, key);
		done++;
	}
	return done;
}

void waitq_wake(struct waitq *q, u32 key)
{
	waitq_wake_n(q, key, ~0u);
}
