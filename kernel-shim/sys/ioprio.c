/* SPDX-License-Identifier: Apache-2.0
 * ioprio_get(2), ioprio_set(2): kept and shown; the host schedules I/O.
 */
#include <asm/errno.h>
#include <linux/ioprio.h>

#include "core/cred.h"
#include "sys/sys.h"

static bool selected(const struct task *target, s32 which, s32 who)
{
	switch (which) {
	case IOPRIO_WHO_PROCESS:
		return target->tid == who;
	case IOPRIO_WHO_PGRP:
		return target->proc->pgrp == who;
	default:
		return (s32)target->cred.uid == who;
	}
}

static int resolve_who(struct task *t, s32 which, s32 *who)
{
	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	if (!*who)
		*who = which == IOPRIO_WHO_PROCESS ? t->tid
		       : which == IOPRIO_WHO_PGRP  ? t->proc->pgrp
						   : (s32)t->cred.uid;
	return 0;
}

static int priority_ok(u32 prio)
{
	switch (prio >> IOPRIO_CLASS_SHIFT) {
	case IOPRIO_CLASS_RT:
		if (!cred_has(&current->cred, CAP_SYS_NICE) &&
			!cred_has(&current->cred, CAP_SYS_ADMIN))
			return -EPERM;
		__attribute__((fallthrough));
	case IOPRIO_CLASS_BE:
		return (prio & ((1u << IOPRIO_CLASS_SHIFT) - 1)) >= 8 ? -EINVAL : 0;
	case IOPRIO_CLASS_IDLE:
		return 0;
	case IOPRIO_CLASS_NONE:
		return prio ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

long sys_ioprio_set(struct task *t, const u64 *a)
{
	s32 which = (s32)a[0], who = (s32)a[1];
	long r = priority_ok((u32)a[2]);

	if (!r)
		r = resolve_who(t, which, &who);
	if (r)
		return r;
	r = -ESRCH;
	list_for_each(pos, &kern->tasks)
	{
		struct task *target = list_entry(pos, struct task, all_link);

		if (!selected(target, which, who))
			continue;
		if (!cred_has(&t->cred, CAP_SYS_NICE) && target->cred.uid != t->cred.euid &&
			target->cred.uid != t->cred.uid)
			return -EPERM;
		target->ioprio = (u16)a[2];
		r = 0;
	}
	return r;
}

/* The best of several: the lowest number, of those that have one (ioprio_best). */
long sys_ioprio_get(struct task *t, const u64 *a)
{
	s32 which = (s32)a[0], who = (s32)a[1];
	long best = -ESRCH;
	int r = resolve_who(t, which, &who);

	if (r)
		return r;
	list_for_each(pos, &kern->tasks)
	{
		struct task *target = list_entry(pos, struct task, all_link);

		if (selected(target, which, who) &&
			(best <= 0 || (target->ioprio && target->ioprio < best)))
			best = target->ioprio;
	}
	return best;
}
