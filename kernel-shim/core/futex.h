/* SPDX-License-Identifier: Apache-2.0
 * Futexes (futex(2)). The words live in user memory; this file sees them through a target, so that
 * the queues can be tested without address spaces.
 */
#ifndef CORE_FUTEX_H
#define CORE_FUTEX_H

#include "core/types.h"

struct task;

/* Two words are the same futex if their keys are equal. a 0: nothing yet. */
struct futex_key {
	u64 a, b;
};

struct futex_target {
	int (*load)(u64 uaddr, u32 *v);
	/* 0 or -EFAULT; the value found in *old. */
	int (*cmpxchg)(u64 uaddr, u32 expect, u32 desired, u32 *old);
	/* 0 or -EFAULT. shared: FUTEX_PRIVATE_FLAG was not given. */
	int (*key)(struct task *t, u64 uaddr, bool shared, struct futex_key *key);
	/* The same as cmpxchg in another task's memory. */
	int (*store_for)(struct task *t, u64 uaddr, u32 v);
};

#define FUTEX_BUCKETS 64
struct futex_state { /* kernel.futex_state */
	const struct futex_target *target;
	struct list bucket[FUTEX_BUCKETS]; /* struct futex_waiter, longest waiting first */
};
/* Made on first use with the user memory's target; tests make their own. NULL: no memory. */
struct futex_state *futex_state_new(const struct futex_target *target);

#define FUTEX_SHARED 1u /* flags of the functions below */

/* deadline: CLOCK_MONOTONIC ns or TIME_NEVER. 0, -EAGAIN (the word differs), -ETIMEDOUT, -EINTR,
 * -EFAULT. */
long futex_wait(u64 uaddr, u32 flags, u32 val, u32 bitset, u64 deadline);
/* Any of n words, as in futex_waitv(2): the index of one that was woken. */
#define FUTEX_WAIT_MAX 128u
struct futex_word {
	u64 uaddr;
	u32 val, flags;
};
long futex_wait_any(const struct futex_word *words, u32 n, u64 deadline);
long futex_wake(u64 uaddr, u32 flags, s32 n, u32 bitset);
/* cmp NULL: no comparison. Returns how many were woken or moved. */
long futex_requeue(u64 uaddr, u32 flags, u64 uaddr2, s32 wake, s32 requeue, const u32 *cmp);
long futex_wake_op(u64 uaddr, u32 flags, u64 uaddr2, s32 wake, s32 wake2, u32 op);

/* -- core/futex_pi.c: owner in the word; no priorities here, so the longest waiting is next -- */
long futex_lock_pi(u64 uaddr, u32 flags, u64 deadline, bool try_only);
long futex_unlock_pi(u64 uaddr, u32 flags);
/* Waits on uaddr until somebody moves the caller on to the PI lock uaddr2, and then for that. */
long futex_wait_requeue_pi(u64 uaddr, u32 flags, u32 val, u64 deadline, u64 uaddr2);
/* Gives the lock uaddr2 to the longest waiting on uaddr if it is free, lets n others wait for it.
 */
long futex_requeue_pi(u64 uaddr, u32 flags, u64 uaddr2, s32 wake, s32 n, u32 cmp);

#endif
