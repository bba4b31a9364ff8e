/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/security/guest/stub.h"

static sigjmp_buf no_stub;

static void on_segv(int signo)
{
	siglongjmp(no_stub, signo);
}

bool stub_is_there(void)
{
	void (*old)(int) = signal(SIGSEGV, on_segv);
	bool there = false;

	if (!sigsetjmp(no_stub, 1)) {
		(void)CTX->turn;
		there = true;
	}
	signal(SIGSEGV, old);
	return there;
}

uint64_t stub_site(unsigned n)
{
	const volatile uint8_t *text = (const volatile uint8_t *)STUB_TEXT;

	for (uint64_t i = 0; i + 1 < STUB_TEXT_SIZE; i++)
		if (text[i] == 0x0f && text[i + 1] == 0x05 && !n--)
			return STUB_TEXT + i;
	return 0;
}

/* The registers that the stub keeps over a call: its context, and words of 1 each to another. */
static volatile uint64_t ones[512], stack[2048];
static sigjmp_buf back;

/* A fault would be a turn, in which the launcher fills the context: all pages are touched before.
 */
static volatile uint64_t *touched(uint64_t site, uint64_t nr, const uint64_t a[6])
{
	static volatile uint64_t frame[11];

	for (int i = 0; i < 512; i++)
		ones[i] = 1;
	for (int i = 0; i < 2048; i += 16)
		stack[i] = 0;
	for (int i = 0; i < 6; i++)
		frame[i] = a[i];
	frame[6] = nr;
	frame[7] = site;
	frame[8] = (uint64_t)(uintptr_t)&ones[64];
	frame[9] = (uint64_t)(uintptr_t)&stack[1024];
	frame[10] = STUB_CTX;
	return frame;
}

static _Noreturn void jump(volatile uint64_t *frame)
{
	__asm__ volatile("mov 0(%0), %%rdi\n\t"
			 "mov 8(%0), %%rsi\n\t"
			 "mov 16(%0), %%rdx\n\t"
			 "mov 24(%0), %%r10\n\t"
			 "mov 32(%0), %%r8\n\t"
			 "mov 40(%0), %%r9\n\t"
			 "mov 64(%0), %%rcx\n\t"
			 "mov 80(%0), %%rbx\n\t"
			 "lea 256(%%rcx), %%rbp\n\t"
			 "lea 512(%%rcx), %%r12\n\t"
			 "lea 768(%%rcx), %%r13\n\t"
			 "lea 1024(%%rcx), %%r14\n\t"
			 "lea 1280(%%rcx), %%r15\n\t"
			 "mov 72(%0), %%rsp\n\t"
			 "mov 56(%0), %%rcx\n\t"
			 "mov 48(%0), %%rax\n\t"
			 "jmp *%%rcx"
			 :
			 : "a"(frame)
			 : "memory");
	__builtin_unreachable();
}

_Noreturn void stub_call(uint64_t site, uint64_t nr, const uint64_t a[6])
{
	jump(touched(site, nr, a));
}

static void came_back(void)
{
	siglongjmp(back, 1);
}

void stub_call_and_return(uint64_t site, uint64_t nr, const uint64_t a[6])
{
	volatile uint64_t *frame = touched(site, nr, a);

	if (sigsetjmp(back, 0))
		return;
	CTX->nops = 0;
	CTX->flags = STUB_RUN;
	CTX->regs.rip = (uint64_t)(uintptr_t)came_back;
	CTX->regs.rsp = (uint64_t)(uintptr_t)&stack[2047];
	CTX->regs.cs = 0x33;
	CTX->regs.ss = 0x2b;
	CTX->regs.rflags = 0x202;
	jump(frame);
}

void stub_forge_call(uint64_t nr, const uint64_t a[6], uint64_t rip, uint64_t rsp)
{
	CTX->regs.rax = nr;
	CTX->regs.rdi = a[0];
	CTX->regs.rsi = a[1];
	CTX->regs.rdx = a[2];
	CTX->regs.r10 = a[3];
	CTX->regs.r8 = a[4];
	CTX->regs.r9 = a[5];
	CTX->regs.rip = rip;
	CTX->regs.rsp = rsp;
	CTX->regs.rflags = 0x202;
	CTX->event.kind = STUB_EV_SIGNAL;
	CTX->event.signo = SIGSYS;
	CTX->event.code = 1;
	CTX->event.arch = AUDIT_ARCH_X86_64;
	CTX->event.frame_fpu = STUB_CTX + offsetof(struct stub_ctx, fpu);
	__atomic_store_n(&CTX->turn, TURN_LAUNCHER, __ATOMIC_SEQ_CST);
}

bool stub_is_recycled(void)
{
	return CTX->nops && CTX->ops[0].kind == STUB_OP_UNMAP && CTX->ops[0].addr == 0;
}

/* An address of the stub's that is not code: what faults there is the stub. */
_Noreturn void stub_die(void)
{
	((void (*)(void))STUB_CTX)();
	__builtin_unreachable();
}
