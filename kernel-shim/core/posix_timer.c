/* SPDX-License-Identifier: Apache-2.0
 * POSIX timers (timer_create(2)). A periodic timer's next period starts when its signal is taken,
 * and the periods missed by then are its overrun: a short interval costs nothing while the signal
 * is blocked.
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/signal.h"
#include "core/timers.h"

#define OVERRUN_MAX	  0x7fffffff /* DELAYTIMER_MAX */
#define IGNORED_PERIOD_NS 1000000ull /* a timer whose signal is ignored runs no faster: 1 ms */

struct posix_timer *posix_timer_find(struct process *p, s32 id)
{
	list_for_each(pos, &p->posix_timers)
	{
		struct posix_timer *pt = list_entry(pos, struct posix_timer, link);

		if (pt->id == id)
			return pt;
	}
	return NULL;
}

static void expired(struct ktimer *timer);

struct posix_timer *posix_timer_new(struct process *p)
{
	struct posix_timer *pt;
	u64 n = 0;

	list_for_each(pos, &p->posix_timers) n++;
	if (n >= p->rlimits[RLIMIT_SIGPENDING][0]) /* each may queue one */
		return NULL;
	pt = kzalloc(sizeof(*pt));
	if (!pt)
		return NULL;
	pt->proc = p;
	do {
		pt->id = p->next_timer_id;
		p->next_timer_id = (s32)(((u32)p->next_timer_id + 1) & 0x7fffffff);
	} while (posix_timer_find(p, pt->id));
	ktimer_init(&pt->timer, expired);
	list_add_tail(&p->posix_timers, &pt->link);
	return pt;
}

void posix_timer_delete(struct posix_timer *pt)
{
	ktimer_cancel(&pt->timer);
	if (pt->queued)
		pt->queued->timer = NULL; /* the signal itself stays pending */
	list_del(&pt->link);
	kfree(pt);
}

void posix_timers_delete_all(struct process *p)
{
	while (!list_empty(&p->posix_timers))
		posix_timer_delete(list_entry(p->posix_timers.next, struct posix_timer, link));
}

static void arm(struct posix_timer *pt, u64 not_before)
{
	pt->armed = true;
	if (pt->notify == SIGEV_NONE)
		return; /* only its reading matters */
	if (clock_is_cpu(pt->clock))
		cputime_changed(pt->proc);
	else
		ktimer_set(&pt->timer, max_u64(clock_to_mono(pt->clock, pt->at), not_before));
}

/* The first period that ends after now; how many ended before it. */
static u64 next_period(struct posix_timer *pt, u64 now)
{
	u64 missed = now > pt->at ? (now - pt->at) / pt->interval : 0;

	pt->at += (missed + 1) * pt->interval;
	return missed;
}

static void add_overrun(struct posix_timer *pt, u64 n)
{
	pt->overrun = (s32)min_u64((u64)pt->overrun + n, OVERRUN_MAX);
}

static void fire(struct posix_timer *pt)
{
	struct process *p = pt->proc;
	struct task *t = NULL;
	struct sig_info si;
	u64 now = pt->at;

	pt->armed = false;
	if (pt->queued) { /* set anew while its last signal is still pending */
		add_overrun(pt, 1);
		return;
	}
	signal_simple(&si, pt->signo, SI_TIMER);
	si.timer.tid = pt->id;
	si.timer.value = pt->value;
	if (pt->notify == SIGEV_THREAD_ID) {
		t = task_find(pt->target_tid);
		if (!t || t->proc != p)
			return;
	}
	signal_send_timer(p, t, &si, pt);
	if (pt->queued || !pt->interval)
		return;
	/* ignored, or no memory for the signal: nobody will take it, so go on from here */
	clock_read_ns(pt->clock, &now);
	next_period(pt, now);
	arm(pt, clock_mono_ns() + IGNORED_PERIOD_NS);
}

static void expired(struct ktimer *timer)
{
	fire(container_of(timer, struct posix_timer, timer));
}

u64 posix_timer_check_cpu(struct posix_timer *pt)
{
	u64 now;

	if (!pt->armed || pt->notify == SIGEV_NONE || clock_read_ns(pt->clock, &now))
		return TIME_NEVER;
	if (now >= pt->at)
		fire(pt);
	return pt->armed && pt->at > now ? pt->at - now : TIME_NEVER;
}

void posix_timer_taken(struct posix_timer *pt, struct sig_info *si)
{
	u64 now = pt->at;

	if (pt->interval && !pt->armed) {
		clock_read_ns(pt->clock, &now);
		add_overrun(pt, next_period(pt, now));
		arm(pt, 0);
	}
	si->timer.overrun = pt->last_overrun = pt->overrun;
	pt->overrun = 0;
}

void posix_timer_get(struct posix_timer *pt, struct itimer_value *v)
{
	u64 now, at = pt->at;

	v->interval_ns = pt->interval;
	v->left_ns = 0;
	if (clock_read_ns(pt->clock, &now))
		return;
	if (!pt->armed && !(pt->queued && pt->interval))
		return;
	if (at <= now && pt->interval)
		at += ((now - at) / pt->interval + 1) * pt->interval;
	if (at > now)
		v->left_ns = at - now;
	else if (pt->notify != SIGEV_NONE)
		v->left_ns = 1; /* due, not yet told */
}

void posix_timer_set(struct posix_timer *pt, bool absolute, const struct itimer_value *v)
{
	u64 now = 0;

	ktimer_cancel(&pt->timer);
	pt->armed = false;
	pt->overrun = pt->last_overrun = 0;
	pt->interval = v->interval_ns;
	if (!v->left_ns)
		return;
	if (!absolute)
		clock_read_ns(pt->clock, &now);
	pt->at = now + v->left_ns;
	if (pt->at < now)
		pt->at = TIME_NEVER - 1;
	arm(pt, 0);
}
