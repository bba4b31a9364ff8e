/* SPDX-License-Identifier: Apache-2.0 */
#include "tracing.h"

#include <sys/prctl.h>

long trace(long request, pid_t pid, void *addr, void *data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

/* A tracer that dies must not leave its children behind. */
static void child_begin(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20);
}

pid_t traced_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		child_begin();
		MUST(trace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		raise(SIGSTOP);
		fn();
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return pid;
}

static bool read_proc(pid_t pid, char *state, int *tracer)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "State: %c", state);
		sscanf(line, "TracerPid: %d", tracer);
	}
	fclose(f);
	return true;
}

/* Until it sleeps. */
static void wait_for_sleep(pid_t pid)
{
	char state = 'R';
	int tracer;

	for (int i = 0; i < 1000 && state != 'S'; i++) {
		MUST(read_proc(pid, &state, &tracer));
		sleep_ms(1);
	}
}

pid_t idle_child(void (*ready)(void))
{
	int fds[2];
	char c;

	MUST(pipe(fds) == 0);
	pid_t pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		child_begin();
		if (ready)
			ready();
		MUST(write(fds[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	MUST(read(fds[0], &c, 1) == 1);
	close(fds[0]);
	close(fds[1]);
	wait_for_sleep(pid);
	return pid;
}

void kill_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		trace(PTRACE_CONT, pid, NULL, NULL);
}

static const char *event_name(int event)
{
	static const char *const names[] = {
		"", " fork", " vfork", " clone", " exec", " vfork-done", " exit", " seccomp"};

	if (event == PTRACE_EVENT_STOP)
		return " event-stop";
	return event < 8 ? names[event] : " unknown event";
}

void say_stop(const char *label, int status)
{
	if (!WIFSTOPPED(status)) {
		say_status(label, status);
		return;
	}
	int signal = WSTOPSIG(status);
	say("%s: stopped by %s%s%s", label, signal_name(signal & 0x7f),
		signal & 0x80 ? " at a call" : "", event_name(status >> 16));
}

int next_stop(const char *label, pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, __WALL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		say("%s: waitpid: %s", label, errno_name(errno));
	else
		say_stop(label, status);
	return status;
}

int step_on(const char *label, long request, pid_t pid, int signal)
{
	if (trace(request, pid, NULL, NR(signal)) < 0)
		say("%s: request %#lx: %s", label, request, errno_name(errno));
	return next_stop(label, pid);
}

unsigned long peek_user(pid_t pid, size_t offset)
{
	unsigned long word = 0;

	if (trace(PTRACE_PEEKUSER, pid, NR(offset), &word) < 0)
		say("PEEKUSER %zu: %s", offset, errno_name(errno));
	return word;
}

void say_siginfo(const char *label, pid_t pid)
{
	siginfo_t si;

	memset(&si, 0x55, sizeof(si));
	if (trace(PTRACE_GETSIGINFO, pid, NULL, &si) < 0) {
		say("%s: siginfo %s", label, errno_name(errno));
		return;
	}
	say("%s: siginfo %s code %#x errno %d", label, signal_name(si.si_signo), si.si_code,
		si.si_errno);
}

/* One that is on its way to sleep or to stop is waited for. */
void say_proc(const char *label, pid_t pid)
{
	char state = 'R';
	int tracer = -1;

	for (int i = 0; i < 1000 && state == 'R'; i++) {
		if (i)
			sleep_ms(5);
		if (!read_proc(pid, &state, &tracer)) {
			say("%s: no status", label);
			return;
		}
	}
	say("%s: state %c, tracer %s", label, state,
		tracer == getpid() ? "is me"
		: tracer	   ? "is another"
				   : "none");
}
