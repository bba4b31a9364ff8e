/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static pid_t child_exiting(int code)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0)
		_exit(code);
	return pid;
}

static pid_t child_sleeping(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		alarm(20);
		for (;;)
			pause();
	}
	return pid;
}

static void fork_returns_twice(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		_exit(getppid() == parent && getpid() != parent ? 7 : 8);
	T(pid > 0 && pid != parent);
	reap("child", pid);
}

static void fork_child_has_its_own_memory(void)
{
	static int global = 1;
	int local = 2, *heap = malloc(sizeof(int));
	*heap = 3;
	pid_t pid = fork();
	if (pid == 0) {
		int sum = global + local + *heap;
		global = local = *heap = 50;
		_exit(sum);
	}
	reap("child saw", pid);
	V(global);
	V(local);
	V(*heap);
	free(heap);
}

static void fork_copies_large_memory(void)
{
	enum { SIZE = 32 << 20 };
	unsigned char *p =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED);
	for (size_t i = 0; i < SIZE; i += 4096)
		p[i] = (unsigned char)(i >> 12);
	pid_t pid = fork();
	if (pid == 0) {
		int wrong = 0;
		for (size_t i = 0; i < SIZE; i += 4096)
			wrong += p[i] != (unsigned char)(i >> 12);
		for (size_t i = 0; i < SIZE; i += 4096 * 16)
			p[i] = 0xee;
		_exit(wrong ? 1 : 0);
	}
	reap("child", pid);
	int wrong = 0;
	for (size_t i = 0; i < SIZE; i += 4096)
		wrong += p[i] != (unsigned char)(i >> 12);
	V(wrong);
}

static void fork_writes_before_child_reads(void)
{
	int p[2];
	static volatile char data[8192];
	data[5000] = 'o';
	MUST(pipe(p) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		if (read(p[0], &c, 1) != 1)
			_exit(1);
		_exit(data[5000]);
	}
	data[5000] = 'n';
	MUST(write(p[1], "g", 1) == 1);
	reap("child", pid);
	V(data[5000]);
}

static void fork_three_generations(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		pid_t grand = fork();
		if (grand == 0) {
			pid_t great = fork();
			if (great == 0)
				_exit(1);
			int s;
			waitpid(great, &s, 0);
			_exit(WEXITSTATUS(s) + 1);
		}
		int s;
		waitpid(grand, &s, 0);
		_exit(WEXITSTATUS(s) + 1);
	}
	reap("child", pid);
}

static void fork_many_children(void)
{
	enum { COUNT = 60 };
	int status, sum = 0, reaped = 0;
	for (int i = 0; i < COUNT; i++)
		child_exiting(i);
	while (wait(&status) > 0) {
		reaped++;
		sum += WEXITSTATUS(status);
	}
	say("errno %s", errno_name(errno));
	V(reaped);
	V(sum);
}

static void wait_status_forms(void)
{
	reap("exit 0", child_exiting(0));
	reap("exit 255", child_exiting(255));
	reap("exit 256", child_exiting(256));
	reap("exit -1", child_exiting(-1));
	static const int signals[] = {SIGTERM, SIGKILL, SIGUSR1, SIGHUP, SIGALRM};
	for (int i = 0; i < 5; i++) {
		pid_t pid = child_sleeping();
		MUST(kill(pid, signals[i]) == 0);
		reap("killed", pid);
	}
}

static void wait_without_children_is_echild(void)
{
	int status;
	R(wait(&status));
	R(waitpid(-1, &status, WNOHANG));
	R(waitpid(getpid(), &status, 0));
	R(waitpid(1, &status, WNOHANG));
	R(waitpid(0, &status, 0));
	R(waitpid(-1, &status, 0x12345600));
	siginfo_t si;
	R(waitid(P_ALL, 0, &si, WEXITED));
	R(waitid(P_ALL, 0, &si, 0));
	R(waitid((idtype_t)77, 0, &si, WEXITED));
}

static void wait_wnohang_with_running_child(void)
{
	int status = 0x5555;
	pid_t pid = child_sleeping();
	R(waitpid(pid, &status, WNOHANG));
	R(waitpid(-1, &status, WNOHANG));
	V(status);
	R(kill(pid, SIGKILL));
	reap("child", pid);
	R(waitpid(pid, &status, 0));
}

static void waitpid_chooses_its_child(void)
{
	pid_t a = child_exiting(1), b = child_exiting(2), c = child_exiting(3);
	reap("third", c);
	reap("first", a);
	reap("second", b);
}

