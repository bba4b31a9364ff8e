/* SPDX-License-Identifier: Apache-2.0
 * Futex queues: wait, wake, requeue (futex(2)).
 *
 * The kernel lock is held from the comparison to the sleep, and who changes a word wakes after
 * that, with the lock: so a wake-up cannot fall between. A load may fault and block; that is why
 * the waiter is queued first and looks at `woken` after.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "core/futex_internal.h"

struct futex_state *futex_state_new(const struct futex_target *target)
{
	struct futex_state *s = kalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->target = target;
	for (u32 i = 0; i < FUTEX_BUCKETS; i++)
		list_init(&s->bucket[i]);
	return s;
}

struct list *futex_bucket(struct futex_state *s, const struct futex_key *k)
{
	u64 h = (k->a ^ (k->b >> 2)) * 0x9e3779b97f4a7c15ull; /* Fibonacci hashing */

	return &s->bucket[h >> 58];
}

int futex_make_key(u64 uaddr, u32 flags, struct futex_key *k)
{
	if (uaddr & 3)
		return -EINVAL;
	if (uaddr >= USER_VA_END)
		return -EFAULT;
	return futex_get()->target->key(current, uaddr, flags & FUTEX_SHARED, k);
}

void futex_queue(struct futex_state *s, struct futex_waiter *w)
{
	assert_locked();
	list_add_tail(futex_bucket(s, &w->key), &w->link);
}

void futex_wake_waiter(struct futex_waiter *w)
{
	assert_locked();
	list_del(&w->link);
	w->woken = true;
	sched_wake(w->task);
}

/* -- wait and wake -- */

static long wait_queued(struct futex_waiter *w, u64 deadline)
{
	int r = 0;

	while (!w->woken && !r)
		r = task_wait(deadline);
	return w->woken ? 0 : r;
}

long futex_wait(u64 uaddr, u32 flags, u32 val, u32 bitset, u64 deadline)
{
	struct futex_state *s = futex_get();
	struct futex_waiter w = {.task = current, .uaddr = uaddr, .bitset = bitset};
	u32 now;
	long r;

	if (!s)
		return -ENOMEM;
	if (!bitset)
		return -EINVAL;
	r = futex_make_key(uaddr, flags, &w.key);
	if (r)
		return r;
	futex_queue(s, &w);
	r = s->target->load(uaddr, &now);
	if (w.woken)
		return 0;
	if (!r && now != val)
		r = -EAGAIN;
	if (!r)
		r = wait_queued(&w, deadline);
	list_del(&w.link);
	return r;
}

static long take_off(struct futex_waiter *w, u32 n)
{
	long woken = -1;

	for (u32 i = 0; i < n; i++) {
		if (w[i].woken)
			woken = i;
		else
			list_del(&w[i].link);
	}
	return woken;
}

static bool any_woken(const struct futex_waiter *w, u32 n)
{
	while (n && !w[n - 1].woken)
		n--;
	return n;
}

static int wait_many(struct futex_state *s, struct futex_waiter *w, const struct futex_word *words,
	u32 n, u64 deadline)
{
	int r = 0;
	u32 now;

	for (u32 i = 0; i < n; i++)
		futex_queue(s, &w[i]);
	for (u32 i = 0; i < n && !r; i++) {
		r = s->target->load(words[i].uaddr, &now);
		if (!r && now != words[i].val)
			r = -EAGAIN;
	}
	while (!r && !any_woken(w, n))
		r = task_wait(deadline);
	return r;
}

long futex_wait_any(const struct futex_word *words, u32 n, u64 deadline)
{
	struct futex_state *s = futex_get();
	struct futex_waiter *w = s ? kzalloc(n * sizeof(*w)) : NULL;
	long woken;
	int r = 0;

	if (!w)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		w[i].task = current;
		w[i].uaddr = words[i].uaddr;
		w[i].bitset = FUTEX_BITSET_MATCH_ANY;
		list_init(&w[i].link);
	}
	for (u32 i = 0; i < n && !r; i++)
		r = futex_make_key(words[i].uaddr, words[i].flags, &w[i].key);
	if (!r)
		r = wait_many(s, w, words, n, deadline);
	woken = take_off(w, n);
	kfree(w);
	return woken >= 0 ? woken : r;
}

/* Wakes up to n waiters on k. Linux wakes one even if asked for none: kept, programs see it. */
static long wake_key(struct futex_state *s, const struct futex_key *k, s32 n, u32 bitset)
{
	s32 done = 0;

	list_for_each_safe(pos, tmp, futex_bucket(s, k))
	{
		struct futex_waiter *w = list_entry(pos, struct futex_waiter, link);

		if (!futex_key_equal(&w->key, k))
			continue;
		if (w->pi || w->to_pi)
			return -EINVAL; /* a PI lock is handed over by UNLOCK_PI only */
		if (!(w->bitset & bitset))
			continue;
		futex_wake_waiter(w);
		if (++done >= n)
			break;
	}
	return done;
}

