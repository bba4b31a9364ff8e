/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls a handler interrupts, which are restarted, and how stopping and waiting behave. */
#include "behave.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile sig_atomic_t count;
static int ends[2];

static void on_signal(int signal)
{
	(void)signal;
	count++;
}

static void handle(int flags)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};

	MUST(sigaction(SIGALRM, &sa, NULL) == 0);
}

/* A signal meets the call that comes next. */
static void interrupt(void)
{
	signal_when_asleep(SIGALRM);
}

/* The call goes on after the signal, until this. */
static pid_t interrupt_and_write(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		until_asleep(getppid());
		kill(getppid(), SIGALRM);
		until_asleep(getppid());
		_exit(write(ends[1], "late", 4) == 4 ? 0 : 1);
	}
	return pid;
}

static void read_without_restart_is_eintr(void)
{
	char buffer[8];
	MUST(pipe(ends) == 0);
	handle(0);
	interrupt();
	R(read(ends[0], buffer, sizeof(buffer)));
	V(count);
}

static void read_with_restart_continues(void)
{
	char buffer[8] = "";
	MUST(pipe(ends) == 0);
	handle(SA_RESTART);
	pid_t pid = interrupt_and_write();
	R(read(ends[0], buffer, sizeof(buffer)));
	V(count);
	reap("writer", pid);
}

static void write_to_full_pipe_is_interrupted(void)
{
	char block[4096] = {0};
	MUST(pipe2(ends, O_NONBLOCK) == 0);
	while (write(ends[1], block, sizeof(block)) > 0)
		;
	MUST(fcntl(ends[1], F_SETFL, 0) == 0);
	handle(0);
	interrupt();
	R(write(ends[1], block, 1));
}

static void partial_write_returns_what_was_written(void)
{
	static char block[200000];
	MUST(pipe(ends) == 0);
	handle(0);
	interrupt();
	T(write(ends[1], block, sizeof(block)) == fcntl(ends[1], F_GETPIPE_SZ));
	V(count);
}

static void waitpid_restart_and_eintr(void)
{
	char c;
	int status;
	MUST(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(read(ends[0], &c, 1) == 1 ? 4 : 5);
	handle(0);
	interrupt();
	R(waitpid(pid, &status, 0));
	handle(SA_RESTART);
	interrupt_and_write();
	T(waitpid(pid, &status, 0) == pid);
	say_status("child", status);
	V(count);
}

/* Of a sleep that began after start. */
static bool is_the_rest(const struct timespec *want, const struct timespec *left, int64_t start)
{
	int64_t slept = now_ns(CLOCK_MONOTONIC) - start;
	int64_t rest = left->tv_sec * 1000000000 + left->tv_nsec;

	return rest > 0 && rest < want->tv_sec * 1000000000 &&
	       slept + rest >= want->tv_sec * 1000000000;
}

static void nanosleep_is_never_restarted_and_tells_the_rest(void)
{
	struct timespec want = {5, 0}, left = {0, 0};
	handle(SA_RESTART);
	interrupt();
	int64_t start = now_ns(CLOCK_MONOTONIC);
	R(nanosleep(&want, &left));
	T(is_the_rest(&want, &left, start));
	interrupt();
	start = now_ns(CLOCK_MONOTONIC);
	V(clock_nanosleep(CLOCK_MONOTONIC, 0, &want, &left));
	T(is_the_rest(&want, &left, start));
	interrupt();
	T(sleep(5) > 0);
	V(count);
}

static void poll_family_is_never_restarted(void)
{
	struct pollfd p;
	struct timeval limit = {5, 0};
	struct epoll_event e = {.events = EPOLLIN};
	fd_set set;
	MUST(pipe(ends) == 0);
	p = (struct pollfd){ends[0], POLLIN, 0};
	handle(SA_RESTART);
	interrupt();
	R(poll(&p, 1, 5000));
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	interrupt();
	R(select(ends[0] + 1, &set, NULL, NULL, &limit));
	int fd = epoll_create1(0);
	MUST(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &e) == 0);
	interrupt();
	R(epoll_wait(fd, &e, 1, 5000));
	V(count);
}

static void ignored_signal_does_not_interrupt(void)
{
	char buffer[8] = "";
	MUST(pipe(ends) == 0);
	signal(SIGALRM, SIG_IGN);
	pid_t pid = interrupt_and_write();
	R(read(ends[0], buffer, sizeof(buffer)));
	reap("writer", pid);
}

static void stop_and_continue_does_not_interrupt_read(void)
{
	char c = 0;
	int status;
	MUST(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(read(ends[0], &c, 1) == 1 ? c : 99);
	until_asleep(pid);
	R(kill(pid, SIGSTOP));
	T(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("child", status);
	MUST(write(ends[1], "A", 1) == 1);
	sleep_ms(50);
	R(waitpid(pid, &status, WNOHANG));
	R(kill(pid, SIGCONT));
	reap("child", pid);
}

static void stopped_process_does_not_run(void)
{
	char c;
	int status, n = 0;
	MUST(pipe2(ends, O_NONBLOCK) == 0);
	pid_t pid = fork();
	if (pid == 0)
		for (;;) {
			if (write(ends[1], "t", 1) < 0)
				sleep_ms(1);
			sleep_ms(5);
		}
	struct pollfd p = {ends[0], POLLIN, 0};
	R(poll(&p, 1, 10000));
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	while (read(ends[0], &c, 1) == 1)
		n++;
	T(n > 0);
	sleep_ms(60);
	R(read(ends[0], &c, 1));
	kill(pid, SIGCONT);
	R(poll(&p, 1, 10000));
	T(read(ends[0], &c, 1) == 1);
	kill(pid, SIGKILL);
	reap("child", pid);
}

static void job_control_stop_signals(void)
{
	static const int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	/* A stop from SIGTSTP needs a group that is not orphaned: the child gets its own, we are
	 * its parent. */
	for (int i = 0; i < 4; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			raise(signals[i]);
			_exit(i);
		}
		setpgid(pid, pid);
		MUST(waitpid(pid, &status, WUNTRACED) == pid);
		say_status(signal_name(signals[i]), status);
		kill(pid, SIGCONT);
		reap("continued", pid);
	}
}

static void sigcont_handler_runs_on_continue(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGCONT, on_signal);
		raise(SIGSTOP);
		_exit(count + 10);
	}
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	reap("child", pid);
}

