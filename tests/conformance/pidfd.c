/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of processes: made, waited on, signalled through. */
#include "behave.h"

#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_open_(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_signal(int fd, int signal, const siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, signal, info, flags);
}

static int pidfd_take(int fd, int target, unsigned flags)
{
	return (int)syscall(SYS_pidfd_getfd, fd, target, flags);
}

/* A child that waits to be killed, or ends after a while. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep(20);
		_exit(1);
	}
	return pid;
}

/* A child that ends when its parent waits for that. */
static pid_t ends_with(int code)
{
	pid_t pid = fork();

	if (pid == 0) {
		until_asleep(getppid());
		_exit(code);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void open_refusals(void)
{
	R(pidfd_open_(0, 0));
	R(pidfd_open_(-1, 0));
	R(pidfd_open_(0x7ffffff0, 0));
	R(pidfd_open_(getpid(), 1));
	R(pidfd_open_(getpid(), ~0u & ~(unsigned)(O_NONBLOCK | O_EXCL)));
}

static void descriptor_flags(void)
{
	int fd = pidfd_open_(getpid(), 0), other = pidfd_open_(getpid(), O_NONBLOCK);

	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_GETFL) & O_NONBLOCK);
	R(fcntl(other, F_GETFL) & O_NONBLOCK);
	R(read(fd, &fd, sizeof(fd)));
	R(write(fd, "x", 1));
	R(lseek(fd, 0, SEEK_SET) == 0);
}

static void no_descriptor_left(void)
{
	struct rlimit r = {4, 4};

	MUST(open("/dev/null", O_RDONLY) == 3);
	MUST(setrlimit(RLIMIT_NOFILE, &r) == 0);
	R(pidfd_open_(getpid(), 0));
}

static int ready(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

static void readable_when_it_ends(void)
{
	pid_t pid = ends_with(3);
	int fd = pidfd_open_(pid, 0);

	V(ready(fd, 0));
	V(ready(fd, 5000));
	V(ready(fd, 0)); /* and stays so */
	reap("child", pid);
	V(ready(fd, 0) & POLLIN);
}

static void epoll_tells_the_end(void)
{
	pid_t pid = ends_with(0);
	int fd = pidfd_open_(pid, 0), ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = 7};

	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
	R(epoll_wait(ep, &e, 1, 0));
	R(epoll_wait(ep, &e, 1, 5000));
	V(e.data.u32);
	reap("child", pid);
}

static void waitid_by_descriptor(void)
{
	pid_t pid = ends_with(5), other = sleeper();
	int fd = pidfd_open_(pid, 0);
	siginfo_t si = {0};

	R(waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOWAIT));
	T(si.si_pid == pid);
	V(si.si_status);
	R(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	V(si.si_code);
	R(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	R(waitid(P_PIDFD, (id_t)pidfd_open_(getpid(), 0), &si, WEXITED));
	R(waitid(P_PIDFD, 0, &si, WEXITED));
	R(waitid(P_PIDFD, 999, &si, WEXITED));
	R(waitid(P_PIDFD, (id_t)-1, &si, WEXITED));
	end(other);
}

static void waitid_that_does_not_block(void)
{
	pid_t pid = sleeper();
	int fd = pidfd_open_(pid, O_NONBLOCK), plain = pidfd_open_(pid, 0);
	siginfo_t si = {0};

	R(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	R(waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG));
	R(waitid(P_PIDFD, (id_t)plain, &si, WEXITED | WNOHANG));
	kill(pid, SIGKILL);
	MUST(ready(fd, 5000));
	R(waitid(P_PIDFD, (id_t)fd, &si, WEXITED));
	V(si.si_status);
}

static volatile sig_atomic_t got_code, got_value, got_self;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	got_code = info->si_code;
	got_value = info->si_value.sival_int;
	got_self = info->si_pid == getpid();
}

