/* SPDX-License-Identifier: Apache-2.0
 * Wait queues. A file, a futex bucket, a process has one; waiters hang an entry on it. Waking calls
 * the entry's function, which by default makes its task runnable. epoll and poll use their own.
 */
#ifndef CORE_WAIT_H
#define CORE_WAIT_H

#include "core/types.h"

struct task;

struct waitq {
	struct list waiters;
};
struct wait_entry {
	struct list link;
	struct waitq *q; /* NULL when on none */
	struct task *task;
	/* key: poll events that became ready, or 0 for "anything". May not block or remove others.
	 */
	void (*fn)(struct wait_entry *e, u32 key);
	void *arg;
	bool woken;
};

static inline void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}
/* The default entry: wakes t. */
void wait_entry_init(struct wait_entry *e, struct task *t);
void waitq_add(struct waitq *q, struct wait_entry *e);
void waitq_remove(struct wait_entry *e);		     /* harmless when on none */
void waitq_wake(struct waitq *q, u32 key);		     /* all */
unsigned waitq_wake_n(struct waitq *q, u32 key, unsigned n); /* the n longest waiting */

/* Blocks current until woken, the deadline (CLOCK_MONOTONIC ns; TIME_NEVER) or a signal that it can
 * take. 0 woken, -ETIMEDOUT, -EINTR (the caller turns it into the -ERESTART… that fits). Spurious
 * wake-ups happen: loop on the condition. */
int task_wait(u64 deadline);
/* The same, but only a fatal signal interrupts. */
int task_wait_killable(u64 deadline);

/* Waits on q until cond is true. Evaluates to 0, -EINTR or -ETIMEDOUT. */
#define waitq_wait(q, cond, deadline)                                                              \
	({                                                                                         \
		struct wait_entry we_;                                                             \
		int r_ = 0;                                                                        \
		wait_entry_init(&we_, current);                                                    \
		waitq_add((q), &we_);                                                              \
		while (!(cond)) {                                                                  \
			r_ = task_wait(deadline);                                                  \
			if (r_ && !(cond))                                                         \
				break;                                                             \
			r_ = 0;                                                                    \
		}                                                                                  \
		waitq_remove(&we_);                                                                \
		r_;                                                                                \
	})

/* Timers: fn runs in scheduler context with the kernel lock, must not block. */
struct ktimer {
	struct list link; /* kept sorted by when */
	u64 when;	  /* CLOCK_MONOTONIC ns */
	void (*fn)(struct ktimer *t);
	bool armed;
};
void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *));
void ktimer_set(struct ktimer *t, u64 when);
void ktimer_cancel(struct ktimer *t);

#endif
