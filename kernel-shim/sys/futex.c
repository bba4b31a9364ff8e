/* SPDX-License-Identifier: Apache-2.0
 * futex(2) and the robust list.
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/time.h>

#include "core/cred.h"
#include "core/futex.h"
#include "core/timers.h"
#include "mm/mm.h"
#include "sys/sys.h"
#include "sys/uapi.h"

/* Goes on after a stop or a signal without handler: same deadline, not the whole time again. */
static long restart_wait(struct task *t)
{
	const u64 *r = t->restart.args;
	long ret = futex_wait(r[0], (u32)r[1], (u32)r[2], (u32)r[3], r[4]);

	return ret == -EINTR ? -ERESTART_RESTARTBLOCK : ret;
}

static long wait(struct task *t, u64 uaddr, u32 flags, u32 val, u32 bitset, u64 deadline)
{
	long r = futex_wait(uaddr, flags, val, bitset, deadline);

	if (r != -EINTR)
		return r;
	if (deadline == TIME_NEVER)
		return -ERESTARTSYS;
	t->restart = (struct restart){
		.fn = restart_wait,
		.args = {uaddr, flags, val, bitset, deadline},
	};
	return -ERESTART_RESTARTBLOCK;
}

static bool takes_timeout(u32 cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

/* FUTEX_WAIT's time-out is relative, the others' are absolute; LOCK_PI's is on CLOCK_REALTIME
 * always. */
static int get_deadline(u32 op, u32 cmd, u64 uaddr, u64 *deadline)
{
	u64 ns, now = clock_mono_ns();
	int r;

	*deadline = TIME_NEVER;
	if (!uaddr || !takes_timeout(cmd))
		return 0;
	r = timespec_get(uaddr, &ns);
	if (r)
		return r;
	if (cmd == FUTEX_WAIT)
		*deadline = ns >= TIME_NEVER - now ? TIME_NEVER : now + ns;
	else if ((op & FUTEX_CLOCK_REALTIME) || cmd == FUTEX_LOCK_PI)
		*deadline = clock_to_mono(CLOCK_REALTIME, ns);
	else
		*deadline = ns;
	return 0;
}

long sys_futex(struct task *t, const u64 *a)
{
	u32 op = (u32)a[1], cmd = op & (u32)FUTEX_CMD_MASK, val = (u32)a[2], val3 = (u32)a[5];
	u32 flags = op & FUTEX_PRIVATE_FLAG ? 0 : FUTEX_SHARED;
	u64 deadline;
	int r = get_deadline(op, cmd, a[3], &deadline);

	if (r)
		return r;
	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI2 &&
		cmd != FUTEX_WAIT_REQUEUE_PI)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
		return wait(t, a[0], flags, val, FUTEX_BITSET_MATCH_ANY, deadline);
	case FUTEX_WAIT_BITSET:
		return wait(t, a[0], flags, val, val3, deadline);
	case FUTEX_WAKE:
		return futex_wake(a[0], flags, (s32)val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(a[0], flags, (s32)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(a[0], flags, a[4], (s32)val, (s32)a[3], NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(a[0], flags, a[4], (s32)val, (s32)a[3], &val3);
	case FUTEX_WAKE_OP:
		return futex_wake_op(a[0], flags, a[4], (s32)val, (s32)a[3], val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(a[0], flags, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(a[0], flags, TIME_NEVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(a[0], flags);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(a[0], flags, val, deadline, a[4]);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue_pi(a[0], flags, a[4], (s32)val, (s32)a[3], val3);
	default: /* FUTEX_FD is gone from Linux too */
		return -ENOSYS;
	}
}

static int get_words(struct futex_word *words, u64 uwaiters, u32 n)
{
	struct futex_waitv v;

	for (u32 i = 0; i < n; i++) {
		if (copy_from_user(&v, uwaiters + i * sizeof(v), sizeof(v)))
			return -EFAULT;
		if ((v.flags & ~(u32)(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || v.__reserved ||
			!(v.flags & FUTEX_32))
			return -EINVAL;
		words[i] = (struct futex_word){.uaddr = v.uaddr,
			.val = (u32)v.val,
			.flags = v.flags & FUTEX_PRIVATE_FLAG ? 0 : FUTEX_SHARED};
	}
	return 0;
}

long sys_futex_waitv(struct task *t, const u64 *a)
{
	u32 n = (u32)a[1];
	s32 clock = (s32)a[4];
	u64 ns, deadline = TIME_NEVER;
	struct futex_word *words;
	long r = 0;

	if ((u32)a[2] || !n || n > FUTEX_WAIT_MAX || !a[0])
		return -EINVAL;
	if (a[3]) {
		if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
			return -EINVAL;
		r = timespec_get(a[3], &ns);
		if (r)
			return r;
		deadline = clock_to_mono(clock, ns);
	}
	words = kalloc(n * sizeof(*words));
	if (!words)
		return -ENOMEM;
	r = get_words(words, a[0], n);
	if (!r)
		r = futex_wait_any(words, n, deadline);
	kfree(words);
	return r == -EINTR ? -ERESTARTSYS : r;
}

long sys_set_robust_list(struct task *t, const u64 *a)
{
	if (a[1] != sizeof(struct robust_list_head))
		return -EINVAL;
	t->robust_list = a[0];
	return 0;
}

long sys_get_robust_list(struct task *t, const u64 *a)
{
	u64 len = sizeof(struct robust_list_head);
	struct task *target = (s32)a[0] ? task_find((s32)a[0]) : t;

	if (!target)
		return -ESRCH;
	if (!cred_same_user(&t->cred, &target->cred, CAP_SYS_PTRACE))
		return -EPERM;
	if (put_user_u64(a[2], len))
		return -EFAULT;
	return put_user_u64(a[1], target->robust_list);
}
