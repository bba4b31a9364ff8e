/* SPDX-License-Identifier: Apache-2.0
 *
 * Kill, pause, resume; what may be called when.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/sdk/sdk_test.h"

static void killed(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "sleep 50");
	s = start(&sh.c);
	assert_int_equal(sb_wait(s, 100, NULL), SB_RUNNING);
	assert_int_equal(sb_kill(s, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	assert_int_equal(sb_kill(s, NULL), 0);
	assert_int_equal(sb_dispatch(s, NULL), 0);
	sb_free(s);
}

static void freed_while_it_runs(void **state)
{
	unsigned fds = count_fds();
	struct shell sh;

	shell_init(&sh, "sleep 50 & sleep 50");
	for (int i = 0; i < 5; i++)
		sb_free(start(&sh.c));
	expect_nothing_left(fds);
}

static int count_bytes(void *arg, const void *data, size_t size)
{
	*(size_t *)arg += size;
	return 0;
}

/* Half a second of waiting, whatever there is. */
static size_t taken(struct sb *s, size_t *total)
{
	size_t before = *total;

	for (int i = 0; i < 10; i++)
		sb_wait(s, 50, NULL);
	return *total - before;
}

static void wait_for_more(struct sb *s, const size_t *total)
{
	size_t before = *total;

	for (int i = 0; i < 600 && *total == before; i++)
		assert_int_equal(sb_wait(s, 100, NULL), SB_RUNNING);
	assert_true(*total > before);
}

/* Calls back with what is kept for the end. */
struct kept {
	size_t size;
	char text[64];
};

static int keep(void *arg, const void *data, size_t size)
{
	struct kept *k = arg;

	if (size >= sizeof k->text - k->size)
		return 1;
	memcpy(k->text + k->size, data, size);
	k->size += size;
	return 0;
}

/* User code stops too, not only its system calls: what it counted meanwhile says so. */
static void paused_and_resumed(void **state)
{
	static const char script[] = "import time\n"
				     "gap, last = 0, time.monotonic()\n"
				     "print('on', flush=True)\n"
				     "while gap < 0.9:\n"
				     "    now = time.monotonic()\n"
				     "    gap, last = max(gap, now - last), now\n"
				     "print('gap', flush=True)\n";
	struct kept out = {0};
	struct shell sh;
	struct sb_error *e;
	struct sb *s;

	shell_init(&sh, script);
	sh.c.program = "/usr/bin/python3";
	sh.c.out = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = keep, .arg = &out};
	s = start(&sh.c);
	wait_for_more(s, &out.size);
	expect_code(sb_pause(s, &e), 0, &e);
	assert_int_equal(sb_wait(s, 1000, NULL), SB_RUNNING);
	expect_code(sb_resume(s, &e), 0, &e);
	assert_int_equal(end_of(s).exit_code, 0);
	assert_string_equal(out.text, "on\ngap\n");
	sb_free(s);
}

