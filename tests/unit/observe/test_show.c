/* SPDX-License-Identifier: Apache-2.0
 *
 * Rates and metrics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/observed.h"
#include "runtime/cli/top.h"
#include "tests/unit/observe/test_observe.h"

static struct observe_seen seen_at(const char *id, uint64_t at_ns)
{
	struct observe_seen s = {.at_ns = at_ns, .age_ns = 10000000000u};

	snprintf(s.head.id, sizeof s.head.id, "%s", id);
	s.head.reasons = VM_EXIT_REASONS;
	return s;
}

static void test_rates_are_what_was_added_for_each_second(void **unused)
{
	struct observe_seen then = seen_at("a", 1000000000u), now = seen_at("a", 3000000000u);
	struct observe_list before = {&then, 1, 0}, after = {&now, 1, 0};
	struct top_row *rows;

	then.cpu_ns = 500000000u;
	now.cpu_ns = 1500000000u; /* one second of two */
	then.exits[VM_EXIT_HLT] = 10;
	now.exits[VM_EXIT_HLT] = 30;
	now.calls[CHAN_OP_READ] = 8;
	histogram_add(&now.op_time[CHAN_OP_READ], 1000);
	histogram_add(&now.op_time[CHAN_OP_READ], 5000);
	histogram_add(&now.op_time[CHAN_OP_WAIT], 1000000000u); /* is no latency */
	rows = top_rows(&before, &after, TOP_BY_CPU);
	assert_non_null(rows);
	assert_float_equal(rows->cpu, 50, 0.001);
	assert_float_equal(rows->exits, 10, 0.001);
	assert_float_equal(rows->operations, 4, 0.001);
	assert_float_equal(rows->latency_us, 3, 0.001);
	free(rows);
}

static void test_the_first_look_counts_from_the_start(void **unused)
{
	struct observe_seen now = seen_at("a", 1);
	const struct observe_list none = {0}, after = {&now, 1, 0};
	struct top_row *rows;

	now.shim.syscalls = 100;
	rows = top_rows(&none, &after, TOP_BY_CPU);
	assert_non_null(rows);
	assert_float_equal(rows->syscalls, 10, 0.001);
	free(rows);
}

static void test_counts_that_went_back_are_nothing(void **unused)
{
	struct observe_seen then = seen_at("a", 1), now = seen_at("a", 1000000001u);
	struct observe_list before = {&then, 1, 0}, after = {&now, 1, 0};
	struct top_row *rows;

	then.shim.syscalls = then.cpu_ns = then.exits[0] = then.calls[1] = UINT64_MAX;
	rows = top_rows(&before, &after, TOP_BY_CPU);
	assert_non_null(rows);
	assert_true(rows->syscalls <= 0 && rows->cpu <= 0 && rows->exits <= 0);
	assert_true(rows->operations <= 0);
	free(rows);
}

static void test_rows_are_sorted_and_alike_ones_keep_their_order(void **unused)
{
	struct observe_seen now[3] = {seen_at("a", 1), seen_at("b", 1), seen_at("c", 1)};
	const struct observe_list none = {0}, after = {now, 3, 0};
	struct top_row *rows;

	now[2].denials = 5;
	rows = top_rows(&none, &after, TOP_BY_DENIALS);
	assert_non_null(rows);
	assert_ptr_equal(rows[0].seen, &now[2]);
	assert_ptr_equal(rows[1].seen, &now[0]);
	assert_ptr_equal(rows[2].seen, &now[1]);
	free(rows);
}

static void test_reasons_are_the_most_frequent_first(void **unused)
{
	struct observe_seen now = seen_at("a", 1);
	const struct top_row row = {.seen = &now,
		.exit = {[VM_EXIT_IO_OUT] = 3, [VM_EXIT_INTR] = 20, [VM_EXIT_HLT] = 0.1}};
	char text[64], little[8];

	top_reasons(text, sizeof text, &row);
	assert_string_equal(text, "intr 20  io-out 3");
	top_reasons(little, sizeof little, &row);
	assert_string_equal(little, "intr 20");
}

static void test_a_label_cannot_be_left(void **unused)
{
	struct observe_seen now = seen_at("a", 1);
	const struct observe_list l = {&now, 1, 0};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	strcpy(now.head.program, "/x\"} 1\nevil 2\\\033[2J\xff");
	assert_non_null(f);
	assert_int_equal(metrics_print(f, &l), 0);
	fclose(f);
	assert_null(strstr(text, "\nevil"));
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "program=\"/x\\\"} 1?evil 2\\\\?[2J?\"} 1\n"));
	free(text);
}

int run_show_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates_are_what_was_added_for_each_second),
		cmocka_unit_test(test_the_first_look_counts_from_the_start),
		cmocka_unit_test(test_counts_that_went_back_are_nothing),
		cmocka_unit_test(test_rows_are_sorted_and_alike_ones_keep_their_order),
		cmocka_unit_test(test_reasons_are_the_most_frequent_first),
		cmocka_unit_test(test_a_label_cannot_be_left),
	};

	return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
