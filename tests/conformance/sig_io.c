/* SPDX-License-Identifier: Apache-2.0 */
/* Signals for what happens to a file: O_ASYNC, F_SETOWN, F_SETSIG, FIOASYNC. */
#include "behave.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static volatile sig_atomic_t count, signo, code, fd_told, band;

static void handler(int sig, siginfo_t *si, void *ctx)
{
	count++;
	signo = sig;
	code = si->si_code;
	fd_told = si->si_fd;
	band = (int)si->si_band;
}

static void catch (int sig)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	count = signo = code = 0;
	MUST(sigaction(sig, &sa, NULL) == 0);
}

static void owner_is_kept_and_checked(void)
{
	struct f_owner_ex ex = {99, 0};
	int p[2], child;

	MUST(pipe(p) == 0);
	V(fcntl(p[0], F_GETOWN));
	R(fcntl(p[0], F_SETOWN, INT_MIN));
	R(fcntl(p[0], F_SETOWN, 0x3fffffff));
	R(fcntl(p[0], F_SETOWN, -0x3fffffff));
	R(fcntl(p[0], F_SETOWN, getpid()));
	T(fcntl(p[0], F_GETOWN) == getpid());
	R(fcntl(p[0], F_SETOWN_EX, &ex));
	R(fcntl(p[0], F_SETOWN_EX, (void *)8));
	ex = (struct f_owner_ex){F_OWNER_TID, getpid()};
	R(fcntl(p[0], F_SETOWN_EX, &ex));
	R(fcntl(p[0], F_GETOWN_EX, &ex));
	V(ex.type);
	T(ex.pid == getpid());
	ex = (struct f_owner_ex){F_OWNER_PID, 0x3fffffff};
	R(fcntl(p[0], F_SETOWN_EX, &ex));
	R(fcntl(p[0], F_SETOWN, 0));
	V(fcntl(p[0], F_GETOWN));
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	R(fcntl(p[0], F_SETOWN, child));
}

static void signal_number_is_kept_and_checked(void)
{
	int p[2];

	MUST(pipe(p) == 0);
	R(fcntl(p[0], F_GETSIG));
	R(fcntl(p[0], F_SETSIG, 65));
	R(fcntl(p[0], F_SETSIG, -1));
	R(fcntl(p[0], F_SETSIG, SIGUSR1));
	T(fcntl(p[0], F_GETSIG) == SIGUSR1);
	R(fcntl(p[1], F_GETSIG));
}