static void signals_to_oneself(void)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
	int fd = pidfd_open_(getpid(), 0);

	MUST(sigaction(SIGUSR1, &sa, NULL) == 0);
	R(pidfd_signal(fd, SIGUSR1, NULL, 0));
	V(got_code);
	T(got_self);
	si.si_value.sival_int = 77;
	R(pidfd_signal(fd, SIGUSR1, &si, 0));
	V(got_code);
	V(got_value);
	R(pidfd_signal(fd, SIGUSR2, &si, 0)); /* says another */
	R(pidfd_signal(fd, 0, NULL, 0));
	R(pidfd_signal(fd, 65, NULL, 0));
	R(pidfd_signal(fd, SIGUSR1, NULL, 0x80000000));
	R(pidfd_signal(fd, SIGUSR1, (const siginfo_t *)8, 0));
	R(pidfd_signal(0, SIGUSR1, NULL, 0));
	R(pidfd_signal(999, SIGUSR1, NULL, 0));
}

static void signals_to_a_child(void)
{
	siginfo_t si = {.si_signo = SIGTERM, .si_code = SI_USER};
	pid_t pid = sleeper();
	int fd = pidfd_open_(pid, 0);

	R(pidfd_signal(fd, 0, NULL, 0));
	R(pidfd_signal(fd, SIGTERM, &si, 0)); /* only kill(2) may say that it is kill(2) */
	R(pidfd_signal(fd, SIGTERM, NULL, 0));
	MUST(ready(fd, 5000));
	R(pidfd_signal(fd, SIGTERM, NULL, 0)); /* a zombie takes them */
	reap("child", pid);
	R(pidfd_signal(fd, SIGTERM, NULL, 0));
	R(pidfd_signal(fd, 0, NULL, 0));
}

static void a_file_of_another_process(void)
{
	int ends[2], mine;
	char text[8] = "";
	pid_t pid;

	MUST(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		MUST(write(ends[1], "theirs", 6) == 6);
		MUST(dup2(ends[0], 50) == 50);
		sleep(20);
		_exit(0);
	}
	until_asleep(pid);
	mine = pidfd_open_(pid, 0);
	R(pidfd_take(mine, 60, 0));
	R(pidfd_take(mine, 50, 1));
	R(pidfd_take(0, 50, 0));
	int fd = pidfd_take(mine, 50, 0);
	T(fd > mine);
	R(fcntl(fd, F_GETFD));
	R(read(fd, text, sizeof(text)));
	S(text);
	end(pid);
	R(pidfd_take(mine, 50, 0));
}

static void clone_gives_one(void)
{
	int fd = -1, tid = 0;
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(fcntl(3, F_GETFD) < 0 ? 4 : 5); /* it is the parent's only */
	V(fd);
	R(fcntl(fd, F_GETFD));
	MUST(ready(fd, 5000));
	reap("child", pid);
	args.parent_tid = args.pidfd;
	args.flags |= CLONE_PARENT_SETTID;
	R(syscall(SYS_clone3, &args, sizeof(args)));
	args.parent_tid = (uintptr_t)&tid;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(0);
	T(tid == pid);
	reap("child", pid);
	R(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &fd, NULL, 0));
	R(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, (int *)8, NULL, 0));
}

static void fdinfo_names_the_process(void)
{
	pid_t pid = sleeper(), said = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd_open_(pid, 0));
	for (int i = 0; i < 2; i++) {
		f = fopen(path, "r");
		MUST(f != NULL);
		while (fgets(line, sizeof(line), f))
			sscanf(line, "Pid: %d", &said);
		fclose(f);
		T(said == pid);
		T(said == -1);
		end(pid);
	}
}

const struct behaviour behaviours[] = {BEHAVIOUR(open_refusals), BEHAVIOUR(descriptor_flags),
	BEHAVIOUR(no_descriptor_left), BEHAVIOUR(readable_when_it_ends),
	BEHAVIOUR(epoll_tells_the_end), BEHAVIOUR(waitid_by_descriptor),
	BEHAVIOUR(waitid_that_does_not_block), BEHAVIOUR(signals_to_oneself),
	BEHAVIOUR(signals_to_a_child), BEHAVIOUR(a_file_of_another_process),
	BEHAVIOUR(clone_gives_one), BEHAVIOUR(fdinfo_names_the_process), {0}};
