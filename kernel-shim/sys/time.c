/* SPDX-License-Identifier: Apache-2.0
 * System calls about time: clocks, sleeping, timers.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/time.h>

#include "core/siginfo.h"
#include "core/timers.h"
#include "mm/mm.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define SEC_MAX	   (TIME_NEVER / NSEC_PER_SEC - 1)
#define LOW_RES_NS 4000000ull /* of the _COARSE clocks: a tick of 250 Hz */

/* -- conversions -- */

int timespec_to_ns(const struct user_timespec *ts, u64 *ns)
{
	if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	*ns = (u64)ts->sec > SEC_MAX ? TIME_NEVER - 1 : (u64)ts->sec * NSEC_PER_SEC + (u64)ts->nsec;
	return 0;
}

int timeval_to_ns(const struct user_timeval *tv, u64 *ns)
{
	if (tv->sec < 0 || tv->usec < 0 || tv->usec >= 1000000)
		return -EINVAL;
	*ns = (u64)tv->sec > SEC_MAX ? TIME_NEVER - 1
				     : (u64)tv->sec * NSEC_PER_SEC + (u64)tv->usec * 1000;
	return 0;
}

struct user_timespec timespec_from_ns(u64 ns)
{
	return (struct user_timespec){(s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC)};
}

struct user_timeval timeval_from_ns(u64 ns)
{
	return (struct user_timeval){(s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC / 1000)};
}

int timespec_get(u64 uaddr, u64 *ns)
{
	struct user_timespec ts;

	if (copy_from_user(&ts, uaddr, sizeof(ts)))
		return -EFAULT;
	return timespec_to_ns(&ts, ns);
}

int timespec_put(u64 uaddr, u64 ns)
{
	struct user_timespec ts = timespec_from_ns(ns);

	return copy_to_user(uaddr, &ts, sizeof(ts));
}

/* -- reading and setting clocks -- */

long sys_clock_gettime(struct task *t, const u64 *a)
{
	u64 ns;
	int r = clock_read_ns((s32)a[0], &ns);

	return r ? r : timespec_put(a[1], ns);
}

long sys_clock_getres(struct task *t, const u64 *a)
{
	s32 clock = (s32)a[0];
	u64 ns;
	int r = clock_read_ns(clock, &ns);

	if (r)
		return r;
	ns = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ? LOW_RES_NS : 1;
	return a[1] ? timespec_put(a[1], ns) : 0;
}

/* The time is the host's: nobody in the sandbox may set it, root included. */
long sys_clock_settime(struct task *t, const u64 *a)
{
	u64 ns;
	int r;

	if ((s32)a[0] != CLOCK_REALTIME)
		return -EINVAL;
	r = timespec_get(a[1], &ns);
	return r ? r : -EPERM;
}

long sys_settimeofday(struct task *t, const u64 *a)
{
	struct user_timeval tv;
	u64 ns;

	if (a[0]) {
		if (copy_from_user(&tv, a[0], sizeof(tv)))
			return -EFAULT;
		if (timeval_to_ns(&tv, &ns))
			return -EINVAL;
	}
	return -EPERM;
}

long sys_gettimeofday(struct task *t, const u64 *a)
{
	struct user_timeval tv = timeval_from_ns(clock_real_ns());
	const u32 utc[2] = {0};

	if (a[0] && copy_to_user(a[0], &tv, sizeof(tv)))
		return -EFAULT;
	if (a[1] && copy_to_user(a[1], utc, sizeof(utc)))
		return -EFAULT;
	return 0;
}

long sys_time(struct task *t, const u64 *a)
{
	u64 sec = clock_real_ns() / NSEC_PER_SEC;

	if (a[0] && put_user_u64(a[0], sec))
		return -EFAULT;
	return (long)sec;
}

/* -- sleeping -- */

/* Until `at` on `clock`. CPU clocks advance only while the process runs: look again when it could
 * be. */
static int sleep_until(s32 clock, u64 at)
{
	u64 now, deadline;
	int r;

	do {
		if (clock_read_ns(clock, &now))
			return 0; /* the clock's process has ended */
		if (now >= at)
			return 0;
		deadline = clock_to_mono(clock, at);
		r = task_wait(deadline);
	} while (r != -EINTR);
	return r;
}

