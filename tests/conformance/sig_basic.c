/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/syscall.h>
#include <sys/time.h>

static volatile sig_atomic_t count, last, depth, deepest;
static siginfo_t info;

static void on_signal(int signal)
{
	count++;
	last = signal;
}

static void on_siginfo(int signal, siginfo_t *si, void *context)
{
	(void)context;
	count++;
	last = signal;
	info = *si;
}

static void handle(int signal, int flags)
{
	struct sigaction sa = {.sa_flags = flags};

	if (flags & SA_SIGINFO)
		sa.sa_sigaction = on_siginfo;
	else
		sa.sa_handler = on_signal;
	MUST(sigaction(signal, &sa, NULL) == 0);
}

static void block(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void unblock(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	MUST(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static bool pending(int signal)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, signal);
}

static void handler_runs_before_kill_returns(void)
{
	handle(SIGUSR1, 0);
	R(kill(getpid(), SIGUSR1));
	V(count);
	V(last);
	R(raise(SIGUSR1));
	V(count);
}

static void blocked_signal_stays_pending_and_merges(void)
{
	handle(SIGUSR1, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	T(pending(SIGUSR1));
	V(count);
	unblock(SIGUSR1);
	T(pending(SIGUSR1));
	/* One was sent to the thread, one to the process: each is delivered once. */
	V(count);
}

static int order[16];
static volatile int ordered;

static void note_order(int signal, siginfo_t *si, void *context)
{
	(void)context;
	order[ordered++] = (signal - SIGRTMIN) * 1000 + si->si_value.sival_int;
}

static void real_time_signals_queue_in_order(void)
{
	struct sigaction sa = {.sa_sigaction = note_order, .sa_flags = SA_SIGINFO};
	sigset_t set;
	sigemptyset(&set);
	for (int i = 0; i < 3; i++) {
		sigaddset(&set, SIGRTMIN + i);
		sigaction(SIGRTMIN + i, &sa, NULL);
	}
	sa.sa_mask = set;
	for (int i = 0; i < 3; i++)
		sigaction(SIGRTMIN + i, &sa, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 6; i++)
		R(sigqueue(getpid(), SIGRTMIN + 2 - i % 3, (union sigval){.sival_int = i}));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (int i = 0; i < ordered; i++)
		V(order[i]);
}

static void siginfo_of_kill_and_sigqueue_and_tgkill(void)
{
	handle(SIGUSR1, SA_SIGINFO);
	R(kill(getpid(), SIGUSR1));
	V(info.si_code);
	T(info.si_pid == getpid() && info.si_uid == getuid());
	R(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1234}));
	V(info.si_code);
	V(info.si_value.sival_int);
	T(info.si_pid == getpid());
	R(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	V(info.si_code);
	V(info.si_signo);
	V(info.si_errno);
}

static void siginfo_of_sigchld(void)
{
	handle(SIGCHLD, SA_SIGINFO);
	pid_t pid = fork();
	if (pid == 0)
		_exit(77);
	while (!count)
		sleep_ms(5);
	T(info.si_pid == pid);
	V(info.si_code == CLD_EXITED);
	V(info.si_status);
	reap("child", pid);
	count = 0;
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGTERM);
	while (!count)
		sleep_ms(5);
	V(info.si_code == CLD_KILLED);
	V(info.si_status == SIGTERM);
	reap("child", pid);
}

static void sigchld_on_stop_unless_nocldstop(void)
{
	int status;
	handle(SIGCHLD, SA_SIGINFO);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	while (!count) /* a stop can be seen before it is told of */
		sleep_ms(1);
	V(count);
	V(info.si_code == CLD_STOPPED);
	handle(SIGCHLD, SA_SIGINFO | SA_NOCLDSTOP);
	kill(pid, SIGCONT);
	waitpid(pid, &status, WCONTINUED);
	V(count);
	kill(pid, SIGKILL);
	reap("child", pid);
	V(count);
}

