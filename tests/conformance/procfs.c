/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

static char text[1 << 16];

static ssize_t slurp(const char *path)
{
	size_t have = 0;
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		say("%s: %s", path, errno_name(errno));
		return -1;
	}
	for (ssize_t n; have < sizeof(text) - 1 &&
			(n = read(fd, text + have, sizeof(text) - 1 - have)) > 0;)
		have += (size_t)n;
	text[have] = 0;
	close(fd);
	return (ssize_t)have;
}

static bool has(const char *needle)
{
	return strstr(text, needle) != NULL;
}

static long field(const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static void proc_self_exe_names_the_program(void)
{
	struct stat link, file;
	char path[PATH_MAX] = "";
	T(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	S(strrchr(path, '/'));
	R(stat("/proc/self/exe", &file));
	R(stat(path, &link));
	T(link.st_ino == file.st_ino && link.st_dev == file.st_dev);
	R(lstat("/proc/self/exe", &link));
	T(S_ISLNK(link.st_mode));
	char magic[4];
	int fd = open_file("/proc/self/exe", O_RDONLY);
	R(read(fd, magic, 4));
	say_bytes("magic", magic, 4);
}

static void proc_self_is_this_process(void)
{
	char link[32] = "", path[64];
	T(readlink("/proc/self", link, sizeof(link)) > 0);
	T(atoi(link) == getpid());
	snprintf(path, sizeof(path), "/proc/%d/stat", getpid());
	T(slurp(path) > 0);
	T(atoi(text) == getpid());
	memset(link, 0, sizeof(link));
	R(readlink("/proc/thread-self", link, sizeof(link) - 1) > 0);
	int pid = 0, tid = 0;
	V(sscanf(link, "%d/task/%d", &pid, &tid));
	T(pid == getpid() && tid == getpid());
	R(access("/proc/999999999", F_OK));
}

static void proc_self_cmdline_and_comm(void)
{
	T(slurp("/proc/self/cmdline") > 0);
	char *second = text + strlen(text) + 1;
	S(second);
	slurp("/proc/self/comm");
	S(text);
	int fd = open_file("/proc/self/comm", O_WRONLY);
	R(write(fd, "renamed", 7));
	close(fd);
	slurp("/proc/self/comm");
	S(text);
}

static void proc_self_environ_is_the_initial_one(void)
{
	ssize_t n = slurp("/proc/self/environ");
	bool found = false;
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(text + i) + 1)
		found |= strcmp(text + i, "LANG=C.UTF-8") == 0;
	T(found);
	setenv("ADDED", "later", 1);
	n = slurp("/proc/self/environ");
	found = false;
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(text + i) + 1)
		found |= strncmp(text + i, "ADDED", 5) == 0;
	T(found);
}

static void proc_self_maps_describes_mappings(void)
{
	char line[128];
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(mprotect(p + 4096, 4096, PROT_READ) == 0);
	make_file("mapped-file", "x");
	int fd = open_file("mapped-file", O_RDONLY);
	MUST(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	T(slurp("/proc/self/maps") > 0);
	T(has("/procfs\n"));
	T(has("[stack]\n"));
	T(has("[heap]\n") || sbrk(0) != NULL);
	T(has("[vdso]\n"));
	T(has("/mapped-file\n"));
	T(has(" r-xp "));
	T(has(" r--s "));
	snprintf(line, sizeof(line), "%lx-%lx r--p ", (long)p + 4096, (long)p + 8192);
	T(has(line));
	unsigned long last = 0;
	int unordered = 0, lines = 0;
	for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n"), lines++) {
		unsigned long from, to;
		if (sscanf(l, "%lx-%lx", &from, &to) != 2 || from < last || to <= from)
			unordered++;
		last = to;
	}
	V(unordered);
	T(lines > 5);
}

static void proc_self_status_fields(void)
{
	T(slurp("/proc/self/status") > 0);
	T(has("Name:\tprocfs\n"));
	T(has("State:\tR (running)\n"));
	T(field("\nPid:\t") == getpid());
	T(field("\nTgid:\t") == getpid());
	T(field("\nPPid:\t") == getppid());
	T(field("\nUid:\t") == getuid());
	T(field("\nGid:\t") == getgid());
	V(field("\nThreads:\t"));
	T(field("\nVmSize:\t") > 0);
	T(field("\nVmRSS:\t") > 0);
	T(field("\nVmRSS:\t") <= field("\nVmSize:\t"));
	T(has("\nSigBlk:\t") && has("\nSigIgn:\t") && has("\nSigCgt:\t"));
	T(has("\nCpus_allowed_list:\t"));
	T(has("\nCapEff:\t"));
}

static void proc_self_status_signal_masks(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	raise(SIGUSR1);
	slurp("/proc/self/status");
	T(has("SigBlk:\t0000000000000200\n"));
	char *at = strstr(text, "SigIgn:\t");
	T(at && strtoull(at + 8, NULL, 16) & 0x800);
	T(has("ShdPnd:\t0000000000000200\n") || has("SigPnd:\t0000000000000200\n"));
}

