/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler is given of the interrupted program, and what it may change of it. */
#include "behave.h"

#include <cpuid.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile sig_atomic_t count;

typedef void action(int, siginfo_t *, void *);

static void handle(int signal, action *fn, int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

	MUST(sigaction(signal, &sa, NULL) == 0);
}

static void tick_every_ms(void)
{
	struct itimerval t = {{0, 1000}, {0, 1000}};

	MUST(setitimer(ITIMER_REAL, &t, NULL) == 0);
}

static void clobber_everything(int signal, siginfo_t *si, void *context)
{
	(void)signal;
	(void)si;
	(void)context;
	count++;
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\t"
			 "pcmpeqd %%xmm7, %%xmm7\n\t"
			 "pcmpeqd %%xmm15, %%xmm15\n\t"
			 "fninit\n\t"
			 "fldpi\n\t"
			 "std\n\t"
			 "cld" ::
				 : "xmm0", "xmm7", "xmm15", "memory");
}

static void handler_may_clobber_sse_and_x87(void)
{
	int wrong = 0;
	handle(SIGALRM, clobber_everything, 0);
	tick_every_ms();
	for (int round = 0; round < 100000 && count < 30; round++) {
		double in = round + 0.5, sse, x87;
		__asm__ volatile("movsd %2, %%xmm7\n\t"
				 "movsd %2, %%xmm15\n\t"
				 "fldl %2\n\t"
				 "mov $30000, %%ecx\n"
				 "1: dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "addsd %%xmm15, %%xmm7\n\t"
				 "movsd %%xmm7, %0\n\t"
				 "fstpl %1"
				 : "=m"(sse), "=m"(x87)
				 : "m"(in)
				 : "ecx", "xmm7", "xmm15", "cc");
		wrong += sse != 2 * in || x87 != in;
	}
	V(wrong);
	T(count >= 30);
}

static bool has_avx(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return false;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & 6) == 6;
}

static void clobber_avx(int signal, siginfo_t *si, void *context)
{
	(void)signal;
	(void)si;
	(void)context;
	count++;
	__asm__ volatile("vzeroall" ::: "xmm0", "xmm9", "xmm15");
}

static void handler_may_clobber_avx(void)
{
	uint64_t in[4] = {1, 2, 3, 4}, out[4];
	int wrong = 0;
	if (has_avx()) {
		handle(SIGALRM, clobber_avx, 0);
		tick_every_ms();
		for (int round = 0; round < 100000 && count < 30; round++) {
			__asm__ volatile("vmovdqu %1, %%ymm9\n\t"
					 "mov $30000, %%ecx\n"
					 "1: dec %%ecx\n\t"
					 "jnz 1b\n\t"
					 "vmovdqu %%ymm9, %0\n\t"
					 "vzeroupper"
					 : "=m"(out)
					 : "m"(in)
					 : "ecx", "xmm9", "cc", "memory");
			wrong += memcmp(in, out, sizeof(in)) != 0;
		}
	}
	V(wrong);
}

static void handler_preserves_general_registers_and_flags(void)
{
	int wrong = 0;
	handle(SIGALRM, clobber_everything, 0);
	tick_every_ms();
	for (uint64_t round = 0; round < 100000 && count < 30; round++) {
		uint64_t sum;
		__asm__ volatile("mov %1, %%rbx\n\t"
				 "lea 1(%%rbx), %%r8\n\t"
				 "lea 2(%%rbx), %%r11\n\t"
				 "lea 3(%%rbx), %%r12\n\t"
				 "lea 4(%%rbx), %%r15\n\t"
				 "lea 5(%%rbx), %%rdi\n\t"
				 "stc\n\t"
				 "mov $30000, %%ecx\n"
				 "1: lea -1(%%rcx), %%rcx\n\t"
				 "jrcxz 2f\n\t"
				 "jmp 1b\n"
				 "2: setc %%cl\n\t"
				 "add %%rcx, %%rbx\n\t"
				 "add %%r8, %%rbx\n\t"
				 "add %%r11, %%rbx\n\t"
				 "add %%r12, %%rbx\n\t"
				 "add %%r15, %%rbx\n\t"
				 "add %%rdi, %%rbx\n\t"
				 "mov %%rbx, %0"
				 : "=r"(sum)
				 : "r"(round)
				 : "rbx", "rcx", "rdi", "r8", "r11", "r12", "r15", "cc");
		wrong += sum != round * 6 + 16;
	}
	V(wrong);
	T(count >= 30);
}

