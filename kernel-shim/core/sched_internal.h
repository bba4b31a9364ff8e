/* SPDX-License-Identifier: Apache-2.0
 * Between the files of the scheduler.
 */
#ifndef CORE_SCHED_INTERNAL_H
#define CORE_SCHED_INTERNAL_H

#include "core/task.h"

/* sched.c */
bool sched_may_run(const struct cpu *c, const struct task *t);
bool sched_has_work(const struct kernel *k, const struct cpu *c); /* for c, in the queue */
void sched_run_next(void); /* from the scheduler's context; returns when nobody is left to run */

/* ktimer.c */
u64 ktimer_next(struct kernel *k); /* when the first is due, or TIME_NEVER */
void ktimers_run(struct kernel *k);

#endif
