/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, usage, and what a process can ask about the system and itself. */
#include "behave.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static void getrlimit_soft_is_at_most_hard(void)
{
	for (int which = 0; which < RLIM_NLIMITS; which++) {
		struct rlimit l = {1, 0};
		int r = getrlimit(which, &l);
		say("limit %d: %d, %s", which, r, l.rlim_cur <= l.rlim_max ? "ordered" : "wrong");
	}
	struct rlimit l;
	R(getrlimit(RLIM_NLIMITS, &l));
	R(getrlimit(-1, &l));
}

static void setrlimit_lowers_and_reads_back(void)
{
	struct rlimit l = {100, 200}, got;

	R(setrlimit(RLIMIT_NOFILE, &l));
	R(getrlimit(RLIMIT_NOFILE, &got));
	V(got.rlim_cur);
	V(got.rlim_max);
	l = (struct rlimit){200, 100};
	R(setrlimit(RLIMIT_NOFILE, &l));
	l = (struct rlimit){150, 200};
	R(setrlimit(RLIMIT_NOFILE, &l));
	R(getrlimit(RLIMIT_NOFILE, &got));
	V(got.rlim_cur);
	l = (struct rlimit){1 << 20, RLIM_INFINITY};
	R(setrlimit(RLIMIT_STACK, &l));
	l = (struct rlimit){1 << 20, 1 << 21};
	R(setrlimit(RLIMIT_STACK, &l));
	R(getrlimit(RLIMIT_STACK, &got));
	V(got.rlim_max);
	R(setrlimit(99, &l));
}

static void prlimit_reads_and_writes_at_once(void)
{
	struct rlimit new = {64, 128}, old = {0, 0};

	R(prlimit(0, RLIMIT_NOFILE, &new, NULL));
	new.rlim_cur = 32;
	R(prlimit(getpid(), RLIMIT_NOFILE, &new, &old));
	V(old.rlim_cur);
	V(old.rlim_max);
	R(prlimit(0, RLIMIT_NOFILE, NULL, &old));
	V(old.rlim_cur);
	R(prlimit(1 << 30, RLIMIT_NOFILE, NULL, &old));
}

static void rlimits_are_inherited(void)
{
	struct rlimit l = {77, 88};
	MUST(setrlimit(RLIMIT_NOFILE, &l) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		getrlimit(RLIMIT_NOFILE, &l);
		_exit((int)l.rlim_cur);
	}
	reap("child sees", pid);
}