static void red_zone_is_respected(void)
{
	int wrong = 0;
	handle(SIGALRM, clobber_everything, 0);
	tick_every_ms();
	for (uint64_t round = 0; round < 100000 && count < 30; round++) {
		uint64_t got;
		__asm__ volatile("mov %1, -8(%%rsp)\n\t"
				 "mov %1, -128(%%rsp)\n\t"
				 "mov $30000, %%ecx\n"
				 "1: dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "mov -8(%%rsp), %0\n\t"
				 "add -128(%%rsp), %0"
				 : "=&r"(got)
				 : "r"(round)
				 : "rcx", "cc", "memory");
		wrong += got != 2 * round;
	}
	V(wrong);
}

static void skip_two_bytes(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	(void)si;
	count++;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RAX] = 1000 + signal;
}

static void handler_resumes_where_the_context_says(void)
{
	long rax;
	handle(SIGILL, skip_two_bytes, 0);
	__asm__ volatile("ud2" : "=a"(rax) : "a"(1L));
	V(rax);
	V(count);
}

static void change_xmm(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	double value = 6.25;
	(void)signal;
	(void)si;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	memcpy(&uc->uc_mcontext.fpregs->_xmm[3], &value, sizeof(value));
}

static void handler_changes_an_sse_register(void)
{
	double in = 1.5, out;
	handle(SIGILL, change_xmm, 0);
	__asm__ volatile("movsd %1, %%xmm3\n\t"
			 "ud2\n\t"
			 "movsd %%xmm3, %0"
			 : "=m"(out)
			 : "m"(in)
			 : "xmm3");
	say("xmm3 %.2f", out);
}

