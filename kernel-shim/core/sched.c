/* SPDX-License-Identifier: Apache-2.0
 * The scheduler: one run queue for all processors, and sleeping and waking. Tasks switch directly
 * to each other; a processor's own context runs only to idle (idle.c).
 *
 * Whenever the lock is dropped, no idle processor could run a task of the queue, and somebody wakes
 * for the first timer: a processor in user mode by its kick, or an idle one (timekeeper).
 */
#include <asm/errno.h>

#include "core/sched_internal.h"

#define SLICE_NS                                                                                   \
	10000000ull /* 10 ms: Linux's order of magnitude, and rare enough to cost nothing */

void sched_make_runnable(struct task *t)
{
	assert_locked();
	t->state = TASK_RUNNABLE;
	if (kern->ncpus > 1)
		t->queued_at = clock_mono_ns();
	list_add_tail(&kern->runq, &t->run_link);
}

void sched_interrupt(struct task *t)
{
	if (t->state == TASK_SLEEPING)
		sched_wake(t);
	else if (t->cpu && t->cpu != plat_cpu())
		plat_kick_cpu(t->cpu);
}

void sched_wake(struct task *t)
{
	assert_locked();
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

u64 sched_cpus_present(void)
{
	return kern->ncpus == CPUS_MAX ? ~0ull : (1ull << kern->ncpus) - 1;
}

bool sched_may_run(const struct cpu *c, const struct task *t)
{
	return t->sched_affinity >> c->id & 1;
}

/* The first that may run on c. One that ran there last goes before those that did not, unless they
 * have waited for a slice already. */
static struct task *sched_peek(const struct kernel *k, const struct cpu *c)
{
	struct task *first = NULL;

	list_for_each(pos, &k->runq)
	{
		struct task *t = list_entry(pos, struct task, run_link);

		if (!sched_may_run(c, t))
			continue;
		if (t->last_cpu == c->id)
			return t;
		if (first)
			continue;
		if (clock_since(t->queued_at) > SLICE_NS)
			return t;
		first = t;
	}
	return first;
}

bool sched_has_work(const struct kernel *k, const struct cpu *c)
{
	return sched_peek(k, c) != NULL;
}

static void new_slice(struct task *t)
{
	t->slice_end = clock_mono_ns() + SLICE_NS;
}

static void leave_cpu(struct task *t)
{
	t->stime_ns += clock_since(t->last_stamp);
	t->switches++;
	t->cpu = NULL;
}

static void take_cpu(struct cpu *c, struct task *t)
{
	list_del(&t->run_link);
	c->task = t;
	t->cpu = c;
	t->last_cpu = c->id;
	new_slice(t);
}

/* Leaves `from` (NULL: the scheduler's context) for the next runnable task, or to idle. */
static void sched_switch(struct task *from)
{
	struct kernel *k = kern;
	struct cpu *c = plat_cpu();
	struct task *next;

	assert_locked();
	if (from && !k->ended) /* due timers may make somebody runnable; events are for idle and
				  for kicks */
		sched_poll_events(false);
	next = k->ended ? NULL : sched_peek(k, c);
	if (next == from) {
		if (next) {
			list_del(&next->run_link);
			new_slice(next);
		}
		return;
	}
	k->stats.switches++;
	if (from)
		leave_cpu(from);
	c->task = NULL;
	if (next)
		take_cpu(c, next);
	plat_kctx_switch(from ? &from->kctx : &c->sched, next ? &next->kctx : &c->sched);
	/* perhaps on another processor now */
	sched_finish_switch();
	if (from)
		from->last_stamp = clock_mono_ns();
}

void sched_run_next(void)
{
	sched_switch(NULL);
}

void sched_yield_current(void)
{
	struct task *t = current;

	sched_make_runnable(t);
	sched_switch(t);
}

bool sched_must_yield(struct task *t)
{
	struct kernel *k = kern;
	struct cpu *c = plat_cpu();

	if (!sched_may_run(c, t))
		return true;
	if (k->ncpus == 1 && list_empty(&k->runq))
		return false;
	if (clock_mono_ns() < t->slice_end)
		return false;
	if (sched_has_work(k, c))
		return true;
	new_slice(t);
	return false;
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

_Noreturn void sched_abandon(void)
{
	struct task *t = current;

	t->state = TASK_STOPPED;
	sched_switch(t);
	plat_panic("a task ran after the end");
}
