/* SPDX-License-Identifier: Apache-2.0
 * Parents and their children's changes of state: notification, wait4(2) and waitid(2), reaping.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/wait.h>

#include "core/siginfo.h"
#include "core/ptrace.h"
#include "core/reap.h"
#include "core/task_internal.h"

s32 wait_cld_code(s32 status, s32 *value)
{
	if (status & 0x7f) {
		*value = status & 0x7f;
		return status & 0x80 ? CLD_DUMPED : CLD_KILLED;
	}
	*value = (status >> 8) & 0xff;
	return CLD_EXITED;
}

void process_reap(struct process *p)
{
	ptrace_leader_replaced(p);
	kern->ntasks--;
	process_unlink(p);
}

static void child_info(struct process *p, struct sig_info *si, s32 signo, s32 code, s32 status)
{
	struct task *t = process_task(p);
	u64 utime, stime;

	process_times(p, &utime, &stime);
	signal_simple(si, signo, code);
	si->chld.pid = p->pid;
	si->chld.uid = t ? t->cred.uid : p->dead_uid;
	si->chld.status = status;
	si->chld.utime = (s64)(utime / NSEC_PER_TICK);
	si->chld.stime = (s64)(stime / NSEC_PER_TICK);
}

/* do_notify_parent: with SIGCHLD ignored or SA_NOCLDWAIT the parent does not want a zombie. */
void process_notify_exit(struct process *p)
{
	struct process *parent = p->parent;
	s32 sig = p->exit_signal, status, code;
	struct sig_action *act;
	struct sig_info si;

	if (ptrace_process_ends(p))
		return;
	if (!parent || !parent->sighand) {
		process_reap(p);
		return;
	}
	code = wait_cld_code(p->exit_status, &status);
	act = &parent->sighand->action[SIGCHLD - 1];
	if (sig == SIGCHLD && (act->handler == 1 || (act->flags & SA_NOCLDWAIT))) {
		if (act->handler == 1)
			sig = 0;
		child_info(p, &si, SIGCHLD, code, status);
		process_reap(p);
	} else {
		child_info(p, &si, sig, code, status);
	}
	if (sig > 0 && sig <= NSIG_MAX)
		signal_send_process(parent, &si);
	waitq_wake(&parent->wait_children, 0);
}

void process_send_stop(struct process *to, const struct sig_info *si)
{
	const struct sig_action *act = &to->sighand->action[SIGCHLD - 1];

	if (act->handler != 1 && !(act->flags & SA_NOCLDSTOP))
		signal_send_process(to, si);
	waitq_wake(&to->wait_children, 0);
}

/* Its parent traces it, and hears of stops as its tracer. */
static bool traced_by_parent(const struct process *p)
{
	return p->leader && p->leader->traced.tracer && p->leader->traced.tracer->proc == p->parent;
}

void process_notify_stop(struct process *p, s32 code)
{
	struct process *parent = p->parent;
	struct sig_info si;

	if (!parent || !parent->sighand || (code == CLD_STOPPED && traced_by_parent(p)))
		return;
	child_info(p, &si, SIGCHLD, code, code == CLD_STOPPED ? p->stop_signo : SIGCONT);
	process_send_stop(parent, &si);
}

/* -- wait -- */

static bool wait_eligible(const struct process *child, const struct wait_query *q)
{
	bool clone = child->exit_signal != SIGCHLD;

	if ((q->options & __WNOTHREAD) && process_parent_thread(child) != current)
		return false;
	switch (q->which) {
	case P_PID:
		if (child->pid != q->id)
			return false;
		break;
	case P_PGID:
		if (child->pgrp != q->id)
			return false;
		break;
	default:
		break;
	}
	return (q->options & __WALL) || clone == !!(q->options & __WCLONE) || child->dead_traced ||
	       traced_by_parent(child);
}

static void wait_fill(struct process *child, struct wait_result *r)
{
	struct task *t = process_task(child);

	r->pid = child->pid;
	r->uid = t ? t->cred.uid : child->dead_uid;
	process_times(child, &r->utime_ns, &r->stime_ns);
	r->utime_ns += child->child_utime_ns;
	r->stime_ns += child->child_stime_ns;
	r->max_rss_pages = max_u64(child->max_rss_pages, child->child_max_rss_pages);
}

static void wait_zombie(
	struct process *p, struct process *child, const struct wait_query *q, struct wait_result *r)
{
	wait_fill(child, r);
	r->status = child->exit_status;
	r->code = wait_cld_code(child->exit_status, &r->value);
	if (q->options & WNOWAIT)
		return;
	p->child_utime_ns += r->utime_ns;
	p->child_stime_ns += r->stime_ns;
	p->child_max_rss_pages = max_u64(p->child_max_rss_pages, r->max_rss_pages);
	process_reap(child);
}

/* Is there something to tell of this child? */
static bool wait_consider(
	struct process *p, struct process *child, const struct wait_query *q, struct wait_result *r)
{
	if (child->zombie) {
		if (!ptrace_may_reap(p, child))
			return false;
		wait_zombie(p, child, q, r);
		return true;
	}
	if ((q->options & WUNTRACED) && child->stopped && child->stop_signal &&
		!traced_by_parent(child)) {
		wait_fill(child, r);
		r->code = CLD_STOPPED;
		r->value = child->stop_signal;
		r->status = child->stop_signal << 8 | 0x7f;
		if (!(q->options & WNOWAIT))
			child->stop_signal = 0;
		return true;
	}
	if ((q->options & WCONTINUED) && child->continued) {
		wait_fill(child, r);
		r->code = CLD_CONTINUED;
		r->value = SIGCONT;
		r->status = 0xffff;
		if (!(q->options & WNOWAIT))
			child->continued = false;
		return true;
	}
	return false;
}

/* 1 found, 0 nothing yet, -ECHILD. */
static int wait_scan(struct process *p, const struct wait_query *q, struct wait_result *r)
{
	int ret = -ECHILD, traced;

	list_for_each_safe(pos, tmp, &p->children)
	{
		struct process *child = list_entry(pos, struct process, sibling);

		if (!wait_eligible(child, q))
			continue;
		/* a zombie that this call does not ask for will never do anything else */
		if (child->zombie && !(q->options & WEXITED))
			continue;
		ret = 0;
		if (wait_consider(p, child, q, r))
			return 1;
	}
	traced = ptrace_wait_scan(p, q, r);
	return traced == -ECHILD ? ret : traced;
}

long process_wait(struct process *p, const struct wait_query *q, struct wait_result *r)
{
	struct wait_entry we;
	int found;

	memset(r, 0, sizeof(*r));
	wait_entry_init(&we, current);
	waitq_add(&p->wait_children, &we);
	for (;;) {
		found = wait_scan(p, q, r); /* takes what it finds: once only */
		if (found || (q->options & WNOHANG))
			break;
		if (task_wait(TIME_NEVER)) {
			found = wait_scan(p, q, r);
			if (!found)
				found = -ERESTARTSYS;
			break;
		}
	}
	waitq_remove(&we);
	return found < 0 ? found : r->pid;
}
