/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that any process of the user could have written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/observe/test_observe.h"

static void expect_refused(const struct made *m, const char *what)
{
	struct observe_seen seen;

	if (observe_check(m->bytes, m->size, &seen) != -EBADMSG)
		fail_msg("accepted although %s", what);
}

static void test_a_launchers_state_is_accepted_and_its_cpus_are_added_up(void **unused)
{
	struct observe_seen seen;
	struct made m;

	make_state(&m, 2);
	m.state.cpu[0].exits[VM_EXIT_IO_OUT] = 5;
	m.state.cpu[1].exits[VM_EXIT_IO_OUT] = 7;
	m.state.channel.calls[CHAN_OP_READ] = 3;
	m.state.shim.syscalls = 11;
	m.state.denials = 2;
	histogram_add(&m.state.channel.time[CHAN_OP_READ], 300);
	histogram_add(&m.state.channel.time[CHAN_OP_READ], 1 << 20);
	histogram_add(&m.state.cpu[0].inside, 100);
	histogram_add(&m.state.cpu[1].inside, 200);
	histogram_add(&m.state.cpu[1].outside, UINT64_MAX);
	assert_int_equal(observe_check(m.bytes, m.size, &seen), 0);
	assert_int_equal(seen.exits[VM_EXIT_IO_OUT], 12);
	assert_int_equal(seen.calls[CHAN_OP_READ], 3);
	assert_int_equal(seen.shim.syscalls, 11);
	assert_int_equal(seen.denials, 2);
	assert_int_equal(histogram_total(&seen.op_time[CHAN_OP_READ]), 2);
	assert_int_equal(seen.op_time[CHAN_OP_READ].ns, 300 + (1 << 20));
	assert_int_equal(seen.op_time[CHAN_OP_READ].count[1], 1);
	assert_int_equal(seen.inside.count[0], 2);
	assert_int_equal(seen.inside.ns, 300);
	assert_int_equal(seen.outside.count[HISTOGRAM_BUCKETS - 1], 1);
	assert_string_equal(seen.head.name, "web-1");
}

static void test_buckets_are_powers_of_two(void **unused)
{
	assert_int_equal(histogram_bucket(0), 0);
	assert_int_equal(histogram_bucket(255), 0);
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t bound = 1ull << (HISTOGRAM_FIRST_SHIFT + i - 1);

		assert_int_equal(histogram_bucket(bound - 1), i - 1);
		assert_int_equal(histogram_bucket(bound), i);
	}
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void test_each_size_but_the_right_one_is_refused(void **unused)
{
	struct observe_seen seen;
	struct made m;

	make_state(&m, 1);
	for (size_t n = 0; n < sizeof m.bytes; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* so that reading past it is seen */

		memcpy(copy, m.bytes, n);
		assert_int_equal(observe_check(copy, n, &seen), n == m.size ? 0 : -EBADMSG);
		free(copy);
	}
}

static void test_numbers_that_do_not_fit_are_refused(void **unused)
{
	static const uint32_t cpus[] = {0, 2, OBSERVE_CPUS + 1, UINT32_MAX, 0x10000001};
	struct made m;

#define REFUSED(field, value)                                                                      \
	make_state(&m, 1);                                                                         \
	m.state.head.field = (value);                                                              \
	expect_refused(&m, #field " is " #value)
	REFUSED(magic, 0);
	REFUSED(version, OBSERVE_VERSION + 1);
	REFUSED(version, 0);
	REFUSED(size, 0);
	REFUSED(ops, CHAN_OP_COUNT + 1);
	REFUSED(reasons, OBSERVE_EXITS + 1);
	REFUSED(reasons, PROCESS_EXIT_KINDS);
	REFUSED(exits, 2);
	REFUSED(pid, 0);
	REFUSED(pid, -1);
#undef REFUSED
	for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
		make_state(&m, 1);
		m.state.head.cpus = cpus[i];
		expect_refused(&m, "its CPUs do not fit its size");
	}
}

static void test_strings_that_do_not_end_or_would_be_taken_for_commands_are_refused(void **unused)
{
	static const char *const names[] = {
		"a b", "\033[2J", "a\"b", "a\nb", "../x", "\xc3\xa4", "a=b"};
	struct made m;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		make_state(&m, 1);
		strcpy(m.state.head.name, names[i]);
		expect_refused(&m, names[i]);
		make_state(&m, 1);
		strcpy(m.state.head.backend, names[i]);
		expect_refused(&m, names[i]);
		make_state(&m, 1);
		strcpy(m.state.head.home, names[i]);
		expect_refused(&m, names[i]);
	}
	make_state(&m, 1);
	memset(m.state.head.name, 'a', sizeof m.state.head.name);
	expect_refused(&m, "name has no end");
	make_state(&m, 1);
	memset(m.state.head.program, 'a', sizeof m.state.head.program);
	expect_refused(&m, "program has no end");
	make_state(&m, 1);
	strcpy(m.state.head.id, "0123");
	expect_refused(&m, "id is short");
	make_state(&m, 1);
	*m.state.head.name = 0;
	*m.state.head.backend = 0;
	expect_refused(&m, "backend is empty");
}

/* Whatever passes has strings that end and counts that can be looked up. */
static void expect_usable(const struct observe_seen *s)
{
	assert_true(strnlen(s->head.program, sizeof s->head.program) < sizeof s->head.program);
	assert_true(strnlen(s->head.name, sizeof s->head.name) < sizeof s->head.name);
	for (unsigned i = 0; observe_exit_name(s, i); i++)
		assert_true(i < OBSERVE_EXITS);
}

static void test_damaged_bytes_never_do_harm(void **unused)
{
	unsigned accepted = 0;

	srandom(9);
	for (unsigned n = 0; n < 20000; n++) {
		struct observe_seen seen;
		struct made m;

		make_state(&m, 1 + (uint32_t)random() % 4);
		for (long i = 1 + random() % 4; i; i--)
			m.bytes[(size_t)random() % (n % 2 ? sizeof(struct observe_head) : m.size)] =
				(uint8_t)random();
		if (observe_check(m.bytes, m.size, &seen))
			continue;
		accepted++;
		expect_usable(&seen);
	}
	assert_true(accepted > 1000 && accepted < 20000);
}

static void test_names_end_behind_the_last(void **unused)
{
	struct observe_seen seen = {.head = {.reasons = VM_EXIT_REASONS}};

	assert_null(observe_op_name(0));
	assert_string_equal(observe_op_name(CHAN_OP_READ), "read");
	assert_null(observe_op_name(CHAN_OP_COUNT));
	assert_string_equal(observe_exit_name(&seen, VM_EXIT_HLT), "hlt");
	assert_null(observe_exit_name(&seen, VM_EXIT_REASONS));
	seen.head.exits = OBSERVE_EXITS_PROCESS;
	seen.head.reasons = PROCESS_EXIT_KINDS;
	assert_string_equal(observe_exit_name(&seen, PROCESS_CALL), "patched-call");
	assert_null(observe_exit_name(&seen, PROCESS_EXIT_KINDS));
}

int run_check_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_launchers_state_is_accepted_and_its_cpus_are_added_up),
		cmocka_unit_test(test_buckets_are_powers_of_two),
		cmocka_unit_test(test_each_size_but_the_right_one_is_refused),
		cmocka_unit_test(test_numbers_that_do_not_fit_are_refused),
		cmocka_unit_test(
			test_strings_that_do_not_end_or_would_be_taken_for_commands_are_refused),
		cmocka_unit_test(test_damaged_bytes_never_do_harm),
		cmocka_unit_test(test_names_end_behind_the_last),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
