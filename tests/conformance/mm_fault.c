/* SPDX-License-Identifier: Apache-2.0 */
/* Processor exceptions: which signal, which code, which address, and what a death looks like. */
#include "behave.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/ucontext.h>

static sigjmp_buf escape;
static volatile sig_atomic_t caught_signal;
static siginfo_t caught;
static uint64_t trap_number, error_code, fault_pc;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	caught_signal = signal;
	caught = *info;
	trap_number = (uint64_t)uc->uc_mcontext.gregs[REG_TRAPNO];
	error_code = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
	fault_pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	siglongjmp(escape, 1);
}

static void try_fault(const char *label, void (*fn)(void))
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		MUST(sigaction(signals[i], &sa, NULL) == 0);
	caught_signal = 0;
	if (sigsetjmp(escape, 1) == 0)
		fn();
	if (!caught_signal)
		say("%s: no signal", label);
	else
		say("%s: %s code %d trap %llu", label, signal_name(caught_signal), caught.si_code,
			(unsigned long long)trap_number);
}

static volatile int zero;
static volatile char *volatile wild;

static void divide_by_zero(void)
{
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; divl %0" ::"m"(zero) : "eax", "edx");
}

static void divide_overflow(void)
{
	int minus_one = -1;
	__asm__ volatile("mov $0x80000000, %%eax; cltd; idivl %0" ::"r"(minus_one) : "eax", "edx");
}

static void undefined_instruction(void)
{
	__asm__ volatile("ud2");
}

static void breakpoint(void)
{
	__asm__ volatile("int3");
}

static void privileged_instruction(void)
{
	__asm__ volatile("hlt");
}

static void port_output(void)
{
	__asm__ volatile("outb %%al, $0x80" ::"a"(0));
}

static void read_port(void)
{
	unsigned char value;

	__asm__ volatile("inb $0x80, %0" : "=a"(value));
}

/* The last trap before it was another fault, not a system call. */
static void port_output_after_a_fault(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	__asm__ volatile("movb $1, (%1)\n\toutb %%al, $0x80" ::"a"(0), "r"(page) : "memory");
}

static void read_port_often(void)
{
	static unsigned char bytes[64];
	void *to = bytes;
	unsigned long n = sizeof(bytes);

	__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x80) : "memory");
}

static void write_port_often(void)
{
	static const unsigned char bytes[64];
	const void *from = bytes;
	unsigned long n = sizeof(bytes);

	__asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(0x80) : "memory");
}

static void control_register_write(void)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(0ul));
}

static void software_interrupt(void)
{
	__asm__ volatile("int $0x33");
}

static void interrupt_of_page_fault(void)
{
	__asm__ volatile("int $14");
}

static void overflow_trap(void)
{
	__asm__ volatile("int $4");
}

static void non_canonical_access(void)
{
	wild = (char *)0x8000000000000000;
	(void)*wild;
}

static void null_write(void)
{
	wild = NULL;
	*wild = 1;
}

static void sse_divide_unmasked(void)
{
	unsigned csr = 0x1f80 & ~(1u << 9);
	float a = 1.0f, b = 0.0f;

	__asm__ volatile("ldmxcsr %0; divss %2, %1" : : "m"(csr), "x"(a), "x"(b));
}

