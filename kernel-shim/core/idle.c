/* SPDX-License-Identifier: Apache-2.0
 * What a processor does besides running tasks: taking events from the host, waiting for work, and
 * handing work to those that wait.
 */
#include <asm/signal.h>

#include "core/sched_internal.h"
#include "fs/vfs.h"

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

	ktimers_run(k);
	if (wait && list_empty(&k->runq))
		take_events(k, ktimer_next(k));
	else if (plat_events_pending())
		take_events(k, 0);
	ktimers_run(k);
}

/* -- giving work away -- */

/* The idle processor for t: the one that it ran on last, or any that it may run on. */
static struct cpu *idle_cpu_for(struct kernel *k, const struct task *t)
{
	struct cpu *last = &k->cpus[t->last_cpu];

	if (last->idle && sched_may_run(last, t))
		return last;
	for (u32 i = 0; i < k->ncpus; i++) {
		if (k->cpus[i].idle && sched_may_run(&k->cpus[i], t))
			return &k->cpus[i];
	}
	return NULL;
}

static void wake_cpu(struct kernel *k, struct cpu *c)
{
	c->idle = false;
	k->nidle--;
	plat_wake_cpu(c);
}

/* Before the lock is dropped, and not when a task becomes runnable: who wakes somebody often sleeps
 * right after, and then runs it itself. */
static void give_work_away(struct kernel *k)
{
	if (!k->nidle)
		return;
	list_for_each(pos, &k->runq)
	{
		struct cpu *c = idle_cpu_for(k, list_entry(pos, struct task, run_link));

		if (c)
			wake_cpu(k, c);
	}
}

/* -- user mode -- */

/* With several processors a slice ends by a kick even if nobody waits now: who becomes runnable on
 * another one need not tell this one. */
static u64 next_kick(struct kernel *k, const struct task *t)
{
	u64 when = ktimer_next(k);

	if (k->timekeeper && k->timekeeper_at <= when)
		when = TIME_NEVER;
	if (k->ncpus > 1 || !list_empty(&k->runq))
		when = min_u64(when, t->slice_end);
	return when == TIME_NEVER ? 0 : when;
}

void sched_before_user(struct task *t)
{
	struct kernel *k = kern;
	struct cpu *c = plat_cpu();
	u64 when = next_kick(k, t);

	give_work_away(k);
	if (when == c->kick_set)
		return;
	c->kick_set = when;
	plat_set_kick(when);
}

/* -- idle -- */

static bool others_idle(const struct kernel *k)
{
	return k->nidle == k->ncpus - 1;
}

/* One of the idle ones looks at the clock for all. */
static u64 keep_time(struct kernel *k, struct cpu *c)
{
	u64 when = ktimer_next(k);

	if (k->timekeeper && k->timekeeper_at <= when)
		return TIME_NEVER;
	k->timekeeper = c;
	k->timekeeper_at = when;
	return when;
}

static void idle_sleep(struct kernel *k, struct cpu *c)
{
	u64 deadline = keep_time(k, c);

	c->idle = true;
	k->nidle++;
	plat_idle(deadline);
	if (c->idle)
		k->nidle--;
	c->idle = false;
	if (k->timekeeper == c)
		k->timekeeper = NULL;
}

/* The last one that finds nothing to do waits for the host, with the lock: nobody else wants it,
 * for all others sleep until they are woken. */
static void idle(struct kernel *k, struct cpu *c)
{
	give_work_away(k);
	if (others_idle(k)) {
		sched_poll_events(true);
		return;
	}
	idle_sleep(k, c);
	if (!k->ended)
		sched_poll_events(false);
}

void core_run(struct kernel *k)
{
	struct cpu *c = plat_cpu();

	while (!k->ended) {
		sched_finish_switch();
		if (sched_has_work(k, c))
			sched_run_next();
		else
			idle(k, c);
	}
	sched_finish_switch();
}

/* -- the end -- */

static bool others_run(const struct kernel *k, const struct cpu *c)
{
	for (u32 i = 0; i < k->ncpus; i++) {
		if (&k->cpus[i] != c && k->cpus[i].task)
			return true;
	}
	return false;
}

void sched_drain(void)
{
	struct kernel *k = kern;

	while (!list_empty(&k->runq) || others_run(k, plat_cpu())) {
		sched_yield_current();
		if (k->ncpus == 1)
			continue;
		give_work_away(k);
		plat_lock_pause();
	}
}

void sched_end_others(void)
{
	struct kernel *k = kern;

	for (u32 i = 0; i < k->ncpus; i++) {
		struct cpu *c = &k->cpus[i];

		if (c->idle)
			wake_cpu(k, c);
		else if (c != plat_cpu())
			plat_kick_cpu(c);
	}
}
