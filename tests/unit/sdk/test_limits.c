/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that want too much.
 */
#include <poll.h>
#include <sys/resource.h>

#include "tests/unit/sdk/sdk_test.h"

#define LOOP "while :; do :; done"

static struct sb_result result_of(struct shell *sh)
{
	struct sb *s = start(&sh->c);
	struct sb_result res = end_of(s);

	assert_true(!res.message || strlen(res.message) > 10);
	res.message = NULL;
	res.denials = NULL;
	sb_free(s);
	return res;
}

static void wall_time(void **state)
{
	struct shell sh;
	struct sb_result res;

	shell_init(&sh, "sleep 50");
	sh.c.wall_ns = MS(300);
	res = result_of(&sh);
	assert_int_equal(res.end, SB_END_WALL_TIME);
	assert_true(res.wall_ns >= MS(300) && res.wall_ns < MS(10000));
}

static void cpu_time(void **state)
{
	struct shell sh;
	struct sb_result res;

	shell_init(&sh, LOOP);
	sh.c.cpu_ns = MS(300);
	sh.c.wall_ns = MS(40000);
	res = result_of(&sh);
	assert_int_equal(res.end, SB_END_CPU_TIME);
	assert_true(res.cpu_ns >= MS(300));
}

/* Waiting is not at the program's expense. */
static void sleeping_costs_no_cpu_time(void **state)
{
	struct shell sh;

	shell_init(&sh, "sleep 1");
	sh.c.cpu_ns = MS(600);
	assert_int_equal(result_of(&sh).end, SB_END_EXITED);
}

static void cpu_time_of_children(void **state)
{
	struct shell sh;

	shell_init(&sh, "(" LOOP ") & (" LOOP ") & wait");
	sh.c.cpu_ns = MS(300);
	sh.c.wall_ns = MS(40000);
	assert_int_equal(result_of(&sh).end, SB_END_CPU_TIME);
}

/* Many processes that begin and end at the same time. */
#define SHORT_ONES                                                                                 \
	"w() { i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; }\n"                              \
	"n=0; while [ $n -lt 24 ]; do w & n=$((n+1)); done; wait"

static uint64_t cpu_of_children(void)
{
	struct rusage ru;

	getrusage(RUSAGE_CHILDREN, &ru);
	return MS(1000) * (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
}

/* Those that have ended count as they do natively. */
static void cpu_time_of_short_processes(void **state)
{
	uint64_t native = cpu_of_children();
	struct shell sh;
	struct sb_result res;

	assert_int_equal(system(SHORT_ONES), 0);
	native = cpu_of_children() - native;
	shell_init(&sh, SHORT_ONES);
	res = result_of(&sh);
	assert_int_equal(res.end, SB_END_EXITED);
	assert_true(res.cpu_ns >= native / 2);
}

/* The limit finds them while it runs, too: no process of it lives long. */
static void limit_of_cpu_time_with_short_processes(void **state)
{
	struct shell sh;

	shell_init(&sh, "w() { i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; }\n"
			"while :; do for n in 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0; do w & "
			"done; wait; done");
	sh.c.cpu_ns = MS(300);
	sh.c.wall_ns = MS(40000);
	assert_int_equal(result_of(&sh).end, SB_END_CPU_TIME);
}

static void memory(void **state)
{
	struct shell sh;

	shell_init(&sh, "");
	sh.c.program = "/usr/bin/python3";
	sh.args[1] = "x = [bytearray(1 << 20) for i in range(1000)]";
	sh.c.memory = 64 << 20;
	assert_int_equal(result_of(&sh).end, SB_END_MEMORY);
}

static void processes(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "for i in 1 2 3 4 5 6 7 8 9; do sleep 9 & done; echo all");
	sh.c.processes = 5;
	s = start(&sh.c);
	assert_int_not_equal(end_of(s).exit_code, 0);
	assert_string_equal(out_of(s), "");
	sb_free(s);
}

static void output(void **state)
{
	struct shell sh;
	struct sb_result res;

	shell_init(&sh, "yes");
	sh.c.output = 100000;
	res = result_of(&sh);
	assert_int_equal(res.end, SB_END_OUTPUT);
	assert_true(res.output > 100000 && res.output < (8 << 20));
	/* also if it had ended before that was seen */
	shell_init(&sh, "head -c 2000 /dev/zero >&2");
	sh.c.output = 1999;
	assert_int_equal(result_of(&sh).end, SB_END_OUTPUT);
	sh.c.output = 2000;
	assert_int_equal(result_of(&sh).end, SB_END_EXITED);
}

static void collected_output(void **state)
{
	struct shell sh;
	struct sb *s;
	struct sb_result res;
	int truncated;
	size_t n;

	shell_init(&sh, "head -c 500000 /dev/zero");
	sh.c.out.limit = 1000;
	s = start(&sh.c);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_EXITED);
	assert_int_equal(res.output, 500000);
	assert_non_null(sb_output(s, 1, &n, &truncated));
	assert_int_equal(n, 1000);
	assert_int_equal(truncated, 1);
	assert_non_null(sb_output(s, 2, &n, &truncated));
	assert_int_equal(truncated, 0);
	sb_free(s);
}

static void taken_files(void **state)
{
	const struct sb_file f = {.kind = SB_FILE_OUT, .path = "/out", .limit = 5000};
	struct shell sh;
	struct sb *s;
	size_t n;

	shell_init(&sh, "head -c 100000 /dev/zero >/out");
	sh.c.files = &f;
	sh.c.nfiles = 1;
	s = start(&sh.c);
	assert_int_equal(end_of(s).end, SB_END_EXITED);
	assert_non_null(sb_file_data(s, 0, &n, NULL));
	assert_int_equal(n, 5000);
	sb_free(s);
}

static void largest_file(void **state)
{
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "head -c 100000 /dev/zero >/tmp/f; wc -c </tmp/f");
	sh.c.file_size = 8192;
	s = start(&sh.c);
	end_of(s);
	assert_string_equal(out_of(s), "8192\n");
	sb_free(s);
}

/* The limit holds for a caller that waits in a loop of its own. */
static void limit_in_an_event_loop(void **state)
{
	struct shell sh;
	struct sb_error *e;
	struct sb *s;
	unsigned turns = 0;
	int r;

	shell_init(&sh, LOOP);
	sh.c.cpu_ns = MS(300);
	s = start(&sh.c);
	while ((r = sb_dispatch(s, &e)) == SB_RUNNING) {
		struct pollfd p = {.fd = sb_fd(s), .events = POLLIN};

		assert_int_equal(poll(&p, 1, 40000), 1);
		turns++;
	}
	expect_code(r, 0, &e);
	assert_true(turns < 200); /* the descriptor is not ready for nothing */
	assert_int_equal(end_of(s).end, SB_END_CPU_TIME);
	sb_free(s);
}

int run_tests_limits(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_time),
		cmocka_unit_test(cpu_time),
		cmocka_unit_test(sleeping_costs_no_cpu_time),
		cmocka_unit_test(cpu_time_of_children),
		cmocka_unit_test(cpu_time_of_short_processes),
		cmocka_unit_test(limit_of_cpu_time_with_short_processes),
		cmocka_unit_test(memory),
		cmocka_unit_test(processes),
		cmocka_unit_test(output),
		cmocka_unit_test(collected_output),
		cmocka_unit_test(taken_files),
		cmocka_unit_test(largest_file),
		cmocka_unit_test(limit_in_an_event_loop),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
