/* SPDX-License-Identifier: Apache-2.0
 * Starting the zygote from the launcher, and asking it for things.
 *
 * The child goes through these steps, each before what it protects against could happen:
 *   1. it dies with the launcher (PR_SET_PDEATHSIG), and cannot be dumped or traced by the user;
 *   2. a session of its own: the terminal's signals are not for it;
 *   3. no capabilities; its descriptors become 0, 1, 2 (layout.h), all others are closed;
 *   4. its own system calls are limited, and with them its children's;
 *   5. off the launcher's stack; the stub's pages are mapped where layout.h says, rseq is left;
 *   6. the stub's code unmaps everything else (stub_zygote.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

#define BOOT_STACK_SIZE 65536u

/* -- in the child -- */

static void move_fds(const struct process_vm *vm, int socket)
{
	int from[3] = {vm->control_fd, vm->ram_fd, socket};

	for (int i = 0; i < 3; i++) { /* out of the way first: they may be 0 to 2 themselves */
		from[i] = fcntl(from[i], F_DUPFD, 16);
		if (from[i] < 0)
			_exit(1);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			_exit(1);
	if (syscall(SYS_close_range, 3, ~0u, 0))
		_exit(1);
}

static void limit_resources(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
	setrlimit(RLIMIT_MSGQUEUE, &none);
}

/* glibc gave the kernel an address that it writes to whenever it has preempted us (rseq(2)); soon
 * there is nothing any more. */
static void leave_rseq(void)
{
	void *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	if (__rseq_size && syscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG))
		_exit(1);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (syscall(SYS_capset, &head, none))
		_exit(1);
}

static void map_at(uint64_t va, uint64_t size, int prot, int flags, int fd, off_t off)
{
	if (mmap((void *)va, size, prot, flags | MAP_FIXED, fd, off) != (void *)va)
		_exit(1);
}

/* On the boot stack: the launcher's own stack may lie where the stub goes. */
static void enter_stub(void)
{
	map_at(STUB_TEXT, STUB_TEXT_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, STUB_FD_CONTROL,
		STUB_FILE_TEXT);
	map_at(STUB_CONST, 4096, PROT_READ, MAP_PRIVATE, STUB_FD_CONTROL, STUB_FILE_CONST);
	map_at(STUB_ZYGOTE_STACK, STUB_ZYGOTE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__asm__ volatile("jmp *%0" ::"r"((uint64_t)STUB_TEXT));
	__builtin_unreachable();
}

static _Noreturn void become_zygote(
	const struct process_vm *vm, int socket, int (*limit)(void *arg), void *arg)
{
	uint8_t *stack;

	/* should the launcher be gone already, the socket's end says so */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "zygote"); /* runtime/trace looks for it */
	setsid();
	move_fds(vm, socket);
	limit_resources();
	drop_capabilities();
	leave_rseq();
	if (limit && limit(arg))
		_exit(1);
	stack = mmap(
		NULL, BOOT_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		_exit(1);
	__asm__ volatile(
		"mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1" ::"r"(stack + BOOT_STACK_SIZE),
		"r"(enter_stub));
	__builtin_unreachable();
}

/* -- in the launcher -- */

/* A plain fork (clone(2)); glibc's handlers of it have nothing to do for a child that goes at once.
 */
static pid_t fork_with(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

int process_zygote_start(
	struct process_vm *vm, bool pid_namespace, int (*limit)(void *arg), void *arg)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork_with(pid_namespace ? CLONE_NEWPID : 0);
	if (pid < 0) {
		int err = errno;

		close(pair[0]);
		close(pair[1]);
		return -err;
	}
	if (!pid)
		become_zygote(vm, pair[1], limit, arg);
	close(pair[1]);
	vm->socket = pair[0];
	vm->zygote_pid = pid;
	return 0;
}

union fd_message {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * ZYGOTE_FDS_MAX)];
};

static void attach_fds(struct msghdr *m, union fd_message *control, const int *fds, size_t n)
{
	control->head = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control->head), fds, n * sizeof(int));
	m->msg_control = control;
	m->msg_controllen = CMSG_SPACE(n * sizeof(int));
}

/* Nobody wakes it: the time limit is all. */
static void rest(void)
{
	const struct timespec limit = {.tv_nsec = INFLIGHT_WAIT_NS};
	uint32_t word = 0;

	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &limit, NULL, 0);
}

static int send_request(
	struct process_vm *vm, struct zygote_request *rq, const int *fds, size_t nfds)
{
	union fd_message control;
	struct iovec iov = {rq, sizeof(*rq)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds)
		attach_fds(&m, &control, fds, nfds);
	/* All that a user has on its way in sockets counts against one limit (ETOOMANYREFS in
	 * unix(7)): what others have sent will arrive, or be collected. */
	for (int tries = 0; tries < INFLIGHT_TRIES; tries++) {
		if (sendmsg(vm->socket, &m, MSG_NOSIGNAL) == sizeof(*rq))
			return 0;
		if (errno != ETOOMANYREFS)
			return -EPIPE;
		rest();
	}
	return -ETOOMANYREFS;
}

static int receive_reply(struct process_vm *vm, int *got)
{
	struct zygote_reply rp;
	union fd_message control = {0};
	struct iovec iov = {&rp, sizeof(rp)};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(vm->socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(rp))
		return -EPIPE; /* the zygote is gone */
	c = CMSG_FIRSTHDR(&m);
	*got = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(got, CMSG_DATA(c), sizeof(*got));
	return rp.result;
}

int process_zygote_call(
	struct process_vm *vm, uint32_t kind, uint32_t arg, const int *fds, size_t nfds, int *got)
{
	struct zygote_request rq = {kind, arg};
	int none, r = send_request(vm, &rq, fds, nfds);

	return r ? r : receive_reply(vm, got ? got : &none);
}
