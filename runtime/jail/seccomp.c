/* SPDX-License-Identifier: Apache-2.0
 * System-call filters by thread role (libseccomp). A call that is not listed ends the process:
 * nothing of ours makes it, so somebody else does. Each list says what it is for.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/jail/jail_internal.h"

#define CALL(name) SCMP_SYS(name)

/* libc's own: allocation, locks, the end of a thread or the process, signal handlers, the clock. */
static const int calls_libc[] = {
	CALL(brk),
	CALL(munmap),
	CALL(madvise),
	CALL(mremap),
	CALL(futex),
	CALL(exit),
	CALL(exit_group),
	CALL(rt_sigreturn),
	CALL(rt_sigprocmask),
	CALL(rt_sigaction),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(clock_gettime),
	CALL(clock_nanosleep),
	CALL(gettid),
	CALL(getpid),
	CALL(sched_yield),
	CALL(rseq),
	CALL(set_robust_list),
	CALL(sched_getaffinity),
};

/* Kicks: a signal to a thread of this process, or to a trapped process by the descriptor that is
 * held of it; and the end of those. */
static const int calls_kick[] = {
	CALL(timer_settime), CALL(timer_delete), CALL(pidfd_send_signal), CALL(wait4)};

/* Files: relative to granted descriptors, on an empty root. */
static const int calls_files[] = {
	CALL(openat), CALL(close), CALL(statx), CALL(fstat), CALL(newfstatat), CALL(readlinkat),
	CALL(faccessat), CALL(faccessat2), CALL(mkdirat), CALL(mknodat), CALL(symlinkat),
	CALL(linkat), CALL(unlinkat), CALL(renameat), CALL(renameat2), CALL(fstatfs), CALL(fchmod),
	CALL(fchmodat), CALL(fchown), CALL(fchownat), CALL(ftruncate), CALL(utimensat),
	CALL(getdents64), CALL(lseek), CALL(read), CALL(write), CALL(readv), CALL(writev),
	CALL(pread64), CALL(pwrite64), CALL(preadv), CALL(pwritev), CALL(preadv2), CALL(pwritev2),
	CALL(fsync), CALL(fdatasync), CALL(fallocate), CALL(flock), CALL(fgetxattr),
	CALL(flistxattr), CALL(getxattr), CALL(listxattr), CALL(dup), CALL(poll), CALL(ppoll),
	CALL(getrandom), CALL(epoll_ctl), CALL(getrusage), CALL(getpgrp), CALL(recvmsg),
	CALL(sendmsg), /* an inherited socket as stdin or stdout, without waiting */
};

/* Waiting for files and signals. */
static const int calls_watcher[] = {
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_ctl),
	CALL(read),
	CALL(write),
	CALL(close),
	CALL(signalfd4),
	CALL(getpgrp),
	CALL(pidfd_send_signal),
};

/* What a vCPU thread does besides its ioctls: hands a doorbell to the service. */
static const int calls_vcpu[] = {CALL(read), CALL(write), CALL(timer_settime), CALL(timer_delete)};

/* What the zygote does: receives requests, forks, hands descriptors on; and what its children may
 * do as their own, narrower filter says (vmm/process/filter.c). */
static const int calls_zygote[] = {
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(close),
	CALL(getpid),
	CALL(getppid),
	CALL(exit_group),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(sigaltstack),
	CALL(mmap),
	CALL(munmap),
	CALL(mprotect),
	CALL(futex),
	CALL(arch_prctl),
	CALL(seccomp),
	CALL(prlimit64), /* lower, for what it becomes */
	CALL(brk),
};

/* tty_ioctl(2): what the channel's TTY operation performs. */
static const unsigned long ioctls_tty[] = {
	TCGETS,
	TCSETS,
	TCSETSW,
	TCSETSF,
	TIOCGWINSZ,
	TIOCSWINSZ,
	TCFLSH,
	TCSBRK,
	FIONREAD,
	TIOCOUTQ,
	TIOCGPGRP,
};

struct filter {
	scmp_filter_ctx ctx;
	int err;
};

