/* SPDX-License-Identifier: Apache-2.0 */
/* What a signalfd tells of each kind of signal. A process may send itself any of them. */
#include "behave.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>

static int fd_of_all(void)
{
	sigset_t all;
	int fd;

	sigfillset(&all);
	MUST(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
	fd = signalfd(-1, &all, SFD_NONBLOCK);
	MUST(fd >= 0);
	return fd;
}

static void show(int fd)
{
	struct signalfd_siginfo si;

	memset(&si, 0x55, sizeof(si));
	if (R(read(fd, &si, sizeof(si))) != sizeof(si))
		return;
	S(signal_name((int)si.ssi_signo));
	V(si.ssi_errno);
	V(si.ssi_code);
	V(si.ssi_pid);
	V(si.ssi_uid);
	V(si.ssi_fd);
	V(si.ssi_tid);
	V(si.ssi_band);
	V(si.ssi_overrun);
	V(si.ssi_status);
	V(si.ssi_int);
	V(si.ssi_ptr);
	V(si.ssi_utime);
	V(si.ssi_stime);
	V(si.ssi_addr);
	V(si.ssi_syscall);
	V(si.ssi_call_addr);
	V(si.ssi_arch);
}

static void send_self(int signo, int code, siginfo_t si)
{
	si.si_signo = signo;
	si.si_code = code;
	si.si_errno = 7;
	MUST(syscall(SYS_rt_sigqueueinfo, getpid(), signo, &si) == 0);
}

static void faults(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	siginfo_t si = {.si_addr = (void *)0x1234000};
	int fd = fd_of_all();

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		send_self(signals[i], 1, si);
		show(fd);
		send_self(signals[i], SI_USER, si);
		show(fd);
	}
}

static void children(void)
{
	siginfo_t si = {
		.si_pid = 77, .si_uid = 78, .si_status = 79, .si_utime = 80, .si_stime = 81};
	int fd = fd_of_all();

	for (int code = CLD_EXITED; code <= CLD_CONTINUED; code++) {
		send_self(SIGCHLD, code, si);
		show(fd);
	}
	send_self(SIGCHLD, SI_USER, si);
	show(fd);
	send_self(SIGCHLD, 99, si);
	show(fd);
}

static void polls(void)
{
	siginfo_t si = {.si_band = 77, .si_fd = 78};
	int fd = fd_of_all();

	send_self(SIGPOLL, POLL_IN, si);
	show(fd);
	send_self(SIGPOLL, POLL_HUP, si);
	show(fd);
	send_self(SIGRTMIN, POLL_OUT, si);
	show(fd);
	send_self(SIGUSR1, POLL_IN, si);
	show(fd);
	send_self(SIGUSR1, 99, si);
	show(fd);
}

static void system_calls(void)
{
	siginfo_t si = {.si_call_addr = (void *)0x1234, .si_syscall = 78, .si_arch = 79};
	int fd = fd_of_all();

	send_self(SIGSYS, 1, si);
	show(fd);
	send_self(SIGSYS, 2, si);
	show(fd);
	send_self(SIGSYS, 3, si);
	show(fd);
}

static void timers_and_queues(void)
{
	siginfo_t timer = {.si_timerid = 77, .si_overrun = 78, .si_int = 79};
	siginfo_t queued = {.si_pid = 77, .si_uid = 78, .si_int = -79};
	int fd = fd_of_all();

	send_self(SIGALRM, SI_TIMER, timer);
	show(fd);
	send_self(SIGRTMAX, SI_QUEUE, queued);
	show(fd);
	send_self(SIGRTMAX, SI_MESGQ, queued);
	show(fd);
	send_self(SIGRTMAX, SI_ASYNCIO, queued);
	show(fd);
	send_self(SIGIO, SI_SIGIO, (siginfo_t){.si_band = 77, .si_fd = 78});
	show(fd);
	send_self(SIGTERM, SI_KERNEL, queued);
	show(fd);
	send_self(SIGTERM, SI_TKILL, queued);
	show(fd);
}

static void a_pipe_says_which(void)
{
	int fd = fd_of_all(), ends[2];

	MUST(pipe(ends) == 0);
	R(fcntl(ends[0], F_SETOWN, getpid()));
	R(fcntl(ends[0], F_SETSIG, SIGRTMIN + 1));
	R(fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	R(write(ends[1], "x", 1));
	show(fd);
}

static void to_threads(void)
{
	siginfo_t si = {.si_pid = 77, .si_uid = 78, .si_int = 79};
	int fd = fd_of_all();

	si.si_code = SI_QUEUE;
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR2, &si));
	show(fd);
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 0, &si));
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 65, &si));
	R(syscall(SYS_rt_tgsigqueueinfo, 0, getpid(), SIGUSR2, &si));
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR2, &si));
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), 999999, SIGUSR2, &si));
	R(syscall(SYS_rt_tgsigqueueinfo, 1, getpid(), SIGUSR2, &si));
	R(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR2, 8));
	R(syscall(SYS_rt_sigqueueinfo, 999999, SIGUSR2, &si));
	R(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR2, 8));
}

const struct behaviour behaviours[] = {BEHAVIOUR(faults), BEHAVIOUR(children), BEHAVIOUR(polls),
	BEHAVIOUR(system_calls), BEHAVIOUR(timers_and_queues), BEHAVIOUR(a_pipe_says_which),
	BEHAVIOUR(to_threads), {0}};
