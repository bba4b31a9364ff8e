/* SPDX-License-Identifier: Apache-2.0
 * The stub: what runs in a trapped process besides the program. It takes turns with the launcher:
 * the launcher says what to map and where to go on, the stub does it; a signal (a system call that
 * the filter trapped, a fault, a kick) brings the turn back with the program's registers.
 *
 * The program can read this code, write to the context and jump anywhere in here. That is as good
 * as anything else that it can do: the filter (filter.c) is the boundary, not this code.
 *
 * No vector registers (-mgeneral-regs-only): the program's stay where they are. Signals are never
 * returned from with rt_sigreturn, so that the filter need not allow it: handlers do not block
 * signals (SA_NODEFER) and state is loaded from the frame in user mode.
 */
#include <linux/futex.h>
#include <linux/mman.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>
#include <asm/prctl.h>

#include "vmm/process/layout.h"
#include "vmm/process/stub_call.h"
#include "vmm/process/stub_internal.h"

#define CTX	  ((struct stub_ctx *)STUB_CTX)
#define CONSTANTS ((const struct stub_const *)STUB_CONST)

/* -- turns -- */

static long futex_turn(int op, uint32_t value)
{
	return call6(__NR_futex, (long)&CTX->turn, op, value, 0, 0, 0);
}

static bool my_turn(void)
{
	return __atomic_load_n(&CTX->turn, __ATOMIC_ACQUIRE) == TURN_STUB;
}

static void give_turn(void)
{
	/* full barriers: whoever sleeps announces it before it looks at turn the last time */
	__atomic_exchange_n(&CTX->turn, TURN_LAUNCHER, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&CTX->launcher_sleeps, __ATOMIC_SEQ_CST))
		futex_turn(FUTEX_WAKE, 1);
}

static void wait_turn(void)
{
	/* the launcher may say meanwhile that it does not pay */
	for (uint32_t i = 0; i < __atomic_load_n(&CTX->spin, __ATOMIC_RELAXED) && !my_turn(); i++)
		__asm__ volatile("pause");
	while (!my_turn()) {
		__atomic_exchange_n(&CTX->stub_sleeps, 1, __ATOMIC_SEQ_CST);
		if (!my_turn())
			futex_turn(FUTEX_WAIT, TURN_LAUNCHER);
		__atomic_store_n(&CTX->stub_sleeps, 0, __ATOMIC_RELAXED);
	}
}

/* -- what the launcher asks for -- */

static long do_op(const struct stub_op *o)
{
	int flags = MAP_SHARED | MAP_FIXED | (o->populate ? MAP_POPULATE : 0);
	long r;

	switch (o->kind) {
	case STUB_OP_MAP:
		r = call6(__NR_mmap, (long)o->addr, (long)o->len, o->prot, flags, (long)o->fd,
			(long)o->offset);
		return r > 0 ? 0 : r;
	case STUB_OP_UNMAP:
		return call3(__NR_munmap, (long)o->addr, (long)o->len, 0);
	default:
		return call3(__NR_mprotect, (long)o->addr, (long)o->len, o->prot);
	}
}

static bool do_ops(void)
{
	for (uint32_t i = 0; i < CTX->nops; i++) {
		long r = do_op(&CTX->ops[i]);

		if (r) {
			CTX->event.kind = STUB_EV_OP_FAILED;
			CTX->event.index = i;
			CTX->event.value = (int32_t)r;
			return false;
		}
	}
	return true;
}

static void set_bases(void)
{
	if (CONSTANTS->fsgsbase) {
		__asm__ volatile("wrfsbase %0" ::"r"(CTX->fs_base));
		__asm__ volatile("wrgsbase %0" ::"r"(CTX->gs_base));
	} else {
		call3(__NR_arch_prctl, ARCH_SET_FS, (long)CTX->fs_base, 0);
		call3(__NR_arch_prctl, ARCH_SET_GS, (long)CTX->gs_base, 0);
	}
}

static void get_bases(void)
{
	if (!CONSTANTS->fsgsbase)
		return; /* the program cannot have changed them */
	__asm__ volatile("rdfsbase %0" : "=r"(CTX->fs_base));
	__asm__ volatile("rdgsbase %0" : "=r"(CTX->gs_base));
}

