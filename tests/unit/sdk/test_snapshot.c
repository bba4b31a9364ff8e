/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots: the file, with fake_template.c in the place of the executable; refusals, by the real
 * one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/sdk/sdk_test.h"

static char dir[64], path[80];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/unit-sdk-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/snap", dir);
	return 0;
}

/* Nothing but the file is in it. */
static int remove_dir(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static struct sb_config fake(const char *what)
{
	return (struct sb_config){.size = sizeof(struct sb_config),
		.executable = getenv("FAKE_TEMPLATE"),
		.program = what};
}

static struct sb_result end_of_snapshot(const struct sb_config *c)
{
	struct sb_result res;
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_snapshot(c, path, 0, &s, &e), 0, &e);
	res = end_of(s);
	res.message = NULL;
	sb_free(s);
	return res;
}

static void the_file_appears_when_it_is_complete(void **state)
{
	struct sb_config c = fake("early");
	struct stat st;

	assert_int_equal(end_of_snapshot(&c).end, SB_END_EXITED);
	assert_int_equal(stat(path, &st), -1);
	c = fake("x");
	for (int i = 0; i < 2; i++) { /* also in place of one */
		assert_int_equal(end_of_snapshot(&c).end, SB_END_SNAPSHOT);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_size, 7);
	}
}

static void killed_before(void **state)
{
	struct sb_config c = fake("x");
	struct sb *s;

	assert_int_equal(sb_snapshot(&c, path, SB_SNAPSHOT_COMPRESS, &s, NULL), 0);
	sb_free(s);
	assert_int_equal(access(path, F_OK), -1);
}

/* The real executable: an end with a sentence. */
static void expect_not_started(int r, struct sb *s, const char *text)
{
	struct sb_result res;

	assert_int_equal(r, 0);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_NOT_STARTED);
	assert_non_null(strstr(res.message, text));
	sb_free(s);
}

static void refused(void **state)
{
	struct sb_config c = {.size = sizeof c};
	struct sb *s;
	int fd, r;

	r = sb_restore(path, &c, &s, NULL);
	expect_not_started(r, s, "snap: No such file or directory");
	r = sb_restore(dir, &c, &s, NULL);
	expect_not_started(r, s, " is not a file");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "words", 5), 5);
	assert_int_equal(fchmod(fd, 0622), 0);
	close(fd);
	r = sb_restore(path, &c, &s, NULL);
	expect_not_started(r, s, "can be written by others");
	chmod(path, 0600);
	r = sb_restore(path, &c, &s, NULL);
	expect_not_started(r, s, "is not a snapshot");
}

static void expect_invalid(int r, struct sb_error **e, struct sb **s, const char *text)
{
	expect_code(r, SB_INVALID, e);
	assert_null(*s);
	assert_string_equal(sb_error_text(*e), text);
	sb_error_free(*e);
}

static void mistakes(void **state)
{
	struct sb_file out = {.kind = SB_FILE_OUT, .path = "/x"};
	struct sb_config c = fake("x");
	struct sb_error *e;
	struct sb *s;

	c.in.kind = SB_STREAM_MEMORY;
	expect_invalid(sb_snapshot(&c, path, 0, &s, &e), &e, &s,
		"in: is for what goes on: sb_restore takes it");
	c = fake("x");
	c.files = &out;
	c.nfiles = 1;
	expect_invalid(sb_snapshot(&c, path, 0, &s, &e), &e, &s,
		"files: a snapshot has none in memory: mounts gives files");
	c = fake("x");
	expect_invalid(sb_snapshot(&c, "x", 0, &s, &e), &e, &s, "path: must be an absolute path");
	assert_int_equal(sb_snapshot(&c, path, 8, &s, NULL), SB_UNSUPPORTED);
	assert_int_equal(sb_snapshot(&c, "/absent/x", 0, &s, NULL), SB_SYSTEM);
	expect_invalid(sb_restore(path, &c, &s, &e), &e, &s,
		"program: is the snapshot's: sb_snapshot takes it");
	c = (struct sb_config){.size = sizeof c, .file_size = 1};
	expect_invalid(sb_restore(path, &c, &s, &e), &e, &s,
		"file_size: is the snapshot's: sb_snapshot takes it");
	expect_invalid(sb_restore(path, NULL, &s, &e), &e, &s, "config: is NULL");
}

static void nothing_is_left(void **state)
{
	unsigned fds = count_fds();

	killed_before(state);
	the_file_appears_when_it_is_complete(state);
	expect_nothing_left(fds);
}

int run_tests_snapshot(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_file_appears_when_it_is_complete, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(killed_before, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(refused, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(mistakes, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(nothing_is_left, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