static void address_space_limit_is_enforced(void)
{
	struct rlimit l = {512 << 20, 512 << 20};
	R(setrlimit(RLIMIT_AS, &l));
	P(mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	P(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void spin(void)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

static void cpu_limit_raises_sigxcpu(void)
{
	struct rlimit l = {1, 3};
	MUST(setrlimit(RLIMIT_CPU, &l) == 0);
	in_child("spinner", spin);
}

static void getrusage_grows(void)
{
	struct rusage before, after;
	R(getrusage(RUSAGE_SELF, &before));
	int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 60000000;
	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
	R(getrusage(RUSAGE_SELF, &after));
	T(after.ru_utime.tv_sec * 1000000 + after.ru_utime.tv_usec +
			after.ru_stime.tv_sec * 1000000 + after.ru_stime.tv_usec >
		before.ru_utime.tv_sec * 1000000 + before.ru_utime.tv_usec +
			before.ru_stime.tv_sec * 1000000 + before.ru_stime.tv_usec);
	T(after.ru_maxrss > 0);
	R(getrusage(RUSAGE_CHILDREN, &after));
	V(after.ru_utime.tv_sec);
	R(getrusage(RUSAGE_THREAD, &after));
	R(getrusage(55, &after));
}

static void times_counts_ticks(void)
{
	struct tms t;
	V(sysconf(_SC_CLK_TCK));
	T(times(&t) != (clock_t)-1);
	T(t.tms_cutime == 0 && t.tms_cstime == 0);
	T(times(NULL) != (clock_t)-1);
}

static void uname_is_linux(void)
{
	struct utsname u;
	int major = 0;
	R(uname(&u));
	S(u.sysname);
	S(u.machine);
	T(sscanf(u.release, "%d.", &major) == 1 && major >= 4);
	T(u.nodename[0] != 0);
	T(u.version[0] != 0);
	char name[256];
	T(gethostname(name, sizeof(name)) == 0 && strcmp(name, u.nodename) == 0);
}

static void sysinfo_is_sane(void)
{
	struct sysinfo si;
	R(sysinfo(&si));
	T(si.uptime > 0);
	T(si.totalram > 0 && si.freeram <= si.totalram);
	T(si.mem_unit > 0);
	T(si.procs > 0);
}

static void sysconf_is_sane(void)
{
	V(sysconf(_SC_PAGESIZE));
	T(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	T(sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
	T(sysconf(_SC_PHYS_PAGES) > 1000);
	V(sysconf(_SC_IOV_MAX));
	V(sysconf(_SC_NGROUPS_MAX));
	T(sysconf(_SC_OPEN_MAX) > 0);
	T(sysconf(_SC_ARG_MAX) >= 131072);
}

static void affinity_can_be_read_and_set(void)
{
	cpu_set_t set, one;
	CPU_ZERO(&set);
	R(sched_getaffinity(0, sizeof(set), &set));
	T(CPU_COUNT(&set) >= 1);
	int cpu = 0;
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	R(sched_setaffinity(0, sizeof(one), &one));
	CPU_ZERO(&set);
	R(sched_getaffinity(0, sizeof(set), &set));
	V(CPU_COUNT(&set));
	T(CPU_ISSET(cpu, &set));
	T(sched_getcpu() == cpu);
	CPU_ZERO(&one);
	R(sched_setaffinity(0, sizeof(one), &one));
	R(sched_getaffinity(1 << 30, sizeof(set), &set));
	R(syscall(SYS_sched_getaffinity, 0, 1L, &set));
	unsigned c = 99, node = 99;
	R(syscall(SYS_getcpu, &c, &node, NULL));
	T((int)c == cpu);
}

static void scheduler_calls(void)
{
	struct sched_param p = {0};
	struct timespec t;
	R(sched_yield());
	R(sched_getscheduler(0));
	R(sched_getparam(0, &p));
	V(p.sched_priority);
	R(sched_get_priority_max(SCHED_FIFO));
	R(sched_get_priority_min(SCHED_FIFO));
	R(sched_get_priority_max(SCHED_OTHER));
	R(sched_get_priority_max(77));
	R(sched_rr_get_interval(0, &t));
	R(sched_getscheduler(1 << 30));
	p.sched_priority = 5;
	R(sched_setscheduler(0, SCHED_OTHER, &p));
	p.sched_priority = 0;
	R(sched_setscheduler(0, SCHED_BATCH, &p));
	R(sched_getscheduler(0));
	errno = 0;
	R(getpriority(PRIO_PROCESS, 0) >= -20);
	R(getpriority(99, 0));
}

static void prctl_name_is_truncated_to_fifteen(void)
{
	char name[17] = "";
	R(prctl(PR_SET_NAME, "a-rather-long-name"));
	R(prctl(PR_GET_NAME, name));
	S(name);
	FILE *f = fopen("/proc/self/comm", "r");
	char line[32] = "";
	MUST(f && fgets(line, sizeof(line), f));
	S(line);
	fclose(f);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_GET_NAME, name);
		_exit(strcmp(name, "a-rather-long-n") == 0 ? 0 : 1);
	}
	reap("child inherits", pid);
}

static void prctl_flags(void)
{
	int signal = -1;
	R(prctl(PR_GET_DUMPABLE));
	R(prctl(PR_SET_DUMPABLE, 0));
	R(prctl(PR_GET_DUMPABLE));
	R(prctl(PR_SET_DUMPABLE, 5));
	R(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	R(prctl(PR_GET_PDEATHSIG, &signal));
	V(signal);
	R(prctl(PR_SET_PDEATHSIG, 1000));
	R(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	R(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	R(prctl(PR_SET_KEEPCAPS, 0));
	R(prctl(PR_GET_KEEPCAPS));
	R(prctl(PR_GET_TIMERSLACK) > 0);
	R(prctl(123456789, 0, 0, 0, 0));
}

static void personality_and_membarrier(void)
{
	R(syscall(SYS_personality, 0xffffffffUL));
	R(syscall(SYS_personality, 0UL));
	T(syscall(SYS_membarrier, 0, 0, 0) >= 0);
	R(syscall(SYS_membarrier, 8, 0, 0));
	R(syscall(SYS_membarrier, 16, 0, 0));
	R(syscall(SYS_membarrier, 8, 0, 0));
}

const struct behaviour behaviours[] = {BEHAVIOUR(getrlimit_soft_is_at_most_hard),
	BEHAVIOUR(setrlimit_lowers_and_reads_back), BEHAVIOUR(prlimit_reads_and_writes_at_once),
	BEHAVIOUR(rlimits_are_inherited), BEHAVIOUR(address_space_limit_is_enforced),
	BEHAVIOUR(cpu_limit_raises_sigxcpu), BEHAVIOUR(getrusage_grows),
	BEHAVIOUR(times_counts_ticks), BEHAVIOUR(uname_is_linux), BEHAVIOUR(sysinfo_is_sane),
	BEHAVIOUR(sysconf_is_sane), BEHAVIOUR(affinity_can_be_read_and_set),
	BEHAVIOUR(scheduler_calls), BEHAVIOUR(prctl_name_is_truncated_to_fifteen),
	BEHAVIOUR(prctl_flags), BEHAVIOUR(personality_and_membarrier), {0}};
