/* SPDX-License-Identifier: Apache-2.0 */
/* Stops at system calls: what is seen there, and what can be changed. */
#include "tracing.h"

#include <sys/mman.h>
#include <sys/prctl.h>

static void get_ids(void)
{
	syscall(SYS_getppid);
	syscall(SYS_close, -1);
	_exit(5);
}

static pid_t call_child(void (*fn)(void))
{
	pid_t pid = traced_child(fn);

	MUST(trace(PTRACE_SETOPTIONS, pid, NULL, NR(PTRACE_O_TRACESYSGOOD)) == 0);
	return pid;
}

/* The stop at the entry to call nr; other calls go by. */
static int to_call(pid_t pid, long nr)
{
	int status;

	for (;;) {
		MUST(trace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
		MUST(waitpid(pid, &status, __WALL) == pid);
		if (!WIFSTOPPED(status) ||
			((long)REG(pid, orig_rax) == nr && (long)REG(pid, rax) == -ENOSYS))
			return status;
	}
}

static void set_reg(pid_t pid, size_t offset, long value)
{
	if (trace(PTRACE_POKEUSER, pid, NR(offset), NR(value)) < 0)
		say("POKEUSER %zu: %s", offset, errno_name(errno));
}
#define SET(pid, name, value) set_reg(pid, offsetof(struct user_regs_struct, name), value)

static void stops_at_entry_and_exit(void)
{
	pid_t pid = call_child(get_ids);

	say_stop("getppid", to_call(pid, SYS_getppid));
	V((long)REG(pid, rax));
	say_siginfo("entry", pid);
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	T((long)REG(pid, rax) == getpid());
	V((long)REG(pid, orig_rax) == SYS_getppid);
	say_siginfo("exit", pid);
	say_stop("close", to_call(pid, SYS_close));
	V((int)REG(pid, rdi));
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, rax));
	say_stop("exit_group", to_call(pid, SYS_exit_group));
	step_on("end", PTRACE_SYSCALL, pid, 0);
}

static void stops_without_sysgood(void)
{
	pid_t pid = traced_child(get_ids);

	step_on("call", PTRACE_SYSCALL, pid, 0);
	say_siginfo("call", pid);
	kill_child(pid);
}

static void info(const char *label, pid_t pid)
{
	struct __ptrace_syscall_info si;

	memset(&si, 0x55, sizeof(si));
	long n = trace(PTRACE_GET_SYSCALL_INFO, pid, NR(sizeof(si)), &si);
	say("%s: size %ld op %d arch %#x", label, n, si.op, si.arch);
	T(si.instruction_pointer == REG(pid, rip) && si.stack_pointer == REG(pid, rsp));
	if (si.op == PTRACE_SYSCALL_INFO_ENTRY)
		say("%s: nr %ld arg %d", label, (long)si.entry.nr, (int)si.entry.args[0]);
	if (si.op == PTRACE_SYSCALL_INFO_EXIT)
		say("%s: result %ld error %d", label, (long)si.exit.rval, si.exit.is_error);
}

static void what_call_it_is(void)
{
	pid_t pid = call_child(get_ids);
	char small[30];

	info("not at a call", pid);
	to_call(pid, SYS_close);
	info("entry", pid);
	memset(small, 'x', sizeof(small));
	R(trace(PTRACE_GET_SYSCALL_INFO, pid, NR(26), small));
	T(small[25] != 'x' && small[26] == 'x');
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	info("exit", pid);
	R(trace(PTRACE_GET_SYSCALL_INFO, pid, NR(0), NULL));
	R(trace(PTRACE_GET_SYSCALL_INFO, pid, NR(8), NULL));
	kill_child(pid);
}

static void report_getppid(void)
{
	errno = 0;
	long r = syscall(SYS_getppid);

	if (r == -1)
		say("child: -1 %s", errno_name(errno));
	else if (r == getpid() || r == getppid())
		say("child: %s", r == getpid() ? "its own id" : "its parent's id");
	else
		say("child: %ld", r);
}

static void the_number_is_replaced(void)
{
	pid_t pid = call_child(report_getppid);

	to_call(pid, SYS_getppid);
	SET(pid, orig_rax, SYS_getpid);
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void a_call_is_skipped(void)
{
	pid_t pid = call_child(report_getppid);

	to_call(pid, SYS_getppid);
	SET(pid, orig_rax, -1);
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, rax));
	step_on("end", PTRACE_CONT, pid, 0);
	pid = call_child(report_getppid);
	to_call(pid, SYS_getppid);
	SET(pid, orig_rax, -1);
	SET(pid, rax, 4711);
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	step_on("end", PTRACE_CONT, pid, 0);
	pid = call_child(report_getppid);
	to_call(pid, SYS_getppid);
	SET(pid, orig_rax, 100000);
	step_on("exit of no call", PTRACE_SYSCALL, pid, 0);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void the_result_is_changed(void)
{
	pid_t pid = call_child(report_getppid);

	to_call(pid, SYS_getppid);
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	SET(pid, rax, -ENOTTY);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void close_seven(void)
{
	R(syscall(SYS_close, 1000));
}

static void arguments_are_changed(void)
{
	pid_t pid = call_child(close_seven);

	to_call(pid, SYS_close);
	SET(pid, rdi, 0);
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, rax));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void a_signal_at_a_call(void)
{
	pid_t pid = call_child(get_ids);

	to_call(pid, SYS_getppid);
	step_on("exit", PTRACE_SYSCALL, pid, SIGUSR2);
	step_on("the signal", PTRACE_SYSCALL, pid, 0);
	say_siginfo("the signal", pid);
	step_on("end", PTRACE_CONT, pid, SIGUSR2);
}

