/* SPDX-License-Identifier: Apache-2.0
 * The zygote: the process that trapped processes are forked from. It never runs a program. It has
 * nothing mapped but the stub, and keeps the table of descriptors that its children share: guest
 * RAM and the files of the window, which only mmap can use there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "vmm/process/layout.h"
#include "vmm/process/stub_call.h"
#include "vmm/process/stub_internal.h"

#define CTX	  ((struct stub_ctx *)STUB_CTX)
#define CONSTANTS ((const struct stub_const *)STUB_CONST)

_Noreturn static void die(void)
{
	for (;;)
		call3(__NR_exit_group, 1, 0, 0);
}

/* As the kernel takes it (arch/x86/include/uapi/asm/signal.h). */
struct kernel_sigaction {
	void (*handler)(void);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static void take_signal(int signo)
{
	struct kernel_sigaction sa = {.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | 0x04000000};

	/* not as initialisers: clang would make them data with relocations */
	__asm__("lea stub_signal_entry(%%rip), %0" : "=r"(sa.handler));
	/* never used but must be there (SA_RESTORER, arch/x86/kernel/signal.c) */
	sa.restorer = sa.handler;
	if (call6(__NR_rt_sigaction, signo, (long)&sa, 0, 8, 0, 0))
		die();
}

/* SIG_DFL: they stay until they are reaped, and their times are this process's. SIG_IGN: the kernel
 * reaps them, and nobody has their times. */
static void let_children(long be)
{
	struct kernel_sigaction sa = {0};

	sa.handler = (void (*)(void))be;
	call6(__NR_rt_sigaction, SIGCHLD, (long)&sa, 0, 8, 0, 0);
}

static void take_signals(void)
{
	static const uint8_t traps[] = {
		SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, STUB_KICK_SIGNAL};
	stack_t ss = {.ss_sp = (void *)(STUB_CTX + offsetof(struct stub_ctx, stack)),
		.ss_size = sizeof(CTX->stack)};
	uint64_t kick = 1ull << (STUB_KICK_SIGNAL - 1);

	for (uint32_t i = 0; i < sizeof(traps); i++)
		take_signal(traps[i]);
	let_children((long)SIG_DFL);
	/* kicks wait until a child has the stack that they are taken on */
	if (call3(__NR_sigaltstack, (long)&ss, 0, 0) ||
		call6(__NR_rt_sigprocmask, SIG_SETMASK, (long)&kick, 0, 8, 0, 0))
		die();
}

/* Page tables are the host's memory, and a program that maps the same pages everywhere would fill
 * it with them. The launcher's memory may be more than this: it must be gone. */
static void limit_addresses(void)
{
	const struct rlimit limit = {CONSTANTS->address_limit, CONSTANTS->address_limit};

	if (call6(__NR_prlimit64, 0, RLIMIT_AS, (long)&limit, 0, 0, 0))
		die();
}

/* The launcher's memory, which fork copied: none of it stays. */
static void drop_the_rest(void)
{
	call3(__NR_munmap, 0, STUB_BASE, 0);
	call3(__NR_munmap, STUB_BASE, STUB_CONST - STUB_BASE, 0);
	call3(__NR_munmap, STUB_ZYGOTE_STACK + STUB_ZYGOTE_SIZE,
		STUB_END - STUB_ZYGOTE_STACK - STUB_ZYGOTE_SIZE, 0);
}

/* -- a trapped process begins -- */

static void map_control(long va, long size, long prot, long flags, long file)
{
	if (call6(__NR_mmap, va, size, prot, flags | MAP_FIXED, STUB_FD_CONTROL, file) != va)
		die();
}

_Noreturn static void become_stub(uint32_t number, long zygote)
{
	struct sock_fprog prog = {
		(unsigned short)CONSTANTS->nfilter, (struct sock_filter *)CONSTANTS->filter};
	long file = STUB_FILE_CTX + (long)number * STUB_SLOT_SIZE;
	uint64_t none = 0;

	map_control(STUB_CTX, STUB_CTX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
	file += STUB_CTX_SIZE;
	/* mprotect is allowed: should the program write to these, it writes to its own copy */
	map_control(STUB_PATCH_TABLE, STUB_TABLE_SIZE, PROT_READ, MAP_PRIVATE, file);
	file += STUB_TABLE_SIZE;
	map_control(STUB_PATCH_CODE, STUB_CODE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file);
	if (call6(__NR_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, 8, 0, 0) ||
		call6(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0) ||
		call3(__NR_getppid, 0, 0, 0) != zygote)
		die();
	if (call3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&prog))
		die();
	CTX->event.kind = STUB_EV_DONE;
	stub_serve();
}

static long spawn(uint32_t number, int *pidfd)
{
	long zygote = call3(__NR_getpid, 0, 0, 0);
	long pid = call6(__NR_clone, CLONE_FILES | CLONE_PIDFD | SIGCHLD, 0, (long)pidfd, 0, 0, 0);

	if (!pid)
		become_stub(number, zygote);
	return pid < 0 ? pid : 0;
}

/* Their times become this process's (times(2)), where the host counts them. */
static void reap(void)
{
	while (call6(__NR_wait4, -1, 0, WNOHANG, 0, 0, 0) > 0)
		;
}

/* -- requests -- */

union fd_message {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * ZYGOTE_FDS_MAX)];
};

