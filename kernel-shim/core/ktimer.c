/* SPDX-License-Identifier: Apache-2.0
 * The kernel's timers (wait.h): one list for all processors, sorted.
 */
#include "core/sched_internal.h"

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *))
{
	list_init(&t->link);
	t->fn = fn;
	t->armed = false;
	t->when = 0;
}

void ktimer_set(struct ktimer *t, u64 when)
{
	struct list *at = &kern->timers;

	assert_locked();
	ktimer_cancel(t);
	t->when = when;
	t->armed = true;
	list_for_each(pos, &kern->timers)
	{
		if (list_entry(pos, struct ktimer, link)->when > when) {
			at = pos;
			break;
		}
	}
	list_add_tail(at, &t->link); /* before the first that is later */
}

void ktimer_cancel(struct ktimer *t)
{
	assert_locked();
	if (!t->armed)
		return;
	t->armed = false;
	list_del(&t->link);
}

u64 ktimer_next(struct kernel *k)
{
	if (list_empty(&k->timers))
		return TIME_NEVER;
	return list_entry(k->timers.next, struct ktimer, link)->when;
}

void ktimers_run(struct kernel *k)
{
	while (!list_empty(&k->timers)) {
		struct ktimer *t = list_entry(k->timers.next, struct ktimer, link);

		if (t->when > clock_mono_ns())
			break;
		t->armed = false;
		list_del(&t->link);
		t->fn(t);
	}
}
