/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that few programs make, and those whose answer to a user is a refusal. */
#include "behave.h"

#include <linux/kcmp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>

static void as_user(void)
{
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
}

static void machine_calls(void)
{
	as_user();
	R(syscall(SYS_acct, NULL));
	R(syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL));
	R(syscall(SYS_umount2, "/", 0));
	R(syscall(SYS_pivot_root, "/", "/"));
	R(syscall(SYS_swapon, "/none", 0));
	R(syscall(SYS_swapoff, "/none"));
	R(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, NULL));
	R(syscall(SYS_vhangup));
	R(syscall(SYS_syslog, 77, NULL, 0));
	R(syscall(SYS_syslog, 5, NULL, 0));
}

static void machine_calls_of_a_user(void)
{
	in_child("user", machine_calls);
}

static void namespaces(void)
{
	as_user();
	R(syscall(SYS_setns, 99, 0));
	R(syscall(SYS_setns, 0, 0));
	R(syscall(SYS_unshare, 1));
	R(unshare(CLONE_NEWNS));
	R(unshare(CLONE_NEWUTS | CLONE_FS));
	R(unshare(0));
	R(unshare(CLONE_THREAD));
	R(unshare(CLONE_VM));
	R(unshare(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM));
}

static void namespaces_of_a_user(void)
{
	in_child("user", namespaces);
}

static int share_nothing(void *arg)
{
	MUST(unshare(CLONE_FS | CLONE_FILES) == 0);
	MUST(chdir("/") == 0);
	close(*(int *)arg);
	return 0;
}

static void unshare_files_and_directory(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	char before[256], after[256];
	int fd = open_file("/dev/null", O_RDONLY);

	MUST(getcwd(before, sizeof(before)) != NULL);
	pid_t pid =
		clone(share_nothing, stack + sizeof(stack), CLONE_FS | CLONE_FILES | SIGCHLD, &fd);
	reap("child", pid);
	MUST(getcwd(after, sizeof(after)) != NULL);
	T(strcmp(before, after) == 0);
	T(fcntl(fd, F_GETFD) >= 0);
}

static void keys(void)
{
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	R(syscall(SYS_pkey_alloc, 1, 0));
	R(syscall(SYS_pkey_alloc, 0, 4));
	R(syscall(SYS_pkey_free, -1));
	R(syscall(SYS_pkey_free, 15));
	R(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, 15));
	R(syscall(SYS_pkey_mprotect, p + 1, 4096, PROT_READ, -1));
	R(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ | PROT_WRITE, -1));
	p[0] = 1;
	V(p[0]);
}

static long kcmp_(pid_t a, pid_t b, int what, long x, long y)
{
	long r = syscall(SYS_kcmp, a, b, what, x, y);

	return r == 2 ? 1 : r; /* which of two is first says nothing */
}

static void kcmp_of_files(void)
{
	pid_t me = getpid();
	int a = open_file("/dev/null", O_RDONLY), b = dup(a), c = open_file("/dev/null", O_RDONLY);

	V(kcmp_(me, me, KCMP_FILE, a, b));
	V(kcmp_(me, me, KCMP_FILE, a, c));
	V(kcmp_(me, me, KCMP_FILE, a, a));
	errno = 0;
	V(kcmp_(me, me, KCMP_FILE, a, 99));
	S(errno_name(errno));
	R(kcmp_(me, me, 77, 0, 0));
	R(kcmp_(me, -5, KCMP_VM, 0, 0));
	pid_t pid = fork();
	if (pid == 0) {
		V(kcmp_(me, getpid(), KCMP_FILE, a, b));
		V(kcmp_(me, getpid(), KCMP_VM, 0, 0));
		V(kcmp_(me, getpid(), KCMP_FILES, 0, 0));
		V(kcmp_(me, getpid(), KCMP_FS, 0, 0));
		V(kcmp_(me, getpid(), KCMP_SIGHAND, 0, 0));
		V(kcmp_(me, getpid(), KCMP_SYSVSEM, 0, 0));
		V(kcmp_(me, me, KCMP_FILES, 0, 0));
		_exit(0);
	}
	reap("child", pid);
}

static void stranger_compares(void)
{
	pid_t parent = getppid();

	as_user();
	R(kcmp_(parent, parent, KCMP_VM, 0, 0));
}

static void kcmp_needs_rights(void)
{
	in_child("stranger", stranger_compares);
}

static void user_sets_time(void)
{
	struct timex x = {.modes = ADJ_FREQUENCY};

	as_user();
	R(adjtimex(&x));
	x.modes = 0;
	T(adjtimex(&x) >= 0);
	T(x.time.tv_sec > 1600000000);
	V(x.tick);
	R(adjtimex((void *)8));
	x.modes = ADJ_OFFSET_SINGLESHOT;
	R(adjtimex(&x));
	x.modes = ADJ_OFFSET_SS_READ;
	T(adjtimex(&x) >= 0);
	x.modes = 0;
	T(clock_adjtime(CLOCK_REALTIME, &x) >= 0);
	R(clock_adjtime(CLOCK_MONOTONIC, &x));
	R(clock_adjtime(99, &x));
}

static void time_can_be_read(void)
{
	in_child("user", user_sets_time);
}