static void no_output_while_it_is_paused(void **state)
{
	struct shell sh;
	struct sb *s;
	size_t total = 0;

	shell_init(&sh, "while :; do echo x; sleep 0.01; done");
	sh.c.out =
		(struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = count_bytes, .arg = &total};
	s = start(&sh.c);
	wait_for_more(s, &total);
	assert_int_equal(sb_pause(s, NULL), 0);
	taken(s, &total); /* what is in the pipe */
	assert_int_equal(taken(s, &total), 0);
	assert_int_equal(sb_resume(s, NULL), 0);
	wait_for_more(s, &total);
	assert_int_equal(sb_pause(s, NULL), 0);
	assert_int_equal(sb_kill(s, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	sb_free(s);
}

static void wall_time_runs_on_while_it_is_paused(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "while :; do :; done");
	sh.c.wall_ns = MS(700);
	s = start(&sh.c);
	assert_int_equal(sb_wait(s, 200, NULL), SB_RUNNING);
	assert_int_equal(sb_pause(s, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_WALL_TIME);
	sb_free(s);
}

static void paused_after_the_end(void **state)
{
	struct shell sh;
	struct sb_error *e;
	struct sb *s;

	shell_init(&sh, "");
	s = start(&sh.c);
	end_of(s);
	expect_code(sb_pause(s, &e), SB_ENDED, &e);
	sb_error_free(e);
	expect_code(sb_resume(s, &e), SB_ENDED, &e);
	assert_non_null(sb_error_text(e));
	sb_error_free(e);
	sb_free(s);
}

static int from_callback(void *arg, const void *data, size_t size)
{
	struct sb **s = arg;
	struct sb_result res = {.size = sizeof res};

	assert_int_equal(sb_wait(*s, 0, NULL), SB_BUSY);
	assert_int_equal(sb_dispatch(*s, NULL), SB_BUSY);
	assert_int_equal(sb_get_result(*s, &res, NULL), SB_RUNNING);
	assert_int_equal(sb_kill(*s, NULL), 0);
	return 0;
}

static void calls_from_a_callback(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "echo; sleep 50");
	sh.c.out =
		(struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = from_callback, .arg = &s};
	s = start(&sh.c);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	sb_free(s);
}

static void nothing_to_do_until_something_is_there(void **state)
{
	struct shell sh;
	struct sb *s;
	struct pollfd p;
	struct timespec before, after;

	shell_init(&sh, "sleep 1; echo x");
	s = start(&sh.c);
	p = (struct pollfd){.fd = sb_fd(s), .events = POLLIN};
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(poll(&p, 1, 300), 0);
	assert_int_equal(poll(&p, 1, 20000), 1);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 15);
	end_of(s);
	assert_int_equal(poll(&p, 1, 0), 1); /* and stays so */
	sb_free(s);
}

static void *wait_for_it(void *arg)
{
	return (void *)(intptr_t)sb_wait(arg, 60000, NULL);
}

static void several_threads_wait(void **state)
{
	pthread_t t[4];
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "head -c 3000000 /dev/zero; sleep 0.3");
	s = start(&sh.c);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, wait_for_it, s), 0);
	for (int i = 0; i < 4; i++) {
		void *r;

		pthread_join(t[i], &r);
		assert_ptr_equal(r, NULL);
	}
	assert_int_equal(end_of(s).output, 3000000);
	sb_free(s);
}

/* What a sandbox's process leaves that was killed in the middle of its report, or has been taken
 * over. It is started as `sandbox run --messages-fd N --until-fd N --json-fd N …`. */
static void killed_with_half_a_report(void **state)
{
	static const char *const reports[] = {"{\n  \"exit\": {\n    \"ki", "no report\n}\n"};

	for (size_t i = 0; i < 2; i++) {
		struct kept out = {0};
		char path[] = "/tmp/sdk-XXXXXX";
		struct shell sh;
		struct sb_error *e;
		struct sb *s;
		FILE *f = fdopen(mkstemp(path), "w");

		fprintf(f, "#!/bin/sh\nprintf '%s' >/proc/self/fd/$7\necho\nexec sleep 50\n",
			reports[i]);
		assert_int_equal(fchmod(fileno(f), 0700), 0);
		fclose(f);
		shell_init(&sh, "");
		sh.c.executable = path;
		sh.c.out =
			(struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = keep, .arg = &out};
		s = start(&sh.c);
		wait_for_more(s, &out.size);
		assert_int_equal(sb_kill(s, NULL), 0);
		expect_code(sb_wait(s, 60000, &e), 0, &e);
		assert_int_equal(end_of(s).end, SB_END_KILLED);
		sb_free(s);
		unlink(path);
	}
}

static void *kill_it(void *arg)
{
	usleep(200000);
	return (void *)(intptr_t)sb_kill(arg, NULL);
}

static void killed_by_another_thread(void **state)
{
	pthread_t t;
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "yes");
	s = start(&sh.c);
	assert_int_equal(pthread_create(&t, NULL, kill_it, s), 0);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	pthread_join(t, NULL);
	sb_free(s);
}

int run_tests_control(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed),
		cmocka_unit_test(freed_while_it_runs),
		cmocka_unit_test(paused_and_resumed),
		cmocka_unit_test(no_output_while_it_is_paused),
		cmocka_unit_test(wall_time_runs_on_while_it_is_paused),
		cmocka_unit_test(paused_after_the_end),
		cmocka_unit_test(calls_from_a_callback),
		cmocka_unit_test(nothing_to_do_until_something_is_there),
		cmocka_unit_test(several_threads_wait),
		cmocka_unit_test(killed_by_another_thread),
		cmocka_unit_test(killed_with_half_a_report),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
