/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <limits.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static char *const no_environment[] = {NULL};

/* What the executed copy of this program reports about itself. */
int behave_child(int argc, char **argv)
{
	sigset_t set;
	char name[32] = "";

	if (strcmp(argv[0], "arguments") == 0) {
		for (int i = 0; i < argc; i++)
			S(argv[i]);
		for (char **e = environ; *e; e++)
			S(*e);
	} else if (strcmp(argv[0], "signals") == 0) {
		struct sigaction sa;
		sigprocmask(SIG_BLOCK, NULL, &set);
		V(sigismember(&set, SIGUSR2));
		sigpending(&set);
		V(sigismember(&set, SIGUSR2));
		MUST(sigaction(SIGUSR1, NULL, &sa) == 0);
		T(sa.sa_handler == SIG_DFL);
		MUST(sigaction(SIGHUP, NULL, &sa) == 0);
		T(sa.sa_handler == SIG_IGN);
		T(alarm(0) > 0);
	} else if (strcmp(argv[0], "descriptors") == 0) {
		for (int fd = 3; fd < 10; fd++)
			say("descriptor %d: %s", fd, fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
	} else if (strcmp(argv[0], "identity") == 0) {
		S(argc > 1 && atoi(argv[1]) == getpid() ? "same pid" : "other pid");
		prctl(PR_GET_NAME, name);
		S(name);
		V(umask(022));
		show_file("here");
	} else if (strcmp(argv[0], "exit") == 0) {
		return argc > 1 ? atoi(argv[1]) : 0;
	}
	return 0;
}

static void run(char *const argv[], char *const envp[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execve(self_path(), argv, envp);
		say("execve: %s", errno_name(errno));
		_exit(98);
	}
	reap("executed", pid);
}

static void exec_passes_arguments_and_environment(void)
{
	char *argv[] = {"name", "--child", "arguments", "", "two words", "\x01\xff", "x", NULL};
	char *envp[] = {"A=1", "EMPTY=", "no-equals", "B=two words", NULL};
	run(argv, envp);
	run(argv, no_environment);
}

static void exec_resets_handlers_keeps_mask_and_ignored(void)
{
	char *argv[] = {"name", "--child", "signals", NULL};
	sigset_t set;
	signal(SIGUSR1, (void (*)(int))(uintptr_t)exec_passes_arguments_and_environment);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	alarm(15);
	execve(self_path(), argv, no_environment);
}

static void exec_closes_cloexec_descriptors(void)
{
	char *argv[] = {"name", "--child", "descriptors", NULL};
	make_file("a", "x");
	R(open("a", O_RDONLY));
	R(open("a", O_RDONLY | O_CLOEXEC));
	int fd = R(open("a", O_RDONLY));
	R(fcntl(fd, F_SETFD, FD_CLOEXEC));
	R(dup(4));
	R(fcntl(3, F_DUPFD_CLOEXEC, 0));
	run(argv, no_environment);
}

static void exec_keeps_pid_cwd_umask_and_renames(void)
{
	char pid[16], *argv[] = {"name", "--child", "identity", pid, NULL};
	make_file("here", "found");
	snprintf(pid, sizeof(pid), "%d", getpid());
	umask(017);
	prctl(PR_SET_NAME, "temporary");
	execve(self_path(), argv, no_environment);
}

static void exec_refusals(void)
{
	char *argv[] = {"x", NULL};
	make_file("plain", "not a program\n");
	MUST(chmod("plain", 0755) == 0);
	make_file("unmarked", "#!/bin/sh\n");
	make_file("empty", "");
	MUST(chmod("empty", 0755) == 0);
	make_file("elf", "\177ELF\2\1\1");
	MUST(chmod("elf", 0755) == 0);
	MUST(mkdir("d", 0755) == 0);
	R(execve("absent", argv, no_environment));
	R(execve("plain", argv, no_environment));
	R(execve("unmarked", argv, no_environment));
	R(execve("empty", argv, no_environment));
	R(execve("elf", argv, no_environment));
	R(execve("d", argv, no_environment));
	R(execve("plain/x", argv, no_environment));
	R(execve("", argv, no_environment));
	R(execve("/dev/null", argv, no_environment));
}

static void copy_self(const char *to, mode_t mode)
{
	char buffer[65536];
	int in = open_file(self_path(), O_RDONLY), out = open_file(to, O_WRONLY | O_CREAT);
	for (ssize_t n; (n = read(in, buffer, sizeof(buffer))) > 0;)
		MUST(write(out, buffer, (size_t)n) == n);
	MUST(fchmod(out, mode) == 0);
	close(in);
	close(out);
}

static void exec_of_a_file_open_for_writing_is_busy(void)
{
	char *argv[] = {"x", "--child", "exit", "3", NULL};
	copy_self("copy", 0755);
	int fd = open_file("copy", O_WRONLY);
	R(execve("./copy", argv, no_environment));
	close(fd);
	pid_t pid = fork();
	if (pid == 0) {
		execve("./copy", argv, no_environment);
		_exit(99);
	}
	reap("closed", pid);
	R(unlink("copy"));
}

static void exec_of_truncated_program(void)
{
	char *argv[] = {"x", "--child", "exit", "3", NULL};
	copy_self("copy", 0755);
	MUST(truncate("copy", 40) == 0);
	R(execve("./copy", argv, no_environment));
	R(unlink("copy"));
}

static void exec_through_symlink_and_relative_path(void)
{
	char *argv[] = {"x", "--child", "exit", "5", NULL};
	MUST(symlink(self_path(), "link") == 0);
	pid_t pid = fork();
	if (pid == 0) {
		execve("./link", argv, no_environment);
		_exit(99);
	}
	reap("symlink", pid);
	R(unlink("link"));
}

static void fexecve_and_execveat(void)
{
	char *argv[] = {"x", "--child", "exit", "6", NULL};
	copy_self("copy", 0755);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open_file("copy", O_RDONLY | O_CLOEXEC);
		fexecve(fd, argv, no_environment);
		_exit(99);
	}
	reap("fexecve", pid);
	int dir = open_file(".", O_RDONLY | O_DIRECTORY);
	pid = fork();
	if (pid == 0) {
		syscall(SYS_execveat, dir, "copy", argv, no_environment, 0);
		_exit(99);
	}
	reap("execveat", pid);
	MUST(symlink("copy", "link") == 0);
	R(syscall(SYS_execveat, dir, "link", argv, no_environment, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_execveat, dir, "", argv, no_environment, 0));
	R(syscall(SYS_execveat, 99, "copy", argv, no_environment, 0));
	R(unlink("copy"));
}

