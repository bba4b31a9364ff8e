/* SPDX-License-Identifier: Apache-2.0
 *
 * One program: what goes in, what comes out, how it ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/sdk/sdk_test.h"

static void exit_status_and_output(void **state)
{
	struct shell sh;
	struct sb *s;
	struct sb_result res;

	shell_init(&sh, "echo out; echo err >&2; exit 7");
	s = start(&sh.c);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_EXITED);
	assert_int_equal(res.exit_code, 7);
	assert_int_equal(res.signal, 0);
	assert_null(res.message);
	assert_string_equal(out_of(s), "out\n");
	assert_string_equal(err_of(s), "err\n");
	assert_int_equal(res.output, 8);
	assert_true(res.wall_ns > res.start_ns && res.start_ns > 0 && res.memory_peak > 0);
	sb_free(s);
}

static void signal_that_killed_it(void **state)
{
	struct shell sh;
	struct sb *s;
	struct sb_result res;

	shell_init(&sh, "kill -SEGV $$");
	s = start(&sh.c);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_SIGNALLED);
	assert_int_equal(res.signal, SIGSEGV);
	assert_int_equal(res.exit_code, -1);
	sb_free(s);
}

static void program_that_is_not_there(void **state)
{
	struct shell sh;
	struct sb *s;
	struct sb_result res;

	shell_init(&sh, "");
	sh.c.program = "/no/such/program";
	s = start(&sh.c);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_NOT_STARTED);
	assert_non_null(strstr(res.message, "/no/such/program"));
	assert_string_equal(err_of(s), "");
	sb_free(s);
}

static void grant_that_is_not_there(void **state)
{
	const struct sb_mount m = {.source = "/no/such/directory"};
	struct shell sh;
	struct sb *s;
	struct sb_result res;

	shell_init(&sh, "");
	sh.c.mounts = &m;
	sh.c.nmounts = 1;
	s = start(&sh.c);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_FAILED);
	assert_non_null(strstr(res.message, "/no/such/directory"));
	sb_free(s);
}

/* A mistake in an option is said before there could be a report. */
static void value_that_the_sandbox_refuses(void **state)
{
	struct shell sh;
	struct sb *s;
	struct sb_result res;

	shell_init(&sh, "");
	sh.c.user = "no such user";
	s = start(&sh.c);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_FAILED);
	assert_non_null(strstr(res.message, "no such user"));
	sb_free(s);
}

static void input_from_memory(void **state)
{
	static char data[300000];
	struct shell sh;
	struct sb *s;

	memset(data, 'x', sizeof data);
	shell_init(&sh, "wc -c");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_MEMORY, .data = data, .size = sizeof data};
	s = start(&sh.c);
	end_of(s);
	assert_int_equal(atoi(out_of(s)), sizeof data);
	sb_free(s);
}

struct flow {
	size_t left, got;
	size_t stop_at;
};

static ptrdiff_t give(void *arg, void *buf, size_t size)
{
	struct flow *f = arg;
	size_t n = f->left < size ? f->left : size;

	memset(buf, 'y', n);
	f->left -= n;
	return (ptrdiff_t)n;
}

static int take(void *arg, const void *data, size_t size)
{
	struct flow *f = arg;

	for (size_t i = 0; i < size; i++)
		assert_int_equal(((const char *)data)[i], 'y');
	f->got += size;
	return f->stop_at && f->got >= f->stop_at;
}

static void callbacks_for_input_and_output(void **state)
{
	struct flow f = {.left = 3000000};
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "cat");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .read = give, .arg = &f};
	sh.c.out = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = take, .arg = &f};
	s = start(&sh.c);
	assert_int_equal(end_of(s).exit_code, 0);
	assert_int_equal(f.got, 3000000);
	sb_free(s);
}

/* The caller's SIGPIPE keeps its default, deadly action. */
static void program_that_reads_no_input(void **state)
{
	struct flow f = {.left = 100000000};
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "exec <&-; sleep 0.2; echo done");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .read = give, .arg = &f};
	s = start(&sh.c);
	assert_int_equal(end_of(s).exit_code, 0);
	assert_string_equal(out_of(s), "done\n");
	assert_true(f.left > 0);
	sb_free(s);
}

static void callback_that_wants_no_more(void **state)
{
	struct flow f = {.stop_at = 1000};
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "yes yyyyyyy | tr -d '\\n'");
	sh.c.out = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = take, .arg = &f};
	s = start(&sh.c);
	assert_int_equal(end_of(s).end, SB_END_OUTPUT);
	assert_true(f.got >= 1000 && f.got < 300000);
	sb_free(s);
}

static void descriptors_as_streams(void **state)
{
	int in[2], out[2];
	char buf[32] = "";
	struct shell sh;
	struct sb *s;

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	shell_init(&sh, "read x; echo got $x");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = in[0]};
	sh.c.out = (struct sb_stream){.kind = SB_STREAM_FD, .fd = out[1]};
	s = start(&sh.c);
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "word\n", 5), 5);
	assert_int_equal(read(out[0], buf, sizeof buf - 1), 9);
	assert_string_equal(buf, "got word\n");
	assert_int_equal(end_of(s).output, 0);
	assert_null(out_of(s));
	sb_free(s);
	close(in[1]);
	close(out[0]);
}

