/* SPDX-License-Identifier: Apache-2.0
 * Waiting for several files at once: an entry on the queue of each.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "fs/poll.h"

u32 file_poll(struct file *f, struct waitq **q)
{
	if (!f->ops->poll)
		return POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM;
	return f->ops->poll(f, q);
}

static void poll_woken(struct wait_entry *e, u32 key)
{
	const struct poll_slot *s = container_of(e, struct poll_slot, wait);

	if (key && !(key & s->events))
		return;
	e->woken = true;
	sched_wake(e->task);
}

/* Asks every file; enters itself in the queues of those that are not ready as long as none is. Also
 * asks files that it waits for already: theirs may be a watch that has to be set again. */
static long poll_scan(struct poll_slot *slots, u32 n, bool wait)
{
	long ready = 0;

	for (u32 i = 0; i < n; i++) {
		struct poll_slot *s = &slots[i];
		struct waitq *q = NULL;

		if (!s->f)
			continue;
		s->revents = file_poll(s->f, wait && !ready ? &q : NULL) & s->events;
		if (s->revents)
			ready++;
		else if (q && !s->wait.q)
			waitq_add(q, &s->wait);
	}
	return ready;
}

long poll_slots(struct poll_slot *slots, u32 n, u64 deadline)
{
	long ready;

	for (u32 i = 0; i < n; i++) {
		wait_entry_init(&slots[i].wait, current);
		slots[i].wait.fn = poll_woken;
	}
	for (;;) {
		int r;

		ready = poll_scan(slots, n, deadline != 0);
		if (ready || !deadline)
			break;
		r = task_wait(deadline);
		if (r == -ETIMEDOUT) {
			ready = poll_scan(slots, n, false);
			break;
		}
		if (r) { /* what became ready meanwhile comes first (Linux do_poll) */
			ready = poll_scan(slots, n, false);
			ready = ready ? ready : r;
			break;
		}
	}
	for (u32 i = 0; i < n; i++)
		waitq_remove(&slots[i].wait);
	return ready;
}
