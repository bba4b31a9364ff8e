/* SPDX-License-Identifier: Apache-2.0
 * wait4(2), waitid(2).
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/wait.h>

#include "core/reap.h"
#include "mm/mm.h"
#include "sys/pidfd.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define WAIT_TRY                                                                                   \
	(1u << 16) /* WNOHANG, of a descriptor that does not block: EAGAIN if nothing is there */

static int put_rusage(u64 uaddr, const struct wait_result *r)
{
	struct user_rusage ru;

	rusage_fill(&ru, r->utime_ns, r->stime_ns, r->max_rss_pages);
	return copy_to_user(uaddr, &ru, sizeof(ru));
}

long sys_wait4(struct task *t, const u64 *a)
{
	const u32 known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	struct wait_query q = {.which = P_ALL, .options = (u32)a[2] | WEXITED};
	s32 pid = (s32)a[0];
	struct wait_result r;
	long ret;

	if ((u32)a[2] & ~known)
		return -EINVAL;
	if (pid == -2147483647 - 1)
		return -ESRCH;
	if (pid > 0) {
		q.which = P_PID;
		q.id = pid;
	} else if (pid != -1) {
		q.which = P_PGID;
		q.id = pid ? -pid : t->proc->pgrp;
	}
	ret = process_wait(t->proc, &q, &r);
	if (ret <= 0)
		return ret;
	if (a[1] && put_user_u32(a[1], (u32)r.status))
		return -EFAULT;
	if (a[3] && put_rusage(a[3], &r))
		return -EFAULT;
	return ret;
}

static int pidfd_query(s32 fd, struct wait_query *q)
{
	bool nonblock = false;
	int r = pidfd_target(fd, &q->id, &nonblock);

	q->which = P_PID; /* no process has id 0 */
	if (nonblock && !(q->options & WNOHANG))
		q->options |= WNOHANG | WAIT_TRY;
	return r;
}

static int waitid_query(struct task *t, const u64 *a, struct wait_query *q)
{
	const u32 known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			  __WCLONE | __WALL;
	s32 id = (s32)a[1];

	q->which = (s32)a[0];
	q->id = id;
	q->options = (u32)a[3];
	if (q->options & ~known || !(q->options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (q->which) {
	case P_ALL:
		return 0;
	case P_PID:
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		if (!id)
			q->id = t->proc->pgrp;
		return id >= 0 ? 0 : -EINVAL;
	case P_PIDFD:
		return id >= 0 ? pidfd_query(id, q) : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* Only these fields: kernel/exit.c writes no more, and writes them (as zero) when there is nothing,
 * too. */
static int put_waitinfo(u64 uaddr, long ret, const struct wait_result *r)
{
	u32 head[3] = {0}, child[3] = {0};

	if (ret > 0) {
		head[0] = SIGCHLD;
		head[2] = (u32)r->code;
		child[0] = (u32)r->pid;
		child[1] = r->uid;
		child[2] = (u32)r->value;
	}
	if (copy_to_user(uaddr, head, sizeof(head)))
		return -EFAULT;
	return copy_to_user(uaddr + 16, child, sizeof(child));
}

long sys_waitid(struct task *t, const u64 *a)
{
	struct wait_result r = {0};
	struct wait_query q;
	long ret = waitid_query(t, a, &q);

	if (!ret)
		ret = process_wait(t->proc, &q, &r);
	if (!ret && (q.options & WAIT_TRY))
		ret = -EAGAIN;
	if (ret > 0 && a[4] && put_rusage(a[4], &r))
		return -EFAULT;
	if (a[2] && put_waitinfo(a[2], ret, &r))
		return -EFAULT;
	return ret > 0 ? 0 : ret;
}
