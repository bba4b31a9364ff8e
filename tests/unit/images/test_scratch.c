/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories for work under way: which of them the next one of their kind takes away, which not.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/scratch.h"
#include "tests/unit/images/test_images.h"

#define LEFT   "sandbox-unit-abcdef"
#define NOBODY 65534

static const struct scratch_kind unit = {"unit", "/nowhere"};

static int enter(void **state)
{
	char here[PATH_MAX];

	return scratch_enter(state) || !getcwd(here, sizeof here) || setenv("TMPDIR", here, 1);
}

static int leave(void **state)
{
	unsetenv("TMPDIR");
	return scratch_leave(state);
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static void sweep(void)
{
	scratch_sweep(&unit);
}

static void make(struct scratch *s)
{
	struct image_error e = {""};

	if (scratch_make(s, &unit, &e))
		fail_msg("%s", e.text);
}

static void what_a_killed_one_left_is_swept(void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		struct scratch s;

		if (!scratch_make(&s, &unit, NULL) && !chdir(s.path) && !mkdir("in", 0700))
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(file_count("."), 1);
	sweep();
	assert_int_equal(file_count("."), 0);
}

static void one_in_use_stays_until_its_maker_removes_it(void **state)
{
	struct scratch s;

	make(&s);
	sweep();
	assert_true(exists(s.path));
	assert_int_equal(scratch_remove(&s, NULL), 0);
	assert_int_equal(file_count("."), 0);
	assert_int_equal(scratch_remove(&s, NULL), 0); /* there is none any more */
}

static void what_took_our_rights_away_is_swept(void **state)
{
	assert_int_equal(mkdir(LEFT, 0700), 0);
	assert_int_equal(mkdir(LEFT "/locked", 0700), 0);
	file_write(LEFT "/locked/file", "x", 1);
	assert_int_equal(chmod(LEFT "/locked", 0), 0);
	assert_int_equal(chmod(LEFT, 0), 0);
	sweep();
	assert_false(exists(LEFT));
}

static void links_are_not_followed(void **state)
{
	assert_int_equal(mkdir("victim", 0755), 0);
	file_write("victim/file", "x", 1);
	assert_int_equal(symlink("victim", "sandbox-unit-linked"), 0);
	assert_int_equal(mkdir(LEFT, 0700), 0);
	assert_int_equal(symlink("../victim", LEFT "/link"), 0);
	sweep();
	assert_false(exists(LEFT));
	assert_true(exists("sandbox-unit-linked"));
	assert_true(exists("victim/file"));
}

static void those_of_another_user_stay(void **state)
{
	if (geteuid())
		skip();
	assert_int_equal(mkdir(LEFT, 0777), 0);
	file_write(LEFT "/file", "x", 1);
	assert_int_equal(chown(LEFT, NOBODY, NOBODY), 0);
	sweep();
	assert_true(exists(LEFT "/file"));
}

static void what_has_no_such_name_or_is_no_directory_stays(void **state)
{
	static const char *const others[] = {"sandbox-unit-abc", "sandbox-unit-abcdefg",
		"sandbox-units-abcdef", "sandbox-job-abcdef", "sandbox-unit-"};
	size_t n = sizeof others / sizeof *others;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(mkdir(others[i], 0700), 0);
	file_write(LEFT, "x", 1);
	sweep();
	assert_int_equal(file_count("."), n + 1);
}

static void without_tmpdir_it_is_in_the_place_that_is_named(void **state)
{
	char *here = strdup(getenv("TMPDIR"));
	struct scratch_kind elsewhere = {"unit", here};
	struct scratch s;

	assert_non_null(here);
	unsetenv("TMPDIR");
	assert_int_equal(scratch_make(&s, &elsewhere, NULL), 0);
	assert_int_equal(strncmp(s.path, here, strlen(here)), 0);
	assert_int_equal(mkdir(LEFT, 0700), 0);
	scratch_sweep(&elsewhere);
	assert_false(exists(LEFT));
	assert_int_equal(scratch_remove(&s, NULL), 0);
	free(here);
}

static void a_place_that_is_not_there_is_an_error(void **state)
{
	struct image_error e = {""};
	struct scratch s;

	setenv("TMPDIR", "/nowhere", 1);
	sweep();
	expect_failure(scratch_make(&s, &unit, &e), -ENOENT, &e, "/nowhere");
	assert_string_equal(s.path, "");
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int group_scratch(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(what_a_killed_one_left_is_swept),
		IN_PLACE(one_in_use_stays_until_its_maker_removes_it),
		IN_PLACE(what_took_our_rights_away_is_swept),
		IN_PLACE(links_are_not_followed),
		IN_PLACE(those_of_another_user_stay),
		IN_PLACE(what_has_no_such_name_or_is_no_directory_stays),
		IN_PLACE(without_tmpdir_it_is_in_the_place_that_is_named),
		IN_PLACE(a_place_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests_name("scratch", tests, NULL, NULL);
}
