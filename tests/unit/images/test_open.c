/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/images/test_images.h"

static void first_use_makes_a_layout(void **state)
{
	struct store *s = store_here(STORE_USE);

	assert_string_equal(store_dir(s), "s");
	assert_int_equal(access("s/oci-layout", R_OK), 0);
	assert_int_equal(access("s/index.json", R_OK), 0);
	assert_int_equal(faccessat(store_fd(s), "blobs/sha256", R_OK, 0), 0);
	assert_int_equal(file_count("s/tmp"), 0);
	store_close(s);
}

static void parents_are_made(void **state)
{
	struct store *s;

	assert_int_equal(store_open("a/b//c", STORE_USE, false, &s, NULL), 0);
	store_close(s);
	assert_int_equal(access("a/b/c/oci-layout", R_OK), 0);
}

static void reading_makes_nothing(void **state)
{
	struct image_error e;
	struct store *s;
	int r = store_open("none", STORE_READ, false, &s, &e);

	expect_failure(r, -ENOENT, &e, "no image store at none");
	assert_int_not_equal(access("none", F_OK), 0);
	assert_int_equal(mkdir("plain", 0755), 0);
	r = store_open("plain", STORE_REMOVE, false, &s, &e);
	expect_failure(r, -ENOENT, &e, "no image store at plain");
	assert_int_equal(file_count("plain"), 0);
}

static void directory_of_something_else_is_left_alone(void **state)
{
	struct image_error e;
	struct store *s;
	int r;

	assert_int_equal(mkdir("s", 0755), 0);
	file_write("s/thesis.tex", "x", 1);
	r = store_open("s", STORE_USE, false, &s, &e);
	expect_failure(r, -EEXIST, &e, "not empty");
	assert_int_equal(file_count("s"), 1);
}

static void half_made_store_is_finished(void **state)
{
	assert_int_equal(mkdir("s", 0755), 0);
	assert_int_equal(mkdir("s/tmp", 0755), 0);
	file_write("s/.lock", "", 0);
	store_close(store_here(STORE_USE));
	assert_int_equal(access("s/oci-layout", R_OK), 0);
}

static void another_version_of_the_layout_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"imageLayoutVersion\":\"2.0.0\"}", "{}", "{\"imageLayoutVersion\":1}"};
	struct image_error e;
	struct store *s;

	store_close(store_here(STORE_USE));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		file_write("s/oci-layout", bad[i], strlen(bad[i]));
		expect_failure(store_open("s", STORE_USE, false, &s, &e), -ENOTSUP, &e, "version");
	}
	file_write("s/oci-layout", "", 0);
	expect_failure(store_open("s", STORE_READ, false, &s, &e), -EBADMSG, &e, "oci-layout");
}

static void remover_is_alone(void **state)
{
	struct store *a = store_here(STORE_USE), *b = store_here(STORE_READ), *c;
	struct image_error e;

	expect_failure(store_open("s", STORE_REMOVE, true, &c, &e), -EBUSY, &e, "in use");
	store_close(a);
	store_close(b);
	c = store_here(STORE_REMOVE);
	expect_failure(store_open("s", STORE_USE, true, &a, &e), -EBUSY, &e, "in use");
	store_close(c);
}

static void place_follows_the_environment(void **state)
{
	struct store *s;

	assert_int_equal(setenv("SANDBOX_STORE", "one", 1), 0);
	assert_int_equal(store_open(NULL, STORE_USE, false, &s, NULL), 0);
	assert_string_equal(store_dir(s), "one");
	store_close(s);
	unsetenv("SANDBOX_STORE");
	setenv("XDG_DATA_HOME", "relative is ignored", 1);
	setenv("HOME", "./home", 1);
	assert_int_equal(store_open(NULL, STORE_USE, false, &s, NULL), 0);
	assert_string_equal(store_dir(s), "./home/.local/share/sandbox/images");
	store_close(s);
	unsetenv("XDG_DATA_HOME");
}

static void store_opened_to_be_read_takes_nothing(void **state)
{
	struct image_error e;
	struct store *s;
	struct digest d;

	store_close(store_here(STORE_USE));
	s = store_here(STORE_READ);
	expect_failure(blob_put(s, "x", 1, &d, &e), -EROFS, &e, "only to be read");
	expect_failure(store_unset(s, "a", &e), -EROFS, &e, "only to be read");
	store_close(s);
}

int group_open(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(first_use_makes_a_layout),
		WITH_SCRATCH(parents_are_made),
		WITH_SCRATCH(reading_makes_nothing),
		WITH_SCRATCH(directory_of_something_else_is_left_alone),
		WITH_SCRATCH(half_made_store_is_finished),
		WITH_SCRATCH(another_version_of_the_layout_is_refused),
		WITH_SCRATCH(remover_is_alone),
		WITH_SCRATCH(place_follows_the_environment),
		WITH_SCRATCH(store_opened_to_be_read_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