static void x87_divide_unmasked(void)
{
	unsigned short cw = 0x037f & ~(1u << 2);

	__asm__ volatile("fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(cw));
}

static void misaligned_sse(void)
{
	_Alignas(16) char area[48];
	__asm__ volatile("movaps %%xmm0, (%0)" ::"r"(area + 1) : "memory");
}

static void single_step(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
}

static void fault_sigfpe_integer_divide(void)
{
	try_fault("divide by zero", divide_by_zero);
	T(fault_pc == (uint64_t)(uintptr_t)caught.si_addr);
	try_fault("INT_MIN / -1", divide_overflow);
}

static void fault_sigfpe_floating_point(void)
{
	try_fault("SSE divide", sse_divide_unmasked);
	__asm__ volatile("ldmxcsr %0" ::"m"((unsigned){0x1f80}));
	try_fault("x87 divide", x87_divide_unmasked);
	__asm__ volatile("fninit");
}

static void fault_sigill_undefined_instruction(void)
{
	try_fault("ud2", undefined_instruction);
	T(fault_pc == (uint64_t)(uintptr_t)caught.si_addr);
}

static void fault_sigtrap_breakpoint(void)
{
	try_fault("int3", breakpoint);
	T(((unsigned char *)(uintptr_t)fault_pc)[-1] == 0xcc);
}

static void fault_sigtrap_single_step(void)
{
	try_fault("trap flag", single_step);
}

static volatile int steps, stepped_out;

static void on_step(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	steps++;
	stepped_out |= info->si_code != TRAP_TRACE;
}

/* The flag stays set when the handler has returned: every instruction is a step. */
static void fault_sigtrap_steps_on(void)
{
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	long id = 39; /* getpid */

	MUST(sigaction(SIGTRAP, &sa, NULL) == 0);
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop\n"
			 "pushfq; andq $~0x100, (%%rsp); popfq" ::
				 : "memory", "cc");
	V(steps);
	steps = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; syscall; nop; nop\n"
			 "pushfq; andq $~0x100, (%%rsp); popfq"
			 : "+a"(id)::"memory", "cc", "rcx", "r11");
	V(steps);
	T(id == getpid());
	V(stepped_out);
}

static void fault_sigsegv_privileged_instructions(void)
{
	try_fault("hlt", privileged_instruction);
	try_fault("in", read_port);
	try_fault("out after a fault", port_output_after_a_fault);
	try_fault("rep ins", read_port_often);
	try_fault("rep outs", write_port_often);
	try_fault("out", port_output);
	try_fault("mov to cr3", control_register_write);
	try_fault("int 0x33", software_interrupt);
	T(caught.si_addr == NULL);
	V(error_code);
	try_fault("int 14", interrupt_of_page_fault);
	V(error_code);
	try_fault("int 4", overflow_trap);
	V(error_code);
}

static void fault_sigsegv_non_canonical(void)
{
	try_fault("non-canonical", non_canonical_access);
	T(caught.si_addr == NULL);
}

static void fault_sigsegv_null_write(void)
{
	try_fault("null write", null_write);
	T(caught.si_addr == NULL);
	V(caught.si_code == SEGV_MAPERR);
}

static void fault_sigsegv_misaligned_sse(void)
{
	try_fault("movaps", misaligned_sse);
}

static volatile int restarts;
static char *guarded;

static void on_guard(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)signal;
	restarts++;
	if (restarts == 1)
		say("error code %#llx, address offset %ld",
			(unsigned long long)uc->uc_mcontext.gregs[REG_ERR],
			(long)((char *)info->si_addr - guarded));
	MUST(mprotect(guarded, 4096, PROT_READ | PROT_WRITE) == 0);
}

static void fault_handler_repairs_and_instruction_restarts(void)
{
	struct sigaction sa = {.sa_sigaction = on_guard, .sa_flags = SA_SIGINFO};
	guarded = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(sigaction(SIGSEGV, &sa, NULL) == 0);
	((volatile char *)guarded)[100] = 'r';
	V(guarded[100]);
	V(restarts);
	MUST(mprotect(guarded, 4096, PROT_READ) == 0);
	restarts = 0;
	((volatile char *)guarded)[200] += 5;
	V(guarded[200]);
	V(restarts);
}

/* -- several programs at once, that change places every millisecond and now and then in the middle
 * of an exception: each gets its own and no other's -- */

enum { ROUNDS = 1500 };
static volatile int own_signal, own_count, others_count;

static void on_tick(int signal)
{
	(void)signal;
}