static void nocldwait_reaps(void)
{
	handle(SIGCHLD, SA_NOCLDWAIT);
	pid_t pid = fork();
	if (pid == 0)
		_exit(1);
	int status, r;
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	say("waitpid %d %s", r, errno_name(errno));
	V(count);
}

static void resethand_runs_once(void)
{
	struct sigaction sa;
	handle(SIGUSR1, (int)SA_RESETHAND);
	raise(SIGUSR1);
	V(count);
	sigaction(SIGUSR1, NULL, &sa);
	T(sa.sa_handler == SIG_DFL);
}

static void nest(int signal)
{
	if (++depth > deepest)
		deepest = depth;
	if (depth < 4)
		raise(signal);
	depth--;
	count++;
}

static void nodefer_lets_a_handler_nest(void)
{
	struct sigaction sa = {.sa_handler = nest, .sa_flags = SA_NODEFER};
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	V(deepest);
	V(count);
}

static void nest_once(int signal)
{
	if (++depth > deepest)
		deepest = depth;
	if (count < 3) {
		count++;
		raise(signal);
	}
	depth--;
}

static void same_signal_is_deferred_in_its_handler(void)
{
	struct sigaction sa = {.sa_handler = nest_once};
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	V(deepest);
	V(count);
}

static void outer(int signal)
{
	(void)signal;
	say("outer begins");
	raise(SIGUSR2);
	say("outer ends, USR2 pending: %d", pending(SIGUSR2));
}

static void inner(int signal)
{
	(void)signal;
	say("inner");
}

static void sa_mask_defers_other_signals(void)
{
	struct sigaction sa = {.sa_handler = outer}, in = {.sa_handler = inner};
	sigaction(SIGUSR2, &in, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
}

static void sigaction_refusals_and_old_value(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
	sigaddset(&sa.sa_mask, SIGHUP);
	R(sigaction(SIGUSR1, &sa, NULL));
	R(sigaction(SIGUSR1, NULL, &old));
	T(old.sa_handler == on_signal);
	T(old.sa_flags & SA_RESTART);
	T(sigismember(&old.sa_mask, SIGHUP) && !sigismember(&old.sa_mask, SIGINT));
	R(sigaction(SIGKILL, &sa, NULL));
	R(sigaction(SIGSTOP, &sa, NULL));
	R(sigaction(SIGKILL, NULL, &old));
	R(sigaction(0, &sa, NULL));
	R(sigaction(65, &sa, NULL));
	R(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 4L));
	R(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8L));
	R(sigprocmask(99, &sa.sa_mask, NULL));
}

static void kill_and_stop_cannot_be_blocked(void)
{
	sigset_t set;
	sigfillset(&set);
	R(sigprocmask(SIG_SETMASK, &set, NULL));
	sigprocmask(SIG_BLOCK, NULL, &set);
	V(sigismember(&set, SIGKILL));
	V(sigismember(&set, SIGSTOP));
	V(sigismember(&set, SIGTERM));
}

static void ignored_signal_is_discarded_even_when_blocked(void)
{
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	block(SIGUSR1);
	raise(SIGUSR1);
	T(pending(SIGUSR1));
	handle(SIGUSR1, 0);
	unblock(SIGUSR1);
	V(count);
}

