/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void *sleep_forever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void *spin_forever(void *unused)
{
	for (volatile unsigned long i = 0;; i++)
		;
	return unused;
}

static void start_threads(void)
{
	pthread_t t;

	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&t, NULL, sleep_forever, NULL) == 0);
	MUST(pthread_create(&t, NULL, spin_forever, NULL) == 0);
}

static void exit_code_zero(void)
{
	exit(0);
}

static void exit_code_is_masked_to_eight_bits(void)
{
	say("exit 0x1234");
	exit(0x1234);
}

static void exit_code_255(void)
{
	_exit(-1);
}

static void exit_group_ends_all_threads(void)
{
	start_threads();
	say("exiting");
	syscall(SYS_exit_group, 41);
}

static void return_from_main_ends_threads(void)
{
	start_threads();
	say("returning");
}

static void *exit_from_thread(void *unused)
{
	say("thread exits the process");
	exit(43);
	return unused;
}

static void exit_from_second_thread(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, exit_from_thread, NULL) == 0);
	for (;;)
		pause();
}

static void *last_thread(void *main_thread)
{
	MUST(pthread_join(*(pthread_t *)main_thread, NULL) == 0);
	sleep_ms(50);
	say("last thread ends");
	return NULL;
}

static void process_lives_until_last_thread_ends(void)
{
	static pthread_t self;
	pthread_t t;
	self = pthread_self();
	MUST(pthread_create(&t, NULL, last_thread, &self) == 0);
	say("main thread ends");
	pthread_exit(NULL);
}

static void *die_in_thread(void *unused)
{
	say("thread faults");
	*(volatile int *volatile)NULL = 1;
	return unused;
}

static void fault_in_thread_ends_process(void)
{
	pthread_t t;
	MUST(pthread_create(&t, NULL, die_in_thread, NULL) == 0);
	sleep_forever(NULL);
}

static void first(void)
{
	say("registered first");
}

static void second(void)
{
	say("registered second");
}

static void atexit_runs_in_reverse_order(void)
{
	atexit(first);
	atexit(second);
	exit(9);
}

static void stdio_is_flushed_at_exit_not_at_underscore_exit(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		printf("buffered, flushed\n");
		exit(0);
	}
	reap("exit", pid);
	pid = fork();
	if (pid == 0) {
		printf("buffered, lost\n");
		_exit(0);
	}
	reap("_exit", pid);
}

static void kill_self_with_sigkill(void)
{
	say("killing");
	kill(getpid(), SIGKILL);
	say("not reached");
}

static void kill_self_with_sigterm(void)
{
	say("terminating");
	raise(SIGTERM);
	say("not reached");
}

static void kill_self_with_real_time_signal(void)
{
	raise(SIGRTMIN + 3);
}

static void children_outlive_nothing_held(void)
{
	int p[2];
	char c;
	MUST(pipe(p) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[0]);
		start_threads();
		sleep_ms(30);
		_exit(3);
	}
	close(p[1]);
	/* The write end closes only when the whole process is gone. */
	R(read(p[0], &c, 1));
	reap("child", pid);
}

static void kill_process_with_busy_threads(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		start_threads();
		spin_forever(NULL);
	}
	sleep_ms(50);
	R(kill(pid, SIGKILL));
	reap("child", pid);
	pid = fork();
	if (pid == 0) {
		start_threads();
		spin_forever(NULL);
	}
	sleep_ms(50);
	R(kill(pid, SIGTERM));
	reap("child", pid);
}

static void only_the_calling_thread_survives_fork(void)
{
	start_threads();
	pid_t pid = fork();
	if (pid == 0) {
		char path[64];
		int tasks = 0;
		FILE *f = fopen("/proc/self/status", "r");
		while (f && fgets(path, sizeof(path), f))
			sscanf(path, "Threads: %d", &tasks);
		_exit(tasks);
	}
	reap("threads in child", pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(exit_code_zero),
	BEHAVIOUR(exit_code_is_masked_to_eight_bits), BEHAVIOUR(exit_code_255),
	BEHAVIOUR(exit_group_ends_all_threads), BEHAVIOUR(return_from_main_ends_threads),
	BEHAVIOUR(exit_from_second_thread), BEHAVIOUR(process_lives_until_last_thread_ends),
	BEHAVIOUR(fault_in_thread_ends_process), BEHAVIOUR(atexit_runs_in_reverse_order),
	BEHAVIOUR(stdio_is_flushed_at_exit_not_at_underscore_exit),
	BEHAVIOUR(kill_self_with_sigkill), BEHAVIOUR(kill_self_with_sigterm),
	BEHAVIOUR(kill_self_with_real_time_signal), BEHAVIOUR(children_outlive_nothing_held),
	BEHAVIOUR(kill_process_with_busy_threads), BEHAVIOUR(only_the_calling_thread_survives_fork),
	{0}};
