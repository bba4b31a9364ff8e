/* SPDX-License-Identifier: Apache-2.0
 * The life of a task: to user mode, back with a trap, do what it asks, and again.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <asm-generic/siginfo.h>

#include "core/ptrace.h"
#include "mm/mm.h"
#include "sys/sys.h"

enum { /* Intel SDM vol. 3, 6.15 */
	VEC_DE = 0,
	VEC_DB = 1,
	VEC_BP = 3,
	VEC_OF = 4,
	VEC_BR = 5,
	VEC_UD = 6,
	VEC_PF = 14,
	VEC_MF = 16,
	VEC_AC = 17,
	VEC_XM = 19,
};
#define PF_ERR_WRITE 2u
#define PF_ERR_FETCH 16u

/* Linux's si_code for a SIMD or x87 exception: the first unmasked flag (arch/x86
 * fpu__exception_code). */
static s32 fpe_code(struct task *t, bool simd)
{
	u32 flags;

	plat_fpu_save(t);
	if (simd) { /* MXCSR is at byte 24 of the FXSAVE area: flags 0-5, masks 7-12 */
		u32 mxcsr;

		memcpy(&mxcsr, t->fpu + 24, sizeof(mxcsr));
		flags = mxcsr & ~(mxcsr >> 7) & 0x3f;
	} else { /* FCW at 0, FSW at 2 */
		u16 cw, sw;

		memcpy(&cw, t->fpu, sizeof(cw));
		memcpy(&sw, t->fpu + 2, sizeof(sw));
		flags = (u32)(sw & ~cw) & 0x3f;
	}
	if (flags & 0x01)
		return FPE_FLTINV;
	if (flags & 0x04)
		return FPE_FLTDIV;
	if (flags & 0x08)
		return FPE_FLTOVF;
	if (flags & 0x12)
		return FPE_FLTUND;
	if (flags & 0x20)
		return FPE_FLTRES;
	return 0;
}

static void fault_signal(struct task *t, s32 signo, s32 code, u64 addr)
{
	struct sig_info si;

	signal_simple(&si, signo, code);
	si.fault.addr = addr;
	signal_force(t, &si);
}

static void out_of_memory(struct task *t)
{
	struct sig_info si;

	kern->stats.oom = true;
	signal_simple(&si, SIGKILL, SI_KERNEL);
	signal_send_process(t->proc, &si);
}

static void page_fault(struct task *t)
{
	enum mm_access access = MM_READ;
	s32 code = SEGV_MAPERR;
	int r;

	kern->stats.faults++;
	if (t->trap.error & PF_ERR_FETCH)
		access = MM_EXEC;
	else if (t->trap.error & PF_ERR_WRITE)
		access = MM_WRITE;
	r = mm_fault(t->mm, t->trap.addr, access, &code);
	switch (r) {
	case 0:
		break;
	case -EIO:
		fault_signal(t, SIGBUS, BUS_ADRERR, t->trap.addr);
		break;
	case -ENOMEM:
		out_of_memory(t);
		break;
	default:
		fault_signal(t, SIGSEGV, code, t->trap.addr);
	}
}

static void fault(struct task *t)
{
	switch (t->trap.vector) {
	case VEC_PF:
		page_fault(t);
		break;
	case VEC_DE:
		fault_signal(t, SIGFPE, FPE_INTDIV, t->regs.rip);
		break;
	case VEC_DB:
		if ((t->traced.work & PTRACE_WORK_WATCH) && ptrace_debug_trap(t))
			break;
		fault_signal(t, SIGTRAP, t->trap.error ? TRAP_BRKPT : TRAP_TRACE, t->regs.rip);
		break;
	case VEC_BP:
		fault_signal(t, SIGTRAP, SI_KERNEL, 0);
		break;
	case VEC_UD:
		fault_signal(t, SIGILL, ILL_ILLOPN, t->regs.rip);
		break;
	case VEC_MF:
	case VEC_XM:
		fault_signal(t, SIGFPE, fpe_code(t, t->trap.vector == VEC_XM), t->regs.rip);
		break;
	case VEC_AC:
		fault_signal(t, SIGBUS, BUS_ADRALN, 0);
		break;
	default: /* #GP, #SS, #BR, #OF, … */
		fault_signal(t, SIGSEGV, SI_KERNEL, 0);
	}
}

static void handle_trap(struct task *t)
{
	t->in_syscall = t->trap.kind == TRAP_SYSCALL;
	if (!t->in_syscall)
		t->regs.orig_rax = ~0ull;
	switch (t->trap.kind) {
	case TRAP_SYSCALL:
		sys_dispatch(t);
		break;
	case TRAP_FAULT:
		fault(t);
		break;
	case TRAP_BUS:
		t->trap.vector = VEC_PF;
		fault_signal(t, SIGBUS, BUS_ADRERR, t->trap.addr);
		break;
	case TRAP_KICK:
		plat_cpu()->kick_set = 0; /* it was used up */
		sched_poll_events(false);
		break;
	default:
		plat_panic("unknown trap");
	}
}

/* User and system time by the clock, as CONFIG_VIRT_CPU_ACCOUNTING does. */
static u64 account(struct task *t, u64 *bucket)
{
	u64 spent = clock_since(t->last_stamp);

	*bucket += spent;
	t->last_stamp += spent;
	return spent;
}

static void account_user(struct task *t)
{
	kern->stats.user_ns += account(t, &t->utime_ns);
	if (kern->shown)
		kern->shown->user_ns = kern->stats.user_ns;
}

void task_main(void *arg)
{
	struct task *t = arg;

	sched_finish_switch();
	t->last_stamp = clock_mono_ns();
	for (;;) {
		signal_deliver(t);
		if (sched_must_yield(t)) {
			sched_yield_current();
			continue; /* signals may have come meanwhile */
		}
		sched_before_user(t);
		account(t, &t->stime_ns);
		t->in_user = true;
		plat_user_run(t);
		t->in_user = false;
		account_user(t);
		if (kern->ended) /* on another processor, meanwhile */
			sched_abandon();
		handle_trap(t);
	}
}
