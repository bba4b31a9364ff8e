/* SPDX-License-Identifier: Apache-2.0 */
/* Stops at fork, vfork, clone, exec and exit; threads that are traced. */
#include "tracing.h"

#include <pthread.h>
#include <sched.h>

static pid_t event_child(void (*fn)(void), long options)
{
	pid_t pid = traced_child(fn);

	MUST(trace(PTRACE_SETOPTIONS, pid, NULL, NR(options)) == 0);
	return pid;
}

static unsigned long message(pid_t pid)
{
	unsigned long m = 0;

	MUST(trace(PTRACE_GETEVENTMSG, pid, NULL, &m) == 0);
	return m;
}

static void fork_once(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(6);
	waitpid(pid, &status, 0);
	_exit(WEXITSTATUS(status));
}

static void fork_is_told(void)
{
	pid_t pid = event_child(fork_once, PTRACE_O_TRACEFORK);

	step_on("parent", PTRACE_CONT, pid, 0);
	say_siginfo("parent", pid);
	pid_t child = (pid_t)message(pid);
	next_stop("child", child);
	say_siginfo("child", child);
	V((long)REG(child, rax));
	say_proc("child", child);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	step_on("child's end", PTRACE_CONT, child, 0);
	next_stop("its parent's signal", pid);
	step_on("end", PTRACE_CONT, pid, SIGCHLD);
}

static void fork_is_not_told_without_the_option(void)
{
	pid_t pid = event_child(fork_once, PTRACE_O_TRACECLONE);

	step_on("signal", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGCHLD);
}

static void vfork_once(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	_exit(1);
}

