/* SPDX-License-Identifier: Apache-2.0
 *
 * As posix_spawn(3) does it: clone with CLONE_VM | CLONE_VFORK, the child on a stack of its own
 * while the parent's thread waits for its execve. posix_spawn itself gives no pidfd, and a pid may
 * be somebody else's by the time that it is asked for one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/spawn.h"

#define STACK_SIZE  (64u << 10)
#define SIGNALS	    64
#define SIGSET_SIZE 8 /* the kernel's, rt_sigprocmask(2) */

/* In the child they would write to the parent's account of its thread. */
#define NO_SANITIZERS __attribute__((no_sanitize("address", "undefined", "thread")))

struct child {
	const struct spawn *sp;
	const char *failed; /* the call that failed, and why: read by the parent */
	int err;
};

/* The kernel's own, not libc's: handlers of libc's internal signals go too, and no interposed
 * function of a sanitizer runs in the child. */
struct kernel_sigaction {
	unsigned long handler, flags, restorer, mask;
};

NO_SANITIZERS static int default_signals(void)
{
	const struct kernel_sigaction dfl = {0};
	const unsigned long none = 0;

	for (long n = 1; n <= SIGNALS; n++)
		if (n != SIGKILL && n != SIGSTOP)
			syscall(SYS_rt_sigaction, n, &dfl, NULL, SIGSET_SIZE);
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGSET_SIZE);
}

NO_SANITIZERS static int place_descriptors(const struct spawn *sp)
{
	for (long i = 0; i < 3; i++)
		if (syscall(SYS_dup3, sp->std[i], i, 0) < 0)
			return -1;
	/* what others opened without O_CLOEXEC, too */
	if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC))
		return -1;
	for (size_t i = 0; i < sp->nkeep; i++)
		if (syscall(SYS_fcntl, sp->keep[i], F_SETFD, 0))
			return -1;
	return 0;
}

/* Async-signal-safe, and on the parent's memory. */
NO_SANITIZERS static _Noreturn void child_main(struct child *c)
{
	const struct spawn *sp = c->sp;

	c->failed = "setpgid"; /* a terminal's signals are not for it */
	if (!syscall(SYS_setpgid, 0, 0)) {
		c->failed = "dup3";
		if (!place_descriptors(sp)) {
			c->failed = "chdir";
			if (!syscall(SYS_chdir, "/")) {
				c->failed = "rt_sigprocmask";
				if (!default_signals()) {
					c->failed = "execve";
					syscall(SYS_execve, sp->path, sp->argv, sp->env);
				}
			}
		}
	}
	c->err = errno;
	syscall(SYS_exit_group, 127);
	__builtin_unreachable();
}

/* clone(2) with a stack of the child's own, on which it calls child_main. Not libc's: the thread
 * sanitizer takes that for a fork, and the parent for its child. */
static long clone_call(unsigned long flags, char *stack, int *pidfd, struct child *c)
{
	register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
	long r;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "mov %[c], %%rdi\n\t"
			 "call *%[main]\n"
			 "1:"
			 : "=a"(r)
			 : "a"(SYS_clone), "D"(flags), "S"(stack), "d"(pidfd), "r"(r10),
			 "r"(r8), [c] "r"(c), [main] "r"(child_main)
			 : "rcx", "r11", "cc", "memory");
	return r;
}

static pid_t clone_child(struct child *c, int *pidfd)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	const unsigned long all = ~0ul;
	unsigned long mask;
	long r;

	if (stack == MAP_FAILED) {
		c->failed = "mmap";
		return -1;
	}
	c->failed = "clone";
	/* no handler of the caller's may run in the child, where it would see the caller's memory
	 */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, SIGSET_SIZE);
	r = clone_call(
		CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, stack + STACK_SIZE, pidfd, c);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SIGSET_SIZE);
	munmap(stack, STACK_SIZE);
	errno = r < 0 ? (int)-r : 0;
	return r < 0 ? -1 : (pid_t)r;
}

int spawn_process(const struct spawn *sp, pid_t *pid, int *pidfd, struct sb_error **error)
{
	struct child c = {.sp = sp};
	unsigned long long unused;
	int high, err;

	*pidfd = -1;
	*pid = clone_child(&c, pidfd);
	if (*pid < 0)
		return error_system(error, c.failed, errno, "cannot start the sandbox's process");
	high = *pidfd > STDERR_FILENO ? *pidfd : fcntl(*pidfd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = c.err ? c.err : errno;
	if (high < 0 || c.err) {
		spawn_signal(*pid, *pidfd, SIGKILL);
		spawn_reap(*pidfd, &unused);
		fd_close(pidfd);
		return error_system(
			error, c.err ? c.failed : "fcntl", err, "cannot start %s", sp->path);
	}
	if (high != *pidfd)
		close(*pidfd);
	*pidfd = high;
	return 0;
}

int spawn_signal(pid_t pid, int pidfd, int signo)
{
	int r = (int)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	/* valgrind does not have it (3.19), nor do some containers' filters. A number may be
	 * another's once the process has ended, which is looked at as late as can be. */
	if (!r || (errno != ENOSYS && errno != EPERM))
		return r;
	do
		r = poll(&p, 1, 0);
	while (r < 0 && errno == EINTR);
	if (!r)
		return kill(pid, signo);
	if (r > 0)
		errno = ESRCH;
	return -1;
}

void spawn_reap(int pidfd, unsigned long long *cpu_ns)
{
	struct rusage ru;
	siginfo_t info;
	long r;

	*cpu_ns = 0;
	do /* the call itself: libc's has no rusage */
		r = syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, &ru);
	while (r && errno == EINTR);
	if (r)
		return; /* ECHILD: SIGCHLD is ignored, or somebody waits for all children */
	*cpu_ns = (unsigned long long)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000u +
		  (unsigned long long)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000u;
}
