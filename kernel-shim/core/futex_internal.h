/* SPDX-License-Identifier: Apache-2.0
 * Between futex.c, futex_pi.c and futex_robust.c.
 */
#ifndef CORE_FUTEX_INTERNAL_H
#define CORE_FUTEX_INTERNAL_H

#include "core/futex.h"
#include "core/task.h"

/* On the waiter's kernel stack while it waits. */
struct futex_waiter {
	struct list link;
	struct futex_key key;
	struct task *task;
	u64 uaddr; /* in the waiter's memory */
	u32 bitset;
	bool woken;
	bool pi;
	s32 owner;  /* pi: tid that holds the lock */
	bool to_pi; /* WAIT_REQUEUE_PI: goes on to this PI lock, and nowhere else */
	u64 pi_uaddr;
	struct futex_key pi_key;
};

struct futex_state *futex_get(void);
struct list *futex_bucket(struct futex_state *s, const struct futex_key *k);
static inline bool futex_key_equal(const struct futex_key *x, const struct futex_key *y)
{
	return x->a == y->a && x->b == y->b;
}
int futex_make_key(u64 uaddr, u32 flags, struct futex_key *k);
void futex_wake_waiter(struct futex_waiter *w);
void futex_queue(struct futex_state *s, struct futex_waiter *w);
/* PI locks of a task that ends go to their longest waiting threads, marked OWNER_DIED. */
void futex_pi_owner_died(struct task *t);

#endif
