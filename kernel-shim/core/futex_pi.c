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

/* Takes a free word. 1: taken; 0: it has a live owner, in *owner, and FUTEX_WAITERS is set now; or
 * an error. */
static int lock_word(
	const struct futex_target *target, u64 uaddr, bool waiters, bool try_only, s32 *owner)
{
	s32 tid = current->tid;
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
	r = lock_word(s->target, uaddr, other != NULL, try_only, &w.owner);
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