static void io_priorities(void)
{
	R(syscall(SYS_ioprio_get, 9, 0));
	R(syscall(SYS_ioprio_get, 1, 0));
	R(syscall(SYS_ioprio_get, 1, 999999));
	R(syscall(SYS_ioprio_set, 9, 0, 2 << 13));
	R(syscall(SYS_ioprio_set, 1, 0, 1));
	R(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
	R(syscall(SYS_ioprio_get, 1, 0));
	pid_t pid = fork();
	if (pid == 0) {
		R(syscall(SYS_ioprio_get, 1, 0));
		_exit(0);
	}
	reap("child", pid);
	R(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
	R(syscall(SYS_ioprio_get, 1, getpid()));
	in_child("user", as_user);
}

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
	uint64_t more;
};

static long set(struct attr *a)
{
	return syscall(SYS_sched_setattr, 0, a, 0);
}

static void scheduling(void)
{
	struct attr a = {.size = 48, .policy = SCHED_BATCH, .nice = 5}, b;

	R(set(&a));
	V(sched_getscheduler(0));
	R(syscall(SYS_sched_getattr, 0, &b, 56, 0));
	V(b.nice);
	a.policy = SCHED_OTHER;
	a.nice = 7;
	a.flags = 1;
	R(set(&a));
	V(sched_getscheduler(0) == (SCHED_OTHER | SCHED_RESET_ON_FORK));
	a.policy = 77;
	R(set(&a));
	a.policy = SCHED_OTHER;
	a.priority = 3;
	R(set(&a));
	a.priority = 0;
	a.flags = 0x8000;
	R(set(&a));
	a.flags = 1;
	a.size = 10;
	R(set(&a));
	V(a.size);
	a.size = 64;
	a.more = 1;
	R(set(&a));
	V(a.size);
	a.size = 64;
	a.more = 0;
	R(set(&a));
	a.size = 0;
	R(set(&a));
	R(syscall(SYS_sched_setattr, 0, NULL, 0));
	R(syscall(SYS_sched_setattr, -1, &a, 0));
	R(syscall(SYS_sched_setattr, 0, &a, 1));
	R(syscall(SYS_sched_setattr, 999999, &a, 0));
	R(syscall(SYS_sched_setattr, 0, 8, 0));
}

static void splice_memory(void)
{
	char one[] = "hello ", two[] = "world", buffer[32] = "";
	struct iovec v[2] = {{one, 6}, {two, 5}}, in = {buffer, 31};
	int p[2];

	MUST(pipe(p) == 0);
	R(vmsplice(p[1], v, 2, 0));
	R(read(p[0], buffer, 31));
	S(buffer);
	memset(buffer, 0, sizeof(buffer));
	R(vmsplice(p[1], v, 1, SPLICE_F_GIFT));
	R(vmsplice(p[0], &in, 1, 0));
	S(buffer);
	R(vmsplice(p[0], &in, 1, SPLICE_F_NONBLOCK));
	R(vmsplice(p[1], v, 0, 0));
	R(vmsplice(p[1], v, 2, 0x100));
	R(vmsplice(99, v, 2, 0));
	R(vmsplice(p[1], v, 5000, 0));
	R(vmsplice(p[1], (void *)8, 1, 0));
	R(vmsplice(open_file("/dev/null", O_WRONLY), v, 2, 0));
	R(vmsplice(open_file("/dev/null", O_PATH), v, 2, 0));
	close(p[1]);
	R(vmsplice(p[0], &in, 1, 0));
}

static void splice_memory_without_reader(void)
{
	char one[] = "x";
	struct iovec v = {one, 1};
	int p[2];

	MUST(pipe(p) == 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	R(vmsplice(p[1], &v, 1, 0));
}

static void handles(void)
{
	struct {
		struct file_handle h;
		char space[128];
	} h = {.h.handle_bytes = 128};
	int mount;

	R(name_to_handle_at(AT_FDCWD, "missing", &h.h, &mount, 0));
	R(name_to_handle_at(AT_FDCWD, "", &h.h, &mount, 0));
	R(name_to_handle_at(AT_FDCWD, ".", &h.h, &mount, 0x40));
	R(name_to_handle_at(99, "x", &h.h, &mount, 0));
}

static void advice_for_a_process(void)
{
	char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v = {p, 8192};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	R(syscall(SYS_process_madvise, fd, &v, 1, MADV_COLD, 1));
	R(syscall(SYS_process_madvise, 99, &v, 1, MADV_COLD, 0));
	R(syscall(SYS_process_madvise, 0, &v, 1, MADV_COLD, 0));
	R(syscall(SYS_process_madvise, fd, &v, 5000, MADV_COLD, 0));
	R(syscall(SYS_process_madvise, fd, 8, 1, MADV_COLD, 0));
	R(syscall(SYS_process_madvise, fd, &v, 1, 999, 0));
}

const struct behaviour behaviours[] = {BEHAVIOUR(machine_calls_of_a_user),
	BEHAVIOUR(namespaces_of_a_user), BEHAVIOUR(unshare_files_and_directory), BEHAVIOUR(keys),
	BEHAVIOUR(kcmp_of_files), BEHAVIOUR(kcmp_needs_rights), BEHAVIOUR(time_can_be_read),
	BEHAVIOUR(io_priorities), BEHAVIOUR(scheduling), BEHAVIOUR(splice_memory),
	BEHAVIOUR(splice_memory_without_reader), BEHAVIOUR(handles),
	BEHAVIOUR(advice_for_a_process), {0}};
