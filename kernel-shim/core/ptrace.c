/* SPDX-License-Identifier: Apache-2.0
 * Who traces whom (ptrace.h): attaching, letting go, and what a new task inherits.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "core/cred.h"
#include "core/ptrace.h"
#include "core/siginfo.h"
#include "core/signal.h"
#include "core/task_internal.h"

bool ptrace_may_access(const struct task *by, const struct task *t)
{
	if (by->proc == t->proc || cred_has(&by->cred, CAP_SYS_PTRACE))
		return true;
	return t->proc->dumpable == 1 && cred_same_user(&by->cred, &t->cred, CAP_SYS_PTRACE) &&
	       !(t->cred.cap_permitted & ~by->cred.cap_permitted);
}

static void link(struct task *t, struct task *tracer, u32 options, bool seized)
{
	t->traced.tracer = tracer;
	t->traced.options = options;
	t->traced.seized = seized;
	list_add_tail(&tracer->proc->tracees, &t->traced.link);
}

void ptrace_unlink(struct task *t)
{
	struct tracing *tr = &t->traced;

	ptrace_unforce_step(t);
	list_del(&tr->link);
	tr->tracer = NULL;
	tr->options = 0;
	tr->seized = tr->listening = tr->trapping = false;
	tr->trap = tr->work = 0;
	ptrace_debug_clear(t);
	sigstop_leave_tracer(t);
	if (!tr->stopped)
		return;
	tr->stopped = false;
	if (t->state == TASK_STOPPED)
		sched_make_runnable(t);
}

long ptrace_traceme(struct task *t)
{
	struct task *parent = process_parent_thread(t->proc);

	if (t->traced.tracer || !parent || parent->exiting)
		return -EPERM;
	link(t, parent, 0, false);
	return 0;
}

/* So that what the tracer asks next finds t stopped for it, as it was for job control. */
static void wait_for_trap(struct task *tracer, s32 tid)
{
	struct wait_entry we;
	int r = 0;

	wait_entry_init(&we, tracer);
	waitq_add(&tracer->proc->wait_children, &we);
	while (!r) {
		struct task *t = task_find(tid);

		if (!t || t->traced.tracer != tracer || !t->traced.trapping)
			break;
		r = task_wait_killable(TIME_NEVER);
	}
	waitq_remove(&we);
}

long ptrace_attach(struct task *tracer, struct task *t, bool seize, u32 options)
{
	bool was_stopped = t->state == TASK_STOPPED && !t->traced.stopped;
	struct sig_info si;

	if (t->proc == tracer->proc || !ptrace_may_access(tracer, t) || t->exiting ||
		t->traced.tracer)
		return -EPERM;
	link(t, tracer, options, seize);
	if (!seize) {
		signal_simple(&si, SIGSTOP, SI_KERNEL);
		signal_send_task(t, &si);
	}
	if (was_stopped) {
		t->traced.trap |= PTRACE_TRAP_STOP;
		t->traced.trapping = true;
		sched_make_runnable(t);
		wait_for_trap(tracer, t->tid);
	}
	return 0;
}

/* -- what a new task inherits -- */

static u32 clone_event(u64 flags)
{
	if (flags & CLONE_VFORK)
		return PTRACE_EVENT_VFORK;
	return (flags & CSIGNAL) == SIGCHLD ? PTRACE_EVENT_FORK : PTRACE_EVENT_CLONE;
}

static bool clone_tells(const struct task *t, u64 flags)
{
	return !(flags & CLONE_UNTRACED) && t->traced.options >> clone_event(flags) & 1;
}

void ptrace_clone(struct task *from, struct task *child, u64 flags)
{
	const struct tracing *tr = &from->traced;

	if (tr->forced_step)
		child->regs.rflags &= ~PTRACE_RFLAGS_TF;
	if (!clone_tells(from, flags) && !(flags & CLONE_PTRACE))
		return;
	link(child, tr->tracer, tr->options, tr->seized);
	if (tr->seized)
		child->traced.trap = PTRACE_TRAP_STOP;
	else
		child->pending.set |= sig_bit(SIGSTOP);
}

void ptrace_clone_event(struct task *t, u64 flags, s32 tid)
{
	if (clone_tells(t, flags))
		ptrace_event(t, clone_event(flags), (u32)tid);
}