static void exec_very_long_argument_is_e2big(void)
{
	size_t size = 200000;
	char *big = malloc(size);
	char *argv[] = {"x", "--child", "exit", "4", big, NULL};
	memset(big, 'x', size);
	big[131071] = 0;
	run(argv, no_environment);
	big[131071] = 'x';
	big[131072] = 0;
	run(argv, no_environment);
	free(big);
}

static void exec_many_arguments(void)
{
	enum { COUNT = 5000 };
	static char *argv[COUNT + 5];
	argv[0] = "x";
	argv[1] = "--child";
	argv[2] = "exit";
	argv[3] = "11";
	for (int i = 4; i < COUNT + 4; i++)
		argv[i] = "argument";
	run(argv, no_environment);
}

static void exec_bad_pointers(void)
{
	char *argv[] = {"x", NULL}, *bad[] = {"x", (char *)8, NULL};
	const char *self = self_path();
	R(syscall(SYS_execve, (char *)8, argv, no_environment));
	R(syscall(SYS_execve, self, (char **)8, no_environment));
	R(syscall(SYS_execve, self, bad, no_environment));
	R(syscall(SYS_execve, self, argv, (char **)8));
}

static void *wait_forever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void exec_ends_other_threads(void)
{
	char *argv[] = {"x", "--child", "exit", "13", NULL};
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;
		for (int i = 0; i < 3; i++)
			MUST(pthread_create(&t, NULL, wait_forever, NULL) == 0);
		execve(self_path(), argv, no_environment);
		_exit(99);
	}
	reap("executed with threads", pid);
}

static void *exec_from_thread(void *unused)
{
	char pid[16], *argv[] = {"x", "--child", "identity", pid, NULL};
	snprintf(pid, sizeof(pid), "%d", getpid());
	execve(self_path(), argv, no_environment);
	return unused;
}

static void exec_from_second_thread_keeps_process_id(void)
{
	pthread_t t;
	make_file("here", "threaded");
	MUST(pthread_create(&t, NULL, exec_from_thread, NULL) == 0);
	pthread_join(t, NULL);
	say("not reached");
}

static void vfork_then_exec(void)
{
	char *argv[] = {"x", "--child", "exit", "17", NULL};
	const char *self = self_path();
	pid_t pid = vfork();
	if (pid == 0) {
		execve(self, argv, no_environment);
		_exit(99);
	}
	reap("vfork and exec", pid);
	pid = vfork();
	if (pid == 0) {
		execve("absent", argv, no_environment);
		_exit(98);
	}
	reap("vfork and failed exec", pid);
}

static void exec_drops_memory_and_mappings(void)
{
	char *argv[] = {"x", "--child", "exit", "0", NULL};
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			char *p = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(p, i, 16 << 20);
			execve(self_path(), argv, no_environment);
			_exit(99);
		}
		int status;
		MUST(waitpid(pid, &status, 0) == pid && status == 0);
	}
	say("twenty times");
}

static void system_and_popen(void)
{
	char line[64];
	V(WEXITSTATUS(system("exit 3")));
	V(WEXITSTATUS(system("true")));
	FILE *f = popen("echo from shell; exit 4", "r");
	MUST(f != NULL);
	S(fgets(line, sizeof(line), f));
	V(WEXITSTATUS(pclose(f)));
	f = popen("cat > out", "w");
	MUST(f != NULL);
	fputs("to shell\n", f);
	V(WEXITSTATUS(pclose(f)));
	show_file("out");
	V(WEXITSTATUS(system("no-such-command-here 2>/dev/null")));
}

const struct behaviour behaviours[] = {BEHAVIOUR(exec_passes_arguments_and_environment),
	BEHAVIOUR(exec_resets_handlers_keeps_mask_and_ignored),
	BEHAVIOUR(exec_closes_cloexec_descriptors), BEHAVIOUR(exec_keeps_pid_cwd_umask_and_renames),
	BEHAVIOUR(exec_refusals), BEHAVIOUR(exec_of_a_file_open_for_writing_is_busy),
	BEHAVIOUR(exec_of_truncated_program), BEHAVIOUR(exec_through_symlink_and_relative_path),
	BEHAVIOUR(fexecve_and_execveat), BEHAVIOUR(exec_very_long_argument_is_e2big),
	BEHAVIOUR(exec_many_arguments), BEHAVIOUR(exec_bad_pointers),
	BEHAVIOUR(exec_ends_other_threads), BEHAVIOUR(exec_from_second_thread_keeps_process_id),
	BEHAVIOUR(vfork_then_exec), BEHAVIOUR(exec_drops_memory_and_mappings),
	BEHAVIOUR(system_and_popen), {0}};
