/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

static void user_ids_are_consistent(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	R(getresuid(&r, &e, &s));
	T(r == getuid() && e == geteuid() && r == e && e == s);
	R(getresgid(&rg, &eg, &sg));
	T(rg == getgid() && eg == getegid() && rg == eg && eg == sg);
	T((uid_t)setfsuid((uid_t)-1) == geteuid());
	T((gid_t)setfsgid((gid_t)-1) == getegid());
}

static void setting_own_ids_succeeds(void)
{
	R(setuid(getuid()));
	R(setgid(getgid()));
	R(seteuid(geteuid()));
	R(setegid(getegid()));
	R(setreuid((uid_t)-1, (uid_t)-1));
	R(setresuid((uid_t)-1, getuid(), (uid_t)-1));
	R(setresgid((gid_t)-1, getgid(), (gid_t)-1));
}

static void getgroups_is_consistent(void)
{
	gid_t groups[256];
	int n = getgroups(0, NULL);
	T(n >= 0);
	T(getgroups(256, groups) == n);
	volatile int minus_one = -1;
	R(getgroups(minus_one, groups));
}

static void pid_relations(void)
{
	T(getpid() > 0);
	T(getpid() == (pid_t)syscall(SYS_gettid));
	pid_t me = getpid();
	pid_t pid = fork();
	if (pid == 0)
		_exit(getppid() == me && getpgrp() == getpgid(me) && getsid(0) == getsid(me) ? 0
											     : 1);
	reap("child", pid);
}

static void process_group_can_be_made(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		R(setpgid(0, 0));
		T(getpgrp() == getpid());
		T(getpgid(0) == getpid());
		T(getsid(0) != getpid());
		R(setpgid(0, 0));
		_exit(0);
	}
	reap("child", pid);
}

static void parent_moves_child_to_group(void)
{
	int p[2];
	char c;
	MUST(pipe(p) == 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(read(p[0], &c, 1) == 1 && getpgrp() == getpid() ? 0 : 1);
	R(setpgid(pid, pid));
	T(getpgid(pid) == pid);
	MUST(write(p[1], "x", 1) == 1);
	reap("child", pid);
}

static void setsid_makes_a_session(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		T(setsid() == getpid());
		T(getsid(0) == getpid());
		T(getpgrp() == getpid());
		R(setsid());
		R(setpgid(0, 0));
		_exit(0);
	}
	reap("child", pid);
}

static void group_refusals(void)
{
	R(setpgid(-1, 0));
	R(setpgid(0, -1));
	R(setpgid(0, 1 << 30));
	R(setpgid(1 << 30, 0));
	R(getpgid(1 << 30));
	R(getpgid(-1));
	R(getsid(1 << 30));
}

static void waitpid_by_group(void)
{
	int status;
	pid_t a = fork();
	if (a == 0) {
		setpgid(0, 0);
		_exit(1);
	}
	setpgid(a, a);
	pid_t b = fork();
	if (b == 0)
		_exit(2);
	T(waitpid(-a, &status, 0) == a);
	say_status("by group", status);
	T(waitpid(0, &status, 0) == b);
	say_status("own group", status);
	R(waitpid(-a, &status, 0));
}

static void kill_reaches_whole_group(void)
{
	int p[2];
	char c;
	pid_t pid[3];
	MUST(pipe(p) == 0);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			setpgid(0, i ? pid[0] : 0);
			MUST(write(p[1], "r", 1) == 1);
			for (;;)
				pause();
		}
		setpgid(pid[i], pid[0]);
		MUST(read(p[0], &c, 1) == 1);
	}
	R(kill(-pid[0], 0));
	R(kill(-pid[0], SIGTERM));
	for (int i = 0; i < 3; i++)
		reap("member", pid[i]);
	R(kill(-pid[0], 0));
}

static void kill_refusals(void)
{
	R(kill(getpid(), 0));
	R(kill(getpid(), 65));
	R(kill(getpid(), -1));
	R(kill(1 << 30, 0));
	R(kill(-(1 << 30), SIGTERM));
	R(syscall(SYS_tgkill, getpid(), getpid(), 0));
	R(syscall(SYS_tgkill, getpid(), 1 << 30, 0));
	R(syscall(SYS_tgkill, -1, getpid(), 0));
	R(syscall(SYS_tkill, 1 << 30, 0));
}

static void getpriority_and_nice(void)
{
	int before = nice(0);
	R(nice(3) - before);
	R(nice(0) - before);
	R(nice(100) - 19);
}

const struct behaviour behaviours[] = {BEHAVIOUR(user_ids_are_consistent),
	BEHAVIOUR(setting_own_ids_succeeds), BEHAVIOUR(getgroups_is_consistent),
	BEHAVIOUR(pid_relations), BEHAVIOUR(process_group_can_be_made),
	BEHAVIOUR(parent_moves_child_to_group), BEHAVIOUR(setsid_makes_a_session),
	BEHAVIOUR(group_refusals), BEHAVIOUR(waitpid_by_group), BEHAVIOUR(kill_reaches_whole_group),
	BEHAVIOUR(kill_refusals), BEHAVIOUR(getpriority_and_nice), {0}};
