/* SPDX-License-Identifier: Apache-2.0 */
/* A pointer that cannot be used is EFAULT, whichever kind of unusable it is. */
#include "behave.h"

#include <sys/mman.h>
#include <sys/syscall.h>

static long wild;
static int fd, ends[2];

static void set_up(void)
{
	make_file("a", "contents");
	fd = open_file("a", O_RDWR);
	MUST(pipe(ends) == 0);
	MUST(write(ends[1], "data", 4) == 4);
}

#define TRY(...)                                                                                   \
	do {                                                                                       \
		errno = 0;                                                                         \
		long r_ = syscall(__VA_ARGS__);                                                    \
		say("%s: %ld %s", #__VA_ARGS__, r_, errno_name(r_ == -1 ? errno : 0));             \
	} while (0)

static void file_calls(void)
{
	TRY(SYS_open, wild, O_RDONLY, 0L);
	TRY(SYS_openat, (long)AT_FDCWD, wild, O_RDONLY, 0L);
	TRY(SYS_stat, wild, wild);
	TRY(SYS_stat, "a", wild);
	TRY(SYS_lstat, "a", wild);
	TRY(SYS_fstat, fd, wild);
	TRY(SYS_newfstatat, (long)AT_FDCWD, "a", wild, 0L);
	TRY(SYS_statx, (long)AT_FDCWD, "a", 0L, 0x7ffL, wild);
	TRY(SYS_access, wild, 0L);
	TRY(SYS_mkdir, wild, 0755L);
	TRY(SYS_rmdir, wild);
	TRY(SYS_unlink, wild);
	TRY(SYS_rename, wild, "b");
	TRY(SYS_rename, "a", wild);
	TRY(SYS_link, "a", wild);
	TRY(SYS_symlink, wild, "b");
	TRY(SYS_readlink, wild, wild, 10L);
	TRY(SYS_readlink, "/proc/self", wild, 10L);
	TRY(SYS_chdir, wild);
	TRY(SYS_getcwd, wild, 100L);
	TRY(SYS_chmod, wild, 0644L);
	TRY(SYS_truncate, wild, 0L);
	TRY(SYS_statfs, ".", wild);
	TRY(SYS_utimensat, (long)AT_FDCWD, "a", wild, 0L);
	TRY(SYS_mknod, wild, (long)S_IFREG, 0L);
}

static void data_calls(void)
{
	TRY(SYS_read, fd, wild, 4L);
	TRY(SYS_write, fd, wild, 4L);
	TRY(SYS_pread64, fd, wild, 4L, 0L);
	TRY(SYS_pwrite64, fd, wild, 4L, 0L);
	TRY(SYS_readv, fd, wild, 1L);
	TRY(SYS_writev, fd, wild, 1L);
	TRY(SYS_read, ends[0], wild, 4L);
	TRY(SYS_write, ends[1], wild, 4L);
	TRY(SYS_read, fd, wild, 0L);
	TRY(SYS_write, fd, wild, 0L);
	TRY(SYS_sendfile, ends[1], fd, wild, 1L);
	TRY(SYS_ioctl, ends[0], 0x541bL, wild);
	TRY(SYS_pipe, wild);
	TRY(SYS_pipe2, wild, 0L);
	TRY(SYS_poll, wild, 1L, 0L);
	TRY(SYS_select, 10L, wild, 0L, 0L, 0L);
	TRY(SYS_fcntl, fd, (long)F_GETLK, wild);
	TRY(SYS_getrandom, wild, 8L, 0L);
	TRY(SYS_socketpair, 1L, 1L, 0L, wild);
}

static void process_calls(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	siginfo_t si;
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	errno = 0;
	long r = syscall(SYS_wait4, pid, wild, 0L, 0L);
	say("wait4: %ld %s", r < 0 ? r : 0, errno_name(r < 0 ? errno : 0));
	TRY(SYS_uname, wild);
	TRY(SYS_sysinfo, wild);
	TRY(SYS_getrlimit, 7L, wild);
	TRY(SYS_setrlimit, 7L, wild);
	TRY(SYS_prlimit64, 0L, 7L, wild, 0L);
	TRY(SYS_getrusage, 0L, wild);
	TRY(SYS_times, wild);
	TRY(SYS_getgroups, 0L, wild);
	TRY(SYS_getresuid, wild, wild, wild);
	TRY(SYS_sched_getaffinity, 0L, 128L, wild);
	TRY(SYS_sched_setaffinity, 0L, 8L, wild);
	TRY(SYS_prctl, 16L, wild, 0L, 0L, 0L);
	TRY(SYS_prctl, 15L, wild, 0L, 0L, 0L);
	TRY(SYS_execve, wild, 0L, 0L);
	TRY(SYS_arch_prctl, 0x1003L, wild);
}

static void time_and_signal_calls(void)
{
	TRY(SYS_clock_gettime, 1L, wild);
	TRY(SYS_clock_getres, 1L, wild);
	TRY(SYS_gettimeofday, wild, 0L);
	TRY(SYS_time, wild);
	TRY(SYS_nanosleep, wild, 0L);
	TRY(SYS_clock_nanosleep, 1L, 0L, wild, 0L);
	TRY(SYS_setitimer, 0L, wild, 0L);
	TRY(SYS_getitimer, 0L, wild);
	TRY(SYS_rt_sigaction, 10L, wild, 0L, 8L);
	TRY(SYS_rt_sigaction, 10L, 0L, wild, 8L);
	TRY(SYS_rt_sigprocmask, 0L, wild, 0L, 8L);
	TRY(SYS_rt_sigprocmask, 0L, 0L, wild, 8L);
	TRY(SYS_rt_sigpending, wild, 8L);
	TRY(SYS_rt_sigsuspend, wild, 8L);
	TRY(SYS_rt_sigtimedwait, wild, 0L, 0L, 8L);
	TRY(SYS_sigaltstack, wild, 0L);
	TRY(SYS_sigaltstack, 0L, wild);
	TRY(SYS_rt_sigqueueinfo, getpid(), 10L, wild);
	TRY(SYS_futex, wild, 0L, 0L, 0L, 0L, 0L);
	TRY(SYS_futex, wild, 1L, 1L, 0L, 0L, 0L);
	TRY(SYS_signalfd4, -1L, wild, 8L, 0L);
	TRY(SYS_timer_create, 1L, 0L, wild);
}

static void with(long address)
{
	wild = address;
	set_up();
	file_calls();
	data_calls();
	process_calls();
	time_and_signal_calls();
}

static void low_pointer_is_efault(void)
{
	with(8);
}

static void kernel_pointer_is_efault(void)
{
	with((long)0xffffffff81000000);
}

static void non_canonical_pointer_is_efault(void)
{
	with(0x4141414141414141);
}

static void unmapped_pointer_is_efault(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	with((long)p + (1 << 19));
}

static void end_of_user_space_pointer_is_efault(void)
{
	with(0x7ffffffff000 - 2);
}

static void read_only_memory_cannot_be_read_into(void)
{
	set_up();
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	wild = (long)p;
	TRY(SYS_read, fd, wild, 4L);
	TRY(SYS_read, ends[0], wild, 4L);
	TRY(SYS_fstat, fd, wild);
	TRY(SYS_clock_gettime, 1L, wild);
	TRY(SYS_pipe, wild);
	TRY(SYS_uname, wild);
	V(p[0]);
	R(write(fd, p, 4));
}

static void buffers_that_end_in_a_hole(void)
{
	set_up();
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(munmap(p + 4096, 4096) == 0);
	R(read(fd, p + 4092, 8));
	say_bytes("before the hole", p + 4092, 4);
	R(lseek(fd, 0, SEEK_CUR));
	R(read(ends[0], p + 4094, 4));
	memset(p + 4000, 'w', 96);
	int out = open_file("out", O_RDWR | O_CREAT);
	R(write(out, p + 4092, 8));
	R(lseek(out, 0, SEEK_END));
	R(write(ends[1], p + 4092, 8));
	struct stat *st = (struct stat *)(p + 4096 - 16);
	R(fstat(fd, st));
	R(syscall(SYS_uname, p + 4000));
	strcpy(p + 4094, "a");
	R(access(p + 4094, F_OK));
	p[4095] = 'b';
	R(access(p + 4094, F_OK));
}

static void vectors_with_one_bad_part(void)
{
	set_up();
	struct {
		void *base;
		size_t size;
	} v[3] = {{"good", 4}, {(void *)8, 4}, {"more", 4}};
	int out = open_file("out", O_RDWR | O_CREAT);
	TRY(SYS_writev, out, v, 3L);
	R(lseek(out, 0, SEEK_END));
	char good[4];
	v[0].base = good;
	TRY(SYS_readv, fd, v, 2L);
	R(lseek(fd, 0, SEEK_CUR));
}

const struct behaviour behaviours[] = {BEHAVIOUR(low_pointer_is_efault),
	BEHAVIOUR(kernel_pointer_is_efault), BEHAVIOUR(non_canonical_pointer_is_efault),
	BEHAVIOUR(unmapped_pointer_is_efault), BEHAVIOUR(end_of_user_space_pointer_is_efault),
	BEHAVIOUR(read_only_memory_cannot_be_read_into), BEHAVIOUR(buffers_that_end_in_a_hole),
	BEHAVIOUR(vectors_with_one_bad_part), {0}};