/* args: clock, at, where the remaining time goes (0: nowhere) */
static long sleep_restart(struct task *t)
{
	const u64 *r = t->restart.args;
	u64 now;

	if (!sleep_until((s32)r[0], r[1]))
		return 0;
	if (!clock_read_ns((s32)r[0], &now) && now >= r[1])
		return 0;
	if (r[2] && timespec_put(r[2], r[1] - now))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_for(struct task *t, s32 clock, u64 ns, u64 urem)
{
	u64 now;

	clock_read_ns(clock, &now);
	t->restart = (struct restart){
		.fn = sleep_restart,
		.args = {(u64)clock, ns >= TIME_NEVER - 1 - now ? TIME_NEVER - 1 : now + ns, urem},
	};
	return sleep_restart(t);
}

long sys_nanosleep(struct task *t, const u64 *a)
{
	u64 ns;
	int r = timespec_get(a[0], &ns);

	return r ? r : sleep_for(t, CLOCK_MONOTONIC, ns, a[1]);
}

static bool can_sleep_on(s32 clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
	case CLOCK_PROCESS_CPUTIME_ID:
		return true;
	default:
		return clock < 0;
	}
}

static long check_sleep_clock(s32 clock)
{
	u64 now;

	if (clock_read_ns(clock, &now))
		return -EINVAL;
	/* one's own CPU time stands still in one's sleep (posix_cpu_nsleep) */
	if (clock < 0 && clock_cpu_resolve(clock) == clock_cpu_resolve(CLOCK_THREAD_CPUTIME_ID))
		return -EINVAL;
	/* the alarm clocks need CAP_WAKE_ALARM and a clock chip; the rest cannot */
	return can_sleep_on(clock) ? 0 : -EOPNOTSUPP;
}

long sys_clock_nanosleep(struct task *t, const u64 *a)
{
	s32 clock = (s32)a[0];
	u64 ns;
	long r = check_sleep_clock(clock);

	if (r)
		return r;
	r = timespec_get(a[2], &ns);
	if (r)
		return r;
	if (clock_is_cpu(clock))
		clock = clock_cpu_resolve(clock);
	if (!(a[1] & TIMER_ABSTIME)) /* a relative sleep is not moved when the wall clock is set */
		return sleep_for(t, clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : clock, ns, a[3]);
	return sleep_until(clock, ns) ? -ERESTARTNOHAND : 0;
}

/* -- interval timers -- */

static struct user_itimerval itimerval_from(const struct itimer_value *v)
{
	return (struct user_itimerval){
		timeval_from_ns(v->interval_ns), timeval_from_ns(v->left_ns)};
}

long sys_getitimer(struct task *t, const u64 *a)
{
	struct user_itimerval out;
	struct itimer_value v;

	if ((s32)a[0] < ITIMER_REAL || (s32)a[0] > ITIMER_PROF)
		return -EINVAL;
	itimer_get(t->proc, (s32)a[0], &v);
	out = itimerval_from(&v);
	return copy_to_user(a[1], &out, sizeof(out));
}

long sys_setitimer(struct task *t, const u64 *a)
{
	struct user_itimerval in = {0}, out;
	struct itimer_value v, old;

	if (a[1] && copy_from_user(&in, a[1], sizeof(in))) /* none: off, as Linux has always done */
		return -EFAULT;
	if (timeval_to_ns(&in.value, &v.left_ns) || timeval_to_ns(&in.interval, &v.interval_ns))
		return -EINVAL;
	if ((s32)a[0] < ITIMER_REAL || (s32)a[0] > ITIMER_PROF)
		return -EINVAL;
	itimer_get(t->proc, (s32)a[0], &old);
	itimer_set(t->proc, (s32)a[0], &v);
	out = itimerval_from(&old);
	if (a[2] && copy_to_user(a[2], &out, sizeof(out)))
		return -EFAULT;
	return 0;
}

