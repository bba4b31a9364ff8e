/* SPDX-License-Identifier: Apache-2.0
 * Timers that programs set: itimers (setitimer(2)), POSIX timers (timer_create(2)), limits and
 * timers on CPU time; and the clocks behind them.
 */
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include "core/task.h"

struct sig_entry;

/* -- core/cputime.c: what depends on CPU time -- */
/* Clock ids of a process's or thread's CPU time: clock_getcpuclockid(3), pthread_getcpuclockid(3).
 */
bool clock_is_cpu(s32 clock);
/* A CPU clock id without "the caller's" in it, so that others can read it. */
s32 clock_cpu_resolve(s32 clock);
/* Time of any clock now. 0 or -EINVAL. */
int clock_read_ns(s32 clock, u64 *ns);
/* CLOCK_MONOTONIC time at which the clock reaches `at`: of a CPU clock, if it runs all the time. */
u64 clock_to_mono(s32 clock, u64 at);
void cputime_inherit(struct process *p); /* a new process: RLIMIT_CPU may be set */
void cputime_changed(struct process *p); /* a timer or RLIMIT_CPU was set */
void cputime_check(struct task *t);	 /* on the way to user mode, if proc->cpu_timers */

/* -- core/itimer.c -- */
struct itimer_value {
	u64 left_ns, interval_ns; /* left 0: off */
};
void itimer_get(struct process *p, s32 which, struct itimer_value *v);
void itimer_set(struct process *p, s32 which, const struct itimer_value *v);
void itimer_cancel_all(struct process *p);
void itimer_alarm_taken(struct process *p); /* SIGALRM was dequeued: start the next period */

/* -- core/posix_timer.c -- */
struct posix_timer {
	struct list link; /* process.posix_timers */
	struct process *proc;
	s32 id;
	s32 clock;
	s32 notify; /* SIGEV_* */
	s32 signo;
	s32 target_tid; /* SIGEV_THREAD_ID */
	u64 value;	/* sigev_value */
	struct ktimer timer;
	bool armed;
	u64 at;	      /* next expiry on its own clock, ns */
	u64 interval; /* ns */
	s32 overrun, last_overrun;
	struct sig_entry *queued; /* its signal, waiting to be taken; or NULL */
};
struct posix_timer *posix_timer_find(struct process *p, s32 id);
/* NULL: no memory, or too many. */
struct posix_timer *posix_timer_new(struct process *p);
void posix_timer_delete(struct posix_timer *pt);
void posix_timers_delete_all(struct process *p);
void posix_timer_get(struct posix_timer *pt, struct itimer_value *v);
void posix_timer_set(struct posix_timer *pt, bool absolute, const struct itimer_value *v);
/* Its signal leaves the queue: fills in the overrun count and starts the next period. */
void posix_timer_taken(struct posix_timer *pt, struct sig_info *si);
/* A timer on a CPU clock: fires if it is due. CPU nanoseconds until the next time, or TIME_NEVER.
 */
u64 posix_timer_check_cpu(struct posix_timer *pt);

#endif
