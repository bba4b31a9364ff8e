/* SPDX-License-Identifier: Apache-2.0
 * What happens on the way back to user mode: signals are delivered, calls restarted, processes
 * stopped and ended (signal(7), "Interruption of system calls").
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/unistd.h>

#include "core/siginfo.h"
#include "core/ptrace.h"
#include "core/signal.h"
#include "core/task_internal.h"
#include "core/timers.h"

#define SYSCALL_LEN	      2 /* bytes of the syscall instruction */
#define IGNORED_BY_DEFAULT(s) ((s) == SIGCHLD || (s) == SIGCONT || (s) == SIGURG || (s) == SIGWINCH)
#define STOPS_BY_DEFAULT(s)   ((s) == SIGSTOP || (s) == SIGTSTP || (s) == SIGTTIN || (s) == SIGTTOU)

static void rewind_call(struct task *t, u64 nr)
{
	t->regs.rax = nr;
	t->regs.rip -= SYSCALL_LEN;
}

static bool wants_restart(struct task *t)
{
	switch ((s64)t->regs.rax) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return t->in_syscall;
	default:
		return false;
	}
}

/* An interrupted call and a handler that will run: does the call go on after the handler? */
static void restart_with_handler(struct task *t, const struct sig_action *act)
{
	if (!wants_restart(t))
		return;
	switch ((s64)t->regs.rax) {
	case -ERESTARTSYS:
		if (!(act->flags & SA_RESTART)) {
			t->regs.rax = (u64)-EINTR;
			break;
		}
		__attribute__((fallthrough));
	case -ERESTARTNOINTR:
		rewind_call(t, t->regs.orig_rax);
		break;
	default:
		t->regs.rax = (u64)-EINTR;
	}
	t->in_syscall = false;
}

static void restart_without_handler(struct task *t)
{
	if (!wants_restart(t))
		return;
	if ((s64)t->regs.rax == -ERESTART_RESTARTBLOCK)
		rewind_call(t, __NR_restart_syscall);
	else
		rewind_call(t, t->regs.orig_rax);
	t->in_syscall = false;
}

/* The frame could not be written, or the handler cannot be entered: force_sigsegv. */
static void frame_failed(struct task *t, s32 signo)
{
	struct sig_info si;

	if (signo == SIGSEGV) /* its own handler cannot help */
		t->proc->sighand->action[SIGSEGV - 1].handler = 0;
	signal_simple(&si, SIGSEGV, SI_KERNEL);
	signal_force(t, &si);
}

static void run_handler(struct task *t, const struct sig_action *act, const struct sig_info *si)
{
	sigmask blocked = t->blocked | act->mask;

	bool stepping = t->traced.work & PTRACE_WORK_STEP;

	rseq_interrupted(t);
	restart_with_handler(t, act);
	t->restart.fn = NULL;
	ptrace_unforce_step(t); /* the context that the handler sees is the program's own */
	if (sigframe_setup(t, act, si)) {
		frame_failed(t, si->signo);
		return;
	}
	t->saved_valid = false; /* the frame holds that mask now */
	if (!(act->flags & SA_NODEFER))
		blocked |= sig_bit(si->signo);
	signal_set_blocked(t, blocked);
	if (stepping)
		ptrace_notify(t, SIGTRAP, 0); /* the step ends at the handler (signal_delivered) */
	else if (t->traced.work & PTRACE_WORK_WATCH)
		ptrace_force_step(t);
}

/* Acts on one signal that was taken. */
static void act_on(struct task *t, const struct sig_info *si)
{
	struct process *p = t->proc;
	struct sig_action *slot = &p->sighand->action[si->signo - 1];
	struct sig_action act = *slot;
	s32 signo = si->signo;

	if (act.handler == 1 && !(sig_bit(signo) & SIG_KILL_STOP))
		return;
	if (act.handler > 1) {
		if (act.flags & SA_RESETHAND)
			slot->handler = 0;
		run_handler(t, &act, si);
		return;
	}
	if (IGNORED_BY_DEFAULT(signo))
		return;
	if (STOPS_BY_DEFAULT(signo)) {
		/* nobody could continue an orphaned group: only SIGSTOP stops it (POSIX 2.4.3) */
		if (signo == SIGSTOP || !process_group_orphaned(p->pgrp))
			sigstop_begin(p, signo);
		return;
	}
	process_exit(signo); /* no core is ever written, so the 0x80 flag is never set: core(5) */
}

static void deliver_pending(struct task *t)
{
	struct sig_info si;

	for (;;) {
		if (t->group_exiting)
			task_exit(0);
		if (t->proc->stop_pending && !t->stop_seen) {
			sigstop_wait(t);
			continue;
		}
		if (t->traced.trap) {
			ptrace_trap(t);
			continue;
		}
		if (!signal_dequeue(t, ~t->blocked, &si))
			break;
		if (t->traced.tracer && !ptrace_signal(t, &si))
			continue;
		/* one handler's frame goes on top of another's: the last entered runs first */
		act_on(t, &si);
	}
}

void signal_deliver(struct task *t)
{
	if (t->proc->cpu_timers)
		cputime_check(t);
	if (signal_pending(t))
		deliver_pending(t);
	restart_without_handler(t);
	signal_drop_temp_mask(t);
	/* after the temporary mask went, more may be deliverable */
	if (signal_pending(t))
		deliver_pending(t);
	if (t->rseq_addr && t->rseq_switches != t->switches) {
		rseq_switched(t);
		if (signal_pending(t)) /* a broken descriptor is a SIGSEGV */
			deliver_pending(t);
	}
}
