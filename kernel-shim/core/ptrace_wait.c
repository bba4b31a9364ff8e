/* SPDX-License-Identifier: Apache-2.0
 * What a tracer hears of the tasks that it traces (ptrace.h): SIGCHLD and wait(2). A traced thread
 * stays to be waited for when it has ended; of a traced process the tracer hears before its parent.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/ptrace.h>
#include <linux/wait.h>

#include "core/ptrace.h"
#include "core/reap.h"
#include "core/siginfo.h"
#include "core/task_internal.h"

struct dead_tracee {
	struct list link; /* tracer->proc->dead_tracees */
	struct task *tracer;
	s32 tid, pgrp;
	u32 uid;
	s32 status;	   /* as wait(2), of a thread */
	bool leader;	   /* the process's end counts */
	struct process *p; /* a reference */
	u64 utime_ns, stime_ns;
};

static void child_signal(struct sig_info *si, s32 signo, s32 code, s32 pid, u32 uid, s32 status)
{
	signal_simple(si, signo, code);
	si->chld.pid = pid;
	si->chld.uid = uid;
	si->chld.status = status;
}

void ptrace_tell(struct task *t, s32 code)
{
	struct sig_info si;
	s32 status = code == CLD_STOPPED ? (t->proc->stop_pending ? t->proc->stop_signo : 0)
					 : t->traced.code & 0x7f;

	child_signal(&si, SIGCHLD, code, t->tid, t->cred.uid, status);
	process_send_stop(t->traced.tracer->proc, &si);
}

/* -- the end -- */

static void tell_end(const struct dead_tracee *d, s32 signo, s32 status)
{
	struct process *to = d->tracer->proc;
	struct sig_info si;
	s32 value, code = wait_cld_code(status, &value);

	child_signal(&si, signo, code, d->tid, d->uid, value);
	if (signo > 0 && signo <= NSIG_MAX)
		signal_send_process(to, &si);
	waitq_wake(&to->wait_children, 0);
}

static void dead_free(struct dead_tracee *d)
{
	if (d->leader)
		d->p->dead_traced = NULL;
	list_del(&d->link);
	process_put(d->p);
	kfree(d);
}

/* Nobody else waits for a thread; a process is its parent's now. */
static void dead_release(struct dead_tracee *d)
{
	struct process *p = d->p, *tracer = d->tracer->proc;
	bool leader = d->leader;

	process_get(p);
	dead_free(d);
	if (leader && p->zombie && p->parent != tracer)
		process_notify_exit(p);
	process_put(p);
}

void ptrace_leader_replaced(struct process *p)
{
	if (p->dead_traced)
		dead_free(p->dead_traced);
}

bool ptrace_process_ends(struct process *p)
{
	struct dead_tracee *d = p->dead_traced;

	if (!d)
		return false;
	tell_end(d, d->tracer->proc == p->parent ? p->exit_signal : SIGCHLD, p->exit_status);
	return true;
}

bool ptrace_may_reap(const struct process *p, const struct process *zombie)
{
	return !zombie->dead_traced || zombie->dead_traced->tracer->proc == p;
}

static void let_go(struct task *tracer)
{
	struct process *p = tracer->proc;
	struct sig_info si;

	list_for_each_safe(pos, tmp, &p->tracees)
	{
		struct task *t = list_entry(pos, struct task, traced.link);

		if (t->traced.tracer != tracer)
			continue;
		if (t->traced.options & PTRACE_O_EXITKILL) {
			signal_simple(&si, SIGKILL, SI_KERNEL);
			signal_send_task(t, &si);
		}
		ptrace_unlink(t);
	}
	list_for_each_safe(pos, tmp, &p->dead_tracees)
	{
		struct dead_tracee *d = list_entry(pos, struct dead_tracee, link);

		if (d->tracer == tracer)
			dead_release(d);
	}
}

static void stay(struct task *t, s32 code)
{
	struct dead_tracee *d = kzalloc(sizeof(*d));

	if (!d) /* as if it had not been traced */
		return;
	d->tracer = t->traced.tracer;
	d->tid = t->tid;
	d->pgrp = t->proc->pgrp;
	d->uid = t->cred.uid;
	d->status = task_exit_status(t, code);
	task_times(t, &d->utime_ns, &d->stime_ns);
	list_add_tail(&d->tracer->proc->dead_tracees, &d->link);
	d->p = t->proc;
	process_get(d->p);
	d->leader = t == d->p->leader;
	if (d->leader) {
		d->p->dead_traced = d;
	} else {
		tell_end(d, SIGCHLD, d->status);
	}
}

void ptrace_task_ends(struct task *t, s32 code)
{
	let_go(t);
	if (!t->traced.tracer)
		return;
	stay(t, code);
	ptrace_unlink(t);
}

/* -- wait -- */

static bool asks_for(const struct wait_query *q, const struct task *tracer, s32 tid, s32 pgrp)
{
	if ((q->options & __WNOTHREAD) && tracer != current)
		return false;
	if (q->which == P_PID)
		return tid == q->id;
	return q->which != P_PGID || pgrp == q->id;
}

static bool take_stop(struct task *t, const struct wait_query *q, struct wait_result *r)
{
	struct tracing *tr = &t->traced;

	if (!tr->stopped || tr->listening || !tr->code)
		return false;
	r->pid = t->tid;
	r->uid = t->cred.uid;
	task_times(t, &r->utime_ns, &r->stime_ns);
	r->code = CLD_TRAPPED;
	r->value = tr->code;
	r->status = tr->code << 8 | 0x7f;
	if (!(q->options & WNOWAIT))
		tr->code = 0;
	return true;
}

/* 1 taken, 0 it will be, -ECHILD: this call does not ask for it. */
static int take_end(struct dead_tracee *d, const struct wait_query *q, struct wait_result *r)
{
	if (!(q->options & WEXITED))
		return -ECHILD;
	if (d->leader && (!d->p->zombie || d->p->parent == d->tracer->proc))
		return 0;
	r->pid = d->tid;
	r->uid = d->uid;
	r->status = d->leader || d->p->group_exit ? d->p->exit_status : d->status;
	r->code = wait_cld_code(r->status, &r->value);
	r->utime_ns = d->utime_ns;
	r->stime_ns = d->stime_ns;
	if (!(q->options & WNOWAIT))
		dead_release(d);
	return 1;
}

int ptrace_wait_scan(struct process *p, const struct wait_query *q, struct wait_result *r)
{
	int ret = -ECHILD, one;

	list_for_each(pos, &p->tracees)
	{
		struct task *t = list_entry(pos, struct task, traced.link);

		if (!asks_for(q, t->traced.tracer, t->tid, t->proc->pgrp))
			continue;
		if (take_stop(t, q, r))
			return 1;
		ret = 0;
	}
	list_for_each_safe(pos, tmp, &p->dead_tracees)
	{
		struct dead_tracee *d = list_entry(pos, struct dead_tracee, link);

		if (!asks_for(q, d->tracer, d->tid, d->pgrp))
			continue;
		one = take_end(d, q, r);
		if (one > 0)
			return 1;
		ret = one ? ret : 0;
	}
	return ret;
}