static void kill_ends_a_stopped_process(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	R(kill(pid, SIGTERM));
	sleep_ms(30);
	R(waitpid(pid, &status, WNOHANG));
	R(kill(pid, SIGCONT));
	reap("terminated after continue", pid);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	R(kill(pid, SIGKILL));
	reap("killed while stopped", pid);
}

static void pause_returns_after_handler(void)
{
	handle(SA_RESTART);
	interrupt();
	R(pause());
	V(count);
}

static void sigsuspend_swaps_mask(void)
{
	sigset_t blocked, none, now;
	handle(0);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGALRM);
	V(count);
	R(sigsuspend(&none));
	V(count);
	sigprocmask(SIG_BLOCK, NULL, &now);
	V(sigismember(&now, SIGALRM));
}

static void sigtimedwait_takes_pending_signals(void)
{
	struct timespec none = {0, 0}, limit = {0, 60000000};
	siginfo_t si = {0};
	sigset_t set;
	int signal_number = 0;
	handle(0);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	R(sigtimedwait(&set, &si, &none));
	int64_t start = now_ns(CLOCK_MONOTONIC);
	R(sigtimedwait(&set, &si, &limit));
	T(now_ns(CLOCK_MONOTONIC) - start >= 59000000);
	sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5});
	raise(SIGALRM);
	R(sigwaitinfo(&set, &si));
	R(sigwaitinfo(&set, &si));
	E(sigwait(&set, (raise(SIGUSR1), &signal_number)));
	V(signal_number);
	V(count);
	limit.tv_nsec = -1;
	R(sigtimedwait(&set, &si, &limit));
}

static void alarm_returns_remaining_seconds(void)
{
	T(alarm(10) >= 15);
	T(alarm(0) >= 9);
	V(alarm(0));
}

static void itimer_real_repeats(void)
{
	struct itimerval t = {{0, 5000}, {0, 5000}}, old;
	handle(0);
	R(setitimer(ITIMER_REAL, &t, NULL));
	while (count < 5)
		pause();
	t = (struct itimerval){0};
	R(setitimer(ITIMER_REAL, &t, &old));
	V(old.it_interval.tv_usec);
	R(getitimer(ITIMER_REAL, &old));
	V(old.it_value.tv_usec);
	t.it_value.tv_usec = 1000000;
	R(setitimer(ITIMER_REAL, &t, NULL));
	R(setitimer(77, &t, NULL));
	R(getitimer(77, &t));
}

static void itimer_virtual_and_prof_count_cpu_time(void)
{
	struct itimerval t = {{0, 0}, {0, 30000}};
	signal(SIGVTALRM, on_signal);
	signal(SIGPROF, on_signal);
	R(setitimer(ITIMER_VIRTUAL, &t, NULL));
	sleep_ms(80);
	V(count);
	while (!count)
		;
	say("virtual timer fired");
	count = 0;
	R(setitimer(ITIMER_PROF, &t, NULL));
	while (!count)
		;
	say("profiling timer fired");
}

static void posix_timer_sends_its_signal(void)
{
	timer_t id;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
	struct itimerspec t = {.it_value = {0, 20000000}};
	siginfo_t si;
	sigset_t set;
	ev.sigev_value.sival_int = 321;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	R(timer_create(CLOCK_MONOTONIC, &ev, &id));
	R(timer_settime(id, 0, &t, NULL));
	T(sigwaitinfo(&set, &si) == SIGRTMIN + 1);
	V(si.si_code);
	V(si.si_value.sival_int);
	R(timer_gettime(id, &t));
	V(t.it_value.tv_nsec);
	R(timer_getoverrun(id));
	R(timer_delete(id));
}

const struct behaviour behaviours[] = {BEHAVIOUR(read_without_restart_is_eintr),
	BEHAVIOUR(read_with_restart_continues), BEHAVIOUR(write_to_full_pipe_is_interrupted),
	BEHAVIOUR(partial_write_returns_what_was_written), BEHAVIOUR(waitpid_restart_and_eintr),
	BEHAVIOUR(nanosleep_is_never_restarted_and_tells_the_rest),
	BEHAVIOUR(poll_family_is_never_restarted), BEHAVIOUR(ignored_signal_does_not_interrupt),
	BEHAVIOUR(stop_and_continue_does_not_interrupt_read),
	BEHAVIOUR(stopped_process_does_not_run), BEHAVIOUR(job_control_stop_signals),
	BEHAVIOUR(sigcont_handler_runs_on_continue), BEHAVIOUR(kill_ends_a_stopped_process),
	BEHAVIOUR(pause_returns_after_handler), BEHAVIOUR(sigsuspend_swaps_mask),
	BEHAVIOUR(sigtimedwait_takes_pending_signals), BEHAVIOUR(alarm_returns_remaining_seconds),
	BEHAVIOUR(itimer_real_repeats), BEHAVIOUR(itimer_virtual_and_prof_count_cpu_time),
	BEHAVIOUR(posix_timer_sends_its_signal), {0}};