static void fpu_load(const void *area)
{
	uint64_t mask = CONSTANTS->xcr0;

	if (mask)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"((uint32_t)mask),
				 "d"((uint32_t)(mask >> 32))
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

static void fpu_save(void *area)
{
	uint64_t mask = CONSTANTS->xcr0;

	if (mask)
		__asm__ volatile(
			"xsave64 (%0)" ::"r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			: "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

_Noreturn static void enter(void)
{
	uint32_t flags = CTX->flags;

	if (flags & STUB_SET_BASES)
		set_bases();
	if (flags & STUB_FPU_LOAD)
		fpu_load(CTX->fpu);
	else if (flags & STUB_FPU_FRAME)
		fpu_load((const void *)CTX->event.frame_fpu);
	stub_leave(&CTX->regs);
}

void stub_serve(void)
{
	for (;;) {
		give_turn();
		wait_turn();
		if (!do_ops())
			continue;
		if (CTX->flags & STUB_FPU_SAVE)
			fpu_save(CTX->fpu);
		if (!(CTX->flags & STUB_RUN)) {
			CTX->event.kind = STUB_EV_DONE;
			continue;
		}
		enter();
	}
}

/* A kick came before the program ran: found by stub_leave, or taken on the way out of it. On an
 * empty stack (stub_early_entry): however many come one after the other, they do not fill it. */
void stub_early(void)
{
	__atomic_store_n(&CTX->kicked, 0, __ATOMIC_RELAXED);
	fpu_save(CTX->fpu);
	CTX->event.kind = STUB_EV_EARLY;
	stub_serve();
}

void stub_call(void)
{
	get_bases();
	CTX->event.kind = STUB_EV_CALL;
	stub_serve();
}

/* -- signals -- */

/* In the stub, but for the code of a patched call: what is done in place of the program is the
 * program, and the launcher sees to one that steps into the call. */
static bool in_stub(uint64_t rip, int signo)
{
	if (rip >= STUB_PATCH_CODE && rip < STUB_PATCH_CODE + STUB_CODE_SIZE)
		return signo == STUB_KICK_SIGNAL && rip % STUB_PATCH_SIZE < STUB_PATCH_TAIL;
	return rip >= STUB_BASE && rip < STUB_END;
}

static void regs_from_frame(struct stub_regs *r, const greg_t *g)
{
	r->r15 = (uint64_t)g[REG_R15];
	r->r14 = (uint64_t)g[REG_R14];
	r->r13 = (uint64_t)g[REG_R13];
	r->r12 = (uint64_t)g[REG_R12];
	r->rbp = (uint64_t)g[REG_RBP];
	r->rbx = (uint64_t)g[REG_RBX];
	r->r11 = (uint64_t)g[REG_R11];
	r->r10 = (uint64_t)g[REG_R10];
	r->r9 = (uint64_t)g[REG_R9];
	r->r8 = (uint64_t)g[REG_R8];
	r->rax = (uint64_t)g[REG_RAX];
	r->rcx = (uint64_t)g[REG_RCX];
	r->rdx = (uint64_t)g[REG_RDX];
	r->rsi = (uint64_t)g[REG_RSI];
	r->rdi = (uint64_t)g[REG_RDI];
	r->rip = (uint64_t)g[REG_RIP];
	r->cs = (uint64_t)g[REG_CSGSFS] & 0xffff;
	r->rflags = (uint64_t)g[REG_EFL];
	r->rsp = (uint64_t)g[REG_RSP];
	r->ss = (uint64_t)g[REG_CSGSFS] >> 48;
}

/* A kick in the middle of the stub's own work: remember it and go on. */
_Noreturn static void resume_stub(const ucontext_t *uc)
{
	struct stub_regs r;

	__atomic_store_n(&CTX->kicked, 1, __ATOMIC_SEQ_CST);
	regs_from_frame(&r, uc->uc_mcontext.gregs);
	fpu_load(uc->uc_mcontext.fpregs);
	stub_resume(&r);
}

static bool in_range(uint64_t a, const char *begin, const char *end)
{
	return a >= (uint64_t)begin && a < (uint64_t)end;
}

void stub_signal(int signo, const siginfo_t *si, ucontext_t *uc)
{
	uint64_t rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	struct stub_event *ev = &CTX->event;

	if (in_stub(rip, signo)) {
		if (signo == STUB_KICK_SIGNAL && !in_range(rip, stub_leave_begin, stub_leave_end))
			resume_stub(uc);
		if (signo == STUB_KICK_SIGNAL) {
			fpu_load(uc->uc_mcontext.fpregs);
			stub_early_entry();
		}
		ev->kind = STUB_EV_STUB_FAULT;
	} else {
		get_bases();
		regs_from_frame(&CTX->regs, uc->uc_mcontext.gregs);
		ev->kind = STUB_EV_SIGNAL;
	}
	ev->signo = signo;
	ev->code = si->si_code;
	ev->arch = signo == SIGSYS ? si->si_arch : 0;
	ev->trapno = (uint64_t)uc->uc_mcontext.gregs[REG_TRAPNO];
	ev->error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
	ev->addr = (uint64_t)uc->uc_mcontext.gregs[REG_CR2];
	ev->frame_fpu = (uint64_t)uc->uc_mcontext.fpregs;
	stub_serve();
}