/* Those that came with a request; *n: how many. */
static const int *received_fds(const struct msghdr *m, uint32_t *n)
{
	const struct cmsghdr *c = m->msg_control;

	*n = 0;
	if (m->msg_controllen < sizeof(*c) || c->cmsg_level != SOL_SOCKET ||
		c->cmsg_type != SCM_RIGHTS)
		return (const int *)0;
	*n = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	return (const int *)CMSG_DATA(c);
}

/* Nobody wakes it: the time limit is all. */
static void rest(void)
{
	const struct timespec limit = {0, INFLIGHT_WAIT_NS};
	uint32_t word = 0;

	call6(__NR_futex, (long)&word, FUTEX_WAIT, 0, (long)&limit, 0, 0);
}

static void reply(long result, int fd)
{
	struct zygote_reply rp = {(int32_t)result};
	union fd_message control;
	struct iovec iov = {&rp, sizeof(rp)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		*(int *)CMSG_DATA(&control.head) = fd;
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int));
	}
	for (int tries = 0; tries < INFLIGHT_TRIES; tries++) {
		long r = call3(__NR_sendmsg, STUB_FD_SOCKET, (long)&m, MSG_NOSIGNAL);

		if (r > 0)
			return;
		if (r != -ETOOMANYREFS)
			break;
		rest();
	}
	die();
}

/* -- another zygote begins -- */

/* The text and the constants stay those of the first, which are the same. */
static void become_another(const int *fds)
{
	for (long i = 0; i < ZYGOTE_FDS_MAX; i++)
		if (call3(__NR_dup2, fds[i], i, 0) != i || call3(__NR_close, fds[i], 0, 0))
			die();
	if (call6(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0))
		die();
	let_children((long)SIG_DFL);
}

/* From now on its own children are zygotes, and what those leave behind: nobody asks for their
 * times, and it may be long until the next request lets it reap. */
static void fork_another(const int *fds, uint32_t n)
{
	long pid;

	let_children((long)SIG_IGN);
	pid = n == ZYGOTE_FDS_MAX ? call6(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0) : -EINVAL;

	if (!pid) {
		become_another(fds);
		return;
	}
	/* before anybody knows of it: a group that can be stopped, with all that it forks */
	if (pid > 0)
		call3(__NR_setpgid, pid, pid, 0);
	for (uint32_t i = 0; i < n; i++)
		call3(__NR_close, fds[i], 0, 0);
	reply(pid, -1);
}

/* -- all of them -- */

static void handle(const struct zygote_request *rq, const int *fds, uint32_t nfds)
{
	int pidfd = -1;
	long r;

	switch (rq->kind) {
	case ZYGOTE_SPAWN:
		r = spawn(rq->arg, &pidfd);
		reply(r, r ? -1 : pidfd);
		if (!r)
			call3(__NR_close, pidfd, 0, 0);
		break;
	case ZYGOTE_FILE:
		reply(nfds == 1 ? *fds : -EBADF, -1);
		break;
	case ZYGOTE_CLOSE:
		reply(rq->arg >= STUB_FD_FIRST_FILE ? call3(__NR_close, rq->arg, 0, 0) : -EBADF,
			-1);
		break;
	case ZYGOTE_FORK:
		fork_another(fds, nfds);
		break;
	default:
		die();
	}
}

void zygote_main(void)
{
	drop_the_rest();
	limit_addresses();
	take_signals();
	for (;;) {
		struct zygote_request rq;
		union fd_message control;
		const int *fds;
		uint32_t nfds;
		struct iovec iov = {&rq, sizeof(rq)};
		struct msghdr m = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		long n = call3(__NR_recvmsg, STUB_FD_SOCKET, (long)&m, 0);

		if (n == -4) /* EINTR: somebody's signal */
			continue;
		reap();
		if (n != sizeof(rq))
			die();
		fds = received_fds(&m, &nfds);
		handle(&rq, fds, nfds);
	}
}