long sys_alarm(struct task *t, const u64 *a)
{
	struct itimer_value old, v = {.left_ns = (u32)a[0] * NSEC_PER_SEC};
	u64 sec;

	itimer_get(t->proc, ITIMER_REAL, &old);
	itimer_set(t->proc, ITIMER_REAL, &v);
	/* rounded, but never down to "none": alarm_setitimer */
	sec = (old.left_ns + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
	return old.left_ns && !sec ? 1 : (long)sec;
}

/* -- POSIX timers -- */

static int timer_target(struct task *t, const struct sigevent *ev)
{
	struct task *target;

	switch (ev->sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		target = task_find(ev->sigev_notify_thread_id);
		if (!target || target->proc != t->proc)
			return -EINVAL;
		__attribute__((fallthrough));
	case SIGEV_SIGNAL:
	case SIGEV_THREAD: /* libc's business: to the kernel it is a signal */
		return ev->sigev_signo < 1 || ev->sigev_signo > NSIG_MAX ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

long sys_timer_create(struct task *t, const u64 *a)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	s32 clock = (s32)a[0];
	struct posix_timer *pt;
	u64 now;
	int r;

	if (a[1] && copy_from_user(&ev, a[1], sizeof(ev)))
		return -EFAULT;
	if (clock_read_ns(clock, &now))
		return -EINVAL;
	if (!can_sleep_on(clock) && clock != CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	r = timer_target(t, &ev);
	if (r)
		return r;
	pt = posix_timer_new(t->proc);
	if (!pt)
		return -EAGAIN;
	pt->clock = clock_is_cpu(clock) ? clock_cpu_resolve(clock) : clock;
	pt->notify = ev.sigev_notify;
	pt->signo = ev.sigev_signo;
	pt->target_tid = ev.sigev_notify == SIGEV_THREAD_ID ? ev.sigev_notify_thread_id : 0;
	/* without an event the value is the timer's id (timer_create(2)) */
	pt->value = a[1] ? (u64)ev.sigev_value.sival_ptr : (u32)pt->id;
	if (put_user_u32(a[2], (u32)pt->id)) {
		posix_timer_delete(pt);
		return -EFAULT;
	}
	return 0;
}

int itimerspec_get(u64 uaddr, struct itimer_value *v)
{
	struct user_itimerspec in;
	int r;

	if (copy_from_user(&in, uaddr, sizeof(in)))
		return -EFAULT;
	r = timespec_to_ns(&in.value, &v->left_ns);
	return r ? r : timespec_to_ns(&in.interval, &v->interval_ns);
}

int itimerspec_put(u64 uaddr, const struct itimer_value *v)
{
	struct user_itimerspec out = {
		timespec_from_ns(v->interval_ns), timespec_from_ns(v->left_ns)};

	return copy_to_user(uaddr, &out, sizeof(out));
}

long sys_timer_settime(struct task *t, const u64 *a)
{
	struct posix_timer *pt;
	struct itimer_value v, old;
	int r = a[2] ? itimerspec_get(a[2], &v) : -EINVAL;

	if (r)
		return r;
	pt = posix_timer_find(t->proc, (s32)a[0]);
	if (!pt)
		return -EINVAL;
	posix_timer_get(pt, &old);
	posix_timer_set(pt, a[1] & TIMER_ABSTIME, &v);
	return a[3] ? itimerspec_put(a[3], &old) : 0;
}

long sys_timer_gettime(struct task *t, const u64 *a)
{
	struct posix_timer *pt = posix_timer_find(t->proc, (s32)a[0]);
	struct itimer_value v;

	if (!pt)
		return -EINVAL;
	posix_timer_get(pt, &v);
	return itimerspec_put(a[1], &v);
}

long sys_timer_getoverrun(struct task *t, const u64 *a)
{
	struct posix_timer *pt = posix_timer_find(t->proc, (s32)a[0]);

	return pt ? pt->last_overrun : -EINVAL;
}

long sys_timer_delete(struct task *t, const u64 *a)
{
	struct posix_timer *pt = posix_timer_find(t->proc, (s32)a[0]);

	if (!pt)
		return -EINVAL;
	posix_timer_delete(pt);
	return 0;
}