static void vfork_and_its_end_are_told(void)
{
	pid_t pid = event_child(vfork_once, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);

	step_on("vfork", PTRACE_CONT, pid, 0);
	pid_t child = (pid_t)message(pid);
	next_stop("child", child);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	step_on("child's end", PTRACE_CONT, child, 0);
	next_stop("vfork done", pid);
	T((pid_t)message(pid) == child);
	step_on("signal", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void exec_self(void)
{
	execl(self_path(), self_path(), "--child", "quiet", (char *)NULL);
}

int behave_child(int argc, char **argv)
{
	(void)argc;
	return strcmp(argv[0], "quiet") ? 98 : 9;
}

static void exec_is_told(void)
{
	pid_t pid = event_child(exec_self, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct regs;

	step_on("exec", PTRACE_CONT, pid, 0);
	say_siginfo("exec", pid);
	T((pid_t)message(pid) == pid);
	MUST(trace(PTRACE_GETREGS, pid, NULL, &regs) == 0);
	V(regs.orig_rax == SYS_execve);
	V(regs.rax);
	V(regs.rbx | regs.rcx | regs.rdx | regs.rsi | regs.rdi | regs.rbp | regs.r8 | regs.r15);
	V(regs.cs);
	V(regs.ss);
	V(regs.eflags);
	step_on("exit of exec", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, rax));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void exec_is_a_trap_without_the_option(void)
{
	pid_t pid = event_child(exec_self, 0);

	step_on("exec", PTRACE_CONT, pid, 0);
	say_siginfo("exec", pid);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void exec_fails(void)
{
	R(execl("/nowhere", "x", (char *)NULL));
}

static void an_exec_that_fails_is_not_told(void)
{
	step_on("end", PTRACE_CONT, event_child(exec_fails, PTRACE_O_TRACEEXEC), 0);
}

static void exit_12(void)
{
	_exit(12);
}

static void terminate(void)
{
	raise(SIGTERM);
}

static void the_end_is_told(void)
{
	pid_t pid = event_child(exit_12, PTRACE_O_TRACEEXIT);

	step_on("exit", PTRACE_CONT, pid, 0);
	say_siginfo("exit", pid);
	say("status %#lx", message(pid));
	V(REG(pid, orig_rax) == SYS_exit_group);
	step_on("end", PTRACE_CONT, pid, 0);
	pid = event_child(terminate, PTRACE_O_TRACEEXIT);
	step_on("signal", PTRACE_CONT, pid, 0);
	step_on("exit", PTRACE_CONT, pid, SIGTERM);
	say("status %#lx", message(pid));
	step_on("end", PTRACE_CONT, pid, 0);
	pid = event_child(exit_12, PTRACE_O_TRACEEXIT);
	kill(pid, SIGKILL);
	next_stop("exit", pid);
	say("status %#lx", message(pid));
	step_on("end", PTRACE_CONT, pid, 0);
}

/* -- threads -- */

static void *thread(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	return NULL;
}

static void with_a_thread(void)
{
	pthread_t t;

	signal(SIGUSR1, SIG_IGN);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	raise(SIGUSR2);
	_exit(2);
}

static void threads_are_told(void)
{
	pid_t pid = event_child(with_a_thread, PTRACE_O_TRACECLONE);

	step_on("clone", PTRACE_CONT, pid, 0);
	pid_t tid = (pid_t)message(pid);
	next_stop("thread", tid);
	say_proc("thread", tid);
	V((long)REG(tid, rax));
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	step_on("its signal", PTRACE_CONT, tid, 0);
	step_on("its end", PTRACE_CONT, tid, SIGUSR1);
	next_stop("joined", pid);
	T(waitpid(tid, NULL, __WALL) < 0 && errno == ECHILD);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void threads_end_with_their_process(void)
{
	pid_t pid = event_child(with_a_thread, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT);
	int status;

	step_on("clone", PTRACE_CONT, pid, 0);
	pid_t tid = (pid_t)message(pid);
	next_stop("thread", tid);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	MUST(kill(pid, SIGKILL) == 0);
	next_stop("thread", tid);
	say("status %#lx", message(tid));
	next_stop("leader", pid);
	say("status %#lx", message(pid));
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	sleep_ms(30);
	R(waitpid(pid, &status, __WALL | WNOHANG));
	step_on("thread", PTRACE_CONT, tid, 0);
	next_stop("leader", pid);
}

static void *exec_thread(void *arg)
{
	(void)arg;
	exec_self();
	return NULL;
}

static void exec_from_a_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_thread, NULL);
	for (;;)
		pause();
}

static void exec_by_a_thread_takes_the_leaders_place(void)
{
	pid_t pid = event_child(exec_from_a_thread, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);

	step_on("clone", PTRACE_CONT, pid, 0);
	pid_t tid = (pid_t)message(pid);
	next_stop("thread", tid);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	MUST(trace(PTRACE_CONT, tid, NULL, NULL) == 0);
	next_stop("exec", pid);
	T((pid_t)message(pid) == tid);
	T(waitpid(tid, NULL, __WALL) < 0 && errno == ECHILD);
	step_on("end", PTRACE_CONT, pid, 0);
}

static volatile int spin_on = 1;
static volatile long turns[2];

static void *spin(void *arg)
{
	while (spin_on)
		turns[(long)arg]++;
	return NULL;
}

static void two_spinning_threads(void)
{
	pthread_t t;

	pthread_create(&t, NULL, spin, (void *)1);
	spin(NULL);
	_exit(0);
}

static long peek(pid_t pid, volatile long *at)
{
	long word = 0;

	MUST(trace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)at, &word) == 0);
	return word;
}

/* Threads that run, perhaps on other processors, are brought to a stop one by one. */
static void running_threads_stop(void)
{
	pid_t pid = event_child(two_spinning_threads, PTRACE_O_TRACECLONE);

	step_on("clone", PTRACE_CONT, pid, 0);
	pid_t tid = (pid_t)message(pid);
	next_stop("thread", tid);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	MUST(trace(PTRACE_CONT, tid, NULL, NULL) == 0);
	for (int i = 0; i < 20; i++) {
		sleep_ms(5);
		MUST(syscall(SYS_tgkill, pid, pid, SIGUSR1) == 0);
		MUST(waitpid(pid, NULL, __WALL) == pid);
		MUST(syscall(SYS_tgkill, pid, tid, SIGUSR1) == 0);
		MUST(waitpid(tid, NULL, __WALL) == tid);
		long a = peek(pid, &turns[0]), b = peek(tid, &turns[1]);
		sleep_ms(2);
		MUST(a == peek(pid, &turns[0]) && b == peek(tid, &turns[1]));
		MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
		MUST(trace(PTRACE_CONT, tid, NULL, NULL) == 0);
	}
	sleep_ms(20);
	MUST(syscall(SYS_tgkill, pid, tid, SIGUSR1) == 0);
	next_stop("thread", tid);
	T(peek(tid, &turns[0]) > 0 && peek(tid, &turns[1]) > 0);
	MUST(trace(PTRACE_POKEDATA, tid, (void *)(uintptr_t)&spin_on, NULL) == 0);
	step_on("its end", PTRACE_CONT, tid, 0);
	next_stop("end", pid);
}

static void follow_all(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			_exit(i);
	for (int i = 0; i < 3; i++)
		wait(NULL);
	_exit(10);
}

/* As strace -f does: whoever comes is let go on. */
static void a_whole_family_is_followed(void)
{
	pid_t pid = event_child(follow_all, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT);
	int status, stops = 0, exits = 0, last = 0;
	pid_t who;

	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	while ((who = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			exits++;
			last = who == pid ? WEXITSTATUS(status) : last;
			continue;
		}
		stops++;
		int signal = WSTOPSIG(status) == SIGCHLD ? SIGCHLD : 0;
		MUST(trace(PTRACE_CONT, who, NULL, NR(signal)) == 0);
	}
	S(errno_name(errno));
	T(stops >= 3 + 3 + 4 + 1);
	V(exits);
	V(last);
}

const struct behaviour behaviours[] = {BEHAVIOUR(fork_is_told),
	BEHAVIOUR(fork_is_not_told_without_the_option), BEHAVIOUR(vfork_and_its_end_are_told),
	BEHAVIOUR(exec_is_told), BEHAVIOUR(exec_is_a_trap_without_the_option),
	BEHAVIOUR(an_exec_that_fails_is_not_told), BEHAVIOUR(the_end_is_told),
	BEHAVIOUR(threads_are_told), BEHAVIOUR(threads_end_with_their_process),
	BEHAVIOUR(exec_by_a_thread_takes_the_leaders_place), BEHAVIOUR(running_threads_stop),
	BEHAVIOUR(a_whole_family_is_followed), {0}};
