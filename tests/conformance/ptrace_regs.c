/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a stopped process: all the ways to read and to write them. */
#include "tracing.h"

#include <asm/prctl.h>
#include <cpuid.h>

/* Stops with known values everywhere, and says with which it went on. */
static void known_registers(void)
{
	unsigned long rbx, r12, r13, r14, r15;
	unsigned long vector[2] = {0x1111222233334444, 0x5555666677778888}, after[2];

	__asm__ volatile(
		"movups %5, %%xmm7\n\t"
		"mov $0x1001, %%rbx\n\tmov $0x1012, %%r12\n\tmov $0x1013, %%r13\n\t"
		"mov $0x1014, %%r14\n\tmov $0x1015, %%r15\n\t"
		"mov $0x2001, %%rax\n\tmov $0x2002, %%rcx\n\tmov $0x2003, %%rdx\n\t"
		"mov $0x2004, %%rsi\n\tmov $0x2005, %%rdi\n\tmov $0x2008, %%r8\n\t"
		"mov $0x2009, %%r9\n\tmov $0x200a, %%r10\n\tmov $0x200b, %%r11\n\t"
		"cmp %%r12, %%r12\n\tstd\n\tstc\n\tint3\n\tcld\n\tmovups %%xmm7, %6\n\t"
		"mov %%rbx, %0\n\tmov %%r12, %1\n\tmov %%r13, %2\n\tmov %%r14, %3\n\tmov %%r15, %4"
		: "=m"(rbx), "=m"(r12), "=m"(r13), "=m"(r14), "=m"(r15)
		: "m"(vector), "m"(after)
		: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		"r14", "r15", "xmm7", "memory", "cc");
	say("child: rbx %#lx r12 %#lx r13 %#lx r14 %#lx r15 %#lx", rbx, r12, r13, r14, r15);
	say("child: vector %#lx %#lx", after[0], after[1]);
}

static pid_t at_breakpoint(void)
{
	pid_t pid = traced_child(known_registers);

	step_on("breakpoint", PTRACE_CONT, pid, 0);
	say_siginfo("breakpoint", pid);
	return pid;
}

static void show(const struct user_regs_struct *r)
{
	say("rax %#llx rbx %#llx rcx %#llx rdx %#llx rsi %#llx rdi %#llx", r->rax, r->rbx, r->rcx,
		r->rdx, r->rsi, r->rdi);
	say("r8 %#llx r9 %#llx r10 %#llx r11 %#llx r12 %#llx r15 %#llx", r->r8, r->r9, r->r10,
		r->r11, r->r12, r->r15);
	say("orig_rax %lld flags %#llx cs %#llx ss %#llx ds %#llx es %#llx fs %#llx gs %#llx",
		(long long)r->orig_rax, r->eflags & 0xffff, r->cs, r->ss, r->ds, r->es, r->fs,
		r->gs);
	say("gs base %#llx, fs base %s", r->gs_base, r->fs_base ? "set" : "0");
}