static void on_own_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	if (signal == own_signal)
		own_count++;
	else
		others_count++;
	if (signal == SIGILL || signal == SIGSEGV) /* past a ud2, past a mov of two bytes */
		uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void copy_on_write(void)
{
	static char *pages;

	if (!pages)
		pages = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (own_count++ % 64 == 0)
		madvise(pages, 64 * 4096, MADV_DONTNEED);
	others_count += pages[own_count % 64 * 4096]++;
}

static void nothing_there(void)
{
	__asm__ volatile("movb %%al, (%0)" ::"r"(16ul) : "memory");
}

static void compute(void)
{
	for (volatile int i = 0; i < 10000; i++)
		;
	own_count++;
}

static void start_faulting(void (*fault)(void), int signal)
{
	static const int signals[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};
	struct sigaction sa = {.sa_sigaction = on_own_fault, .sa_flags = SA_SIGINFO};
	struct itimerval every = {{0, 1000}, {0, 1000}};

	if (fork())
		return;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	sa = (struct sigaction){.sa_handler = on_tick, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	own_signal = signal;
	for (int i = 0; i < ROUNDS; i++)
		fault();
	_exit(others_count ? 2 : own_count == ROUNDS ? 0 : 1);
}

static void faults_stay_with_their_program(void)
{
	start_faulting(copy_on_write, 0);
	start_faulting(undefined_instruction, SIGILL);
	start_faulting(breakpoint, SIGTRAP);
	start_faulting(nothing_there, SIGSEGV);
	start_faulting(compute, 0);
	for (int i = 0; i < 5; i++)
		reap("one of five", -1);
}

static void reset_and(void (*fn)(void))
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigaction(SIGSEGV, &sa, NULL);
	fn();
}

static void die_null(void)
{
	reset_and(null_write);
}

static void death_by_each_fault(void)
{
	in_child("null write", die_null);
	in_child("divide", divide_by_zero);
	in_child("ud2", undefined_instruction);
	in_child("int3", breakpoint);
	in_child("hlt", privileged_instruction);
	in_child("non-canonical", non_canonical_access);
}

static void die_blocked(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	null_write();
}

static void die_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	null_write();
}

static void death_when_fault_signal_is_blocked_or_ignored(void)
{
	in_child("blocked", die_blocked);
	in_child("ignored", die_ignored);
}

static void recurse(int depth)
{
	volatile char frame[4096];
	frame[0] = (char)depth;
	if (depth >= 0)
		recurse(depth + 1);
	frame[1] = frame[0];
}

static void overflow_stack(void)
{
	recurse(0);
}

static void death_by_stack_overflow(void)
{
	in_child("recursion", overflow_stack);
}

static void fault_ends_this_process(void)
{
	say("about to fault");
	null_write();
}

static void divide_ends_this_process(void)
{
	say("about to divide");
	divide_by_zero();
}

static void abort_ends_this_process(void)
{
	say("about to abort");
	abort();
}

const struct behaviour behaviours[] = {BEHAVIOUR(fault_sigfpe_integer_divide),
	BEHAVIOUR(fault_sigfpe_floating_point), BEHAVIOUR(fault_sigill_undefined_instruction),
	BEHAVIOUR(fault_sigtrap_breakpoint), BEHAVIOUR(fault_sigtrap_single_step),
	BEHAVIOUR(fault_sigtrap_steps_on), BEHAVIOUR(faults_stay_with_their_program),
	BEHAVIOUR(fault_sigsegv_privileged_instructions), BEHAVIOUR(fault_sigsegv_non_canonical),
	BEHAVIOUR(fault_sigsegv_null_write), BEHAVIOUR(fault_sigsegv_misaligned_sse),
	BEHAVIOUR(fault_handler_repairs_and_instruction_restarts), BEHAVIOUR(death_by_each_fault),
	BEHAVIOUR(death_when_fault_signal_is_blocked_or_ignored),
	BEHAVIOUR(death_by_stack_overflow), BEHAVIOUR(fault_ends_this_process),
	BEHAVIOUR(divide_ends_this_process), BEHAVIOUR(abort_ends_this_process), {0}};
