/* SPDX-License-Identifier: Apache-2.0
 * Clocks, and what depends on CPU time: ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU, POSIX timers on
 * CPU clocks.
 *
 * There is no tick. Each way to user mode checks what is due (only if something is set), and a
 * kernel timer sees to it that a task that never leaves user mode is kicked out when it may be.
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <asm/signal.h>
#include <linux/time.h>

#include "core/siginfo.h"
#include "core/timers.h"

/* linux/posix-timers.h: a negative id is ~pid << 3 | thread << 2 | which. */
#define CPUCLOCK_VIRT	   1
#define CPUCLOCK_SCHED	   2
#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_WHICH	   3
#define CPU_KICK_MIN_NS	   100000ull /* no kick sooner: a due timer is at most this late */

bool clock_is_cpu(s32 clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

s32 clock_cpu_resolve(s32 clock)
{
	u32 id = (u32)clock;

	if (clock == CLOCK_PROCESS_CPUTIME_ID)
		return (s32)(~(u32)current->proc->pid << 3 | CPUCLOCK_SCHED);
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return (s32)(~(u32)current->tid << 3 | CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED);
	if (clock >= 0 || ~(id >> 3 | 0xe0000000u))
		return clock;
	/* pid 0 is the caller */
	return (s32)((~(u32)(id & CPUCLOCK_PERTHREAD ? current->tid : current->proc->pid) << 3) |
		     (id & 7));
}

static int cpu_read_ns(s32 clock, u64 *ns)
{
	u32 id = (u32)clock_cpu_resolve(clock);
	s32 pid = (s32) ~(id >> 3 | 0xe0000000u);
	u64 u, s;

	if ((id & CPUCLOCK_WHICH) == CPUCLOCK_WHICH)
		return -EINVAL; /* a descriptor: clock devices do not exist here */
	if (id & CPUCLOCK_PERTHREAD) {
		struct task *t = task_find(pid);

		if (!t || t->proc != current->proc)
			return -EINVAL;
		task_times(t, &u, &s);
	} else {
		struct process *p = process_find(pid);

		if (!p)
			return -EINVAL;
		process_times(p, &u, &s);
	}
	*ns = (id & CPUCLOCK_WHICH) == CPUCLOCK_VIRT ? u : u + s;
	return 0;
}

int clock_read_ns(s32 clock, u64 *ns)
{
	if (clock_is_cpu(clock))
		return cpu_read_ns(clock, ns);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
		*ns = clock_real_ns();
		return 0;
	case CLOCK_TAI:
		*ns = clock_real_ns() + (u64)kern->clock->tai_offset_s * NSEC_PER_SEC;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
		*ns = clock_mono_ns();
		return 0;
	case CLOCK_MONOTONIC_RAW:
		*ns = clock_raw_ns();
		return 0;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = clock_boot_ns();
		return 0;
	default:
		return -EINVAL;
	}
}

u64 clock_to_mono(s32 clock, u64 at)
{
	u64 mono = clock_mono_ns(), now = mono, left;

	clock_read_ns(clock, &now);
	if (at <= now)
		return mono;
	left = at - now;
	return left >= TIME_NEVER - 1 - mono ? TIME_NEVER - 1 : mono + left;
}

/* -- what is due -- */

/* The trap is all that is wanted: of this processor it has happened. */
static void kick_threads(struct ktimer *timer)
{
	struct process *p = container_of(timer, struct process, cpu_timer);

	list_for_each(pos, &p->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);

		if (t->in_user)
			sched_interrupt(t);
	}
}

static void send_to(struct process *p, s32 signo)
{
	struct sig_info si;

	signal_simple(&si, signo, SI_KERNEL);
	signal_send_process(p, &si);
}

/* Fires if due. What is left, or TIME_NEVER. */
static u64 check_itimer(struct process *p, u64 *at, u64 interval, u64 now, s32 signo)
{
	if (!*at)
		return TIME_NEVER;
	if (now >= *at) {
		send_to(p, signo);
		*at = interval ? *at + ((now - *at) / interval + 1) * interval : 0;
		if (!*at)
			return TIME_NEVER;
	}
	return *at - now;
}

/* check_process_timers (kernel/time/posix-cpu-timers.c): SIGXCPU each second past the soft limit.
 */
static u64 check_limit(struct process *p, u64 now)
{
	u64 *limit = p->rlimits[RLIMIT_CPU];

	if (limit[1] != RLIM_INFINITY && now / NSEC_PER_SEC >= limit[1]) {
		send_to(p, SIGKILL);
		return TIME_NEVER;
	}
	if (limit[0] == RLIM_INFINITY)
		return TIME_NEVER;
	if (now / NSEC_PER_SEC >= limit[0]) {
		send_to(p, SIGXCPU);
		limit[0] = now / NSEC_PER_SEC + 1;
	}
	return limit[0] >= TIME_NEVER / NSEC_PER_SEC ? TIME_NEVER : limit[0] * NSEC_PER_SEC - now;
}

void cputime_check(struct task *t)
{
	struct process *p = t->proc;
	u64 u, s, when, left;

	process_times(p, &u, &s);
	left = check_itimer(p, &p->virt_at, p->virt_interval, u, SIGVTALRM);
	left = min_u64(left, check_itimer(p, &p->prof_at, p->prof_interval, u + s, SIGPROF));
	left = min_u64(left, check_limit(p, u + s));
	list_for_each(pos, &p->posix_timers)
	{
		struct posix_timer *pt = list_entry(pos, struct posix_timer, link);

		if (clock_is_cpu(pt->clock))
			left = min_u64(left, posix_timer_check_cpu(pt));
	}
	if (left == TIME_NEVER) {
		p->cpu_timers = false;
		ktimer_cancel(&p->cpu_timer);
		return;
	}
	/* as if all its threads ran at once: a kick too early looks again, one too late is late */
	when = clock_mono_ns() + max_u64(left / kern->ncpus, CPU_KICK_MIN_NS);
	if (p->cpu_timer.armed && p->cpu_timer.when <= when)
		return;
	p->cpu_timer.fn = kick_threads;
	ktimer_set(&p->cpu_timer, when);
}

void cputime_changed(struct process *p)
{
	p->cpu_timers = true; /* the next check finds out what is set */
}

void cputime_inherit(struct process *p)
{
	if (p->rlimits[RLIMIT_CPU][0] != RLIM_INFINITY ||
		p->rlimits[RLIMIT_CPU][1] != RLIM_INFINITY)
		p->cpu_timers = true;
}