static void files_in_and_out(void **state)
{
	static const char script[] = "#!/bin/sh\ncat /in/data >/out/copy; printf more >>/out/log\n";
	const struct sb_file files[] = {
		{.path = "/in/run:me\\", .data = script, .size = sizeof script - 1, .mode = 0755},
		{.path = "/in/data", .data = "binary\0data", .size = 11},
		{.kind = SB_FILE_OUT, .path = "/out/copy"},
		{.kind = SB_FILE_OUT, .path = "/out/log", .data = "begun, ", .size = 7},
		{.kind = SB_FILE_OUT, .path = "/out/untouched"},
	};
	struct shell sh;
	struct sb *s;
	int truncated;
	size_t n;

	shell_init(&sh, "");
	sh.c.program = "/in/run:me\\";
	sh.c.files = files;
	sh.c.nfiles = 5;
	s = start(&sh.c);
	assert_int_equal(end_of(s).exit_code, 0);
	assert_string_equal(err_of(s), "");
	assert_null(sb_file_data(s, 0, &n, NULL));
	assert_memory_equal(sb_file_data(s, 2, &n, &truncated), "binary\0data", 11);
	assert_int_equal(n, 11);
	assert_int_equal(truncated, 0);
	assert_string_equal(sb_file_data(s, 3, &n, NULL), "begun, more");
	assert_non_null(sb_file_data(s, 4, &n, NULL));
	assert_int_equal(n, 0);
	assert_null(sb_file_data(s, 5, &n, NULL));
	sb_free(s);
}

static void given_file_cannot_be_changed(void **state)
{
	const struct sb_file file = {.path = "/in/data", .data = "data", .size = 4, .mode = 0666};
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "echo x >/in/data; rm /in/data; cat /in/data");
	sh.c.files = &file;
	sh.c.nfiles = 1;
	s = start(&sh.c);
	end_of(s);
	assert_string_equal(out_of(s), "data");
	sb_free(s);
}

static void directories(void **state)
{
	char dir[] = "/tmp/sdk-test-XXXXXX", name[64], script[256];
	struct sb_mount m[3] = {{.kind = SB_MOUNT_RW}, {.target = "/data"},
		{.kind = SB_MOUNT_TMPFS, .target = "/small", .size = 65536}};
	struct shell sh;
	struct sb *s;

	assert_non_null(mkdtemp(dir));
	m[0].source = m[1].source = dir;
	snprintf(script, sizeof script,
		"echo made >%s/file; cat /data/file; touch /data/x || echo no; "
		"head -c 100000 /dev/zero >/small/x || echo full",
		dir);
	shell_init(&sh, script);
	sh.c.mounts = m;
	sh.c.nmounts = 3;
	s = start(&sh.c);
	end_of(s);
	assert_string_equal(out_of(s), "made\nno\nfull\n");
	sb_free(s);
	snprintf(name, sizeof name, "%s/file", dir);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void environment_directory_user(void **state)
{
	const char *env[] = {"NAME=a value", "EMPTY=", NULL};
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "echo $NAME,$EMPTY,$SECRET; pwd; id -u; id -g; umask");
	sh.c.env = env;
	sh.c.cwd = "/usr";
	sh.c.user = "1234:56";
	setenv("SECRET", "secret", 1);
	s = start(&sh.c);
	end_of(s);
	unsetenv("SECRET");
	assert_string_equal(out_of(s), "a value,,\n/usr\n1234\n56\n0022\n");
	sb_free(s);
	shell_init(&sh, "");
	sh.c.program = "/usr/bin/env";
	sh.args[0] = NULL;
	sh.c.env = env;
	sh.c.env_clear = 1;
	s = start(&sh.c);
	end_of(s);
	assert_string_equal(out_of(s), "NAME=a value\nEMPTY=\n");
	sb_free(s);
}

static void denials_are_listed(void **state)
{
	struct shell sh;
	struct sb *s;
	struct sb_result res;

	shell_init(&sh, "mkdir /usr/made");
	s = start(&sh.c);
	res = end_of(s);
	assert_true(res.ndenials >= 1 && res.denials_total >= res.ndenials);
	assert_string_equal(res.denials[0].operation, "mkdir");
	assert_string_equal(res.denials[0].path, "/usr/made");
	assert_string_equal(res.denials[0].allowed_by, "--rw /usr");
	sb_free(s);
}

static void arguments_that_look_like_options(void **state)
{
	const char *args[] = {"--json", "-v", "--", NULL};
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "");
	sh.c.program = "echo";
	sh.c.args = args;
	s = start(&sh.c);
	end_of(s);
	assert_string_equal(out_of(s), "--json -v --\n");
	sb_free(s);
}

int run_tests_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status_and_output),
		cmocka_unit_test(signal_that_killed_it),
		cmocka_unit_test(program_that_is_not_there),
		cmocka_unit_test(grant_that_is_not_there),
		cmocka_unit_test(value_that_the_sandbox_refuses),
		cmocka_unit_test(input_from_memory),
		cmocka_unit_test(callbacks_for_input_and_output),
		cmocka_unit_test(program_that_reads_no_input),
		cmocka_unit_test(callback_that_wants_no_more),
		cmocka_unit_test(descriptors_as_streams),
		cmocka_unit_test(files_in_and_out),
		cmocka_unit_test(given_file_cannot_be_changed),
		cmocka_unit_test(directories),
		cmocka_unit_test(environment_directory_user),
		cmocka_unit_test(denials_are_listed),
		cmocka_unit_test(arguments_that_look_like_options),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