static void async_flag_by_kind_of_file(void)
{
	int p[2], s[2], on = 1, off = 0;
	int file = open("file", O_RDWR | O_CREAT, 0600), null = open("/dev/null", O_RDWR);

	MUST(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	R(ioctl(p[0], FIOASYNC, &on));
	T(fcntl(p[0], F_GETFL) & O_ASYNC);
	R(ioctl(p[0], FIOASYNC, &off));
	T(fcntl(p[0], F_GETFL) & O_ASYNC);
	R(ioctl(p[0], FIOASYNC, (void *)8));
	R(ioctl(s[0], FIOASYNC, &on));
	R(fcntl(s[1], F_SETFL, O_ASYNC | O_NONBLOCK));
	T(fcntl(s[1], F_GETFL) & O_ASYNC);
	R(fcntl(s[1], F_SETFL, 0));
	T(fcntl(s[1], F_GETFL) & O_ASYNC);
	R(ioctl(file, FIOASYNC, &on));
	R(ioctl(file, FIOASYNC, &off));
	R(fcntl(file, F_SETFL, O_ASYNC));
	T(fcntl(file, F_GETFL) & O_ASYNC);
	R(ioctl(null, FIOASYNC, &on));
}

static void pipe_data_sends_sigio(void)
{
	int p[2];

	MUST(pipe(p) == 0);
	catch (SIGIO);
	MUST(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
	R(write(p[1], "a", 1));
	V(count); /* nobody owns it */
	MUST(fcntl(p[0], F_SETOWN, getpid()) == 0);
	R(write(p[1], "b", 1));
	T(count > 0 && signo == SIGIO);
	V(code == SI_KERNEL);
	MUST(fcntl(p[0], F_SETFL, 0) == 0);
	count = 0;
	R(write(p[1], "c", 1));
	V(count);
}

static void chosen_signal_tells_what_happened(void)
{
	int p[2];

	MUST(pipe(p) == 0);
	catch (SIGRTMIN + 1);
	MUST(fcntl(p[0], F_SETSIG, SIGRTMIN + 1) == 0 && fcntl(p[0], F_SETOWN, getpid()) == 0);
	MUST(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
	R(write(p[1], "a", 1));
	V(count);
	T(signo == SIGRTMIN + 1 && fd_told == p[0]);
	V(code);
	V(band);
	code = 0;
	close(p[1]);
	V(code);
	V(band);
}

static void socket_data_and_a_closed_peer(void)
{
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
	catch (SIGRTMIN);
	MUST(fcntl(s[0], F_SETSIG, SIGRTMIN) == 0 && fcntl(s[0], F_SETOWN, getpid()) == 0);
	MUST(fcntl(s[0], F_SETFL, O_ASYNC) == 0);
	R(write(s[1], "a", 1));
	V(count);
	V(code);
	V(band);
}

static void owner_can_be_a_process_group(void)
{
	int p[2], ready[2], status;
	pid_t child;

	MUST(pipe(p) == 0 && pipe(ready) == 0);
	child = fork();
	if (!child) {
		setpgid(0, 0);
		signal(SIGIO, SIG_DFL);
		MUST(write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	MUST(read(ready[0], &status, 1) == 1);
	signal(SIGIO, SIG_IGN);
	R(fcntl(p[0], F_SETOWN, -child));
	T(fcntl(p[0], F_GETOWN) == -child);
	MUST(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
	R(write(p[1], "a", 1));
	reap("child", child);
}

static void fork_child_inherits_the_arrangement(void)
{
	int p[2];

	MUST(pipe(p) == 0);
	catch (SIGIO);
	MUST(fcntl(p[0], F_SETOWN, getpid()) == 0 && fcntl(p[0], F_SETFL, O_ASYNC) == 0);
	pid_t child = fork();
	if (!child) {
		MUST(write(p[1], "a", 1) == 1);
		_exit(count);
	}
	reap("child", child);
	T(count > 0);
}

static void urgent_owner_ioctls(void)
{
	int s[2], who = getpid(), got = 0;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	R(ioctl(s[0], FIOSETOWN, &who));
	R(ioctl(s[0], FIOGETOWN, &got));
	T(got == who);
	who = 0x3fffffff;
	R(ioctl(s[0], SIOCSPGRP, &who));
	R(ioctl(s[0], SIOCGPGRP, &got));
	T(got == getpid());
	T(fcntl(s[0], F_GETOWN) == getpid());
}

static void closing_ends_it(void)
{
	int p[2];

	MUST(pipe(p) == 0);
	catch (SIGIO);
	MUST(fcntl(p[0], F_SETOWN, getpid()) == 0 && fcntl(p[0], F_SETFL, O_ASYNC) == 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	R(write(p[1], "a", 1));
	V(count);
}

const struct behaviour behaviours[] = {
	BEHAVIOUR(owner_is_kept_and_checked),
	BEHAVIOUR(signal_number_is_kept_and_checked),
	BEHAVIOUR(async_flag_by_kind_of_file),
	BEHAVIOUR(pipe_data_sends_sigio),
	BEHAVIOUR(chosen_signal_tells_what_happened),
	BEHAVIOUR(socket_data_and_a_closed_peer),
	BEHAVIOUR(owner_can_be_a_process_group),
	BEHAVIOUR(fork_child_inherits_the_arrangement),
	BEHAVIOUR(urgent_owner_ioctls),
	BEHAVIOUR(closing_ends_it),
	{NULL, NULL},
};