static void general_registers(void)
{
	pid_t pid = at_breakpoint();
	struct user_regs_struct r;

	R(trace(PTRACE_GETREGS, pid, NULL, &r));
	show(&r);
	r.rbx = 0xabcdef;
	r.r12 = 12;
	r.r15 = (unsigned long long)-15;
	R(trace(PTRACE_SETREGS, pid, NULL, &r));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void word_by_word(void)
{
	pid_t pid = at_breakpoint();
	struct user_regs_struct r;
	unsigned long word;

	MUST(trace(PTRACE_GETREGS, pid, NULL, &r) == 0);
	int same = 0;
	for (size_t i = 0; i < sizeof(r) / 8; i++)
		same += peek_user(pid, i * 8) == ((unsigned long *)&r)[i];
	V(same);
	R(trace(PTRACE_POKEUSER, pid, NR(offsetof(struct user_regs_struct, r13)), NR(0x1313)));
	R(trace(PTRACE_POKEUSER, pid, NR(offsetof(struct user_regs_struct, r13) + 1), NR(0)));
	R(trace(PTRACE_PEEKUSER, pid, NR(4), &word));
	R(trace(PTRACE_PEEKUSER, pid, NR(sizeof(struct user)), &word));
	R(trace(PTRACE_PEEKUSER, pid, NR(sizeof(struct user) - 8), &word));
	R(trace(PTRACE_PEEKUSER, pid, NR(-8), &word));
	R(trace(PTRACE_PEEKUSER, pid, NR(sizeof(r)), &word));
	V(word);
	R(trace(PTRACE_POKEUSER, pid, NR(sizeof(r)), NR(0)));
	R(trace(PTRACE_PEEKUSER, pid, NR(0), NR(8)));
	step_on("end", PTRACE_CONT, pid, 0);
}

#define POKE(name, v)                                                                              \
	trace(PTRACE_POKEUSER, pid, NR(offsetof(struct user_regs_struct, name)), NR(v))

static void what_a_register_can_hold(void)
{
	pid_t pid = at_breakpoint();

	R(POKE(cs, 0));
	R(POKE(cs, 0x10));
	R(POKE(cs, 0x33));
	R(POKE(ss, 0));
	R(POKE(ds, 0));
	R(POKE(ds, 0x18));
	R(POKE(fs_base, 1L << 60));
	R(POKE(gs_base, -1));
	R(POKE(gs_base, 0x12345000));
	say("%#lx", REG(pid, gs_base));
	R(POKE(eflags, -1));
	say("flags %#lx", REG(pid, eflags) & ~0x4000ul); /* NT: Linux keeps it */
	R(POKE(eflags, 0));
	say("flags %#lx", REG(pid, eflags));
	R(POKE(orig_rax, 0x123456789));
	say("%#lx", REG(pid, orig_rax));
	kill_child(pid);
}

static void bases(void)
{
	pid_t pid = at_breakpoint();
	unsigned long base;

	R(trace(PTRACE_ARCH_PRCTL, pid, &base, NR(ARCH_GET_FS)));
	T(base == REG(pid, fs_base));
	R(trace(PTRACE_ARCH_PRCTL, pid, NR(0x4000), NR(ARCH_SET_GS)));
	say("%#lx", REG(pid, gs_base));
	R(trace(PTRACE_ARCH_PRCTL, pid, NR(8), NR(ARCH_GET_GS)));
	R(trace(PTRACE_ARCH_PRCTL, pid, NR(-1), NR(ARCH_SET_FS)));
	R(trace(PTRACE_ARCH_PRCTL, pid, NULL, NR(1)));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void float_registers(void)
{
	pid_t pid = at_breakpoint();
	struct user_fpregs_struct f;

	R(trace(PTRACE_GETFPREGS, pid, NULL, &f));
	say("cwd %#x mxcsr %#x", f.cwd, f.mxcsr);
	say("xmm7 %#x %#x %#x %#x", f.xmm_space[28], f.xmm_space[29], f.xmm_space[30],
		f.xmm_space[31]);
	f.xmm_space[28] = 0x99;
	R(trace(PTRACE_SETFPREGS, pid, NULL, &f));
	f.mxcsr = 0xffffffff;
	R(trace(PTRACE_SETFPREGS, pid, NULL, &f));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void get_set(const char *label, pid_t pid, long type, size_t size)
{
	static char buffer[32768];
	struct iovec iov = {buffer, size};
	long r = trace(PTRACE_GETREGSET, pid, NR(type), &iov);

	say("%s, %zu: %ld %s, %zu", label, size, r, r ? errno_name(errno) : "", iov.iov_len);
	iov.iov_len = size;
	r = trace(PTRACE_SETREGSET, pid, NR(type), &iov);
	say("%s, back: %ld %s, %zu", label, r, r ? errno_name(errno) : "", iov.iov_len);
}

static void register_sets(void)
{
	pid_t pid = at_breakpoint();

	get_set("general", pid, NT_PRSTATUS, sizeof(struct user_regs_struct));
	get_set("general", pid, NT_PRSTATUS, 1024);
	get_set("general", pid, NT_PRSTATUS, 16);
	get_set("general", pid, NT_PRSTATUS, 12);
	get_set("general", pid, NT_PRSTATUS, 0);
	get_set("float", pid, NT_PRFPREG, 512);
	get_set("float", pid, NT_PRFPREG, 1024);
	get_set("none", pid, 0x4711, 64);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void extended_state(void)
{
	static unsigned long buffer[4096];
	struct iovec iov = {buffer, sizeof(buffer)};
	pid_t pid = at_breakpoint();

	R(trace(PTRACE_GETREGSET, pid, NR(NT_X86_XSTATE), &iov));
	T(iov.iov_len >= 576 && iov.iov_len < sizeof(buffer));
	T((buffer[464 / 8] & 3) == 3);
	T((buffer[512 / 8] & ~buffer[464 / 8]) == 0);
	say("xmm7 %#lx %#lx", buffer[(160 + 7 * 16) / 8], buffer[(160 + 7 * 16) / 8 + 1]);
	buffer[(160 + 7 * 16) / 8] = 0x77;
	buffer[512 / 8] |= 2;
	R(trace(PTRACE_SETREGSET, pid, NR(NT_X86_XSTATE), &iov));
	iov.iov_len -= 64;
	R(trace(PTRACE_SETREGSET, pid, NR(NT_X86_XSTATE), &iov));
	iov.iov_len += 64;
	buffer[512 / 8] = 1ul << 62;
	R(trace(PTRACE_SETREGSET, pid, NR(NT_X86_XSTATE), &iov));
	buffer[512 / 8] = 3;
	buffer[520 / 8 + 2] = 1;
	R(trace(PTRACE_SETREGSET, pid, NR(NT_X86_XSTATE), &iov));
	iov.iov_len = 512;
	R(trace(PTRACE_GETREGSET, pid, NR(NT_X86_XSTATE), &iov));
	V(iov.iov_len);
	step_on("end", PTRACE_CONT, pid, 0);
}

static long called(long a, long b)
{
	say("called with %ld and %ld", a, b);
	return a * b;
}

static void stop_here(void)
{
	__asm__ volatile("int3");
	say("child goes on");
}

/* As a debugger does it: a frame below the stack, a return to a place with a breakpoint. */
static void a_function_is_called(void)
{
	pid_t pid = traced_child(stop_here);
	struct user_regs_struct saved, r;

	step_on("breakpoint", PTRACE_CONT, pid, 0);
	MUST(trace(PTRACE_GETREGS, pid, NULL, &saved) == 0);
	r = saved;
	r.rsp = ((r.rsp - 256) & ~15ull) - 8;
	r.rip = (unsigned long long)(uintptr_t)called;
	r.rdi = 6;
	r.rsi = 7;
	MUST(trace(PTRACE_POKEDATA, pid, NR(r.rsp), NR(saved.rip - 1)) == 0);
	MUST(trace(PTRACE_SETREGS, pid, NULL, &r) == 0);
	step_on("returned", PTRACE_CONT, pid, 0);
	V((long)REG(pid, rax));
	MUST(trace(PTRACE_SETREGS, pid, NULL, &saved) == 0);
	step_on("end", PTRACE_CONT, pid, 0);
}

const struct behaviour behaviours[] = {BEHAVIOUR(general_registers), BEHAVIOUR(word_by_word),
	BEHAVIOUR(what_a_register_can_hold), BEHAVIOUR(bases), BEHAVIOUR(float_registers),
	BEHAVIOUR(register_sets), BEHAVIOUR(extended_state), BEHAVIOUR(a_function_is_called), {0}};