static void zombie_exists_until_waited_for(void)
{
	siginfo_t si = {0};
	pid_t pid = child_exiting(4);
	R(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	T(si.si_pid == pid);
	V(si.si_status);
	R(kill(pid, 0));
	reap("child", pid);
	R(kill(pid, 0));
}

static void waitid_fills_siginfo(void)
{
	siginfo_t si = {0};
	pid_t pid = child_exiting(33);
	R(waitid(P_PID, (id_t)pid, &si, WEXITED));
	T(si.si_signo == SIGCHLD && si.si_pid == pid && si.si_uid == getuid());
	V(si.si_code == CLD_EXITED);
	V(si.si_status);
	pid = child_sleeping();
	memset(&si, 0xff, sizeof(si));
	R(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG));
	V(si.si_pid);
	V(si.si_signo);
	kill(pid, SIGKILL);
	R(waitid(P_ALL, 0, &si, WEXITED));
	V(si.si_code == CLD_KILLED);
	V(si.si_status);
}

static void wait_reports_stop_and_continue(void)
{
	int status;
	pid_t pid = child_sleeping();
	R(kill(pid, SIGSTOP));
	T(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("child", status);
	R(kill(pid, SIGCONT));
	T(waitpid(pid, &status, WCONTINUED) == pid);
	say_status("child", status);
	R(kill(pid, SIGSTOP));
	siginfo_t si = {0};
	R(waitid(P_PID, (id_t)pid, &si, WSTOPPED));
	V(si.si_code == CLD_STOPPED);
	V(si.si_status == SIGSTOP);
	R(kill(pid, SIGKILL));
	reap("child", pid);
}

static void orphan_is_reparented(void)
{
	int p[2];
	char c = 0;
	MUST(pipe(p) == 0);
	pid_t middle = fork();
	if (middle == 0) {
		pid_t before = getpid();
		if (fork() == 0) {
			for (int i = 0; i < 500 && getppid() == before; i++)
				sleep_ms(10);
			c = getppid() != before ? 'y' : 'n';
			_exit(write(p[1], &c, 1) == 1 ? 0 : 1);
		}
		sleep_ms(50);
		_exit(0);
	}
	reap("middle", middle);
	R(read(p[0], &c, 1));
	V(c);
}

static void subreaper_adopts_orphans(void)
{
	R(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	pid_t middle = fork();
	if (middle == 0) {
		if (fork() == 0) {
			sleep_ms(100);
			_exit(21);
		}
		_exit(0);
	}
	reap("middle", middle);
	reap("grandchild", -1);
}

static void ignored_sigchld_reaps_automatically(void)
{
	int status;
	signal(SIGCHLD, SIG_IGN);
	child_exiting(1);
	child_exiting(2);
	R(wait(&status));
	signal(SIGCHLD, SIG_DFL);
	reap("default again", child_exiting(3));
}

static void vfork_shares_memory_and_suspends_parent(void)
{
	static volatile int shared;
	pid_t pid = vfork();
	if (pid == 0) {
		shared = 9;
		_exit(6);
	}
	V(shared);
	reap("child", pid);
}

static void wait4_reports_usage(void)
{
	struct rusage usage;
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		volatile unsigned x = 0;
		int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 60000000;
		while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
			x++;
		_exit(0);
	}
	memset(&usage, 0xff, sizeof(usage));
	T(wait4(pid, &status, 0, &usage) == pid);
	say_status("child", status);
	T(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
			usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >=
		40000);
}

static void fork_keeps_pending_alarm_out_of_child(void)
{
	sigset_t set, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	alarm(15);
	pid_t pid = fork();
	if (pid == 0) {
		sigpending(&pending);
		_exit((alarm(0) != 0) * 2 + sigismember(&pending, SIGUSR1));
	}
	reap("child: alarm and pending", pid);
	sigpending(&pending);
	V(sigismember(&pending, SIGUSR1));
	T(alarm(0) > 0);
}

static int clone_entry(void *argument)
{
	*(volatile int *)argument += 5;
	return 12;
}

static void clone_with_and_without_shared_memory(void)
{
	enum { STACK = 65536 };
	static volatile int value = 1;
	char *stack = malloc(STACK);
	pid_t pid = clone(clone_entry, stack + STACK, SIGCHLD, (void *)&value);
	reap("private", pid);
	V(value);
	pid = clone(clone_entry, stack + STACK, CLONE_VM | SIGCHLD, (void *)&value);
	reap("shared", pid);
	V(value);
	R(clone(clone_entry, stack + STACK, CLONE_THREAD | SIGCHLD, (void *)&value));
	R(clone(clone_entry, stack + STACK, CLONE_SIGHAND | SIGCHLD, (void *)&value));
	free(stack);
}

static int clone_close(void *argument)
{
	return close(*(int *)argument) == 0 ? 0 : 1;
}

static void clone_files_shares_descriptors(void)
{
	enum { STACK = 65536 };
	char *stack = malloc(STACK);
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);
	pid_t pid = clone(clone_close, stack + STACK, SIGCHLD, &fd);
	reap("own table", pid);
	R(fcntl(fd, F_GETFD));
	pid = clone(clone_close, stack + STACK, CLONE_FILES | SIGCHLD, &fd);
	reap("shared table", pid);
	R(fcntl(fd, F_GETFD));
	free(stack);
}

