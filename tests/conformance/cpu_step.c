/* SPDX-License-Identifier: Apache-2.0 */
/* A program that single-steps itself: where each SIGTRAP comes from, and that nothing else changes.
 */
#include "behave.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

enum { SEEN = 64 };

static volatile int steps, other_code;
static volatile uint64_t seen[SEEN];

/* A function whose body runs with the trap flag set. */
#define STEPPED(name, body)                                                                        \
	long name(long a, long b, long c);                                                         \
	__asm__(".text\n.type " #name ", @function\n" #name                                        \
		":\n\tpushfq\n\torq $0x100, (%rsp)\n\tpopfq\n\t" body                              \
		"\n\tpushfq\n\tandq $~0x100, (%rsp)\n\tpopfq\n\tret\n\t.size " #name               \
		", . - " #name "\n")
#define PLAIN(name, body)                                                                          \
	long name(long a, long b, long c);                                                         \
	__asm__(".text\n.type " #name ", @function\n" #name ":\n\t" body "\n\tret\n\t.size " #name \
		", . - " #name "\n")

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signal;
	if (steps < SEEN)
		seen[steps] = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	steps++;
	other_code += info->si_code != TRAP_TRACE;
}

static void handle(int signal, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO};

	MUST(sigaction(signal, &sa, NULL) == 0);
}

static void begin(void)
{
	steps = other_code = 0;
	handle(SIGTRAP, on_step);
}

/* Where the steps ended, counted from `start`; outside of the function as "elsewhere". */
static void show_steps(const char *label, long (*start)(long, long, long))
{
	char text[1024] = "";
	size_t at = 0;
	int shown = steps < SEEN ? steps : SEEN;

	for (int i = 0; i < shown; i++) {
		uint64_t off = seen[i] - (uint64_t)(uintptr_t)start;
		at += (size_t)sprintf(text + at, off < 256 ? " %d" : " elsewhere", (int)off);
	}
	say("%s: %d steps, other codes %d:%s", label, steps, other_code, text);
}

STEPPED(arithmetic, "lea 5(%rdi), %rax\n\timul $7, %rax, %rax\n\tpush %rax\n\tadd %rsi, (%rsp)\n\t"
		    "pop %rax\n\txor %edx, %edx\n\tmov $9, %ecx\n\tdiv %rcx");

static void steps_over_arithmetic(void)
{
	begin();
	V(arithmetic(10, 30, 0));
	show_steps("arithmetic", arithmetic);
}

STEPPED(branches,
	"mov $3, %ecx\n1:\tdec %ecx\n\tjnz 1b\n\tcall 2f\n\tjmp 3f\n2:\tret\n3:\tmov $8, %eax");

static void steps_over_branches_and_calls(void)
{
	begin();
	V(branches(0, 0, 0));
	show_steps("branches", branches);
}

STEPPED(string_move, "mov %rdx, %rcx\n\trep movsb\n\tmov %rcx, %rax");

static void steps_over_each_round_of_rep_movs(void)
{
	char from[8] = "sandbox", to[8] = "";

	begin();
	V(string_move((long)to, (long)from, 7));
	show_steps("rep movsb", string_move);
	S(to);
}

/* The number comes from a register. */
STEPPED(plain_call, "mov %rdi, %rax\n\tsyscall\n\tnop\n\tnop");

static void steps_over_a_system_call(void)
{
	begin();
	T(plain_call(39, 0, 0) == getpid());
	show_steps("syscall", plain_call);
}

/* The C library's form; executed often it is worth something else to a backend. */
PLAIN(hot_call, "mov $39, %eax\n\tsyscall\n\tnop");
STEPPED(step_into_hot_call, "call hot_call");

static void make_hot(long (*fn)(long, long, long))
{
	for (int i = 0; i < 200; i++)
		MUST(fn(0, 0, 0) == getpid());
}

static void steps_over_a_cold_system_call_of_the_usual_form(void)
{
	begin();
	T(step_into_hot_call(0, 0, 0) == getpid());
	show_steps("cold", hot_call);
}

static void steps_over_a_hot_system_call(void)
{
	make_hot(hot_call);
	begin();
	T(step_into_hot_call(0, 0, 0) == getpid());
	show_steps("hot", hot_call);
	make_hot(hot_call);
	begin();
	T(step_into_hot_call(0, 0, 0) == getpid());
	show_steps("hot again", hot_call);
}

static volatile uint64_t flags_at_call, rcx_at_call, r11_at_call, rax_at_call;

static void look_at_call(int signal, siginfo_t *info, void *context)
{
	const greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	on_step(signal, info, context);
	if ((uint64_t)g[REG_RIP] == (uint64_t)(uintptr_t)hot_call + 5)
		rax_at_call = (uint64_t)g[REG_RAX];
	if ((uint64_t)g[REG_RIP] != (uint64_t)(uintptr_t)hot_call + 8)
		return;
	flags_at_call = (uint64_t)g[REG_EFL];
	rcx_at_call = (uint64_t)g[REG_RCX];
	r11_at_call = (uint64_t)g[REG_R11];
}

static void a_step_shows_the_registers_of_a_hot_call(void)
{
	make_hot(hot_call);
	begin();
	handle(SIGTRAP, look_at_call);
	T(step_into_hot_call(0, 0, 0) == getpid());
	V(rax_at_call);
	T(rcx_at_call == (uint64_t)(uintptr_t)hot_call + 7);
	say("flags %#lx, r11 %#lx", (long)(flags_at_call & 0x500), (long)(r11_at_call & 0x500));
}

