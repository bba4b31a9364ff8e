/* SPDX-License-Identifier: Apache-2.0
 * Interval timers of a process (setitimer(2)): real time by a kernel timer, CPU time by
 * cputime_check.
 */
#include <asm/signal.h>
#include <linux/time.h>

#include "core/siginfo.h"
#include "core/timers.h"

static void real_expired(struct ktimer *timer)
{
	struct itimer *it = container_of(timer, struct itimer, timer);
	struct sig_info si;

	signal_simple(&si, SIGALRM, SI_KERNEL);
	signal_send_process(it->proc, &si);
	/* the next period starts when the signal is taken: a short interval cannot flood anybody */
}

void itimer_alarm_taken(struct process *p)
{
	struct itimer *it = &p->itimer_real;
	u64 now, behind;

	if (!it->interval_ns || it->timer.armed || !it->timer.when)
		return;
	now = clock_mono_ns();
	behind = now > it->timer.when ? (now - it->timer.when) / it->interval_ns : 0;
	ktimer_set(&it->timer, it->timer.when + (behind + 1) * it->interval_ns);
}

static void cpu_get(struct process *p, s32 which, struct itimer_value *v)
{
	u64 u, s, now, at = which == ITIMER_VIRTUAL ? p->virt_at : p->prof_at;

	process_times(p, &u, &s);
	now = which == ITIMER_VIRTUAL ? u : u + s;
	v->interval_ns = which == ITIMER_VIRTUAL ? p->virt_interval : p->prof_interval;
	if (!at)
		v->left_ns = 0;
	else
		v->left_ns =
			at > now ? at - now : 1000; /* due, not yet told: not zero, that is "off" */
}

void itimer_get(struct process *p, s32 which, struct itimer_value *v)
{
	struct itimer *it = &p->itimer_real;
	u64 now;

	if (which != ITIMER_REAL) {
		cpu_get(p, which, v);
		return;
	}
	now = clock_mono_ns();
	v->interval_ns = it->interval_ns;
	v->left_ns = 0;
	if (it->timer.armed)
		v->left_ns = it->timer.when > now ? it->timer.when - now : 1000;
}

void itimer_set(struct process *p, s32 which, const struct itimer_value *v)
{
	struct itimer *it = &p->itimer_real;
	u64 u, s;

	process_times(p, &u, &s);
	switch (which) {
	case ITIMER_REAL:
		ktimer_cancel(&it->timer);
		it->timer.when = 0;
		it->proc = p;
		it->interval_ns = v->left_ns ? v->interval_ns : 0; /* do_setitimer: off is off */
		if (!v->left_ns)
			return;
		it->timer.fn = real_expired;
		ktimer_set(&it->timer, clock_mono_ns() + v->left_ns);
		return;
	case ITIMER_VIRTUAL:
		p->virt_at = v->left_ns ? u + v->left_ns : 0;
		p->virt_interval = v->interval_ns;
		break;
	default:
		p->prof_at = v->left_ns ? u + s + v->left_ns : 0;
		p->prof_interval = v->interval_ns;
	}
	cputime_changed(p);
}

void itimer_cancel_all(struct process *p)
{
	ktimer_cancel(&p->itimer_real.timer);
	p->itimer_real.interval_ns = 0;
	ktimer_cancel(&p->cpu_timer);
	p->virt_at = p->prof_at = 0;
	p->cpu_timers = false;
}
