/* SPDX-License-Identifier: Apache-2.0
 * The scheduler of one processor: a run queue, wait queues, timers, and what to do when nothing
 * runs. Tasks switch directly to each other; the scheduler's own context runs only to idle.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/task.h"
#include "fs/vfs.h"

#define SLICE_NS                                                                                   \
	10000000ull /* 10 ms: Linux's order of magnitude, and rare enough to cost nothing */

void sched_make_runnable(struct task *t)
{
	t->state = TASK_RUNNABLE;
	list_add_tail(&kern->runq, &t->run_link);
}

void sched_wake(struct task *t)
{
	t->wake_pending = true;
	if (t->state == TASK_SLEEPING)
		sched_make_runnable(t);
}

/* Tasks that died cannot free the stack that they die on; whoever runs next does. */
void sched_finish_switch(void)
{
	while (!list_empty(&kern->dead)) {
		struct task *t = list_entry(kern->dead.next, struct task, run_link);

		list_del(&t->run_link);
		task_free(t);
	}
}

static struct task *sched_pick(struct kernel *k)
{
	struct task *t;

	if (list_empty(&k->runq))
		return NULL;
	t = list_entry(k->runq.next, struct task, run_link);
	list_del(&t->run_link);
	return t;
}

/* Leaves `from` (NULL: the scheduler's context) for the next runnable task, or to idle. */
static void sched_switch(struct task *from)
{
	struct kernel *k = kern;
	struct task *next;

	if (from) /* due timers may make somebody runnable; events are for idle and for kicks */
		sched_poll_events(false);
	next = k->ended ? NULL : sched_pick(k);
	if (next == from) {
		if (next)
			next->slice_end = clock_mono_ns() + SLICE_NS;
		return;
	}
	k->stats.switches++;
	if (from)
		from->stime_ns += clock_mono_ns() - from->last_stamp;
	k->cpu.task = next;
	if (next)
		next->slice_end = clock_mono_ns() + SLICE_NS;
	plat_kctx_switch(from ? &from->kctx : &k->cpu.sched, next ? &next->kctx : &k->cpu.sched);
	sched_finish_switch();
	if (from)
		from->last_stamp = clock_mono_ns();
}

void sched_yield_current(void)
{
	struct task *t = current;

	sched_make_runnable(t);
	sched_switch(t);
}

static void sleep_expired(struct ktimer *timer)
{
	struct task *t = container_of(timer, struct task, sleep_timer);

	t->timed_out = true;
	sched_wake(t);
}

static int task_wait_for(u64 deadline, bool (*interrupted)(struct task *))
{
	struct task *t = current;

	if (t->wake_pending) {
		t->wake_pending = false;
		return 0;
	}
	if (interrupted(t))
		return -EINTR;
	if (deadline != TIME_NEVER && deadline <= clock_mono_ns())
		return -ETIMEDOUT;

	t->timed_out = false;
	if (deadline != TIME_NEVER) {
		ktimer_init(&t->sleep_timer, sleep_expired);
		ktimer_set(&t->sleep_timer, deadline);
	}
	t->state = TASK_SLEEPING;
	sched_switch(t);
	ktimer_cancel(&t->sleep_timer);
	t->wake_pending = false;
	if (t->timed_out)
		return -ETIMEDOUT;
	return interrupted(t) ? -EINTR : 0;
}

int task_wait(u64 deadline)
{
	return task_wait_for(deadline, signal_pending);
}

int task_wait_killable(u64 deadline)
{
	return task_wait_for(deadline, signal_fatal_pending);
}

void sched_stop_current(void)
{
	struct task *t = current;

	t->state = TASK_STOPPED;
	sched_switch(t);
}

void sched_exit_current(void)
{
	struct task *t = current;

	t->state = TASK_DEAD;
	plat_fpu_drop(t);
	list_del(&t->run_link);
	list_add_tail(&kern->dead, &t->run_link);
	sched_switch(t);
	plat_panic("a dead task ran");
}

/* -- wait queues -- */

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
	e->q = q;
	list_add_tail(&q->waiters, &e->link);
}

void waitq_remove(struct wait_entry *e)
{
	if (!e->q)
		return;
	list_del(&e->link);
	e->q = NULL;
}

unsigned waitq_wake_n(struct waitq *q, u32 key, unsigned n)
{
	unsigned done = 0;

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

/* -- timers -- */

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
	if (!t->armed)
		return;
	t->armed = false;
	list_del(&t->link);
}

static u64 next_timer(struct kernel *k)
{
	if (list_empty(&k->timers))
		return TIME_NEVER;
	return list_entry(k->timers.next, struct ktimer, link)->when;
}

static void run_timers(struct kernel *k)
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

/* -- events from the host -- */

static void take_event(struct kernel *k, const struct chan_event *ev)
{
	switch (ev->kind) {
	case CHAN_EV_READY:
		hostfs_event(ev->tag, ev->value);
		break;
	case CHAN_EV_SIGNAL:
		signal_from_host(ev->value, ev->tag == CHAN_SIGNAL_KERNEL);
		break;
	case CHAN_EV_WINCH:
		signal_from_host(SIGWINCH, true);
		break;
	case CHAN_EV_KILL: {
		struct sig_info si;

		signal_simple(&si, 9, 0);
		if (k->init)
			signal_send_process(k->init, &si);
		break;
	}
	default:
		break; /* a newer host: nothing that we know to do */
	}
}

static void take_events(struct kernel *k, u64 deadline)
{
	struct chan_event
		ev[16]; /* 256 bytes of a small stack; the rest comes with the next call */
	struct chan_msg m = {.op = CHAN_OP_WAIT, .a = {deadline}};
	u64 n;

	plat_channel(&m);
	n = m.result > 0 ? min_u64((u64)m.result / sizeof(ev[0]), ARRAY_SIZE(ev)) : 0;
	/* a copy: handling an event may use the channel's data area */
	memcpy(ev, plat_chan_data(), n * sizeof(ev[0]));
	for (u64 i = 0; i < n; i++)
		take_event(k, &ev[i]);
}

void sched_poll_events(bool wait)
{
	struct kernel *k = kern;

	run_timers(k);
	if (wait && list_empty(&k->runq))
		take_events(k, next_timer(k));
	else if (plat_events_pending())
		take_events(k, 0);
	run_timers(k);
}

void sched_update_kick(struct task *t)
{
	struct kernel *k = kern;
	u64 when = next_timer(k);

	if (!list_empty(&k->runq) && t->slice_end < when)
		when = t->slice_end;
	if (when == TIME_NEVER)
		when = 0;
	if (when == k->kick_set)
		return;
	k->kick_set = when;
	plat_set_kick(when);
}

void core_run(struct kernel *k)
{
	while (!k->ended) {
		sched_finish_switch();
		if (list_empty(&k->runq))
			sched_poll_events(true);
		if (!list_empty(&k->runq))
			sched_switch(NULL);
	}
}
