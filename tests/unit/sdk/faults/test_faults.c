/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation and system call of the library fails once. Each failure is an error code with an
 * object, or does no harm; nothing is left behind; and who calls again gets what he wanted.
 */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/sdk/faults/inject.h"
#include "tests/unit/sdk/sdk_test.h"

#define FAULTS_MAX 2000u

void *__wrap_malloc(size_t n); /* inject.c */

static ptrdiff_t give(void *arg, void *buf, size_t size)
{
	int *turns = arg;

	memcpy(buf, "input\n", 6);
	return (*turns)++ < 3 ? 6 : 0;
}

/* An error code has its object, and a sentence; 0 and SB_RUNNING have none. */
static void expect_error(int r, struct sb_error **e)
{
	if (r == 0 || r == SB_RUNNING) {
		assert_null(*e);
		return;
	}
	assert_non_null(*e);
	assert_true(strlen(sb_error_text(*e)) > 5);
	sb_error_free(*e);
}

/* Fails no more after the first error, so that the second attempt goes through. */
static void whole_life(void)
{
	const struct sb_file files[] = {{.path = "/in/file", .data = "data\n", .size = 5},
		{.kind = SB_FILE_OUT, .path = "/out/file"}};
	const char *env[] = {"A=b", NULL};
	int turns = 0, r;
	struct sb_result res = {.size = sizeof res};
	struct shell sh;
	struct sb_error *e;
	struct sb *s;
	size_t n;

	shell_init(
		&sh, "cat; cat /in/file; echo made >/out/file; touch /usr/x 2>/dev/null; exit 3");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .read = give, .arg = &turns};
	sh.c.files = files;
	sh.c.nfiles = 2;
	sh.c.env = env;
	sh.c.cpu_ns = sh.c.wall_ns = MS(60000);
	r = sb_start(&sh.c, &s, &e);
	expect_error(r, &e);
	if (r) {
		assert_null(s);
		return;
	}
	r = sb_wait(s, 30000, &e);
	assert_int_not_equal(r, SB_RUNNING);
	expect_error(r, &e);
	if (r) {
		inject_end();
		expect_code(sb_wait(s, 30000, &e), 0, &e);
	}
	inject_end();
	assert_int_equal(sb_get_result(s, &res, NULL), 0);
	if (res.end != SB_END_EXITED)
		fail_msg("end %u: %s", res.end, res.message);
	assert_int_equal(res.exit_code, 3);
	assert_int_equal(res.ndenials, 1);
	assert_string_equal(out_of(s), "input\ninput\ninput\ndata\n");
	assert_string_equal(sb_file_data(s, 1, &n, NULL), "made\n");
	sb_free(s);
}

static void pause_and_kill(void)
{
	struct shell sh;
	struct sb_error *e;
	struct sb *s;

	shell_init(&sh, "sleep 50");
	sh.c.wall_ns = MS(60000);
	if (sb_start(&sh.c, &s, NULL))
		return;
	expect_error(sb_pause(s, &e), &e);
	expect_error(sb_resume(s, &e), &e);
	expect_error(sb_kill(s, &e), &e);
	expect_error(sb_wait(s, 0, &e), &e);
	sb_free(s);
}

static void limits(void)
{
	struct shell sh;
	struct sb_error *e;
	struct sb *s;
	int r;

	shell_init(&sh, "while :; do :; done");
	sh.c.cpu_ns = MS(40);
	sh.c.wall_ns = MS(60000);
	if (sb_start(&sh.c, &s, NULL))
		return;
	while ((r = sb_wait(s, 30000, &e))) {
		assert_int_not_equal(r, SB_RUNNING);
		expect_error(r, &e);
	}
	assert_int_equal(end_of(s).end, SB_END_CPU_TIME);
	sb_free(s);
}