static void on_usr1(int signal)
{
	(void)signal;
	say("handler");
}

static void sleep_long(void)
{
	struct timespec ts = {1, 0};

	signal(SIGUSR1, on_usr1);
	R(nanosleep(&ts, NULL));
}

/* A signal that is taken away does not end a call; restart_syscall shows. */
static void an_interrupted_call_goes_on(void)
{
	pid_t pid = call_child(sleep_long);

	to_call(pid, SYS_clock_nanosleep);
	MUST(trace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	next_stop("exit", pid);
	V((long)REG(pid, rax));
	step_on("signal", PTRACE_SYSCALL, pid, 0);
	step_on("entry", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, orig_rax));
	step_on("exit", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, rax));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void an_interrupted_call_ends(void)
{
	pid_t pid = call_child(sleep_long);

	to_call(pid, SYS_clock_nanosleep);
	MUST(trace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	next_stop("exit", pid);
	step_on("signal", PTRACE_SYSCALL, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGUSR1);
}

/* What the debugger does that calls a function of the program: the registers of the interrupted
 * call are put aside and come back. */
static void the_tracer_stops_a_restart(void)
{
	pid_t pid = call_child(sleep_long);
	struct user_regs_struct saved;

	to_call(pid, SYS_clock_nanosleep);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	next_stop("signal", pid);
	MUST(trace(PTRACE_GETREGS, pid, NULL, &saved) == 0);
	V((long)saved.rax);
	V((long)saved.orig_rax == SYS_clock_nanosleep);
	SET(pid, orig_rax, -1);
	SET(pid, rax, -EXDEV);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void emulate(void)
{
	R(syscall(SYS_getuid));
	R(syscall(500000));
}

static void calls_are_emulated(void)
{
	pid_t pid = call_child(emulate);

	step_on("call", PTRACE_SYSEMU, pid, 0);
	while ((long)REG(pid, orig_rax) != SYS_getuid) /* the wrapper of raise */
		if (!WIFSTOPPED(step_on("other", PTRACE_SYSCALL, pid, 0)))
			return;
	kill_child(pid);
	pid = call_child(report_getppid);
	step_on("entry", PTRACE_SYSEMU, pid, 0);
	V((long)REG(pid, rax));
	SET(pid, rax, 99);
	step_on("next entry", PTRACE_SYSEMU, pid, 0);
	kill_child(pid);
}

static void many_calls(void)
{
	for (int i = 0; i < 200; i++)
		syscall(SYS_getppid);
	raise(SIGUSR1);
	for (int i = 0; i < 50; i++)
		syscall(SYS_getppid);
}

/* Calls that were made often before are seen as others are. */
static void hot_calls_stop_too(void)
{
	pid_t pid = call_child(many_calls);
	int n = 0;

	step_on("hot", PTRACE_CONT, pid, 0);
	while (WIFSTOPPED(to_call(pid, SYS_getppid)))
		n++;
	V(n);
}

static void return_from_handler(void)
{
	signal(SIGUSR1, on_usr1);
	raise(SIGUSR1);
	_exit(4);
}

static void sigreturn_is_a_call(void)
{
	pid_t pid = call_child(return_from_handler);

	step_on("raise", PTRACE_CONT, pid, 0);
	MUST(trace(PTRACE_SYSCALL, pid, NULL, NR(SIGUSR1)) == 0);
	next_stop("write", pid);
	V((long)REG(pid, orig_rax) == SYS_write);
	step_on("write", PTRACE_SYSCALL, pid, 0);
	step_on("sigreturn", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, orig_rax) == SYS_rt_sigreturn);
	step_on("sigreturn", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, rax));
	V((long)REG(pid, orig_rax));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void die_inside(void)
{
	syscall(SYS_pause);
}

static void killed_at_a_call(void)
{
	pid_t pid = call_child(die_inside);

	say_stop("pause", to_call(pid, SYS_pause));
	kill(pid, SIGKILL);
	next_stop("end", pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(stops_at_entry_and_exit),
	BEHAVIOUR(stops_without_sysgood), BEHAVIOUR(what_call_it_is),
	BEHAVIOUR(the_number_is_replaced), BEHAVIOUR(a_call_is_skipped),
	BEHAVIOUR(the_result_is_changed), BEHAVIOUR(arguments_are_changed),
	BEHAVIOUR(a_signal_at_a_call), BEHAVIOUR(an_interrupted_call_goes_on),
	BEHAVIOUR(an_interrupted_call_ends), BEHAVIOUR(the_tracer_stops_a_restart),
	BEHAVIOUR(calls_are_emulated), BEHAVIOUR(hot_calls_stop_too),
	BEHAVIOUR(sigreturn_is_a_call), BEHAVIOUR(killed_at_a_call), {0}};
