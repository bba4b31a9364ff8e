/* SPDX-License-Identifier: Apache-2.0
 * PI futexes (futex(2), "Priority-inheritance futexes"): the kernel hands the lock to a waiter.
 *
 * The word holds the owner's tid, FUTEX_WAITERS and FUTEX_OWNER_DIED. Every program thread has the
 * same priority here, so there is nothing to inherit; what is left is ownership, and it is exact.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "core/futex_internal.h"

static struct futex_waiter *first_pi_waiter(struct futex_state *s, const struct futex_key *k)
{
	list_for_each(pos, futex_bucket(s, k))
	{
		struct futex_waiter *w = list_entry(pos, struct futex_waiter, link);

		if (futex_key_equal(&w->key, k))
			return w;
	}
	return NULL;
}

static bool has_waiter_after(struct futex_state *s, const struct futex_waiter *w)
{
	list_for_each(pos, futex_bucket(s, &w->key))
	{
		struct futex_waiter *other = list_entry(pos, struct futex_waiter, link);

		if (other != w && futex_key_equal(&other->key, &w->key))
			return true;
	}
	return false;
}

/* The owner of the others that wait is now `owner`. */
static void set_owner(struct futex_state *s, const struct futex_key *k, s32 owner)
{
	list_for_each(pos, futex_bucket(s, k))
	{
		struct futex_waiter *w = list_entry(pos, struct futex_waiter, link);

		if (w->pi && futex_key_equal(&w->key, k))
			w->owner = owner;
	}
}

static bool owner_lives(s32 tid)
{
	struct task *t = task_find(tid);

	return t && !t->exiting; /* one that is leaving has handed over its locks already */
}

/* Takes a free word for tid. 1: taken; 0: it has a live owner, in *owner, and FUTEX_WAITERS is set
 * now; or an error. */
static int lock_word(const struct futex_target *target, u64 uaddr, s32 tid, bool waiters,
	bool try_only, s32 *owner)
{
	u32 old, want, found;
	int r = target->load(uaddr, &old);

	for (; !r; old = found) {
		*owner = (s32)(old & FUTEX_TID_MASK);
		if (*owner == tid)
			return -EDEADLK;
		if (!*owner) /* free, or its owner died and left it (robust): the bit stays for libc
			      */
			want = (u32)tid | (old & FUTEX_OWNER_DIED) | (waiters ? FUTEX_WAITERS : 0);
		else if (try_only)
			return -EAGAIN;
		else
			want = old | FUTEX_WAITERS;
		if (*owner && !owner_lives(*owner))
			return -ESRCH;
		r = target->cmpxchg(uaddr, old, want, &found);
		if (!r && found == old)
			return *owner == 0;
	}
	return r;
}

long futex_lock_pi(u64 uaddr, u32 flags, u64 deadline, bool try_only)
{
	struct futex_state *s = futex_get();
	struct futex_waiter w = {.task = current, .uaddr = uaddr, .pi = true};
	struct futex_waiter *other;
	int r;

	if (!s)
		return -ENOMEM;
	r = futex_make_key(uaddr, flags, &w.key);
	if (r)
		return r;
	other = first_pi_waiter(s, &w.key);
	if (other && !other->pi)
		return -EINVAL; /* somebody waits on it as a plain futex */
	r = lock_word(s->target, uaddr, current->tid, other != NULL, try_only, &w.owner);
	if (r)
		return r < 0 ? r : 0;
	futex_queue(s, &w);
	while (!w.woken && !r)
		r = task_wait(deadline);
	list_del(&w.link);
	if (w.woken)
		return 0; /* the lock is ours: unlock or the owner's death wrote our tid */
	return r == -EINTR ? -ERESTARTNOINTR : r;
}

/* Gives the lock to w, whose tid goes into the word. That is decided before the word is written:
 * writing may block, and w is on the stack of a task that may leave meanwhile. */
static int hand_over(struct futex_state *s, struct futex_waiter *w, u32 extra)
{
	s32 tid = w->task->tid;
	u32 v = (u32)tid | extra | (has_waiter_after(s, w) ? FUTEX_WAITERS : 0);
	struct task *t = w->task;
	u64 uaddr = w->uaddr;
	int r;

	set_owner(s, &w->key, tid);
	list_del(&w->link);
	w->woken = true;
	r = s->target->store_for(t, uaddr, v);
	t = task_find(tid);
	if (t)
		sched_wake(t);
	return r;
}