static void setting_ignore_discards_pending(void)
{
	handle(SIGUSR1, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	T(pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	T(pending(SIGUSR1));
	handle(SIGUSR1, 0);
	unblock(SIGUSR1);
	V(count);
}

static sigjmp_buf escape;

static void jump_out(int signal)
{
	(void)signal;
	count++;
	siglongjmp(escape, 5);
}

static void siglongjmp_restores_mask(void)
{
	sigset_t set;
	signal(SIGUSR1, jump_out);
	int r = sigsetjmp(escape, 1);
	if (r == 0)
		raise(SIGUSR1);
	V(r);
	sigprocmask(SIG_BLOCK, NULL, &set);
	V(sigismember(&set, SIGUSR1));
	if (sigsetjmp(escape, 1) == 0)
		raise(SIGUSR1);
	V(count);
}

static void default_actions(void)
{
	static const int ignored[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
	static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
		SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT,
		SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		R(raise(ignored[i]));
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			raise(deadly[i]);
			_exit(0);
		}
		reap(signal_name(deadly[i]), pid);
	}
}

static pthread_t main_thread;
static volatile pid_t handled_by;

static void note_thread(int signal)
{
	(void)signal;
	handled_by = (pid_t)syscall(SYS_gettid);
	count++;
}

static volatile pid_t second_tid;

static void *unblocked_thread(void *unused)
{
	unblock(SIGUSR1);
	second_tid = (pid_t)syscall(SYS_gettid);
	while (!count)
		sleep_ms(5);
	return unused;
}

static void process_signal_goes_to_a_thread_that_accepts_it(void)
{
	pthread_t t;
	signal(SIGUSR1, note_thread);
	block(SIGUSR1);
	MUST(pthread_create(&t, NULL, unblocked_thread, NULL) == 0);
	while (!second_tid)
		sleep_ms(1);
	R(kill(getpid(), SIGUSR1));
	pthread_join(t, NULL);
	T(handled_by == second_tid);
}

static void *kill_main(void *unused)
{
	pthread_kill(main_thread, SIGUSR1);
	return unused;
}

static void pthread_kill_reaches_that_thread(void)
{
	pthread_t t;
	main_thread = pthread_self();
	signal(SIGUSR1, note_thread);
	MUST(pthread_create(&t, NULL, kill_main, NULL) == 0);
	pthread_join(t, NULL);
	while (!count)
		sleep_ms(1);
	T(handled_by == getpid());
	V(count);
}

static void handler_preserves_errno_and_interrupts_loop(void)
{
	struct itimerval t = {.it_value = {0, 30000}};
	handle(SIGALRM, 0);
	errno = EDOM;
	setitimer(ITIMER_REAL, &t, NULL);
	while (!count)
		;
	say("loop left, errno %s", errno_name(errno));
}

static void many_signals_from_another_process(void)
{
	handle(SIGUSR1, SA_SIGINFO);
	handle(SIGRTMIN, SA_SIGINFO);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 100; i++)
			if (sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = i}) < 0)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 400 && count < 100; i++)
		sleep_ms(10);
	reap("sender", pid);
	V(count);
	V(info.si_value.sival_int);
	T(info.si_pid == pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(handler_runs_before_kill_returns),
	BEHAVIOUR(blocked_signal_stays_pending_and_merges),
	BEHAVIOUR(real_time_signals_queue_in_order),
	BEHAVIOUR(siginfo_of_kill_and_sigqueue_and_tgkill), BEHAVIOUR(siginfo_of_sigchld),
	BEHAVIOUR(sigchld_on_stop_unless_nocldstop), BEHAVIOUR(nocldwait_reaps),
	BEHAVIOUR(resethand_runs_once), BEHAVIOUR(nodefer_lets_a_handler_nest),
	BEHAVIOUR(same_signal_is_deferred_in_its_handler), BEHAVIOUR(sa_mask_defers_other_signals),
	BEHAVIOUR(sigaction_refusals_and_old_value), BEHAVIOUR(kill_and_stop_cannot_be_blocked),
	BEHAVIOUR(ignored_signal_is_discarded_even_when_blocked),
	BEHAVIOUR(setting_ignore_discards_pending), BEHAVIOUR(siglongjmp_restores_mask),
	BEHAVIOUR(default_actions), BEHAVIOUR(process_signal_goes_to_a_thread_that_accepts_it),
	BEHAVIOUR(pthread_kill_reaches_that_thread),
	BEHAVIOUR(handler_preserves_errno_and_interrupts_loop),
	BEHAVIOUR(many_signals_from_another_process), {0}};