long futex_wake(u64 uaddr, u32 flags, s32 n, u32 bitset)
{
	struct futex_state *s = futex_get();
	struct futex_key k;
	int r;

	if (!s)
		return -ENOMEM;
	if (!bitset)
		return -EINVAL;
	r = futex_make_key(uaddr, flags, &k);
	return r ? r : wake_key(s, &k, n, bitset);
}

/* -- requeue -- */

static void move(struct futex_state *s, struct futex_waiter *w, const struct futex_key *to)
{
	list_del(&w->link);
	w->key = *to;
	futex_queue(s, w);
}

long futex_requeue(u64 uaddr, u32 flags, u64 uaddr2, s32 wake, s32 requeue, const u32 *cmp)
{
	struct futex_state *s = futex_get();
	struct futex_key k, k2;
	s64 done = 0;
	u32 now;
	int r;

	if (!s)
		return -ENOMEM;
	if (wake < 0 || requeue < 0)
		return -EINVAL;
	r = futex_make_key(uaddr, flags, &k);
	if (!r)
		r = futex_make_key(uaddr2, flags, &k2);
	if (!r && cmp) {
		r = s->target->load(uaddr, &now);
		if (!r && now != *cmp)
			r = -EAGAIN;
	}
	if (r)
		return r;
	list_for_each_safe(pos, tmp, futex_bucket(s, &k))
	{
		struct futex_waiter *w = list_entry(pos, struct futex_waiter, link);

		if (done - wake >= requeue)
			break;
		if (!futex_key_equal(&w->key, &k))
			continue;
		if (w->pi || w->to_pi)
			return -EINVAL;
		if (++done <= wake)
			futex_wake_waiter(w);
		else if (!futex_key_equal(
				 &k, &k2)) /* else it would meet itself at the tail again */
			move(s, w, &k2);
	}
	return done;
}

/* -- wake op -- */

static s32 sign_extend12(u32 v)
{
	return (s32)(v << 20) >> 20;
}

static int op_apply(u32 op, s32 arg, u32 old, u32 *new)
{
	switch (op) {
	case FUTEX_OP_SET:
		*new = (u32)arg;
		return 0;
	case FUTEX_OP_ADD:
		*new = old + (u32)arg;
		return 0;
	case FUTEX_OP_OR:
		*new = old | (u32)arg;
		return 0;
	case FUTEX_OP_ANDN:
		*new = old & ~(u32)arg;
		return 0;
	case FUTEX_OP_XOR:
		*new = old ^ (u32)arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int op_compare(u32 cmp, s32 old, s32 arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ:
		return old == arg;
	case FUTEX_OP_CMP_NE:
		return old != arg;
	case FUTEX_OP_CMP_LT:
		return old < arg;
	case FUTEX_OP_CMP_GE:
		return old >= arg;
	case FUTEX_OP_CMP_LE:
		return old <= arg;
	case FUTEX_OP_CMP_GT:
		return old > arg;
	default:
		return -ENOSYS;
	}
}

/* Changes *uaddr2 as `op` says. 1 or 0: the comparison with the old value; or an error. */
static int op_user(const struct futex_target *target, u64 uaddr2, u32 op)
{
	s32 arg = sign_extend12((op >> 12) & 0xfff), cmparg = sign_extend12(op & 0xfff);
	u32 old, new, found;
	int r;

	if (op & ((u32)FUTEX_OP_OPARG_SHIFT << 28))
		arg = (s32)(1u << (arg & 31));
	r = target->load(uaddr2, &old);
	for (; !r; old = found) {
		r = op_apply((op >> 28) & 7, arg, old, &new);
		if (!r)
			r = target->cmpxchg(uaddr2, old, new, &found);
		if (r)
			return r;
		if (found == old)
			return op_compare((op >> 24) & 0xf, (s32)old, cmparg);
	}
	return r;
}

long futex_wake_op(u64 uaddr, u32 flags, u64 uaddr2, s32 wake, s32 wake2, u32 op)
{
	struct futex_state *s = futex_get();
	struct futex_key k, k2;
	long r, n;

	if (!s)
		return -ENOMEM;
	r = futex_make_key(uaddr, flags, &k);
	if (!r)
		r = futex_make_key(uaddr2, flags, &k2);
	if (r)
		return r;
	r = op_user(s->target, uaddr2, op);
	if (r < 0)
		return r;
	n = wake_key(s, &k, wake, FUTEX_BITSET_MATCH_ANY);
	if (n >= 0 && r > 0) {
		r = wake_key(s, &k2, wake2, FUTEX_BITSET_MATCH_ANY);
		n = r < 0 ? r : n + r;
	}
	return n;
}
