/* SPDX-License-Identifier: Apache-2.0
 * The frame that a handler sees, and what rt_sigreturn takes from it.
 */
#include "harness.h"

#include <asm/signal.h>

#define A	 U_BASE
#define ALT	 (A + 0x4000)
#define ALT_SIZE 0x2000u

/* struct ucontext: uc_mcontext begins at 40, in the order of struct sigcontext */
#define UC_REG(n)  (40 + 8 * (n))
#define UC_RSP	   UC_REG(15)
#define UC_RIP	   UC_REG(16)
#define UC_RFLAGS  UC_REG(17)
#define UC_CS	   UC_REG(18)
#define UC_TRAPNO  UC_REG(20)
#define UC_CR2	   UC_REG(22)
#define UC_FPSTATE UC_REG(23)
#define FLAG_DF	   0x400u
#define FLAG_IF	   0x200u

static u64 resume_at; /* where the handler sends the program */
static u32 handled;

static void on_alt_stack(void)
{
	u64 sp = u_task()->regs.rsp;

	u_check(sp > ALT && sp < ALT + ALT_SIZE);
}

static void set_alt_stack(void)
{
	u_put64(A, ALT);
	u_put32(A + 8, 0);
	u_put64(A + 16, ALT_SIZE);
	u_expect(u_syscall(__NR_sigaltstack, A, 0), 0);
}

static void checks_fault_frame(s32 sig, u64 info, u64 uc)
{
	u64 fp = u_get64(uc + UC_FPSTATE);

	handled++;
	on_alt_stack();
	u_expect(u_get64(info + 16), 0x12345);
	u_expect(u_task()->regs.rflags & FLAG_DF, 0);
	u_expect(u_get64(uc + UC_RFLAGS), 0x646);
	u_expect(u_get64(uc + UC_CR2), 0x12345);
	u_expect(u_get64(uc + UC_TRAPNO), 14);
	/* FXSAVE's software bytes announce the extended area and its end */
	u_expect(fp & 63, 0);
	u_expect(u_get32(fp + 464), 0x46505853);
	u_expect(u_get32(fp + 468), 1028);
	u_expect(u_get32(fp + 1024), 0x46505845);
	u_put64(uc + UC_RIP, resume_at);
}

static void faults(void *arg)
{
	handled = 0;
	set_alt_stack();
	u_expect(u_sigaction(SIGSEGV, checks_fault_frame, SA_SIGINFO | SA_ONSTACK, 0), 0);
	resume_at = u_after();
	u_task()->regs.rbp = 5;
	u_task()->regs.rflags = 0x646;
	u_fault(14, 6, 0x12345);
	u_expect(handled, 1);
	u_expect(u_task()->regs.rbp, 5);
	u_expect(u_task()->regs.rflags & 0xffff, 0x646);
}

static void test_fault_frame_has_what_linux_puts_there(void **state)
{
	run_program(faults, EXITED(0));
}

static void writes_privileged_state(s32 sig, u64 info, u64 uc)
{
	u16 cs = 0x10;

	u_put64(uc + UC_RFLAGS, ~0ull);
	u_write(uc + UC_CS, &cs, sizeof(cs));
}

static void returns_with_privileges(void *arg)
{
	u_expect(u_sigaction(SIGUSR1, writes_privileged_state, SA_SIGINFO, 0), 0);
	u_expect(u_syscall(__NR_kill, 2, SIGUSR1), 0);
	/* IOPL, NT, VM are not a program's to set; IF stays on */
	u_expect(u_task()->regs.rflags & ~(USER_RFLAGS_MASK | FLAG_IF | 2), 0);
	u_check(u_task()->regs.rflags & FLAG_IF);
	u_expect(u_task()->regs.cs & 3, 3);
}

static void test_sigreturn_does_not_take_privileged_bits(void **state)
{
	run_program(returns_with_privileges, EXITED(0));
}

static void sees_a_bad_stack(s32 sig, u64 info, u64 uc)
{
	on_alt_stack();
	u_expect(sig, SIGSEGV);
	u_expect(u_get64(uc + UC_RSP), 8);
	u_exit(0);
}

static void ignored_handler(s32 sig, u64 info, u64 uc)
{
	u_never("a handler ran whose frame could not be written");
}

static void has_a_bad_stack(void *arg)
{
	set_alt_stack();
	u_expect(u_sigaction(SIGSEGV, sees_a_bad_stack, SA_SIGINFO | SA_ONSTACK, 0), 0);
	u_expect(u_sigaction(SIGUSR1, ignored_handler, 0, 0), 0);
	u_task()->regs.rsp = 8;
	u_syscall(__NR_kill, 2, SIGUSR1);
	u_never("the program went on");
}

static void test_frame_that_cannot_be_written_is_SIGSEGV(void **state)
{
	run_program(has_a_bad_stack, EXITED(0));
}

static void has_a_bad_stack_and_no_handler(void *arg)
{
	u_expect(u_sigaction(SIGUSR1, ignored_handler, 0, 0), 0);
	u_task()->regs.rsp = 8;
	u_syscall(__NR_kill, 2, SIGUSR1);
}

static void test_frame_that_cannot_be_written_kills_without_a_handler(void **state)
{
	run_program(has_a_bad_stack_and_no_handler, KILLED(SIGSEGV));
}

static void sends_to_nowhere(s32 sig, u64 info, u64 uc)
{
	u_put64(uc + UC_RIP, 0x8000000000000000ull);
}

static void sees_nowhere(s32 sig, u64 info, u64 uc)
{
	u_expect(u_get64(uc + UC_RIP), 0x8000000000000000ull);
	u_exit(0);
}

static void jumps_to_nowhere(void *arg)
{
	u_expect(u_sigaction(SIGUSR1, sends_to_nowhere, SA_SIGINFO, 0), 0);
	u_expect(u_sigaction(SIGSEGV, sees_nowhere, SA_SIGINFO, 0), 0);
	u_syscall(__NR_kill, 2, SIGUSR1);
	u_never("the program went on");
}

static void test_rip_that_is_not_canonical_is_SIGSEGV(void **state)
{
	run_program(jumps_to_nowhere, EXITED(0));
}

static void breaks_the_fpu_header(s32 sig, u64 info, u64 uc)
{
	u_put64(u_get64(uc + UC_FPSTATE) + 512, ~0ull); /* XSTATE_BV */
}

static void exits_0(s32 sig, u64 info, u64 uc)
{
	u_expect(sig, SIGSEGV);
	u_exit(0);
}

static void returns_with_a_bad_fpu(void *arg)
{
	u_expect(u_sigaction(SIGUSR1, breaks_the_fpu_header, SA_SIGINFO, 0), 0);
	u_expect(u_sigaction(SIGSEGV, exits_0, SA_SIGINFO, 0), 0);
	u_syscall(__NR_kill, 2, SIGUSR1);
	u_never("the program went on");
}

static void test_fpu_image_that_would_fault_is_SIGSEGV(void **state)
{
	run_program(returns_with_a_bad_fpu, EXITED(0));
}

TESTS(sigframe, cmocka_unit_test(test_fault_frame_has_what_linux_puts_there),
	cmocka_unit_test(test_sigreturn_does_not_take_privileged_bits),
	cmocka_unit_test(test_frame_that_cannot_be_written_is_SIGSEGV),
	cmocka_unit_test(test_frame_that_cannot_be_written_kills_without_a_handler),
	cmocka_unit_test(test_rip_that_is_not_canonical_is_SIGSEGV),
	cmocka_unit_test(test_fpu_image_that_would_fault_is_SIGSEGV));
