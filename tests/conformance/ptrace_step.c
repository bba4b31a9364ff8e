/* SPDX-License-Identifier: Apache-2.0 */
/* A process that its tracer steps: where each step ends. */
#include "tracing.h"

#include <sys/mman.h>

#define CODE(name, body)                                                                           \
	long name(long a, long b, long c);                                                         \
	__asm__(".text\n.type " #name ", @function\n" #name ":\n\tint3\n\t" body                   \
		"\n\tint3\n\tret\n\t.size " #name ", . - " #name "\n")

/* Steps from the first int3 to the second; says each distance from the beginning. */
static void steps(pid_t pid, long (*start)(long, long, long), int max)
{
	char text[1024] = "";
	size_t at = 0;
	int status = 0, codes = 0;
	siginfo_t si;

	step_on("begin", PTRACE_CONT, pid, 0);
	for (int i = 0; i < max; i++) {
		MUST(trace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
		MUST(waitpid(pid, &status, __WALL) == pid);
		if (!WIFSTOPPED(status))
			break;
		MUST(trace(PTRACE_GETSIGINFO, pid, NULL, &si) == 0);
		if (WSTOPSIG(status) != SIGTRAP || si.si_code == SI_KERNEL)
			break;
		unsigned long off = REG(pid, rip) - (unsigned long)(uintptr_t)start;
		at += (size_t)sprintf(text + at, off < 256 ? " %d" : " elsewhere", (int)off);
		at += (size_t)sprintf(
			text + at, si.si_code == TRAP_TRACE ? "" : "(code %d)", si.si_code);
		codes += (REG(pid, eflags) & 0x100) != 0;
	}
	say("steps:%s", text);
	V(codes);
	say_stop("then", status);
	step_on("end", PTRACE_CONT, pid, 0);
}

CODE(plain, "lea 5(%rdi), %rax\n\timul $7, %rax, %rax\n\tmov $3, %ecx\n1:\tdec %ecx\n\tjnz "
	    "1b\n\tpause");
CODE(string_move, "mov %rdx, %rcx\n\trep movsb\n\tmov %rcx, %rax");
CODE(a_call, "mov $39, %eax\n\tsyscall\n\tnop\n\tmov %rdi, %rax");
CODE(flags, "pushf\n\tpop %rax\n\tpush %rax\n\tpopf\n\tnop\n\tpushf\n\torq $0x100, "
	    "(%rsp)\n\tpopf\n\tnop\n\t"
	    "pushf\n\tandq $~0x100, (%rsp)\n\tpopf\n\tnop");
CODE(fault, "nop\n\tmovb $1, (%rdi)\n\tnop");

static void run_plain(void)
{
	V(plain(1, 0, 0));
}

static void run_move(void)
{
	char from[8] = "sandbox", to[8] = "";

	string_move((long)to, (long)from, 4);
	S(to);
}

static void run_call(void)
{
	a_call(7, 0, 0);
}

static void run_flags(void)
{
	flags(0, 0, 0);
}

static void run_fault(void)
{
	fault((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0,
		0);
}

static void over_plain_instructions(void)
{
	steps(traced_child(run_plain), plain, 40);
}

static void over_rounds_of_rep(void)
{
	steps(traced_child(run_move), string_move, 40);
}

static void over_a_call(void)
{
	steps(traced_child(run_call), a_call, 40);
}

static void over_a_page_fault(void)
{
	steps(traced_child(run_fault), fault, 40);
}

/* What popf sets is the program's own; its traps come before and after. */
static void over_the_flags(void)
{
	pid_t pid = traced_child(run_flags);

	step_on("begin", PTRACE_CONT, pid, 0);
	for (int i = 0; i < 4; i++)
		step_on("step", PTRACE_SINGLESTEP, pid, 0);
	say("flag %#lx", REG(pid, eflags) & 0x100);
	for (int i = 0; i < 4; i++)
		step_on("step", PTRACE_SINGLESTEP, pid, 0);
	say("flag %#lx", REG(pid, eflags) & 0x100);
	step_on("its own step", PTRACE_CONT, pid, 0);
	say("flag %#lx", REG(pid, eflags) & 0x100);
	kill_child(pid);
}

static void hot_then_step(void)
{
	for (int i = 0; i < 1000; i++)
		syscall(SYS_getppid);
	raise(SIGUSR1);
	syscall(SYS_getppid);
	syscall(SYS_gettid);
	raise(SIGUSR2);
}

/* Through the C library, whose calls are hot: as many instructions as there are. */
static void through_hot_calls(void)
{
	pid_t pid = traced_child(hot_then_step);
	int n = 0, calls = 0, status;
	siginfo_t si;

	step_on("hot", PTRACE_CONT, pid, 0);
	for (;;) {
		MUST(trace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
		MUST(waitpid(pid, &status, __WALL) == pid);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			break;
		MUST(trace(PTRACE_GETSIGINFO, pid, NULL, &si) == 0);
		calls += si.si_code == TRAP_BRKPT;
		n++;
	}
	say_stop("then", status);
	V(n);
	V(calls);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void handler(int signal)
{
	(void)signal;
}

static void raise_handled(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
}

static void into_a_handler(void)
{
	pid_t pid = traced_child(raise_handled);

	step_on("signal", PTRACE_CONT, pid, 0);
	step_on("step", PTRACE_SINGLESTEP, pid, SIGUSR1);
	say_siginfo("step", pid);
	T(REG(pid, rip) == (unsigned long)(uintptr_t)handler);
	say("flag %#lx", REG(pid, eflags) & 0x100);
	step_on("step", PTRACE_SINGLESTEP, pid, 0);
	say_siginfo("step", pid);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void exec_true(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void over_exec(void)
{
	pid_t pid = traced_child(exec_true);
	int n = 0, status;

	do {
		MUST(trace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
		MUST(waitpid(pid, &status, __WALL) == pid);
		if (!WIFSTOPPED(status))
			break;
		n++;
	} while ((long)REG(pid, orig_rax) != SYS_execve || (long)REG(pid, rax) < 0);
	say_stop("exec", status);
	T(n > 0);
	step_on("end", PTRACE_CONT, pid, 0);
}

/* Blocks forever but for a signal: the step ends with the call's return. */
static void over_a_call_that_waits(void)
{
	pid_t pid = idle_child(NULL);
	int status;

	MUST(trace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	next_stop("attached", pid);
	MUST(trace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
	until_asleep(pid);
	R(waitpid(pid, NULL, __WALL | WNOHANG));
	kill(pid, SIGUSR1);
	/* the end of the step comes before, or, now and then on Linux, not at all */
	MUST(waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status));
	if (WSTOPSIG(status) == SIGTRAP)
		step_on("after the step", PTRACE_CONT, pid, 0);
	else
		say_status("after the step", status);
	kill_child(pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(over_plain_instructions),
	BEHAVIOUR(over_rounds_of_rep), BEHAVIOUR(over_a_call), BEHAVIOUR(over_a_page_fault),
	BEHAVIOUR(over_the_flags), BEHAVIOUR(through_hot_calls), BEHAVIOUR(into_a_handler),
	BEHAVIOUR(over_exec), BEHAVIOUR(over_a_call_that_waits), {0}};
