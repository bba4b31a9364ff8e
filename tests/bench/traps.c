/* SPDX-License-Identifier: Apache-2.0
 * What it costs to catch a system call of another process and let it go on, by each way that Linux
 * has without virtualization. `make bench-traps`; docs/benchmarks.md says what was decided from it.
 *
 * Each way makes a child call getppid over and over and answers it with 42 from the parent.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define CALLS  20000u
#define ANSWER 42

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#endif

/* The word that parent and child take turns with. */
struct turn {
	_Atomic uint32_t word; /* 1: the parent's turn */
	_Atomic int64_t answer;
	bool spin;
};
static struct turn *turn;

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void wait_for(uint32_t value)
{
	uint32_t seen;

	while ((seen = turn->word) != value) {
		if (turn->spin)
			__builtin_ia32_pause();
		else
			syscall(SYS_futex, &turn->word, FUTEX_WAIT, seen, NULL, NULL, 0);
	}
}

static void give(uint32_t value)
{
	turn->word = value;
	if (!turn->spin)
		syscall(SYS_futex, &turn->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Traps getppid with `action`; the listener's descriptor for SECCOMP_RET_USER_NOTIF. */
static int filter_getppid(uint32_t action, unsigned flags)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {4, f};
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (fd < 0)
		die("seccomp");
	return fd;
}

_Noreturn static void call_often(void)
{
	for (unsigned i = 0; i < CALLS; i++)
		if (syscall(SYS_getppid) != ANSWER)
			_exit(1);
	_exit(0);
}

static void finish(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "traps: a call was not answered\n");
		exit(1);
	}
}

/* -- the ways: each returns nanoseconds for all calls -- */

static double by_native(void)
{
	double t0 = now_ns();

	for (unsigned i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return now_ns() - t0;
}

static double by_ptrace(void)
{
	pid_t child = fork();
	struct user_regs_struct regs;
	double t0;
	int status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		call_often();
	}
	waitpid(child, &status, 0);
	t0 = now_ns();
	for (unsigned i = 0; i < CALLS; i++) {
		if (ptrace(PTRACE_SYSEMU, child, NULL, NULL) ||
			waitpid(child, &status, 0) != child ||
			ptrace(PTRACE_GETREGS, child, NULL, &regs))
			die("ptrace");
		regs.rax = ANSWER;
		if (ptrace(PTRACE_SETREGS, child, NULL, &regs))
			die("ptrace");
	}
	t0 = now_ns() - t0;
	ptrace(PTRACE_CONT, child, NULL, NULL);
	finish(child);
	return t0;
}

static void on_sigsys_alone(int signo, siginfo_t *si, void *uc)
{
	(void)signo;
	(void)si;
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RAX] = ANSWER;
}

static void on_sigsys_turn(int signo, siginfo_t *si, void *uc)
{
	(void)signo;
	(void)si;
	give(1);
	wait_for(0);
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RAX] = turn->answer;
}

static void take_sigsys(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSYS, &sa, NULL);
}

static double by_sigsys_alone(void)
{
	pid_t child;
	double t0 = now_ns();

	child = fork();
	if (!child) {
		take_sigsys(on_sigsys_alone);
		filter_getppid(SECCOMP_RET_TRAP, 0);
		call_often();
	}
	finish(child);
	return now_ns() - t0;
}

static double by_sigsys_turns(bool spin)
{
	pid_t child;
	double t0;

	*turn = (struct turn){.spin = spin};
	child = fork();
	if (!child) {
		take_sigsys(on_sigsys_turn);
		filter_getppid(SECCOMP_RET_TRAP, 0);
		call_often();
	}
	t0 = now_ns();
	for (unsigned i = 0; i < CALLS; i++) {
		wait_for(1);
		turn->answer = ANSWER;
		give(0);
	}
	t0 = now_ns() - t0;
	finish(child);
	return t0;
}

static double by_sigsys_futex(void)
{
	return by_sigsys_turns(false);
}

static double by_sigsys_spin(void)
{
	return by_sigsys_turns(true);
}

static void send_fd(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(socket, &m, 0) != 1)
		_exit(1);
}

static int receive_fd(int socket)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(socket, &m, 0) != 1)
		die("listener");
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

static double by_notification(void)
{
	uint64_t flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
	int pair[2], listener;
	pid_t child;
	double t0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	child = fork();
	if (!child) {
		send_fd(pair[1],
			filter_getppid(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
		call_often();
	}
	listener = receive_fd(pair[0]);
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags); /* Linux 6.6; without it slower */
	t0 = now_ns();
	for (unsigned i = 0; i < CALLS; i++) {
		struct seccomp_notif n = {0};
		struct seccomp_notif_resp r = {.val = ANSWER};

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n))
			die("NOTIF_RECV");
		r.id = n.id;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r))
			die("NOTIF_SEND");
	}
	t0 = now_ns() - t0;
	finish(child);
	close(listener);
	close(pair[0]);
	close(pair[1]);
	return t0;
}

int main(void)
{
	static const struct {
		const char *name;
		double (*run)(void);
	} ways[] = {
		{"native system call", by_native},
		{"ptrace (SYSEMU, GETREGS, SETREGS)", by_ptrace},
		{"seccomp user notification", by_notification},
		{"SIGSYS, answered in the handler", by_sigsys_alone},
		{"SIGSYS, turns by futex", by_sigsys_futex},
		{"SIGSYS, turns by looking", by_sigsys_spin},
	};

	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (turn == MAP_FAILED)
		die("mmap");
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		double best = ways[w].run();

		for (int again = 0; again < 4; again++) {
			double t = ways[w].run();

			best = t < best ? t : best;
		}
		printf("%-36s %9.0f ns\n", ways[w].name, best / CALLS);
		fflush(stdout);
	}
	return 0;
}
