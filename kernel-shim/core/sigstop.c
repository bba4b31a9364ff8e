/* SPDX-License-Identifier: Apache-2.0
 * Job control: stopping and continuing whole processes.
 *
 * The thread that takes a stop signal marks the process (stop_pending) and wakes the others; each
 * stops on its way to user mode. When the last one has, the process is stopped and the parent is
 * told.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/ptrace.h"
#include "core/signal.h"
#include "core/task_internal.h"

static bool everything_stopped(void)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (!p->stopped && !p->zombie)
			return false;
	}
	return true;
}

/* The sandbox as a whole is a job of the user's shell: stop the launcher with it. The call comes
 * back when the shell continued the launcher. */
static void stop_launcher(s32 signo)
{
	struct chan_msg m = {.op = CHAN_OP_STOP, .a = {(u32)signo}};

	plat_channel(&m);
	if (m.result >= 0)
		signal_from_host(SIGCONT, false);
}

static void stop_complete(struct process *p)
{
	p->stopped = true;
	p->continued = false;
	p->stop_signal = p->stop_signo;
	process_notify_stop(p, CLD_STOPPED);
}

static void forget_seen(struct task *t)
{
	if (!t->stop_seen)
		return;
	t->stop_seen = false;
	t->proc->nstopped--;
	if (t->proc->stop_pending)
		sched_interrupt(t);
}

static void sigstop_forget_seen(struct process *p)
{
	list_for_each(pos, &p->threads) forget_seen(list_entry(pos, struct task, thread_link));
}

void sigstop_leave_tracer(struct task *t)
{
	forget_seen(t);
}

void sigstop_begin(struct process *p, s32 signo)
{
	sigstop_forget_seen(p); /* who went on stops again */
	if (p->stop_pending)
		return;
	p->stop_pending = true;
	p->stop_signo = signo;
	list_for_each(pos, &p->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);

		sched_interrupt(t);
	}
}

void sigstop_wait(struct task *t)
{
	struct process *p = t->proc;

	p->nstopped++;
	if (p->nstopped == p->nthreads && !p->stopped) {
		stop_complete(p);
		if (everything_stopped())
			stop_launcher(p->stop_signo);
	}
	/* the launcher may have come back already, or a signal from the parent's wake-up */
	if (!p->stop_pending || t->group_exiting) {
		p->nstopped--;
	} else if (t->traced.tracer) {
		t->stop_seen = true;
		ptrace_group_stop(t, p->stop_signo);
	} else {
		sched_stop_current();
		p->nstopped--;
	}
}

void sigstop_continue(struct process *p)
{
	bool was_stopped = p->stopped;

	list_for_each(pos, &p->threads) ptrace_continued(list_entry(pos, struct task, thread_link));
	if (!p->stop_pending)
		return;
	p->stop_pending = p->stopped = false;
	p->stop_signal = 0;
	sigstop_forget_seen(p);
	list_for_each(pos, &p->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);

		if (t->state == TASK_STOPPED && !t->traced.stopped)
			sched_make_runnable(t);
	}
	/* a stop that was not complete is reported as a stop, as Linux does (prepare_signal) */
	if (was_stopped) {
		p->continued = true;
		process_notify_stop(p, CLD_CONTINUED);
	} else {
		process_notify_stop(p, CLD_STOPPED);
	}
}

void sigstop_thread_gone(struct process *p)
{
	if (p->stop_pending && !p->stopped && p->nthreads && p->nstopped == p->nthreads)
		stop_complete(p);
}