static void change_mask(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	(void)si;
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

static void handler_changes_the_mask_after_return(void)
{
	sigset_t set;
	handle(SIGUSR1, change_mask, 0);
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	V(sigismember(&set, SIGUSR2));
	V(sigismember(&set, SIGUSR1));
}

static void report_context(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	uint64_t here = (uint64_t)(uintptr_t)&uc;
	(void)signal;
	(void)si;
	count++;
	say("r12 %#llx r13 %#llx r14 %#llx r15 %#llx",
		(unsigned long long)uc->uc_mcontext.gregs[REG_R12],
		(unsigned long long)uc->uc_mcontext.gregs[REG_R13],
		(unsigned long long)uc->uc_mcontext.gregs[REG_R14],
		(unsigned long long)uc->uc_mcontext.gregs[REG_R15]);
	T((uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == 0x33);
	T(uc->uc_mcontext.gregs[REG_EFL] & 0x200);
	T(uc->uc_mcontext.gregs[REG_EFL] & 1);
	T(uc->uc_mcontext.fpregs != NULL);
	T((uint64_t)uc->uc_mcontext.gregs[REG_RSP] > here);
	T((uint64_t)uc->uc_mcontext.gregs[REG_RSP] - here < 65536);
	T(!sigismember(&uc->uc_sigmask, signal));
	say("opcode %02x %02x", ((unsigned char *)uc->uc_mcontext.gregs[REG_RIP])[0],
		((unsigned char *)uc->uc_mcontext.gregs[REG_RIP])[1]);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void context_shows_the_interrupted_registers(void)
{
	handle(SIGILL, report_context, 0);
	__asm__ volatile("mov $0x1111, %%r12d\n\t"
			 "mov $0x2222, %%r13d\n\t"
			 "mov $0x3333, %%r14d\n\t"
			 "mov $0x4444, %%r15d\n\t"
			 "stc\n\t"
			 "ud2" ::
				 : "r12", "r13", "r14", "r15", "cc", "memory");
	V(count);
}

static void check_alignment(int signal, siginfo_t *si, void *context)
{
	uint64_t frame = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	(void)signal;
	(void)context;
	T(frame % 16 == 0);
	T((uintptr_t)si % 8 == 0);
	unsigned csr;
	unsigned short cw;
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
	say("rounding %u, control word %#x", csr >> 13 & 3, cw);
}

static void handler_stack_is_aligned(void)
{
	handle(SIGUSR1, check_alignment, 0);
	raise(SIGUSR1);
	__asm__ volatile("sub $8, %%rsp\n\t"
			 "mov $39, %%eax\n\t"
			 "syscall\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov $10, %%esi\n\t"
			 "mov $62, %%eax\n\t"
			 "syscall\n\t"
			 "add $8, %%rsp" ::
				 : "rax", "rcx", "rdi", "rsi", "r11", "memory", "cc");
}

static void flags_in_handler(int signal, siginfo_t *si, void *context)
{
	uint64_t flags;
	(void)signal;
	(void)si;
	(void)context;
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	say("direction flag in handler %d", (int)(flags >> 10 & 1));
}

static void handler_starts_with_clear_direction_flag(void)
{
	uint64_t flags;
	handle(SIGUSR1, flags_in_handler, 0);
	long pid = getpid(), r;
	__asm__ volatile("std; syscall; pushfq; cld; pop %1"
			 : "=a"(r), "=r"(flags)
			 : "0"(62L), "D"(pid), "S"(10L)
			 : "rcx", "r11", "memory", "cc");
	V(r);
	say("direction flag after %d", (int)(flags >> 10 & 1));
}

static ucontext_t main_context, other_context;
static char context_stack[65536];

static void other_function(void)
{
	say("on the other stack");
	swapcontext(&other_context, &main_context);
	say("and again");
}

static void swapcontext_switches_stacks(void)
{
	R(getcontext(&other_context));
	other_context.uc_stack.ss_sp = context_stack;
	other_context.uc_stack.ss_size = sizeof(context_stack);
	other_context.uc_link = &main_context;
	makecontext(&other_context, other_function, 0);
	R(swapcontext(&main_context, &other_context));
	R(swapcontext(&main_context, &other_context));
	say("back");
}

static void return_to_kernel_address(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	(void)si;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0xffffffff81000000;
}

static void return_non_canonical(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	(void)si;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0x1234567812345678;
}

static void raise_usr1(void)
{
	raise(SIGUSR1);
}

static void returning_to_a_bad_address_kills(void)
{
	handle(SIGUSR1, return_to_kernel_address, 0);
	in_child("kernel address", raise_usr1);
	handle(SIGUSR1, return_non_canonical, 0);
	in_child("non-canonical address", raise_usr1);
}

static void set_privileged_flags(int signal, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	(void)si;
	/* IOPL 3, NT, and no IF: none may take effect. */
	uc->uc_mcontext.gregs[REG_EFL] |= 0x7000;
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x200;
}

static void returning_with_privileged_flags_is_harmless(void)
{
	uint64_t flags;
	handle(SIGUSR1, set_privileged_flags, 0);
	raise(SIGUSR1);
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	say("iopl %d, interrupts %d", (int)(flags >> 12 & 3), (int)(flags >> 9 & 1));
}

const struct behaviour behaviours[] = {BEHAVIOUR(handler_may_clobber_sse_and_x87),
	BEHAVIOUR(handler_may_clobber_avx),
	BEHAVIOUR(handler_preserves_general_registers_and_flags), BEHAVIOUR(red_zone_is_respected),
	BEHAVIOUR(handler_resumes_where_the_context_says),
	BEHAVIOUR(handler_changes_an_sse_register),
	BEHAVIOUR(handler_changes_the_mask_after_return),
	BEHAVIOUR(context_shows_the_interrupted_registers), BEHAVIOUR(handler_stack_is_aligned),
	BEHAVIOUR(handler_starts_with_clear_direction_flag), BEHAVIOUR(swapcontext_switches_stacks),
	BEHAVIOUR(returning_to_a_bad_address_kills),
	BEHAVIOUR(returning_with_privileged_flags_is_harmless), {0}};
