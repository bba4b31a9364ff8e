/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are made to use up memory or time, read under limits.c: here the limits are lower, and
 * nothing is instrumented, so that they can be.
 */
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/profile/limits.h"
#include "tests/unit/profile/test_profile.h"

#define MEMORY (256ul << 20)

struct ended {
	int status;
	long rss; /* bytes at most */
	char said[256];
};

static void in_child(void (*read_files)(void), const struct rlimit *seconds, int err)
{
	const struct rlimit memory = {MEMORY, MEMORY};

	dup2(err, STDERR_FILENO);
	if (setrlimit(RLIMIT_AS, &memory) || setrlimit(RLIMIT_CPU, seconds) || limits_set())
		_exit(99);
	read_files();
	_exit(0);
}

static struct ended run(void (*read_files)(void), const struct rlimit *seconds)
{
	struct ended e = {0};
	struct rusage used;
	int err[2];
	pid_t pid;

	assert_int_equal(pipe(err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		in_child(read_files, seconds, err[1]);
	close(err[1]);
	for (size_t n = 0; n < sizeof e.said - 1;) {
		ssize_t part = read(err[0], e.said + n, sizeof e.said - 1 - n);

		if (part <= 0)
			break;
		n += (size_t)part;
	}
	close(err[0]);
	assert_int_equal(wait4(pid, &e.status, 0, &used), pid);
	e.rss = used.ru_maxrss * 1024;
	return e;
}

/* -- of DWARF 5, 6.4.2: DW_CFA_def_cfa_offset, _remember_state, _undefined with a register -- */

static const uint8_t offset_24[] = {0x0e, 24}, remember[] = {0x0a};
static const uint8_t register_117_million[] = {0x07, 0x80, 0x80, 0x80, 0x38};
static const uint8_t register_million_kept[] = {0x07, 0x80, 0x80, 0x40, 0x0a};

static void test_a_frame_tells_where_its_caller_is(void **state)
{
	assert_int_equal(frames_caller(frames_file(NULL, 0, 0)), 0);
	assert_int_equal(frames_caller(frames_file(offset_24, sizeof offset_24, 1)), 2);
	assert_int_equal(frames_caller(frames_file(offset_24, sizeof offset_24, 100000)), 2);
	assert_int_equal(frames_caller(frames_file("\x3f", 1, 1)), -1); /* no operation */
}

static void expect(bool as_wanted)
{
	if (!as_wanted)
		_exit(1);
}

static void read_what_wants_memory(void)
{
	expect(frames_caller(frames_file(remember, sizeof remember, 8u << 20)) == -1);
	expect(frames_caller(frames_file(register_117_million, sizeof register_117_million, 1)) ==
		-1);
	expect(frames_caller(frames_file(
		       register_million_kept, sizeof register_million_kept, 1000)) == -1);
	expect(frames_caller(frames_file(offset_24, sizeof offset_24, 1)) == 2);
}

static void test_frames_that_want_all_memory_tell_nothing_and_the_next_file_is_read(void **state)
{
	struct ended e = run(read_what_wants_memory, &(struct rlimit){60, 60});

	assert_string_equal(e.said, "");
	assert_true(WIFEXITED(e.status));
	assert_int_equal(WEXITSTATUS(e.status), 0);
	assert_in_range(e.rss, 1 << 20, MEMORY);
}

static void read_for_ever(void)
{
	for (;;)
		frames_caller(frames_file(remember, sizeof remember, 1u << 16));
}

static void test_files_that_take_too_long_are_given_up(void **state)
{
	struct ended e = run(read_for_ever, &(struct rlimit){1, 5});

	assert_true(WIFEXITED(e.status));
	assert_int_equal(WEXITSTATUS(e.status), 125);
	assert_non_null(strstr(e.said, "sandbox: profile: given up: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_frame_tells_where_its_caller_is),
		cmocka_unit_test(
			test_frames_that_want_all_memory_tell_nothing_and_the_next_file_is_read),
		cmocka_unit_test(test_files_that_take_too_long_are_given_up),
	};

	return cmocka_run_group_tests_name("profile-limits", tests, NULL, NULL);
}