static void allow(struct filter *f, const int *calls, size_t n)
{
	for (size_t i = 0; i < n && !f->err; i++)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, calls[i], 0);
}
#define ALLOW(f, list) allow((f), (list), sizeof(list) / sizeof((list)[0]))

static void allow_ioctls(struct filter *f, const unsigned long *list, size_t n)
{
	for (size_t i = 0; i < n && !f->err; i++)
		f->err = seccomp_rule_add(
			f->ctx, SCMP_ACT_ALLOW, CALL(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, list[i], 0));
}

/* Memory may be mapped and protected, never made executable. */
static void allow_memory(struct filter *f)
{
	const int calls[] = {CALL(mmap), CALL(mprotect)};

	for (size_t i = 0; i < 2 && !f->err; i++)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, calls[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Signals only to this process. */
static void allow_signals(struct filter *f)
{
	const int calls[] = {CALL(tgkill), CALL(kill)};

	for (size_t i = 0; i < 2 && !f->err; i++)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, calls[i], 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static void allow_fcntl(struct filter *f)
{
	const int cmds[] = {F_GETFD, F_GETFL, F_DUPFD_CLOEXEC};

	for (size_t i = 0; i < 3 && !f->err; i++)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, CALL(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)cmds[i], 0));
}

static void allow_service(struct filter *f)
{
	ALLOW(f, calls_files);
	allow_ioctls(f, ioctls_tty, sizeof(ioctls_tty) / sizeof(ioctls_tty[0]));
	allow_memory(f);
	allow_fcntl(f);
}

int jail_thread(enum jail_role role, const unsigned long *ioctls, size_t nioctls)
{
	struct filter f = {.ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)};

	if (!f.ctx)
		return -ENOMEM;
	ALLOW(&f, calls_libc);
	allow(&f, jail_also, jail_also_count);
	allow_signals(&f);
	switch (role) {
	case JAIL_CORE:
		allow_service(&f);
		ALLOW(&f, calls_kick);
		break;
	case JAIL_SERVICE:
		allow_service(&f);
		ALLOW(&f, calls_kick);
		break;
	case JAIL_VCPU:
		ALLOW(&f, calls_vcpu);
		break;
	case JAIL_WATCHER:
		ALLOW(&f, calls_watcher);
		/* the terminal's mode after SIGCONT */
		allow_ioctls(&f, ioctls_tty, sizeof(ioctls_tty) / sizeof(ioctls_tty[0]));
		allow_memory(&f); /* malloc's arena of a second thread */
		break;
	default:
		f.err = -EINVAL;
	}
	allow_ioctls(&f, ioctls, nioctls);
	if (!f.err)
		f.err = seccomp_load(f.ctx);
	seccomp_release(f.ctx);
	return f.err;
}

int jail_zygote(void)
{
	struct filter f = {.ctx = seccomp_init(SCMP_ACT_TRAP)};
	const scmp_datum_t forks = CLONE_FILES | CLONE_PIDFD | SIGCHLD;

	if (!f.ctx)
		return -ENOMEM;
	/* x32 numbers and 32-bit calls are the programs' to try: trapped like all others, not
	 * killed */
	f.err = seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP);
	ALLOW(&f, calls_zygote);
	if (!f.err)
		f.err = seccomp_rule_add(
			f.ctx, SCMP_ACT_ALLOW, CALL(clone), 1, SCMP_A0(SCMP_CMP_EQ, forks, 0));
	if (!f.err)
		f.err = seccomp_rule_add(f.ctx, SCMP_ACT_ALLOW, CALL(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
	if (!f.err)
		f.err = seccomp_load(f.ctx);
	seccomp_release(f.ctx);
	return f.err;
}

bool jail_seccomp_works(struct launch_jail_state *st)
{
	/* asks without installing: an address that cannot be read gives EFAULT where filters exist
	 */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 && errno == EFAULT)
		return true;
	jail_missing(st, "seccomp: this kernel has no filters (CONFIG_SECCOMP_FILTER)");
	return false;
}
