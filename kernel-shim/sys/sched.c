/* SPDX-License-Identifier: Apache-2.0
 * Scheduling calls. Priorities and policies are kept and shown as Linux would; the scheduler treats
 * every thread alike. Restartable sequences and memory barriers of one processor.
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/membarrier.h>
#include <linux/resource.h>
#include <linux/rseq.h>
#include <linux/sched.h>

#include "core/cred.h"
#include "core/signal.h"
#include "mm/mm.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define RT_PRIO_MAX  99
#define RR_INTERVAL  100000000ull /* /proc/sys/kernel/sched_rr_timeslice_ms */
#define CFS_INTERVAL 4000000ull
#define MASK_BYTES   8 /* of a CPU mask: up to 64 processors */

static struct task *task_or_self(struct task *t, s32 pid)
{
	return pid ? task_find(pid) : t;
}

long sys_sched_yield(struct task *t, const u64 *a)
{
	sched_yield_current();
	return 0;
}

/* -- processors -- */

long sys_sched_getaffinity(struct task *t, const u64 *a)
{
	u32 len = (u32)a[1];
	struct task *target;
	u64 mask;

	if (len < MASK_BYTES || len % MASK_BYTES)
		return -EINVAL;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	mask = target->sched_affinity & sched_cpus_present();
	return copy_to_user(a[2], &mask, MASK_BYTES) ? -EFAULT : MASK_BYTES;
}

long sys_sched_setaffinity(struct task *t, const u64 *a)
{
	size_t len = min_u64((u32)a[1], MASK_BYTES);
	struct task *target;
	u64 mask = 0;

	if (copy_from_user(&mask, a[2], len))
		return -EFAULT;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	if (!cred_same_user(&t->cred, &target->cred, CAP_SYS_NICE))
		return -EPERM;
	mask &= sched_cpus_present();
	if (!mask)
		return -EINVAL;
	target->sched_affinity = mask;
	if (target->cpu) /* perhaps one that it may not run on any more */
		sched_interrupt(target);
	return 0;
}

long sys_getcpu(struct task *t, const u64 *a)
{
	if (a[0] && put_user_u32(a[0], plat_cpu()->id))
		return -EFAULT;
	if (a[1] && put_user_u32(a[1], 0))
		return -EFAULT;
	return 0;
}

/* -- policies -- */

