/* SPDX-License-Identifier: Apache-2.0 */
/* PTRACE_SEIZE, INTERRUPT and LISTEN; who may trace whom; what is refused. */
#include "tracing.h"

#include <grp.h>
#include <pthread.h>
#include <sys/prctl.h>

static pid_t seized(long options)
{
	pid_t pid = idle_child(NULL);

	MUST(trace(PTRACE_SEIZE, pid, NULL, NR(options)) == 0);
	return pid;
}

static void seize_does_not_stop(void)
{
	pid_t pid = seized(PTRACE_O_TRACEEXIT);
	int status;

	say_proc("seized", pid);
	R(waitpid(pid, &status, __WALL | WNOHANG));
	R(trace(PTRACE_INTERRUPT, pid, NULL, NULL));
	next_stop("interrupted", pid);
	say_siginfo("interrupted", pid);
	say_proc("interrupted", pid);
	R(trace(PTRACE_INTERRUPT, pid, NULL, NULL));
	step_on("interrupted while stopped", PTRACE_CONT, pid, 0);
	MUST(trace(PTRACE_CONT, pid, NULL, NULL) == 0);
	kill(pid, SIGTERM);
	next_stop("signal", pid);
	step_on("exit", PTRACE_CONT, pid, SIGTERM);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void a_call_goes_on_after_an_interrupt(void)
{
	pid_t pid = seized(0);

	R(trace(PTRACE_INTERRUPT, pid, NULL, NULL));
	next_stop("interrupted", pid);
	V((long)REG(pid, orig_rax) == SYS_pause);
	V((long)REG(pid, rax));
	step_on("entry", PTRACE_SYSCALL, pid, 0);
	V((long)REG(pid, orig_rax) == SYS_pause);
	V((long)REG(pid, rax));
	kill_child(pid);
}

static void listen_to_job_control(void)
{
	pid_t pid = seized(0);
	int status;

	kill(pid, SIGSTOP);
	next_stop("signal", pid);
	step_on("group stop", PTRACE_CONT, pid, SIGSTOP);
	say_siginfo("group stop", pid);
	R(trace(PTRACE_LISTEN, pid, NULL, NULL));
	R(trace(PTRACE_GETSIGINFO, pid, NULL, &status));
	R(trace(PTRACE_CONT, pid, NULL, NULL));
	R(waitpid(pid, &status, __WALL | WNOHANG));
	say_proc("listening", pid);
	kill(pid, SIGCONT);
	next_stop("news", pid);
	say_siginfo("news", pid);
	step_on("the signal itself", PTRACE_CONT, pid, 0);
	MUST(trace(PTRACE_CONT, pid, NULL, NR(SIGCONT)) == 0);
	R(trace(PTRACE_LISTEN, pid, NULL, NULL));
	say_proc("running", pid);
	kill_child(pid);
}

static void interrupt_ends_listening(void)
{
	pid_t pid = seized(0);

	kill(pid, SIGSTOP);
	next_stop("signal", pid);
	step_on("group stop", PTRACE_CONT, pid, SIGSTOP);
	MUST(trace(PTRACE_LISTEN, pid, NULL, NULL) == 0);
	R(trace(PTRACE_INTERRUPT, pid, NULL, NULL));
	next_stop("stopped still", pid);
	R(trace(PTRACE_DETACH, pid, NULL, NULL));
	say_proc("detached", pid);
	kill_child(pid);
}

static void seize_a_stopped_process(void)
{
	pid_t pid = idle_child(NULL);
	int status;

	kill(pid, SIGSTOP);
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	R(trace(PTRACE_SEIZE, pid, NULL, NULL));
	next_stop("group stop", pid);
	R(trace(PTRACE_LISTEN, pid, NULL, NULL));
	kill(pid, SIGCONT);
	next_stop("news", pid);
	step_on("signal", PTRACE_CONT, pid, 0);
	kill_child(pid);
}

static void fork_once(void)
{
	if (fork() == 0)
		_exit(0);
	pause();
}

static void children_of_a_seized_process(void)
{
	int go[2];
	char c;

	MUST(pipe(go) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		MUST(read(go[0], &c, 1) == 1);
		fork_once();
		_exit(0);
	}
	MUST(trace(PTRACE_SEIZE, pid, NULL, NR(PTRACE_O_TRACEFORK)) == 0);
	MUST(write(go[1], "g", 1) == 1);
	next_stop("fork", pid);
	unsigned long child = 0;
	MUST(trace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0);
	next_stop("child", (pid_t)child);
	say_siginfo("child", (pid_t)child);
	step_on("child's end", PTRACE_CONT, (pid_t)child, 0);
	kill_child(pid);
}

/* -- what is refused -- */

static void *attach_to_leader(void *arg)
{
	(void)arg;
	R(trace(PTRACE_ATTACH, getpid(), NULL, NULL));
	R(trace(PTRACE_SEIZE, getpid(), NULL, NULL));
	return NULL;
}

static void nobody_and_oneself(void)
{
	pthread_t t;

	R(trace(PTRACE_ATTACH, 0, NULL, NULL));
	R(trace(PTRACE_ATTACH, -5, NULL, NULL));
	R(trace(PTRACE_ATTACH, 4190000, NULL, NULL));
	R(trace(PTRACE_SEIZE, 4190000, NR(1), NULL));
	R(trace(PTRACE_CONT, 4190000, NULL, NULL));
	R(trace(9999, 4190000, NULL, NULL));
	R(trace(PTRACE_ATTACH, getpid(), NULL, NULL));
	R(trace(PTRACE_CONT, getpid(), NULL, NULL));
	MUST(pthread_create(&t, NULL, attach_to_leader, NULL) == 0);
	pthread_join(t, NULL);
}

static void one_that_is_not_traced(void)
{
	pid_t pid = idle_child(NULL);

	R(trace(PTRACE_CONT, pid, NULL, NULL));
	R(trace(PTRACE_KILL, pid, NULL, NULL));
	R(trace(PTRACE_INTERRUPT, pid, NULL, NULL));
	R(trace(PTRACE_PEEKDATA, pid, NULL, NULL));
	R(trace(9999, pid, NULL, NULL));
	kill_child(pid);
}

static void one_that_is_not_stopped(void)
{
	pid_t pid = seized(0);
	unsigned long word;

	R(trace(PTRACE_CONT, pid, NULL, NULL));
	R(trace(PTRACE_DETACH, pid, NULL, NULL));
	R(trace(PTRACE_PEEKDATA, pid, &word, &word));
	R(trace(PTRACE_SETOPTIONS, pid, NULL, NR(-1)));
	R(trace(9999, pid, NULL, NULL));
	kill_child(pid);
}

static void a_zombie(void)
{
	siginfo_t si;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	MUST(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	R(trace(PTRACE_SEIZE, pid, NULL, NULL));
	R(trace(PTRACE_CONT, pid, NULL, NULL));
	reap("it", pid);
}

static void words_of_requests(void)
{
	pid_t pid = idle_child(NULL);
	unsigned long word;

	R(trace(PTRACE_SEIZE, pid, NR(1), NULL));
	R(trace(PTRACE_SEIZE, pid, NULL, NR(1L << 30)));
	R(trace(PTRACE_ATTACH, pid, NR(1), NR(1)));
	next_stop("attached", pid);
	R(trace(9999, pid, NULL, NULL));
	R(trace(PTRACE_CONT, pid, NULL, NR(65)));
	R(trace(PTRACE_CONT, pid, NULL, NR(-1)));
	R(trace(PTRACE_DETACH, pid, NULL, NR(65)));
	R(trace(PTRACE_SETOPTIONS, pid, NULL, NR(1L << 30)));
	R(trace(PTRACE_SETOPTIONS, pid, NULL, NR(-1)));
	R(trace(PTRACE_LISTEN, pid, NULL, NULL));
	R(trace(PTRACE_INTERRUPT, pid, NULL, NULL));
	R(trace(PTRACE_GETEVENTMSG, pid, NULL, NR(8)));
	R(trace(PTRACE_GETSIGINFO, pid, NULL, NR(8)));
	R(trace(PTRACE_SETSIGINFO, pid, NULL, NR(8)));
	R(trace(PTRACE_GETREGS, pid, NULL, NR(8)));
	R(trace(PTRACE_SETREGS, pid, NULL, NR(8)));
	R(trace(PTRACE_GETREGSET, pid, NR(NT_PRSTATUS), NR(8)));
	R(trace(PTRACE_PEEKDATA, pid, &word, NR(8)));
	R(trace(PTRACE_PEEKDATA, pid, NR(8), &word));
	R(trace(PTRACE_POKEDATA, pid, NR(8), NULL));
	kill_child(pid);
}

static void *request_from_thread(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	R(trace(PTRACE_CONT, pid, NULL, NULL));
	R(waitpid(pid, NULL, __WALL | WNOHANG | __WNOTHREAD));
	next_stop("seen by any thread", pid);
	return NULL;
}

static void another_thread_is_not_the_tracer(void)
{
	pthread_t t;
	pid_t pid = idle_child(NULL);

	MUST(trace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	sleep_ms(50);
	MUST(pthread_create(&t, NULL, request_from_thread, &pid) == 0);
	pthread_join(t, NULL);
	kill_child(pid);
}

static void become_nobody(void)
{
	MUST(setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 &&
		setresuid(65534, 65534, 65534) == 0);
}

static void not_dumpable(void)
{
	become_nobody();
	prctl(PR_SET_DUMPABLE, 0);
}

static void dumpable(void)
{
	become_nobody();
	prctl(PR_SET_DUMPABLE, 1);
}

static void try_as_nobody(const char *label, pid_t pid)
{
	char word[8];
	struct iovec local = {word, 8}, remote = {word, 8};
	pid_t tracer = fork();

	if (tracer == 0) {
		become_nobody();
		say("%s:", label);
		R(trace(PTRACE_ATTACH, pid, NULL, NULL));
		R(trace(PTRACE_SEIZE, pid, NULL, NULL));
		R(process_vm_readv(pid, &local, 1, &remote, 1, 0));
		_exit(0);
	}
	reap(label, tracer);
	kill_child(pid);
}

static void rights(void)
{
	if (geteuid() != 0) {
		say("not root");
		return;
	}
	try_as_nobody("root's", idle_child(NULL));
	try_as_nobody("own, not dumpable", idle_child(not_dumpable));
	try_as_nobody("own", idle_child(dumpable));
	pid_t pid = idle_child(not_dumpable);
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	next_stop("root may", pid);
	kill_child(pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(seize_does_not_stop),
	BEHAVIOUR(a_call_goes_on_after_an_interrupt), BEHAVIOUR(listen_to_job_control),
	BEHAVIOUR(interrupt_ends_listening), BEHAVIOUR(seize_a_stopped_process),
	BEHAVIOUR(children_of_a_seized_process), BEHAVIOUR(nobody_and_oneself),
	BEHAVIOUR(one_that_is_not_traced), BEHAVIOUR(one_that_is_not_stopped), BEHAVIOUR(a_zombie),
	BEHAVIOUR(words_of_requests), BEHAVIOUR(another_thread_is_not_the_tracer),
	BEHAVIOUR(rights), {0}};