/* A template, a clone that is killed, and a call. */
static void templates(void)
{
	const struct sb_config c = {
		.size = sizeof c, .executable = getenv("FAKE_TEMPLATE"), .program = "serves"};
	struct sb_clone_config hang = {
		.size = sizeof hang, .in = {.kind = SB_STREAM_MEMORY, .data = "hang", .size = 4}};
	struct sb_template *t;
	struct sb_error *e;
	struct sb *s;
	int r = sb_template_start(&c, 30000, &t, &e);

	expect_error(r, &e);
	if (r) {
		assert_null(t);
		return;
	}
	r = sb_clone(t, &hang, &s, &e);
	expect_error(r, &e);
	assert_true(!r == !!s);
	if (s) {
		expect_error(sb_kill(s, &e), &e);
		sb_free(s);
	}
	r = sb_call(t, "request", 7, NULL, &s, &e);
	expect_error(r, &e);
	assert_true(!r == !!s);
	if (s)
		assert_string_equal(out_of(s), "<request>");
	sb_template_free(t);
	sb_free(s);
}

/* A clone that is paused, goes on, and becomes another one: at the second attempt at the latest. */
static void reset_and_pause(void)
{
	const struct sb_config c = {.size = sizeof c,
		.executable = getenv("FAKE_TEMPLATE"),
		.program = "serves",
		.cpu_ns = MS(60000)};
	struct sb_clone_config cc = {.size = sizeof cc,
		.in = {.kind = SB_STREAM_MEMORY, .data = "hang", .size = 4},
		.out = {.kind = SB_STREAM_MEMORY}};
	struct sb_template *t;
	struct sb_error *e;
	struct sb *s;
	int r;

	if (sb_template_start(&c, 30000, &t, NULL))
		return;
	if (sb_clone(t, &cc, &s, NULL)) {
		sb_template_free(t);
		return;
	}
	expect_error(sb_pause(s, &e), &e);
	expect_error(sb_resume(s, &e), &e);
	cc.in.data = "word";
	r = sb_reset(s, t, &cc, &e);
	expect_error(r, &e);
	if (r) {
		inject_end();
		assert_int_equal(sb_kill(s, NULL), 0); /* it was that which failed */
		assert_int_equal(end_of(s).end, SB_END_KILLED);
		r = sb_reset(s, t, &cc, &e);
	}
	if (!r) { /* unless the failure was the template's last word */
		r = sb_wait(s, 30000, &e);
		expect_error(r, &e);
		inject_end();
		end_of(s);
		assert_string_equal(out_of(s), "<word>");
	} else {
		sb_error_free(e);
	}
	sb_free(s);
	sb_template_free(t);
}

static void warm_templates(void)
{
	const struct sb_config c = {
		.size = sizeof c, .executable = getenv("FAKE_TEMPLATE"), .program = "serves"};
	struct sb_template *t;
	struct sb_error *e;
	struct sb *s;
	int r;

	if (sb_template_start(&c, 30000, &t, NULL))
		return;
	r = sb_template_warm(t, 1, &e);
	expect_error(r, &e);
	r = sb_call(t, "request", 7, NULL, &s, &e);
	expect_error(r, &e);
	assert_true(!r == !!s);
	if (s)
		assert_string_equal(out_of(s), "<request>");
	sb_free(s);
	sb_template_free(t);
}

/* One that ends before it is ready: an error in any case. */
static void no_template(void)
{
	const struct sb_config c = {
		.size = sizeof c, .executable = getenv("FAKE_TEMPLATE"), .program = "early"};
	struct sb_template *t;
	struct sb_error *e;
	int r = sb_template_start(&c, 30000, &t, &e);

	assert_true(r > SB_RUNNING);
	expect_error(r, &e);
	assert_null(t);
}