static void proc_self_stat_has_fifty_two_fields(void)
{
	slurp("/proc/self/stat");
	char *after = strrchr(text, ')');
	int fields = 2;
	for (char *f = strtok(after + 1, " \n"); f; f = strtok(NULL, " \n")) {
		fields++;
		if (fields == 3)
			S(f);
		if (fields == 4)
			T(atoi(f) == getppid());
		if (fields == 5)
			T(atoi(f) == getpgrp());
		if (fields == 20)
			V(atoi(f));
	}
	V(fields);
	V(slurp("/proc/self/statm") > 0);
	long size, resident;
	V(sscanf(text, "%ld %ld", &size, &resident));
	T(resident > 0 && resident <= size);
}

static void proc_self_fd_lists_descriptors(void)
{
	char path[64], link[PATH_MAX] = "";
	int listed = 0, p[2];
	make_file("opened", "x");
	int fd = open_file("opened", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	T(readlink(path, link, sizeof(link) - 1) > 0);
	S(strrchr(link, '/'));
	MUST(pipe(p) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
	memset(link, 0, sizeof(link));
	T(readlink(path, link, sizeof(link) - 1) > 0);
	V(strncmp(link, "pipe:[", 6));
	DIR *d = opendir("/proc/self/fd");
	MUST(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		listed += e->d_name[0] != '.';
	closedir(d);
	V(listed);
	R(readlink("/proc/self/fd/99", link, sizeof(link)));
	R(unlink("opened"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(link, 0, sizeof(link));
	T(readlink(path, link, sizeof(link) - 1) > 0);
	S(strrchr(link, '/'));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	slurp(path);
	T(has("pos:\t0\n"));
	T(has("flags:\t0"));
}

static void proc_self_cwd_and_root(void)
{
	char link[PATH_MAX] = "", cwd[PATH_MAX];
	T(readlink("/proc/self/cwd", link, sizeof(link) - 1) > 0);
	T(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, link) == 0);
	memset(link, 0, sizeof(link));
	R(readlink("/proc/self/root", link, sizeof(link)));
	S(link);
	make_file("f", "through proc");
	R(access("/proc/self/cwd/f", R_OK));
	MUST(mkdir("d", 0755) == 0 && chdir("d") == 0);
	memset(link, 0, sizeof(link));
	T(readlink("/proc/self/cwd", link, sizeof(link) - 1) > 0);
	S(strrchr(link, '/'));
}

static void *idle(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void proc_self_task_lists_threads(void)
{
	pthread_t t;
	int listed = 0;
	for (int i = 0; i < 3; i++)
		MUST(pthread_create(&t, NULL, idle, NULL) == 0);
	DIR *d = opendir("/proc/self/task");
	MUST(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		listed += e->d_name[0] != '.';
	V(listed);
	slurp("/proc/self/status");
	V(field("\nThreads:\t"));
}

static void proc_shows_children_and_zombies(void)
{
	char path[64];
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	for (int i = 0; i < 300 && slurp(path) > 0 && !has("State:\tS"); i++)
		sleep_ms(10);
	T(has("State:\tS (sleeping)"));
	T(field("\nPPid:\t") == getpid());
	kill(pid, SIGSTOP);
	int status;
	waitpid(pid, &status, WUNTRACED);
	slurp(path);
	T(has("State:\tT (stopped)"));
	kill(pid, SIGKILL);
	siginfo_t si;
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	slurp(path);
	T(has("State:\tZ (zombie)"));
	waitpid(pid, &status, 0);
	R(access(path, F_OK));
}

static void proc_meminfo_is_sane(void)
{
	T(slurp("/proc/meminfo") > 0);
	T(field("MemTotal:") > 1000);
	T(field("MemFree:") >= 0 && field("MemFree:") <= field("MemTotal:"));
	T(field("MemAvailable:") >= 0);
	T(has("Buffers:") && has("Cached:") && has("SwapTotal:"));
}

static void proc_cpuinfo_is_sane(void)
{
	int processors = 0;
	T(slurp("/proc/cpuinfo") > 0);
	for (char *p = text; (p = strstr(p, "processor\t:")); p++)
		processors++;
	T(processors >= 1);
	T(has("vendor_id\t:") && has("model name\t:") && has("flags\t\t:"));
	T(has(" sse2 "));
}

static void proc_uptime_loadavg_stat_version(void)
{
	double up = 0, idle_time = -1, a, b, c;
	slurp("/proc/uptime");
	V(sscanf(text, "%lf %lf", &up, &idle_time));
	T(up > 0 && idle_time >= 0);
	slurp("/proc/loadavg");
	int running, total;
	V(sscanf(text, "%lf %lf %lf %d/%d", &a, &b, &c, &running, &total));
	slurp("/proc/stat");
	T(strncmp(text, "cpu ", 4) == 0 && has("\nbtime ") && has("\ncpu0 "));
	slurp("/proc/version");
	T(strncmp(text, "Linux version ", 14) == 0);
}

static void proc_mounts_and_filesystems(void)
{
	T(slurp("/proc/self/mounts") > 0);
	T(has(" / "));
	T(has(" /proc proc "));
	T(slurp("/proc/mounts") > 0);
	T(has(" / "));
	T(slurp("/proc/self/mountinfo") > 0);
	T(has(" / rw") || has(" / ro")); /* in a container "/" need not be its file system's root */
	T(slurp("/proc/filesystems") > 0);
	T(has("nodev\tproc\n") && has("nodev\ttmpfs\n"));
}

static void proc_sys_kernel_files(void)
{
	char name[256];
	T(slurp("/proc/sys/kernel/hostname") > 0);
	text[strcspn(text, "\n")] = 0;
	T(gethostname(name, sizeof(name)) == 0 && strcmp(name, text) == 0);
	slurp("/proc/sys/kernel/ostype");
	S(text);
	T(slurp("/proc/sys/kernel/osrelease") > 0);
	T(slurp("/proc/sys/kernel/pid_max") > 0 && atoi(text) >= 1024);
	T(slurp("/proc/sys/kernel/random/uuid") == 37);
	T(slurp("/proc/sys/kernel/random/boot_id") == 37);
	T(slurp("/proc/sys/vm/overcommit_memory") > 0);
	T(slurp("/proc/sys/kernel/ngroups_max") > 0);
	V(atoi(text));
	T(slurp("/proc/sys/fs/pipe-max-size") > 0 && atoi(text) >= 4096);
	T(slurp("/proc/sys/fs/nr_open") > 0 && atoi(text) >= 1024);
}

static void proc_limits_and_small_files(void)
{
	T(slurp("/proc/self/limits") > 0);
	T(strncmp(text, "Limit ", 6) == 0);
	T(has("Max open files            1024 "));
	T(slurp("/proc/self/oom_score_adj") > 0);
	T(slurp("/proc/self/cgroup") >= 0);
	T(slurp("/proc/self/auxv") >= 16 * 10);
	T(slurp("/proc/self/loginuid") != 0);
	T(slurp("/proc/self/smaps") > 0);
	T(has("Rss:") && has("Pss:"));
}

static void proc_self_mem_reads_and_writes(void)
{
	static volatile char buffer[16] = "memory";
	char copy[8] = "";
	int fd = open_file("/proc/self/mem", O_RDWR);
	R(pread(fd, copy, 6, (off_t)(uintptr_t)buffer));
	S(copy);
	R(pwrite(fd, "M", 1, (off_t)(uintptr_t)buffer));
	V(buffer[0]);
	R(pread(fd, copy, 6, 8));
}

static void proc_is_not_writable(void)
{
	/* Which error it is depends on the user. */
	T(open("/proc/new-file", O_WRONLY | O_CREAT, 0644) < 0);
	T(mkdir("/proc/new-directory", 0755) < 0);
	T(unlink("/proc/self/status") < 0);
	T(rmdir("/proc/self") < 0);
	int fd = open_file("/proc/self/status", O_RDONLY);
	char c;
	R(read(fd, &c, 1));
	R(lseek(fd, 0, SEEK_SET));
	R(read(fd, &c, 1));
	V(c);
	struct stat st;
	R(fstat(fd, &st));
	V(st.st_size);
	T(S_ISREG(st.st_mode));
}

static void proc_directory_lists_processes(void)
{
	int self = 0, meminfo = 0;
	char name[32];
	snprintf(name, sizeof(name), "%d", getpid());
	DIR *d = opendir("/proc");
	MUST(d != NULL);
	for (struct dirent *e; (e = readdir(d));) {
		self += strcmp(e->d_name, name) == 0;
		meminfo += strcmp(e->d_name, "meminfo") == 0;
	}
	closedir(d);
	V(self);
	V(meminfo);
}

const struct behaviour behaviours[] = {BEHAVIOUR(proc_self_exe_names_the_program),
	BEHAVIOUR(proc_self_is_this_process), BEHAVIOUR(proc_self_cmdline_and_comm),
	BEHAVIOUR(proc_self_environ_is_the_initial_one),
	BEHAVIOUR(proc_self_maps_describes_mappings), BEHAVIOUR(proc_self_status_fields),
	BEHAVIOUR(proc_self_status_signal_masks), BEHAVIOUR(proc_self_stat_has_fifty_two_fields),
	BEHAVIOUR(proc_self_fd_lists_descriptors), BEHAVIOUR(proc_self_cwd_and_root),
	BEHAVIOUR(proc_self_task_lists_threads), BEHAVIOUR(proc_shows_children_and_zombies),
	BEHAVIOUR(proc_meminfo_is_sane), BEHAVIOUR(proc_cpuinfo_is_sane),
	BEHAVIOUR(proc_uptime_loadavg_stat_version), BEHAVIOUR(proc_mounts_and_filesystems),
	BEHAVIOUR(proc_sys_kernel_files), BEHAVIOUR(proc_limits_and_small_files),
	BEHAVIOUR(proc_self_mem_reads_and_writes), BEHAVIOUR(proc_is_not_writable),
	BEHAVIOUR(proc_directory_lists_processes), {0}};