long futex_unlock_pi(u64 uaddr, u32 flags)
{
	struct futex_state *s = futex_get();
	struct futex_waiter *w;
	struct futex_key k;
	u32 old, found;
	int r;

	if (!s)
		return -ENOMEM;
	if (uaddr & 3)
		return -EINVAL;
	r = s->target->load(uaddr, &old);
	if (r)
		return r;
	if ((s32)(old & FUTEX_TID_MASK) != current->tid)
		return -EPERM;
	r = futex_make_key(uaddr, flags, &k);
	if (r)
		return r;
	w = first_pi_waiter(s, &k);
	if (w && !w->pi)
		return -EINVAL;
	if (w)
		return hand_over(s, w, 0);
	do {
		r = s->target->cmpxchg(uaddr, old, 0, &found);
		if (r || found == old)
			return r;
		old = found;
	} while ((s32)(old & FUTEX_TID_MASK) == current->tid);
	return -EAGAIN;
}

/* -- from a plain futex to a PI one: condition variables -- */

long futex_wait_requeue_pi(u64 uaddr, u32 flags, u32 val, u64 deadline, u64 uaddr2)
{
	struct futex_state *s = futex_get();
	struct futex_waiter w = {.task = current,
		.uaddr = uaddr,
		.bitset = FUTEX_BITSET_MATCH_ANY,
		.to_pi = true,
		.pi_uaddr = uaddr2};
	u32 now;
	int r;

	if (!s)
		return -ENOMEM;
	if (uaddr == uaddr2)
		return -EINVAL;
	r = futex_make_key(uaddr2, flags, &w.pi_key);
	if (!r)
		r = futex_make_key(uaddr, flags, &w.key);
	if (r)
		return r;
	futex_queue(s, &w);
	r = s->target->load(uaddr, &now);
	if (!r && !w.woken && !w.pi && now != val)
		r = -EAGAIN;
	while (!w.woken && !r)
		r = task_wait(deadline);
	list_del(&w.link);
	if (w.woken)
		return 0; /* with the lock */
	if (r == -EINTR)
		r = w.pi ? -EAGAIN : -ERESTARTNOINTR;
	return r;
}

/* The waiters on k go on to k2, whose owner is known. How many. */
static s64 move_to_pi(struct futex_state *s, const struct futex_key *k, const struct futex_key *k2,
	s32 n, s32 owner)
{
	s64 moved = 0;

	list_for_each_safe(pos, tmp, futex_bucket(s, k))
	{
		struct futex_waiter *w = list_entry(pos, struct futex_waiter, link);

		if (moved >= n || !futex_key_equal(&w->key, k))
			continue;
		if (!w->to_pi || !futex_key_equal(&w->pi_key, k2))
			return -EINVAL;
		list_del(&w->link);
		w->key = *k2;
		w->uaddr = w->pi_uaddr;
		w->to_pi = false;
		w->pi = true;
		w->owner = owner;
		futex_queue(s, w);
		moved++;
	}
	return moved;
}

long futex_requeue_pi(u64 uaddr, u32 flags, u64 uaddr2, s32 wake, s32 n, u32 cmp)
{
	struct futex_state *s = futex_get();
	struct futex_waiter *top;
	struct futex_key k, k2;
	s32 owner = 0, tid;
	u32 now;
	s64 moved;
	int r;

	if (!s)
		return -ENOMEM;
	if (uaddr == uaddr2 || wake != 1 || n < 0)
		return -EINVAL;
	r = futex_make_key(uaddr, flags, &k);
	if (!r)
		r = futex_make_key(uaddr2, flags, &k2);
	if (!r)
		r = s->target->load(uaddr, &now);
	if (!r && now != cmp)
		r = -EAGAIN;
	top = r ? NULL : first_pi_waiter(s, &k);
	if (!top)
		return r;
	if (!top->to_pi || !futex_key_equal(&top->pi_key, &k2))
		return -EINVAL;
	tid = top->task->tid;
	r = lock_word(s->target, uaddr2, tid, n > 0, false, &owner);
	if (r < 0)
		return r;
	if (r) {
		top = first_pi_waiter(s, &k); /* the store may have slept */
		if (!top || top->task->tid != tid)
			return -EAGAIN;
		futex_wake_waiter(top);
		owner = tid;
	}
	moved = move_to_pi(s, &k, &k2, r ? n : (s32)min_u64((u32)n + 1u, INT32_MAX), owner);
	return moved < 0 ? moved : moved + r;
}

void futex_pi_owner_died(struct task *t)
{
	struct futex_state *s = kern->futex_state;

	for (u32 i = 0; s && i < FUTEX_BUCKETS; i++) {
		struct list *pos = s->bucket[i].next;

		while (pos != &s->bucket[i]) {
			struct futex_waiter *w = list_entry(pos, struct futex_waiter, link);

			pos = pos->next;
			if (!w->pi || w->owner != t->tid)
				continue;
			/* the first gets it, its fellows get a new owner; the list may have changed
			 */
			hand_over(s, w, FUTEX_OWNER_DIED);
			pos = s->bucket[i].next;
		}
	}
}