/* Whatever fails: the file is there if that was said, and else nothing is. */
static void snapshots(void)
{
	struct sb_config c = {
		.size = sizeof c, .executable = getenv("FAKE_TEMPLATE"), .program = "x"};
	char dir[] = "/tmp/sdk-faults-XXXXXX", path[64];
	struct sb_result res = {.size = sizeof res};
	struct sb_error *e;
	struct sb *s;
	int r;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/snap", dir);
	r = sb_snapshot(&c, path, 0, &s, &e);
	expect_error(r, &e);
	assert_true(!r == !!s);
	if (s) {
		r = sb_wait(s, 30000, &e);
		expect_error(r, &e);
		inject_end();
		expect_code(sb_wait(s, 30000, &e), 0, &e);
		assert_int_equal(sb_get_result(s, &res, NULL), 0);
		assert_true(
			res.end == SB_END_SNAPSHOT || (res.end == SB_END_FAILED && res.message));
		if (res.end == SB_END_SNAPSHOT)
			assert_int_equal(unlink(path), 0);
		else
			unlink(path); /* the directory alone was not written to the disk */
		sb_free(s);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* The real executable, which refuses it. */
static void refused_restore(void)
{
	struct sb_config c = {.size = sizeof c};
	struct sb_result res = {.size = sizeof res};
	struct sb_error *e;
	struct sb *s;
	int r = sb_restore("/absent", &c, &s, &e);

	expect_error(r, &e);
	assert_true(!r == !!s);
	if (!s)
		return;
	r = sb_wait(s, 30000, &e);
	expect_error(r, &e);
	inject_end();
	expect_code(sb_wait(s, 30000, &e), 0, &e);
	assert_int_equal(sb_get_result(s, &res, NULL), 0);
	assert_int_equal(res.end, SB_END_NOT_STARTED);
	/* all of it but for a letter where jansson had no memory for that, which it does not tell
	 */
	assert_memory_equal(res.message, "/absent: ", 9);
	sb_free(s);
}

static void each_call_fails(void (*scenario)(void), unsigned first)
{
	unsigned fds, n = first;
	const char *failed;

	scenario(); /* what is made once for all is made now */
	fds = count_fds();
	do {
		inject_begin(n);
		scenario();
		failed = inject_end();
		expect_nothing_left(fds);
		n++;
	} while (failed && n < FAULTS_MAX);
	assert_true(n > first + 10 && n < FAULTS_MAX);
	print_message("%u calls\n", n - 1);
}

static void whole_life_with_each_call_failing(void **state)
{
	each_call_fails(whole_life, 1);
}

static void pause_and_kill_with_each_call_failing(void **state)
{
	each_call_fails(pause_and_kill, 1);
}

static void limits_with_each_call_failing(void **state)
{
	each_call_fails(limits, 1);
}

static void templates_with_each_call_failing(void **state)
{
	each_call_fails(templates, 1);
}

static void warm_templates_with_each_call_failing(void **state)
{
	each_call_fails(warm_templates, 1);
}

static void reset_and_pause_with_each_call_failing(void **state)
{
	each_call_fails(reset_and_pause, 1);
}

static void no_template_with_each_call_failing(void **state)
{
	each_call_fails(no_template, 1);
}

static void snapshots_with_each_call_failing(void **state)
{
	each_call_fails(snapshots, 1);
}

static void refused_restore_with_each_call_failing(void **state)
{
	each_call_fails(refused_restore, 1);
}

static void where_there_is_no_pidfd_open(void **state)
{
	unsigned fds = count_fds();
	struct sb_template *t;
	struct shell sh;
	struct sb *s;

	inject_without_pidfds = true;
	whole_life();
	shell_init(&sh, "sleep 50");
	sb_free(start(&sh.c));
	s = start(&sh.c);
	assert_int_equal(sb_pause(s, NULL), 0);
	assert_int_equal(sb_resume(s, NULL), 0);
	assert_int_equal(sb_kill(s, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	assert_int_equal(sb_kill(s, NULL), 0);
	sb_free(s);
	shell_init(&sh, "cat");
	sh.c.out.kind = sh.c.err.kind = SB_STREAM_NULL;
	assert_int_equal(sb_template_start(&sh.c, -1, &t, NULL), SB_UNSUPPORTED);
	inject_without_pidfds = false;
	expect_nothing_left(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_life_with_each_call_failing),
		cmocka_unit_test(pause_and_kill_with_each_call_failing),
		cmocka_unit_test(limits_with_each_call_failing),
		cmocka_unit_test(templates_with_each_call_failing),
		cmocka_unit_test(warm_templates_with_each_call_failing),
		cmocka_unit_test(reset_and_pause_with_each_call_failing),
		cmocka_unit_test(no_template_with_each_call_failing),
		cmocka_unit_test(snapshots_with_each_call_failing),
		cmocka_unit_test(refused_restore_with_each_call_failing),
		cmocka_unit_test(where_there_is_no_pidfd_open),
	};

	json_set_alloc_funcs(__wrap_malloc, free);
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