static bool is_rt(s32 policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int check_policy(struct task *t, struct task *target, s32 policy, s32 prio)
{
	if (!is_rt(policy) && policy != SCHED_NORMAL && policy != SCHED_BATCH &&
		policy != SCHED_IDLE)
		return -EINVAL;
	if (prio < 0 || prio > RT_PRIO_MAX || is_rt(policy) != (prio != 0))
		return -EINVAL;
	if (cred_has(&t->cred, CAP_SYS_NICE))
		return 0;
	if (is_rt(policy) && (u64)prio > target->proc->rlimits[RLIMIT_RTPRIO][0])
		return -EPERM;
	return cred_same_user(&t->cred, &target->cred, CAP_SYS_NICE) ? 0 : -EPERM;
}

static int apply_policy(struct task *t, struct task *target, s32 policy, s32 prio, bool reset)
{
	int r = check_policy(t, target, policy, prio);

	if (r)
		return r;
	if (target->sched_reset_on_fork && !reset && !cred_has(&t->cred, CAP_SYS_NICE))
		return -EPERM;
	target->sched_policy = policy;
	target->sched_priority = prio;
	target->sched_reset_on_fork = reset;
	return 0;
}

static long set_scheduler(struct task *t, s32 pid, s32 policy, u64 uparam)
{
	struct task *target;
	bool reset = false;
	s32 prio;

	if (!uparam || pid < 0)
		return -EINVAL;
	if (get_user_u32((u32 *)&prio, uparam))
		return -EFAULT;
	target = task_or_self(t, pid);
	if (!target)
		return -ESRCH;
	if (policy < 0) { /* sched_setparam: keep it */
		policy = target->sched_policy;
		reset = target->sched_reset_on_fork;
	} else {
		reset = policy & SCHED_RESET_ON_FORK;
		policy &= ~SCHED_RESET_ON_FORK;
	}
	return apply_policy(t, target, policy, prio, reset);
}

long sys_sched_setscheduler(struct task *t, const u64 *a)
{
	s32 policy = (s32)a[1];

	return policy < 0 ? -EINVAL : set_scheduler(t, (s32)a[0], policy, a[2]);
}

long sys_sched_setparam(struct task *t, const u64 *a)
{
	return set_scheduler(t, (s32)a[0], -1, a[1]);
}

long sys_sched_getscheduler(struct task *t, const u64 *a)
{
	struct task *target;

	if ((s32)a[0] < 0)
		return -EINVAL;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	return target->sched_policy | (target->sched_reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(struct task *t, const u64 *a)
{
	struct task *target;

	if ((s32)a[0] < 0 || !a[1])
		return -EINVAL;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	return put_user_u32(a[1], (u32)target->sched_priority);
}

static long priority_limit(s32 policy, s32 rt)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return rt;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_sched_get_priority_max(struct task *t, const u64 *a)
{
	return priority_limit((s32)a[0], RT_PRIO_MAX);
}

long sys_sched_get_priority_min(struct task *t, const u64 *a)
{
	return priority_limit((s32)a[0], 1);
}

long sys_sched_rr_get_interval(struct task *t, const u64 *a)
{
	struct task *target;
	u64 ns;

	if ((s32)a[0] < 0)
		return -EINVAL;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	ns = target->sched_policy == SCHED_RR	  ? RR_INTERVAL
	     : target->sched_policy == SCHED_FIFO ? 0
						  : CFS_INTERVAL;
	return timespec_put(a[1], ns);
}

/* linux/sched/types.h, whose struct sched_param clashes with libc's in some versions. */
struct user_sched_attr {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};
#define SCHED_ATTR_VER0 48

long sys_sched_getattr(struct task *t, const u64 *a)
{
	u32 size = (u32)a[2];
	struct user_sched_attr attr;
	struct task *target;

	if (!a[1] || (s32)a[0] < 0 || size > PAGE_SIZE || size < SCHED_ATTR_VER0 || a[3])
		return -EINVAL;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	memset(&attr, 0, sizeof(attr));
	attr.size = (u32)min_u64(size, sizeof(attr));
	attr.policy = (u32)target->sched_policy;
	attr.flags = target->sched_reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	attr.priority = (u32)target->sched_priority;
	attr.nice = is_rt(target->sched_policy) ? 0 : target->nice;
	attr.util_max = 1024; /* SCHED_CAPACITY_SCALE: no clamp */
	return copy_to_user(a[1], &attr, attr.size);
}

/* -- nice -- */

static bool selected(struct task *target, s32 which, s32 who)
{
	switch (which) {
	case PRIO_PROCESS:
		return target->tid == who;
	case PRIO_PGRP:
		return target->proc->pgrp == who;
	default:
		return (s32)target->cred.uid == who;
	}
}

static int prio_who(struct task *t, s32 which, s32 *who)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (!*who)
		*who = which == PRIO_PROCESS ? t->tid
		       : which == PRIO_PGRP  ? t->proc->pgrp
					     : (s32)t->cred.uid;
	return 0;
}

long sys_getpriority(struct task *t, const u64 *a)
{
	s32 which = (s32)a[0], who = (s32)a[1];
	long best = -ESRCH;
	int r = prio_who(t, which, &who);

	if (r)
		return r;
	list_for_each(pos, &kern->tasks)
	{
		struct task *target = list_entry(pos, struct task, all_link);

		/* 20 - nice, so that it cannot be taken for an error: 1 … 40 */
		if (selected(target, which, who) && 20 - target->nice > best)
			best = 20 - target->nice;
	}
	return best;
}

static long set_nice(struct task *t, struct task *target, s32 nice)
{
	bool privileged = cred_has(&t->cred, CAP_SYS_NICE);

	if (!privileged && t->cred.euid != target->cred.uid && t->cred.euid != target->cred.euid)
		return -EPERM;
	if (nice < target->nice && !privileged &&
		(u64)(20 - nice) > target->proc->rlimits[RLIMIT_NICE][0])
		return -EACCES;
	target->nice = nice;
	return 0;
}

/* Who gives one that cannot be is told our size. */
static int get_sched_attr(u64 uattr, struct user_sched_attr *attr)
{
	u32 size;
	int r;

	if (get_user_u32(&size, uattr))
		return -EFAULT;
	r = copy_struct_from_user(
		attr, sizeof(*attr), SCHED_ATTR_VER0, uattr, size ? size : SCHED_ATTR_VER0);
	if (r != -EINVAL && r != -E2BIG)
		return r;
	return put_user_u32(uattr, sizeof(*attr)) ? -EFAULT : -E2BIG;
}

#define ATTR_FLAGS (SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS)

/* Deadlines and clamps are refused: nothing here could keep them. */
long sys_sched_setattr(struct task *t, const u64 *a)
{
	struct user_sched_attr attr;
	struct task *target;
	s32 policy, prio;
	long r;

	if (!a[1] || (s32)a[0] < 0 || (u32)a[2])
		return -EINVAL;
	r = get_sched_attr(a[1], &attr);
	if (r)
		return r;
	if ((s32)attr.policy < 0 || (attr.flags & ~(u64)ATTR_FLAGS))
		return -EINVAL;
	target = task_or_self(t, (s32)a[0]);
	if (!target)
		return -ESRCH;
	policy = attr.flags & SCHED_FLAG_KEEP_POLICY ? target->sched_policy : (s32)attr.policy;
	prio = attr.flags & SCHED_FLAG_KEEP_PARAMS ? target->sched_priority : (s32)attr.priority;
	r = apply_policy(t, target, policy, prio, attr.flags & SCHED_FLAG_RESET_ON_FORK);
	if (r || is_rt(policy) || (attr.flags & SCHED_FLAG_KEEP_PARAMS))
		return r;
	if (attr.nice < PRIO_MIN || attr.nice >= PRIO_MAX)
		attr.nice = attr.nice < PRIO_MIN ? PRIO_MIN : PRIO_MAX - 1;
	return set_nice(t, target, attr.nice);
}

long sys_setpriority(struct task *t, const u64 *a)
{
	s32 which = (s32)a[0], who = (s32)a[1], nice = (s32)a[2];
	long r = prio_who(t, which, &who);

	if (r)
		return r;
	if (nice < PRIO_MIN)
		nice = PRIO_MIN;
	if (nice > PRIO_MAX - 1)
		nice = PRIO_MAX - 1;
	r = -ESRCH;
	list_for_each(pos, &kern->tasks)
	{
		struct task *target = list_entry(pos, struct task, all_link);
		long one;

		if (!selected(target, which, who))
			continue;
		one = set_nice(t, target, nice);
		if (r == -ESRCH || one) /* a failure is reported, successes go on (set_one_prio) */
			r = one;
	}
	return r;
}

/* -- one processor: every other thread has gone through the kernel, which is a barrier -- */

long sys_membarrier(struct task *t, const u64 *a)
{
	const u32 global = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED;
	const u32 reg = MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
			MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
			MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
	const u32 private =
		MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
	u32 cmd = (u32)a[0];

	if (a[1] & 0xffffffffu)
		return -EINVAL;
	if (cmd == MEMBARRIER_CMD_QUERY)
		return global | reg | private;
	if (cmd & (cmd - 1) || !(cmd & (global | reg | private)))
		return -EINVAL;
	if (cmd & reg) {
		t->proc->membarrier |= cmd;
		return 0;
	}
	/* a command is allowed once its registration, the next higher bit, was seen */
	if ((cmd & private) && !(t->proc->membarrier & (cmd << 1)))
		return -EPERM;
	plat_cpus_leave(cmd & private ? t->mm : NULL); /* leaving user mode is a full barrier */
	return 0;
}

long sys_rseq(struct task *t, const u64 *a)
{
	u64 addr = a[0];
	u32 len = (u32)a[1], sig = (u32)a[3];
	struct rseq area;

	if ((s32)a[2] & RSEQ_FLAG_UNREGISTER) {
		if ((s32)a[2] & ~RSEQ_FLAG_UNREGISTER || !t->rseq_addr || t->rseq_addr != addr ||
			len != sizeof(area))
			return -EINVAL;
		if (t->rseq_sig != sig)
			return -EPERM;
		memset(&area, 0, sizeof(area));
		area.cpu_id = (u32)RSEQ_CPU_ID_UNINITIALIZED;
		if (copy_to_user(addr, &area, offsetof(struct rseq, rseq_cs)))
			return -EFAULT;
		t->rseq_addr = 0;
		return 0;
	}
	if (a[2] & 0xffffffffu)
		return -EINVAL;
	if (t->rseq_addr) {
		if (t->rseq_addr != addr || len != sizeof(area))
			return -EINVAL;
		return t->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (addr % _Alignof(struct rseq) || len != sizeof(area))
		return -EINVAL;
	if (addr >= USER_VA_END - len)
		return -EFAULT;
	memset(&area, 0, sizeof(area));
	if (copy_to_user(addr, &area, offsetof(struct rseq, rseq_cs)) || rseq_tell_cpu(t, addr))
		return -EFAULT;
	t->rseq_addr = addr;
	t->rseq_sig = sig;
	t->rseq_switches = t->switches;
	return 0;
}
