/* SPDX-License-Identifier: Apache-2.0
 * Futexes and user memory: words, keys, and the locks of threads that end (get_robust_list(2),
 * Documentation/locking/robust-futex-ABI.rst).
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/mman.h>

#include "core/futex_internal.h"
#include "fs/vfs.h"
#include "mm/mm.h"

static int user_load(u64 uaddr, u32 *v)
{
	return get_user_u32(v, uaddr);
}

static int user_cmpxchg(u64 uaddr, u32 expect, u32 desired, u32 *old)
{
	return cmpxchg_user_u32(uaddr, expect, desired, old);
}

static int user_store_for(struct task *t, u64 uaddr, u32 v)
{
	struct mm *mm = t->mm;
	int r;

	if (!mm)
		return -EFAULT;
	mm_get(mm); /* t may end while a page is being fetched */
	r = copy_to_mm(mm, uaddr, &v, sizeof(v), false);
	mm_put(mm);
	return r;
}

/* Is the page that a mapping shows, without the right to write, the file's own? */
static bool shows_file(const struct vma *v, u64 pa)
{
	return v->file && !((v->vmflags & VMA_COPIES) && pa_is_ram(pa));
}

/* A private futex is (address space, address). A shared one in a shared mapping is the place in the
 * file, which all mappings have in common and which, unlike the frame, stays when pages come and
 * go. In a private mapping sharing means threads only: the page becomes our own copy; one that can
 * only be read is the file's, or will never change and is no futex (Linux's get_futex_key). */
static int user_key(struct task *t, u64 uaddr, bool shared, struct futex_key *k)
{
	struct vma *v;
	bool writable;
	u64 pa;

	k->a = (u64)t->mm;
	k->b = uaddr;
	if (!shared)
		return 0;
	writable = !user_word_pa(uaddr, true, &pa);
	if (!writable && user_word_pa(uaddr, false, &pa))
		return -EFAULT;
	v = mm_find(t->mm, uaddr);
	if (writable && !(v->flags & MAP_SHARED))
		return 0;
	if (!shows_file(v, pa))
		return -EFAULT;
	k->a = (u64)v->file->inode;
	k->b = v->offset + (uaddr - v->start);
	return 0;
}

static const struct futex_target user_target = {
	.load = user_load,
	.cmpxchg = user_cmpxchg,
	.key = user_key,
	.store_for = user_store_for,
};

struct futex_state *futex_get(void)
{
	if (!kern->futex_state)
		kern->futex_state = futex_state_new(&user_target);
	return kern->futex_state;
}

long futex_wake_addr(struct task *t, u64 uaddr, u32 n)
{
	(void)t; /* current: the words of a task are in its own memory */
	return futex_wake(uaddr, FUTEX_SHARED, (s32)n, FUTEX_BITSET_MATCH_ANY);
}

/* -- robust lists -- */

/* handle_futex_death: if the dying thread owns the word, says so in it and wakes a waiter. */
static int word_of_the_dead(struct task *t, u64 uaddr, bool pi, bool pending_op)
{
	u32 v, want, found;

	if (uaddr & 3)
		return -EINVAL;
	if (get_user_u32(&v, uaddr))
		return -EFAULT;
	/* died between unlocking the word and waking: the wake-up is still owed */
	if (pending_op && !pi && !v) {
		futex_wake_addr(t, uaddr, 1);
		return 0;
	}
	for (;; v = found) {
		if ((s32)(v & FUTEX_TID_MASK) != t->tid)
			return 0;
		want = (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (cmpxchg_user_u32(uaddr, v, want, &found))
			return -EFAULT;
		if (found == v)
			break;
	}
	/* PI waiters get it from futex_pi_owner_died */
	if (!pi && (v & FUTEX_WAITERS))
		futex_wake_addr(t, uaddr, 1);
	return 0;
}

/* An entry's lowest bit says PI. */
static int fetch_entry(u64 *entry, u64 uaddr, bool *pi)
{
	u64 raw;

	if (get_user_u64(&raw, uaddr))
		return -EFAULT;
	*pi = raw & 1;
	*entry = raw & ~1ull;
	return 0;
}

static void walk_robust_list(struct task *t)
{
	u64 head = t->robust_list, entry, next = 0, pending, offset;
	bool pi, next_pi = false, pending_pi;
	int r = 0;

	if (fetch_entry(&entry, head + offsetof(struct robust_list_head, list), &pi) ||
		get_user_u64(&offset, head + offsetof(struct robust_list_head, futex_offset)) ||
		fetch_entry(&pending, head + offsetof(struct robust_list_head, list_op_pending),
			&pending_pi))
		return;
	for (u32 limit = ROBUST_LIST_LIMIT; entry != head && limit; limit--) {
		/* fetched first: the word's page may go once it is released */
		r = fetch_entry(&next, entry, &next_pi);
		if (entry != pending && word_of_the_dead(t, entry + offset, pi, false))
			return;
		if (r)
			return;
		entry = next;
		pi = next_pi;
	}
	if (pending)
		word_of_the_dead(t, pending + offset, pending_pi, true);
}

void futex_exit_robust(struct task *t)
{
	futex_pi_owner_died(t);
	if (t->robust_list)
		walk_robust_list(t);
}
