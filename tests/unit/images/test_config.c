/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/images/test_images.h"

#define MACHINE "\"os\":\"linux\",\"architecture\":\"amd64\""
#define ROOTFS	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\"]}"

static int parse(const char *text, struct image_config *c, struct image_error *e)
{
	return config_parse(text, strlen(text), 1, c, e);
}

static void all_that_a_program_starts_with_is_read(void **state)
{
	static const char text[] = "{" MACHINE ",\"config\":{\"Entrypoint\":[\"/bin/sh\",\"-c\"],"
				   "\"Cmd\":[\"echo\\nhello\"],\"Env\":[\"PATH=/bin\",\"X=\"],"
				   "\"User\":\"1000:1000\",\"WorkingDir\":\"/srv\","
				   "\"Labels\":{\"a\":\"b\"}},\"history\":[]," ROOTFS "}";
	struct image_config c;
	struct image_error e = {""};

	if (parse(text, &c, &e))
		fail_msg("%s", e.text);
	assert_string_equal(c.entrypoint[1], "-c");
	assert_null(c.entrypoint[2]);
	assert_string_equal(c.cmd[0], "echo\nhello");
	assert_string_equal(c.env[1], "X=");
	assert_null(c.env[2]);
	assert_string_equal(c.user, "1000:1000");
	assert_string_equal(c.workdir, "/srv");
	assert_int_equal(c.ndiff_ids, 1);
	assert_string_equal(c.diff_ids[0].hex, HEX_A);
	config_clear(&c);
}

static void what_is_not_said_is_null(void **state)
{
	static const char *const texts[] = {"{" MACHINE "," ROOTFS "}",
		"{" MACHINE ",\"config\":null," ROOTFS "}",
		"{" MACHINE ",\"config\":{\"Cmd\":null,\"Entrypoint\":null,\"Env\":null,\"User\":"
		"\"\",\"WorkingDir\":\"\"}," ROOTFS "}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct image_config c;

		assert_int_equal(parse(texts[i], &c, NULL), 0);
		assert_null(c.entrypoint);
		assert_null(c.cmd);
		assert_null(c.env);
		assert_null(c.user);
		assert_null(c.workdir);
		config_clear(&c);
	}
}

static void configuration_that_lies_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
		int err;
	} bad[] = {
		{"[]", "not a JSON object", -EBADMSG},
		{"{" ROOTFS "}", "does not say \"os\"", -EBADMSG},
		{"{\"os\":\"linux\",\"architecture\":\"arm64\"," ROOTFS "}",
			"an image for linux/arm64; only linux/amd64", -ENOEXEC},
		{"{\"os\":\"windows\",\"architecture\":\"amd64\"," ROOTFS "}", "windows/amd64",
			-ENOEXEC},
		{"{" MACHINE "}", "rootfs", -EBADMSG},
		{"{" MACHINE ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
			"names 0 layers, the manifest 1", -EBADMSG},
		{"{" MACHINE ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:0\"]}}",
			"entry 1 is no sha256 digest", -EBADMSG},
		{"{" MACHINE ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}",
			"entry 1 is no sha256 digest", -EBADMSG},
		{"{" MACHINE ",\"rootfs\":{\"type\":\"x\",\"diff_ids\":[\"sha256:" HEX_A "\"]}}",
			"rootfs", -EBADMSG},
		{"{" MACHINE ",\"config\":[]," ROOTFS "}", "\"config\"", -EBADMSG},
		{"{" MACHINE ",\"config\":{\"Cmd\":\"sh\"}," ROOTFS "}", "\"Cmd\"", -EBADMSG},
		{"{" MACHINE ",\"config\":{\"Cmd\":[1]}," ROOTFS "}", "\"Cmd\"", -EBADMSG},
		{"{" MACHINE ",\"config\":{\"Cmd\":[\"a\\u0000b\"]}," ROOTFS "}", "not valid JSON",
			-EBADMSG},
		{"{" MACHINE ",\"config\":{\"Env\":[\"A\"]}," ROOTFS "}", "not NAME=VALUE",
			-EBADMSG},
		{"{" MACHINE ",\"config\":{\"Env\":[\"=A\"]}," ROOTFS "}", "not NAME=VALUE",
			-EBADMSG},
		{"{" MACHINE ",\"config\":{\"User\":7}," ROOTFS "}", "\"User\"", -EBADMSG},
		{"{" MACHINE ",\"config\":{\"User\":\"a\\nb\"}," ROOTFS "}", "control characters",
			-EBADMSG},
		{"{" MACHINE ",\"config\":{\"WorkingDir\":\"srv\"}," ROOTFS "}",
			"not an absolute path", -EBADMSG},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct image_error e = {""};
		struct image_config c;

		expect_failure(parse(bad[i].text, &c, &e), bad[i].err, &e, bad[i].says);
	}
}

int group_config(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_a_program_starts_with_is_read),
		cmocka_unit_test(what_is_not_said_is_null),
		cmocka_unit_test(configuration_that_lies_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
