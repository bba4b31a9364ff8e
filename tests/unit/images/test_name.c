/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/images/test_images.h"

#define DIGITS_64 "0123456789012345678901234567890123456789012345678901234567890123"

static void name_gets_tag_latest_when_it_has_none(void **state)
{
	char out[STORE_NAME_MAX];

	assert_int_equal(image_name_parse("app", out, NULL), 0);
	assert_string_equal(out, "app:latest");
	assert_int_equal(image_name_parse("localhost:5000/a/b", out, NULL), 0);
	assert_string_equal(out, "localhost:5000/a/b:latest");
}

static void valid_names_stay_as_they_are(void **state)
{
	static const char *const good[] = {"app:1", "a:b", "library/debian:12.1_x-Y",
		"x/a.b_c__d---e/f:1", "registry.example.org/team/app:v1", "127.0.0.1:65535/a:1",
		"[::1]:5000/a:1", "Host.Example:1/a:1", "0:0"};
	char out[STORE_NAME_MAX];
	struct image_error e;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		if (image_name_parse(good[i], out, &e))
			fail_msg("%s: %s", good[i], e.text);
		assert_string_equal(out, good[i]);
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {"", ":", ":1", "a:", "A", "a/", "/a", "a//b", "../a",
		"a/../b", ".a", "a.", "a-", "-a", "a___b", "a..b", "a._b", "a:.x", "a:-x", "a:b:c",
		"a:b/c", "a b", "a\nb", "a:\x01", "h.:1/a", ".h/a", "-h.x/a", "a..b/c", "h:0/a",
		"h:65536/a", "h:x/a", "h:/a", "[::1/a", "[]/a", "a@sha256:0", "\xff", "é",
		"a:" DIGITS_64 DIGITS_64 "5"};
	char out[STORE_NAME_MAX];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct image_error e = {""};

		if (image_name_parse(bad[i], out, &e) != -EINVAL)
			fail_msg("\"%s\" was taken as \"%s\"", bad[i], out);
		assert_non_null(strstr(e.text, "no name of an image"));
	}
}

static void digest_is_no_name(void **state)
{
	char out[STORE_NAME_MAX];
	struct image_error e;
	int r = image_name_parse(
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", out, &e);

	expect_failure(r, -EINVAL, &e, "it is a digest");
}

static void longest_name_fits_and_a_byte_more_does_not(void **state)
{
	char text[STORE_NAME_MAX + 8], out[STORE_NAME_MAX];

	memset(text, 'a', sizeof text);
	snprintf(text + 253, sizeof text - 253, ":1");
	assert_int_equal(image_name_parse(text, out, NULL), 0);
	assert_int_equal(strlen(out), 255);
	memset(text, 'a', sizeof text);
	snprintf(text + 254, sizeof text - 254, ":1");
	assert_int_equal(image_name_parse(text, out, NULL), -EINVAL);
	memset(text, 'a', sizeof text);
	text[249] = 0; /* ":latest" does not fit */
	assert_int_equal(image_name_parse(text, out, NULL), -EINVAL);
}

int group_name(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_gets_tag_latest_when_it_has_none),
		cmocka_unit_test(valid_names_stay_as_they_are),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(digest_is_no_name),
		cmocka_unit_test(longest_name_fits_and_a_byte_more_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
