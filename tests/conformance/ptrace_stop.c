/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching, signals of a traced process, job control, and letting go. */
#include "tracing.h"

static void nothing(void)
{
}

static void exit_7(void)
{
	_exit(7);
}

static void traceme_stops_at_signals(void)
{
	pid_t pid = traced_child(exit_7);

	say_siginfo("first", pid);
	say_proc("first", pid);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void ask_twice(void)
{
	R(trace(PTRACE_TRACEME, 0, NULL, NULL));
}

static void traceme_once_only(void)
{
	step_on("end", PTRACE_CONT, traced_child(ask_twice), 0);
}

static volatile sig_atomic_t got;

static void note(int signal)
{
	got = signal;
}

static void raise_usr1(void)
{
	signal(SIGUSR1, note);
	signal(SIGUSR2, note);
	raise(SIGUSR1);
	_exit(got);
}

static void a_signal_is_seen_and_passed_on(void)
{
	pid_t pid = traced_child(raise_usr1);

	step_on("raise", PTRACE_CONT, pid, 0);
	say_siginfo("raise", pid);
	say("exits with %s", signal_name(WEXITSTATUS(step_on("end", PTRACE_CONT, pid, SIGUSR1))));
}

static void a_signal_is_taken_away(void)
{
	pid_t pid = traced_child(raise_usr1);

	step_on("raise", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void a_signal_is_replaced(void)
{
	pid_t pid = traced_child(raise_usr1);

	step_on("raise", PTRACE_CONT, pid, 0);
	say("exits with %s", signal_name(WEXITSTATUS(step_on("end", PTRACE_CONT, pid, SIGUSR2))));
}

static void on_info(int signal, siginfo_t *si, void *context)
{
	(void)signal, (void)context;
	say("handler: code %d value %d, from %s", si->si_code, si->si_value.sival_int,
		si->si_pid == getppid()	 ? "my parent"
		: si->si_pid == getpid() ? "myself"
					 : "another");
}

static void raise_with_info(void)
{
	struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};

	MUST(sigaction(SIGUSR1, &sa, NULL) == 0 && sigaction(SIGUSR2, &sa, NULL) == 0);
	raise(SIGUSR1);
}

static void what_is_known_of_a_signal_can_be_changed(void)
{
	pid_t pid = traced_child(raise_with_info);
	siginfo_t si;

	step_on("raise", PTRACE_CONT, pid, 0);
	MUST(trace(PTRACE_GETSIGINFO, pid, NULL, &si) == 0);
	si.si_value.sival_int = 4711;
	si.si_code = SI_QUEUE;
	R(trace(PTRACE_SETSIGINFO, pid, NULL, &si));
	step_on("end", PTRACE_CONT, pid, SIGUSR1);
	pid = traced_child(raise_with_info);
	step_on("raise", PTRACE_CONT, pid, 0);
	step_on("replaced", PTRACE_CONT, pid, SIGUSR2);
}

static void ignore_and_raise(void)
{
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	raise(SIGCHLD);
	raise(SIGTERM);
}

static void ignored_signals_are_shown_too(void)
{
	pid_t pid = traced_child(ignore_and_raise);

	step_on("ignored", PTRACE_CONT, pid, 0);
	step_on("ignored by default", PTRACE_CONT, pid, SIGUSR1);
	step_on("fatal", PTRACE_CONT, pid, SIGCHLD);
	step_on("end", PTRACE_CONT, pid, SIGTERM);
}

static void block_and_raise(void)
{
	sigset_t set;

	signal(SIGUSR1, note);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	raise(SIGUSR2);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(got == SIGUSR1);
}

static void blocked_signals_come_when_they_are_unblocked(void)
{
	pid_t pid = traced_child(block_and_raise);

	step_on("not blocked", PTRACE_CONT, pid, 0);
	step_on("unblocked", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGUSR1);
}

static volatile int *volatile nowhere = (int *)16;

static void crash(void)
{
	*nowhere = 1;
}

static void a_fault_is_a_signal(void)
{
	pid_t pid = traced_child(crash);
	siginfo_t si;

	step_on("fault", PTRACE_CONT, pid, 0);
	say_siginfo("fault", pid);
	MUST(trace(PTRACE_GETSIGINFO, pid, NULL, &si) == 0);
	T(si.si_addr == nowhere);
	step_on("again", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGSEGV);
}

static void kill_is_not_asked_about(void)
{
	pid_t pid = traced_child(nothing);

	R(kill(pid, SIGKILL));
	next_stop("killed", pid);
	pid = traced_child(nothing);
	R(trace(PTRACE_KILL, pid, NULL, NULL));
	next_stop("killed", pid);
	R(trace(PTRACE_KILL, pid, NULL, NULL));
}

static void attach_and_detach(void)
{
	pid_t pid = idle_child(NULL);

	say_proc("before", pid);
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	next_stop("attached", pid);
	say_siginfo("attached", pid);
	say_proc("attached", pid);
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	R(trace(PTRACE_DETACH, pid, NULL, NULL));
	say_proc("detached", pid);
	R(trace(PTRACE_DETACH, pid, NULL, NULL));
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	next_stop("attached again", pid);
	R(trace(PTRACE_DETACH, pid, NULL, NR(SIGTERM)));
	reap("detached with a signal", pid);
}

static void attach_to_a_call_that_goes_on(void)
{
	int fds[2], status;
	char c = 0;

	MUST(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		ssize_t n = read(fds[0], &c, 1);
		_exit(n == 1 ? c : 99);
	}
	until_asleep(pid);
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	next_stop("attached", pid);
	V(REG(pid, orig_rax) == SYS_read);
	V((long)REG(pid, rax));
	R(trace(PTRACE_DETACH, pid, NULL, NULL));
	R(write(fds[1], "\x05", 1));
	MUST(waitpid(pid, &status, 0) == pid);
	say_status("end", status);
}

static void show_call(const char *label, pid_t pid)
{
	char path[64], text[256] = "", *rest = text;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	int fd = open_file(path, O_RDONLY);
	MUST(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	long nr = strtol(text, &rest, 10);
	int words = 0;
	for (char *p = rest; *p; p++)
		words += *p == ' ';
	say("%s: call %ld, %d words more", label, nr, words);
}

static void the_call_that_it_waits_in(void)
{
	pid_t pid = idle_child(NULL);

	show_call("waits", pid);
	MUST(trace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	next_stop("attached", pid);
	show_call("attached", pid);
	kill_child(pid);
	pid = traced_child(crash);
	step_on("fault", PTRACE_CONT, pid, 0);
	show_call("at a fault", pid);
	kill_child(pid);
}

static void attach_to_a_stopped_process(void)
{
	pid_t pid = idle_child(NULL);
	int status;

	MUST(kill(pid, SIGSTOP) == 0);
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("job control", status);
	say_proc("job control", pid);
	R(trace(PTRACE_ATTACH, pid, NULL, NULL));
	next_stop("attached", pid);
	say_proc("attached", pid);
	/* the SIGSTOP of attaching is pending still, and stops the process once more */
	step_on("its own", PTRACE_CONT, pid, 0);
	say_siginfo("its own", pid);
	R(trace(PTRACE_DETACH, pid, NULL, NULL));
	say_proc("detached", pid);
	R(kill(pid, SIGCONT));
	R(kill(pid, SIGTERM));
	reap("end", pid);
}

static void stop_oneself(void)
{
	raise(SIGTSTP);
	raise(SIGUSR1);
}

static void group_stop_without_seize(void)
{
	pid_t pid = traced_child(stop_oneself);

	/* the child's group would be an orphan's elsewhere: SIGSTOP is not asked */
	step_on("the signal", PTRACE_CONT, pid, 0);
	step_on("the stop", PTRACE_CONT, pid, SIGSTOP);
	say_siginfo("the stop", pid);
	say_proc("the stop", pid);
	step_on("goes on", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGUSR1);
}

static void continue_is_a_signal_too(void)
{
	pid_t pid = traced_child(stop_oneself);

	step_on("the signal", PTRACE_CONT, pid, 0);
	step_on("the stop", PTRACE_CONT, pid, SIGSTOP);
	R(kill(pid, SIGCONT));
	step_on("the other signal", PTRACE_CONT, pid, 0);
	step_on("and the next", PTRACE_CONT, pid, SIGCONT);
	step_on("end", PTRACE_CONT, pid, 0);
}

static void wait_options(void)
{
	pid_t pid = traced_child(raise_usr1);
	siginfo_t si = {0};
	int status = 0;

	R(waitpid(pid, &status, WNOHANG));
	R(trace(PTRACE_CONT, pid, NULL, NULL));
	MUST(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT) == 0);
	say("waitid: %s, code %d, status %s", signal_name(si.si_signo), si.si_code,
		signal_name(si.si_status));
	/* a traced child's stop is told of, asked for or not */
	MUST(waitid(P_ALL, 0, &si, WEXITED) == 0);
	T(si.si_pid == pid);
	R(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG));
	T(si.si_pid == 0);
	step_on("end", PTRACE_CONT, pid, 0);
	R(waitpid(pid, &status, __WALL));
}

static volatile sig_atomic_t chld_code, chld_status, chld_count;

static void on_chld(int signal, siginfo_t *si, void *context)
{
	(void)signal, (void)context;
	chld_code = si->si_code;
	chld_status = si->si_status;
	chld_count++;
}

/* A stop can be seen before it is told of. */
static void told(int times)
{
	while (chld_count < times)
		sleep_ms(1);
}

static void the_tracer_gets_sigchld(void)
{
	struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO};
	pid_t pid;

	MUST(sigaction(SIGCHLD, &sa, NULL) == 0);
	pid = traced_child(raise_usr1);
	told(1);
	say("first: code %d status %s", (int)chld_code, signal_name(chld_status));
	step_on("raise", PTRACE_CONT, pid, 0);
	told(2);
	say("raise: code %d status %s", (int)chld_code, signal_name(chld_status));
	step_on("end", PTRACE_CONT, pid, 0);
	told(3);
	say("end: code %d status %d", (int)chld_code, (int)chld_status);
	sa.sa_flags |= SA_NOCLDSTOP;
	MUST(sigaction(SIGCHLD, &sa, NULL) == 0);
	chld_count = 0;
	pid = traced_child(raise_usr1);
	V(chld_count);
	step_on("raise", PTRACE_CONT, pid, 0);
	V(chld_count);
	step_on("end", PTRACE_CONT, pid, 0);
	V(chld_count);
}

static void ignoring_sigchld(void)
{
	signal(SIGCHLD, SIG_IGN);
	pid_t pid = traced_child(raise_usr1);
	step_on("raise", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGUSR1);
}

/* The tracer is not the parent: who hears of the end, and in which order. */
static void a_tracer_that_is_not_the_parent(void)
{
	pid_t pid = idle_child(NULL);
	int up[2], down[2], status;
	char c;

	MUST(pipe(up) == 0 && pipe(down) == 0);
	pid_t tracer = fork();
	if (tracer == 0) {
		R(trace(PTRACE_ATTACH, pid, NULL, NULL));
		next_stop("attached", pid);
		MUST(write(up[1], "a", 1) == 1 && read(down[0], &c, 1) == 1);
		step_on("a signal", PTRACE_CONT, pid, 0);
		step_on("its end", PTRACE_CONT, pid, SIGTERM);
		_exit(0);
	}
	MUST(read(up[0], &c, 1) == 1);
	say_proc("traced", pid);
	R(trace(PTRACE_CONT, pid, NULL, NULL));
	R(waitpid(pid, &status, WNOHANG | WUNTRACED));
	R(kill(pid, SIGTERM));
	MUST(write(down[1], "g", 1) == 1);
	reap("tracer", tracer); /* it hears first */
	reap("parent", pid);
}

static void trace_and_leave(pid_t pid, long options, bool wait_for_it)
{
	pid_t tracer = fork();

	if (tracer == 0) {
		MUST(trace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
		if (wait_for_it)
			next_stop("attached", pid);
		if (wait_for_it && options)
			MUST(trace(PTRACE_SETOPTIONS, pid, NULL, NR(options)) == 0);
		_exit(0);
	}
	reap("tracer", tracer);
}

static void a_tracer_that_exits(void)
{
	pid_t pid = idle_child(NULL);

	trace_and_leave(pid, 0, true);
	sleep_ms(50);
	say_proc("left", pid);
	R(kill(pid, SIGTERM));
	reap("end", pid);
	pid = idle_child(NULL);
	trace_and_leave(pid, PTRACE_O_EXITKILL, true);
	reap("exitkill", pid);
}

static void parent_of_the_end(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	reap("grandchild", pid);
}

static void a_traced_parent_waits_for_its_own(void)
{
	pid_t pid = traced_child(parent_of_the_end);

	step_on("child signal", PTRACE_CONT, pid, 0);
	step_on("end", PTRACE_CONT, pid, SIGCHLD);
}

static void mask_of_a_stopped_process(void)
{
	pid_t pid = traced_child(raise_usr1);
	uint64_t mask = 1 << (SIGUSR1 - 1) | 1 << (SIGKILL - 1);

	R(trace(PTRACE_SETSIGMASK, pid, NR(8), &mask));
	mask = 0;
	R(trace(PTRACE_GETSIGMASK, pid, NR(8), &mask));
	V(mask);
	R(trace(PTRACE_GETSIGMASK, pid, NR(16), &mask));
	step_on("end", PTRACE_CONT, pid, 0);
}

static void queue_three(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10 + i});
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
	sigdelset(&set, SIGTRAP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	__asm__ volatile("int3");
}

static void peek_at_queued_signals(void)
{
	pid_t pid = traced_child(queue_three);
	struct __ptrace_peeksiginfo_args args = {.nr = 8, .flags = PTRACE_PEEKSIGINFO_SHARED};
	siginfo_t si[8];

	step_on("breakpoint", PTRACE_CONT, pid, 0);
	long n = R(trace(PTRACE_PEEKSIGINFO, pid, &args, si));
	for (long i = 0; i < n; i++)
		say("%ld: code %d value %d", i, si[i].si_code, si[i].si_value.sival_int);
	args.off = 1;
	args.nr = 1;
	R(trace(PTRACE_PEEKSIGINFO, pid, &args, si));
	V(si[0].si_value.sival_int);
	args.flags = 0;
	args.off = 0;
	R(trace(PTRACE_PEEKSIGINFO, pid, &args, si));
	S(signal_name(si[0].si_signo));
	args.nr = -1;
	R(trace(PTRACE_PEEKSIGINFO, pid, &args, si));
	args.flags = 8;
	R(trace(PTRACE_PEEKSIGINFO, pid, &args, si));
	kill_child(pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(traceme_stops_at_signals),
	BEHAVIOUR(traceme_once_only), BEHAVIOUR(a_signal_is_seen_and_passed_on),
	BEHAVIOUR(a_signal_is_taken_away), BEHAVIOUR(a_signal_is_replaced),
	BEHAVIOUR(what_is_known_of_a_signal_can_be_changed),
	BEHAVIOUR(ignored_signals_are_shown_too),
	BEHAVIOUR(blocked_signals_come_when_they_are_unblocked), BEHAVIOUR(a_fault_is_a_signal),
	BEHAVIOUR(kill_is_not_asked_about), BEHAVIOUR(attach_and_detach),
	BEHAVIOUR(attach_to_a_call_that_goes_on), BEHAVIOUR(attach_to_a_stopped_process),
	BEHAVIOUR(the_call_that_it_waits_in), BEHAVIOUR(group_stop_without_seize),
	BEHAVIOUR(continue_is_a_signal_too), BEHAVIOUR(wait_options),
	BEHAVIOUR(the_tracer_gets_sigchld), BEHAVIOUR(ignoring_sigchld),
	BEHAVIOUR(a_tracer_that_is_not_the_parent), BEHAVIOUR(a_tracer_that_exits),
	BEHAVIOUR(a_traced_parent_waits_for_its_own), BEHAVIOUR(mask_of_a_stopped_process),
	BEHAVIOUR(peek_at_queued_signals), {0}};
