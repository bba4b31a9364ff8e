/* SPDX-License-Identifier: Apache-2.0
 * Where a traced task stops (ptrace.h). Everything here but resume, interrupt and continued runs
 * in the traced task's own context.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/ptrace.h>

#include "core/ptrace.h"
#include "core/siginfo.h"
#include "core/signal.h"
#include "core/task_internal.h"
#include "mm/mm.h"

#define OP_POPF 0x9d
#define OP_IRET 0xcf

/* -- stepping -- */

void ptrace_unforce_step(struct task *t)
{
	if (t->traced.forced_step)
		t->regs.rflags &= ~PTRACE_RFLAGS_TF;
	t->traced.forced_step = false;
}

/* A program may step itself: its flag stays; so does one that the next instruction loads
 * (is_setting_trap_flag, arch/x86/kernel/step.c). */
void ptrace_force_step(struct task *t)
{
	u8 op = 0;

	if (t->regs.rflags & PTRACE_RFLAGS_TF)
		return;
	t->regs.rflags |= PTRACE_RFLAGS_TF;
	copy_from_mm(t->mm, &op, t->regs.rip, 1);
	t->traced.forced_step = op != OP_POPF && op != OP_IRET;
}

/* -- stopping -- */

/* Until the tracer lets t go on; SIGKILL does too, except from the stop of a task that dies
 * anyway. The signal that it goes on with. */
static s32 stop(struct task *t, s32 code, s32 why, struct sig_info *si)
{
	struct tracing *tr = &t->traced;
	bool leaving = code >> 8 == PTRACE_EVENT_EXIT;

	if (!tr->tracer || (t->group_exiting && !leaving))
		return 0;
	tr->trap &= (u8)~PTRACE_TRAP_STOP;
	if (code >> 8 == PTRACE_EVENT_STOP)
		tr->trap &= (u8)~PTRACE_TRAP_NOTIFY;
	ptrace_unforce_step(t);
	tr->code = code;
	tr->info = si;
	tr->stopped = true;
	tr->trapping = false;
	ptrace_tell(t, why);
	while (tr->stopped && (leaving || !t->group_exiting))
		sched_stop_current();
	tr->stopped = tr->listening = false;
	tr->info = NULL;
	code = tr->code;
	tr->code = 0;
	return code;
}

static s32 notify(struct task *t, s32 signo, s32 code, s32 why, u64 message)
{
	struct sig_info si;

	signal_simple(&si, signo, code);
	si.rt.pid = t->tid;
	si.rt.uid = t->cred.uid;
	t->traced.message = message;
	return stop(t, code, why, &si);
}

s32 ptrace_notify(struct task *t, s32 code, u64 message)
{
	return notify(t, SIGTRAP, code, CLD_TRAPPED, message);
}

void ptrace_event(struct task *t, u32 event, u64 message)
{
	if (t->traced.options >> event & 1)
		ptrace_notify(t, (s32)(event << 8) | SIGTRAP, message);
}

void ptrace_exec_event(struct task *t, s32 old_tid)
{
	struct sig_info si;

	ptrace_debug_clear(t);
	ptrace_event(t, PTRACE_EVENT_EXEC, (u32)old_tid);
	if (t->traced.seized || t->traced.options >> PTRACE_EVENT_EXEC & 1)
		return;
	signal_simple(&si, SIGTRAP, SI_USER);
	si.rt.pid = t->tid;
	si.rt.uid = t->cred.uid;
	signal_send_task(t, &si);
}

void ptrace_exit_event(struct task *t, s32 code)
{
	ptrace_event(t, PTRACE_EVENT_EXIT, (u32)task_exit_status(t, code));
}

/* -- signals and job control -- */

bool ptrace_signal(struct task *t, struct sig_info *si)
{
	s32 signo = si->signo == SIGKILL ? SIGKILL : stop(t, si->signo, CLD_TRAPPED, si);

	if (!signo)
		return false;
	if (signo != si->signo) {
		signal_simple(si, signo, SI_USER);
		if (t->traced.tracer) {
			si->rt.pid = t->traced.tracer->tid;
			si->rt.uid = t->traced.tracer->cred.uid;
		}
	}
	if (!(t->blocked & sig_bit(signo)))
		return true;
	signal_send_task(t, si);
	return false;
}

void ptrace_group_stop(struct task *t, s32 signo)
{
	if (t->traced.seized)
		notify(t, signo, signo | PTRACE_EVENT_STOP << 8, CLD_STOPPED, 0);
	else
		stop(t, signo, CLD_STOPPED, NULL);
}

void ptrace_trap(struct task *t)
{
	s32 signo = t->proc->stop_pending ? t->proc->stop_signo : 0;

	if (t->traced.seized)
		signo = signo ? signo : SIGTRAP;
	if (signo)
		ptrace_group_stop(t, signo);
	t->traced.trapping = false;
	if (!t->traced.seized)
		t->traced.trap = 0;
}

static void relisten(struct task *t)
{
	if (t->state == TASK_STOPPED && t->traced.listening) {
		t->traced.stopped = false;
		sched_make_runnable(t);
	} else if (!t->traced.stopped) {
		sched_interrupt(t);
	}
}

void ptrace_continued(struct task *t)
{
	if (!t->traced.seized)
		return;
	t->traced.trap |= PTRACE_TRAP_NOTIFY;
	relisten(t);
}

void ptrace_interrupt(struct task *t)
{
	t->traced.trap |= PTRACE_TRAP_STOP;
	relisten(t);
}

/* -- system calls -- */

static void call_stop(struct task *t, u64 message)
{
	s32 good = t->traced.options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0;
	s32 signo = ptrace_notify(t, SIGTRAP | good, message);
	struct sig_info si;

	if (signo <= 0 || signo > NSIG_MAX)
		return;
	signal_simple(&si, signo, SI_KERNEL);
	signal_send_task(t, &si);
}

bool ptrace_call_enter(struct task *t)
{
	u8 work = t->traced.work;

	if (work & (PTRACE_WORK_CALL | PTRACE_WORK_EMULATE))
		call_stop(t, PTRACE_EVENTMSG_SYSCALL_ENTRY);
	return !t->group_exiting && !(work & PTRACE_WORK_EMULATE);
}

static void step_over_call(struct task *t)
{
	struct sig_info si;

	signal_simple(&si, SIGTRAP, TRAP_BRKPT);
	si.fault.addr = t->regs.rip;
	signal_force(t, &si);
}

void ptrace_call_exit(struct task *t)
{
	if (t->traced.work & PTRACE_WORK_EMULATE)
		return;
	if (t->traced.work & PTRACE_WORK_WATCH)
		ptrace_force_step(t); /* rt_sigreturn has loaded other flags */
	if (t->traced.work & PTRACE_WORK_CALL)
		call_stop(t, PTRACE_EVENTMSG_SYSCALL_EXIT);
	else if (t->traced.work & PTRACE_WORK_STEP)
		step_over_call(t);
}

/* -- by the tracer -- */

void ptrace_resume(struct task *t, s32 signo, u8 work)
{
	t->traced.code = signo;
	if (ptrace_debug_begin(t))
		work |= PTRACE_WORK_WATCH;
	t->traced.work = work;
	if (work & (PTRACE_WORK_STEP | PTRACE_WORK_WATCH))
		ptrace_force_step(t);
	t->traced.stopped = false;
	sched_make_runnable(t);
}
