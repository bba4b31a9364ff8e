/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a task at work, and the few files there that take something. */
#include "behave.h"

#include <pthread.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static char text[4096];

static ssize_t slurp(const char *name, int pid)
{
	char path[128];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n;
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	say("open %s: %s", path, errno_name(fd < 0 ? errno : 0));
	if (fd < 0)
		return;
	R(write(fd, value, strlen(value)));
	close(fd);
}

/* A child in read(2) on a pipe that nobody writes to. */
static pid_t blocked_reader(void)
{
	static int ends[2];
	pid_t pid;

	MUST(pipe(ends) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		char c;

		close(ends[1]);
		_exit((int)syscall(SYS_read, ends[0], &c, 1));
	}
	until_asleep(pid);
	return pid;
}

static void call_in_progress(void)
{
	pid_t pid = blocked_reader();
	unsigned long call = 999, fd = 999, buf, size = 999;

	T(slurp("syscall", pid) > 0);
	MUST(sscanf(text, "%lu 0x%lx 0x%lx 0x%lx", &call, &fd, &buf, &size) == 4);
	V(call);
	V(fd);
	V(size);
	T(slurp("syscall", getpid()) > 0); /* read, by slurp itself */
	MUST(sscanf(text, "%lu 0x%lx 0x%lx 0x%lx", &call, &fd, &buf, &size) == 4);
	V(call);
	V(fd);
	V(size);
	kill(pid, SIGKILL);
	reap("reader", pid);
	T(slurp("syscall", pid) < 0);
}

static void personality_and_slack(void)
{
	T(slurp("personality", getpid()) > 0);
	S(text);
	R(personality(ADDR_NO_RANDOMIZE));
	T(slurp("personality", getpid()) > 0);
	S(text);
	T(slurp("timerslack_ns", getpid()) > 0);
	S(text);
	R(prctl(PR_SET_TIMERSLACK, 77000));
	T(slurp("timerslack_ns", getpid()) > 0);
	S(text);
	R(prctl(PR_SET_TIMERSLACK, 0));
	T(slurp("timerslack_ns", getpid()) > 0);
	S(text);
}

static void time_used(void)
{
	unsigned long before = 0, after = 0;

	T(slurp("schedstat", getpid()) > 0 && sscanf(text, "%lu", &before) == 1);
	for (int64_t end = now_ns(CLOCK_THREAD_CPUTIME_ID) + 30000000;
		now_ns(CLOCK_THREAD_CPUTIME_ID) < end;)
		;
	T(slurp("schedstat", getpid()) > 0 && sscanf(text, "%lu", &after) == 1);
	T(after - before >= 20000000);
}

static void comm_of_others(void)
{
	pid_t pid = blocked_reader();

	T(slurp("comm", pid) > 0);
	S(text);
	put("/proc/self/comm", "a name that is much too long");
	T(slurp("comm", getpid()) > 0);
	S(text);
	put("/proc/self/comm", "");
	T(slurp("comm", getpid()) > 0);
	S(text);
	kill(pid, SIGKILL);
	reap("reader", pid);
}

static void chances_of_being_killed(void)
{
	put("/proc/self/oom_score_adj", "500");
	put("/proc/self/oom_score_adj", "1000\n");
	put("/proc/self/oom_score_adj", "1001");
	put("/proc/self/oom_score_adj", "-1001");
	put("/proc/self/oom_score_adj", "many");
	put("/proc/self/oom_score_adj", "12 monkeys");
}

static void dead_but_not_reaped(void)
{
	static const char *const files[] = {"maps", "cmdline", "statm", "smaps"};
	pid_t pid = fork();
	siginfo_t si;

	MUST(pid >= 0);
	if (!pid)
		_exit(3);
	MUST(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		say("%s", files[i]);
		V(slurp(files[i], pid));
		S(text);
	}
	T(slurp("stat", pid) > 0 && strstr(text, ") Z "));
	T(slurp("status", pid) > 0 && strstr(text, "State:\tZ (zombie)"));
	T(slurp("fd/0", pid) < 0);
	reap("child", pid);
}

static long maker;
static pid_t made;

static void *make_one(void *unused)
{
	maker = syscall(SYS_gettid);
	made = fork();
	pause();
	return unused;
}

/* Whose children these are, of a thread of ours, in order. */
static void say_children(const char *label, long tid, const pid_t *pid, int n)
{
	char path[64], *rest = text;
	int at = 0;

	snprintf(path, sizeof(path), "task/%ld/children", tid);
	T(slurp(path, getpid()) >= 0);
	for (char *word; (word = strsep(&rest, " ")) && *word; at++)
		if (at >= n || atoi(word) != pid[at])
			say("%s: another at %d", label, at);
	say("%s: %d, and then %zu bytes", label, at, rest ? strlen(rest) : 0);
}

static void children_of_each_thread(void)
{
	pid_t pid[4] = {0};
	pthread_t thread;
	siginfo_t si;

	say_children("none", getpid(), pid, 0);
	for (int i = 0; i < 3; i++)
		pid[i] = blocked_reader();
	say_children("three", getpid(), pid, 3);
	kill(pid[1], SIGKILL);
	MUST(waitid(P_PID, (id_t)pid[1], &si, WEXITED | WNOWAIT) == 0);
	say_children("one is dead", getpid(), pid, 3);
	reap("dead", pid[1]);
	pid[1] = pid[2];
	say_children("two", getpid(), pid, 2);
	MUST(pthread_create(&thread, NULL, make_one, NULL) == 0);
	until_threads_asleep();
	pid[2] = made;
	say_children("the thread's", maker, pid + 2, 1);
	say_children("two still", getpid(), pid, 2);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	say_children("inherited", getpid(), pid, 3);
	T(slurp("children", getpid()) < 0);
	for (int i = 0; i < 3; i++)
		kill(pid[i], SIGKILL);
}

const struct behaviour behaviours[] = {BEHAVIOUR(children_of_each_thread),
	BEHAVIOUR(call_in_progress), BEHAVIOUR(personality_and_slack), BEHAVIOUR(time_used),
	BEHAVIOUR(comm_of_others), BEHAVIOUR(chances_of_being_killed),
	BEHAVIOUR(dead_but_not_reaped), {0}};