/* Steps through the C library, whose calls are hot. */
static void steps_through_a_library_function(void)
{
	int fds[2];
	char c = 'x';

	MUST(pipe(fds) == 0);
	for (int i = 0; i < 1000; i++)
		MUST(write(fds[1], &c, 1) == 1 && read(fds[0], &c, 1) == 1);
	begin();
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
	ssize_t n = write(fds[1], "y", 1);
	ssize_t m = read(fds[0], &c, 1);
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	V(n);
	V(m);
	V(c);
	V(steps);
	V(other_code);
}

static void stop_stepping(int signal, siginfo_t *info, void *context)
{
	on_step(signal, info, context);
	if (steps == 3)
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

static void the_handler_ends_it_in_the_context(void)
{
	begin();
	handle(SIGTRAP, stop_stepping);
	V(arithmetic(10, 30, 0));
	V(steps);
}

static volatile uint64_t handler_flags;

static void read_flags(int signal, siginfo_t *info, void *context)
{
	uint64_t flags;

	__asm__ volatile("pushfq; pop %0" : "=r"(flags)::"memory");
	handler_flags |= flags & 0x100;
	on_step(signal, info, context);
}

static void a_handler_is_not_stepped(void)
{
	begin();
	handle(SIGTRAP, read_flags);
	V(arithmetic(10, 30, 0));
	V(steps);
	V(handler_flags);
}

STEPPED(special, "rdtsc\n\tmov $1, %eax\n\tmov %rbx, %r9\n\tcpuid\n\tmov %r9, %rbx\n\tpushfq\n\t"
		 "pop %rax\n\tpause");

static void steps_over_special_instructions(void)
{
	begin();
	say("flag as pushed %#lx", special(0, 0, 0) & 0x100);
	show_steps("special", special);
}

STEPPED(own_breakpoint, "nop\n\tint3\n\tnop");

static void steps_over_a_breakpoint(void)
{
	begin();
	own_breakpoint(0, 0, 0);
	show_steps("int3", own_breakpoint);
}

static char *guarded;

static void unprotect(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	say("fault after %d steps", steps);
	MUST(mprotect(guarded, 4096, PROT_READ | PROT_WRITE) == 0);
}

STEPPED(store, "nop\n\tmovb $1, (%rdi)\n\tnop");

static void steps_over_faults(void)
{
	char *fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	guarded = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(fresh != MAP_FAILED && guarded != MAP_FAILED);
	begin();
	store((long)fresh, 0, 0);
	show_steps("a page that is brought in", store);
	handle(SIGSEGV, unprotect);
	begin();
	store((long)guarded, 0, 0);
	show_steps("a page that the handler opens", store);
}

/* fork by number: the library's does more than is stepped here. */
STEPPED(fork_call, "mov $57, %eax\n\tsyscall\n\tnop\n\tnop");

static void steps_go_on_in_a_child(void)
{
	begin();
	pid_t pid = (pid_t)fork_call(0, 0, 0);
	if (pid == 0) {
		show_steps("child", fork_call);
		_exit(0);
	}
	reap("child", pid);
	show_steps("parent", fork_call);
}

static volatile sig_atomic_t ticks;

static void tick(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	ticks++;
}

/* Other signals come in between; no step is lost and none is counted twice. */
static void steps_while_other_signals_come(void)
{
	struct itimerval every = {{0, 500}, {0, 500}};
	int wrong = 0;

	begin();
	handle(SIGALRM, tick);
	MUST(setitimer(ITIMER_REAL, &every, NULL) == 0);
	for (int i = 0; i < 100000 && ticks < 20; i++) {
		steps = 0;
		arithmetic(i, 2, 3);
		wrong += steps != 11;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	T(ticks >= 20);
	V(wrong);
	V(other_code);
}

static void step_without_handler(void)
{
	arithmetic(1, 2, 3);
}

static void death_by_a_step(void)
{
	signal(SIGTRAP, SIG_DFL);
	in_child("default", step_without_handler);
	signal(SIGTRAP, SIG_IGN);
	in_child("ignored", step_without_handler);
}

const struct behaviour behaviours[] = {BEHAVIOUR(steps_over_arithmetic),
	BEHAVIOUR(steps_over_branches_and_calls), BEHAVIOUR(steps_over_each_round_of_rep_movs),
	BEHAVIOUR(steps_over_a_system_call),
	BEHAVIOUR(steps_over_a_cold_system_call_of_the_usual_form),
	BEHAVIOUR(steps_over_a_hot_system_call),
	BEHAVIOUR(a_step_shows_the_registers_of_a_hot_call),
	BEHAVIOUR(steps_through_a_library_function), BEHAVIOUR(the_handler_ends_it_in_the_context),
	BEHAVIOUR(a_handler_is_not_stepped), BEHAVIOUR(steps_over_special_instructions),
	BEHAVIOUR(steps_over_a_breakpoint), BEHAVIOUR(steps_over_faults),
	BEHAVIOUR(steps_go_on_in_a_child), BEHAVIOUR(steps_while_other_signals_come),
	BEHAVIOUR(death_by_a_step), {0}};