static int clone_chdir(void *argument)
{
	return chdir(argument) == 0 ? 0 : 1;
}

static void clone_fs_shares_working_directory(void)
{
	enum { STACK = 65536 };
	char *stack = malloc(STACK);
	MUST(mkdir("d", 0755) == 0);
	make_file("d/inside", "x");
	reap("own", clone(clone_chdir, stack + STACK, SIGCHLD, "d"));
	R(access("inside", F_OK));
	reap("shared", clone(clone_chdir, stack + STACK, CLONE_FS | SIGCHLD, "d"));
	R(access("inside", F_OK));
	free(stack);
}

static void clone_without_exit_signal_needs_wclone(void)
{
	enum { STACK = 65536 };
	static volatile int value;
	int status;
	char *stack = malloc(STACK);
	pid_t pid = clone(clone_entry, stack + STACK, 0, (void *)&value);
	R(waitpid(pid, &status, 0));
	T(waitpid(pid, &status, __WALL) == pid);
	say_status("child", status);
	free(stack);
}

static void parent_death_signal_is_delivered(void)
{
	int p[2];
	char c = 0;
	MUST(pipe(p) == 0);
	pid_t middle = fork();
	if (middle == 0) {
		int ready[2];
		MUST(pipe(ready) == 0);
		if (fork() == 0) {
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			sigprocmask(SIG_BLOCK, &set, NULL);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			MUST(write(ready[1], "r", 1) == 1);
			struct timespec limit = {10, 0};
			c = sigtimedwait(&set, NULL, &limit) == SIGUSR1 ? 'y' : 'n';
			_exit(write(p[1], &c, 1) == 1 ? 0 : 1);
		}
		MUST(read(ready[0], &c, 1) == 1);
		_exit(0);
	}
	reap("middle", middle);
	R(read(p[0], &c, 1));
	V(c);
}

static void pids_are_not_reused_at_once(void)
{
	pid_t last = 0;
	int same = 0;
	for (int i = 0; i < 50; i++) {
		pid_t pid = child_exiting(0);
		int status;
		MUST(waitpid(pid, &status, 0) == pid);
		same += pid == last;
		last = pid;
	}
	V(same);
}

const struct behaviour behaviours[] = {BEHAVIOUR(fork_returns_twice),
	BEHAVIOUR(fork_child_has_its_own_memory), BEHAVIOUR(fork_copies_large_memory),
	BEHAVIOUR(fork_writes_before_child_reads), BEHAVIOUR(fork_three_generations),
	BEHAVIOUR(fork_many_children), BEHAVIOUR(wait_status_forms),
	BEHAVIOUR(wait_without_children_is_echild), BEHAVIOUR(wait_wnohang_with_running_child),
	BEHAVIOUR(waitpid_chooses_its_child), BEHAVIOUR(zombie_exists_until_waited_for),
	BEHAVIOUR(waitid_fills_siginfo), BEHAVIOUR(wait_reports_stop_and_continue),
	BEHAVIOUR(orphan_is_reparented), BEHAVIOUR(subreaper_adopts_orphans),
	BEHAVIOUR(ignored_sigchld_reaps_automatically),
	BEHAVIOUR(vfork_shares_memory_and_suspends_parent), BEHAVIOUR(wait4_reports_usage),
	BEHAVIOUR(fork_keeps_pending_alarm_out_of_child),
	BEHAVIOUR(clone_with_and_without_shared_memory), BEHAVIOUR(clone_files_shares_descriptors),
	BEHAVIOUR(clone_fs_shares_working_directory),
	BEHAVIOUR(clone_without_exit_signal_needs_wclone),
	BEHAVIOUR(parent_death_signal_is_delivered), BEHAVIOUR(pids_are_not_reused_at_once), {0}};
