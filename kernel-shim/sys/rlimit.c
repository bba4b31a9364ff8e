/* SPDX-License-Identifier: Apache-2.0
 * Resource limits and use (getrlimit(2), getrusage(2), times(2)).
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/resource.h>

#include "core/cred.h"
#include "core/task_internal.h"
#include "core/timers.h"
#include "mm/mm.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define NR_OPEN 1048576 /* /proc/sys/fs/nr_open: RLIMIT_NOFILE goes no higher */

struct user_rlimit {
	u64 cur, max;
};

/* do_prlimit (kernel/sys.c). */
static long set_limit(
	struct task *t, struct process *p, u32 resource, const struct user_rlimit *new)
{
	u64 *limit = p->rlimits[resource];

	if (new->cur > new->max)
		return -EINVAL;
	if (resource == RLIMIT_NOFILE && new->max > NR_OPEN)
		return -EPERM;
	if (new->max > limit[1] && !cred_has(&t->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	limit[0] = new->cur;
	limit[1] = new->max;
	if (resource == RLIMIT_CPU)
		cputime_changed(p);
	return 0;
}

static long prlimit(struct task *t, struct process *p, u32 resource, const struct user_rlimit *new,
	struct user_rlimit *old)
{
	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	old->cur = p->rlimits[resource][0];
	old->max = p->rlimits[resource][1];
	return new ? set_limit(t, p, resource, new) : 0;
}

long sys_getrlimit(struct task *t, const u64 *a)
{
	struct user_rlimit old;
	long r = prlimit(t, t->proc, (u32)a[0], NULL, &old);

	return r ? r : copy_to_user(a[1], &old, sizeof(old));
}

long sys_setrlimit(struct task *t, const u64 *a)
{
	struct user_rlimit new, old;

	if (copy_from_user(&new, a[1], sizeof(new)))
		return -EFAULT;
	return prlimit(t, t->proc, (u32)a[0], &new, &old);
}

long sys_prlimit64(struct task *t, const u64 *a)
{
	struct task *target = (s32)a[0] ? task_find((s32)a[0]) : t;
	struct user_rlimit new, old;
	long r;

	if (a[2] && copy_from_user(&new, a[2], sizeof(new)))
		return -EFAULT;
	if (!target)
		return -ESRCH;
	if (target->proc != t->proc && !cred_same_user(&t->cred, &target->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	r = prlimit(t, target->proc, (u32)a[1], a[2] ? &new : NULL, &old);
	if (!r && a[3])
		r = copy_to_user(a[3], &old, sizeof(old));
	return r;
}

/* -- use -- */

void rusage_fill(struct user_rusage *ru, u64 utime_ns, u64 stime_ns, u64 max_rss_pages)
{
	memset(ru, 0, sizeof(*ru));
	ru->utime = timeval_from_ns(utime_ns);
	ru->stime = timeval_from_ns(stime_ns);
	ru->maxrss = (s64)(max_rss_pages * (PAGE_SIZE / 1024));
}

long sys_getrusage(struct task *t, const u64 *a)
{
	struct process *p = t->proc;
	u64 utime, stime, rss = max_u64(p->max_rss_pages, t->mm->peak_rss_pages);
	struct user_rusage ru;

	switch ((s32)a[0]) {
	case RUSAGE_SELF:
		process_times(p, &utime, &stime);
		break;
	case RUSAGE_THREAD:
		task_times(t, &utime, &stime);
		break;
	case RUSAGE_CHILDREN:
		utime = p->child_utime_ns;
		stime = p->child_stime_ns;
		rss = p->child_max_rss_pages;
		break;
	default:
		return -EINVAL;
	}
	rusage_fill(&ru, utime, stime, rss);
	return copy_to_user(a[1], &ru, sizeof(ru));
}

long sys_times(struct task *t, const u64 *a)
{
	struct process *p = t->proc;
	u64 utime, stime;

	if (a[0]) {
		process_times(p, &utime, &stime);
		s64 tms[4] = {(s64)(utime / NSEC_PER_TICK), (s64)(stime / NSEC_PER_TICK),
			(s64)(p->child_utime_ns / NSEC_PER_TICK),
			(s64)(p->child_stime_ns / NSEC_PER_TICK)};

		if (copy_to_user(a[0], tms, sizeof(tms)))
			return -EFAULT;
	}
	return (long)(clock_boot_ns() / NSEC_PER_TICK);
}
