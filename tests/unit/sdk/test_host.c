/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that the library is a guest in: its signals, children, descriptors and threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sdk/sdk_test.h"

#define THREADS 8
#define ROUNDS	4

/* All in a child: a test that fails in it exits with 1. */
static void in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void expect_exit(int code)
{
	char script[16];
	struct shell sh;
	struct sb *s;

	snprintf(script, sizeof script, "exit %d", code);
	shell_init(&sh, script);
	if (sb_start(&sh.c, &s, NULL) || sb_wait(s, 60000, NULL))
		_exit(1);
	if (end_of(s).exit_code != code)
		_exit(1);
	sb_free(s);
}

static void ignore_children(void)
{
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 3; i++)
		expect_exit(i);
}

static void caller_that_ignores_its_children(void **state)
{
	in_child(ignore_children);
}

static atomic_bool stop;

static void *reap_all(void *arg)
{
	while (!atomic_load(&stop))
		if (waitpid(-1, NULL, WNOHANG) <= 0)
			usleep(100);
	return NULL;
}

static void caller_that_reaps_all_children(void **state)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, reap_all, NULL), 0);
	for (int i = 0; i < 10; i++)
		expect_exit(i);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
}

static void closed_streams(void)
{
	struct shell sh;
	struct sb *s;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	shell_init(&sh, "cat; ls /proc/self/fd; exit 5");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_MEMORY, .data = "in\n", .size = 3};
	if (sb_start(&sh.c, &s, NULL) || sb_wait(s, 60000, NULL))
		_exit(1);
	if (strcmp(out_of(s), "in\n0\n1\n2\n3\n")) /* 3 is that of ls */
		_exit(1);
	sb_free(s);
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			_exit(1);
}

static void caller_without_standard_streams(void **state)
{
	in_child(closed_streams);
}

/* Ends of the wrong pipes, so to say: what is 1 here becomes 0 there. */
static void streams_that_are_low_numbers(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "true");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = 1};
	sh.c.out = (struct sb_stream){.kind = SB_STREAM_FD, .fd = 0};
	s = start(&sh.c);
	assert_int_equal(end_of(s).exit_code, 0);
	sb_free(s);
}

/* The process of the sandbox, its first, has none of them open. */
static void descriptors_without_cloexec(void **state)
{
	int ends[2];
	char byte;
	struct shell sh;
	struct sb *s;

	assert_int_equal(pipe(ends), 0);
	shell_init(&sh, "sleep 50");
	s = start(&sh.c);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* the other end is nowhere */
	sb_free(s);
	close(ends[0]);
}

static void library_descriptors_are_closed_on_exec(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "sleep 50");
	sh.c.in.kind = SB_STREAM_MEMORY;
	s = start(&sh.c);
	for (int fd = 3; fd < 200; fd++) {
		int flags = fcntl(fd, F_GETFD);
		char name[32], to[64];
		ssize_t n;

		if (flags < 0 || flags & FD_CLOEXEC)
			continue;
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		n = readlink(name, to, sizeof to - 1);
		to[n > 0 ? n : 0] = 0;
		assert_null(strstr(to, "memfd:"));
		assert_null(strstr(to, "anon_inode:"));
	}
	sb_free(s);
}

static atomic_int handled;

static void on_signal(int signo)
{
	atomic_fetch_add(&handled, 1);
}

static void signals_directory_and_umask_stay(void **state)
{
	struct sigaction before, after;
	sigset_t mask, mask_after;
	char cwd[512], cwd_after[512];
	mode_t um = umask(077);

	signal(SIGUSR1, on_signal);
	sigaction(SIGCHLD, NULL, &before);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_non_null(getcwd(cwd, sizeof cwd));
	expect_exit(3);
	sigaction(SIGCHLD, NULL, &after);
	assert_ptr_equal(before.sa_handler, after.sa_handler);
	sigaction(SIGUSR1, NULL, &after);
	assert_ptr_equal(after.sa_handler, on_signal);
	pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
	for (int n = 1; n < 64; n++)
		assert_int_equal(sigismember(&mask, n), sigismember(&mask_after, n));
	assert_non_null(getcwd(cwd_after, sizeof cwd_after));
	assert_string_equal(cwd, cwd_after);
	assert_int_equal(umask(um), 077);
	signal(SIGUSR1, SIG_DFL);
}

/* What the caller does with signals is not the program's. */
static void program_has_default_signals(void **state)
{
	struct shell sh;
	struct sb *s;
	sigset_t block, old;

	signal(SIGTERM, SIG_IGN);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	shell_init(&sh, "grep -E 'Sig(Blk|Ign)' /proc/self/status");
	s = start(&sh.c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(SIGTERM, SIG_DFL);
	end_of(s);
	assert_string_equal(out_of(s), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	sb_free(s);
}

static void *start_many(void *arg)
{
	intptr_t failed = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct sb_result res = {.size = sizeof res};
		struct shell sh;
		struct sb *s;
		char script[64];
		int code = (int)(intptr_t)arg * ROUNDS + i;

		snprintf(script, sizeof script, "echo %d; exit %d", code, code);
		shell_init(&sh, script);
		if (sb_start(&sh.c, &s, NULL))
			return (void *)1;
		failed += sb_wait(s, 60000, NULL) || sb_get_result(s, &res, NULL) ||
			  res.exit_code != code || atoi(out_of(s)) != code;
		sb_free(s);
	}
	return (void *)failed;
}

static void many_threads_start_sandboxes(void **state)
{
	unsigned fds = count_fds();
	pthread_t t[THREADS];
	void *failed;

	for (intptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, start_many, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &failed);
		assert_ptr_equal(failed, NULL);
	}
	expect_nothing_left(fds);
}

int run_tests_host(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caller_that_ignores_its_children),
		cmocka_unit_test(caller_that_reaps_all_children),
		cmocka_unit_test(caller_without_standard_streams),
		cmocka_unit_test(streams_that_are_low_numbers),
		cmocka_unit_test(descriptors_without_cloexec),
		cmocka_unit_test(library_descriptors_are_closed_on_exec),
		cmocka_unit_test(signals_directory_and_umask_stay),
		cmocka_unit_test(program_has_default_signals),
		cmocka_unit_test(many_threads_start_sandboxes),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
