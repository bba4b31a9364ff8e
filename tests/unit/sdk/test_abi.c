/* SPDX-License-Identifier: Apache-2.0
 *
 * Callers of older and newer headers, and mistakes in configurations.
 */
#include "tests/unit/sdk/sdk_test.h"

/* As a header without the limits had it, and nothing readable behind it. */
static void older_configuration(void **state)
{
	size_t size = offsetof(struct sb_config, memory);
	struct sb_config *old = malloc(size);
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "echo served");
	sh.c.size = size;
	memcpy(old, &sh.c, size);
	s = start(old);
	free(old);
	assert_int_equal(end_of(s).exit_code, 0);
	assert_string_equal(out_of(s), "served\n");
	sb_free(s);
}

static void newer_configuration(void **state)
{
	struct {
		struct shell sh;
		uint64_t added;
	} newer = {.added = 0};
	struct sb_error *e;
	struct sb *s;

	shell_init(&newer.sh, "echo served");
	newer.sh.c.size = sizeof newer - offsetof(struct shell, c);
	s = start(&newer.sh.c);
	assert_int_equal(end_of(s).exit_code, 0);
	sb_free(s);
	newer.added = 1;
	expect_code(sb_start(&newer.sh.c, &s, &e), SB_UNSUPPORTED, &e);
	assert_null(s);
	assert_int_equal(sb_error_code(e), SB_UNSUPPORTED);
	sb_error_free(e);
}

static void older_and_newer_results(void **state)
{
	struct {
		struct sb_result res;
		uint64_t added;
	} newer = {.added = 7};
	size_t size = offsetof(struct sb_result, message);
	struct sb_result *old = malloc(size);
	struct shell sh;
	struct sb *s;

	shell_init(&sh, "exit 4");
	s = start(&sh.c);
	end_of(s);
	old->size = size;
	assert_int_equal(sb_get_result(s, old, NULL), 0);
	assert_int_equal(old->exit_code, 4);
	old->size = 8;
	assert_int_equal(sb_get_result(s, old, NULL), SB_INVALID);
	newer.res.size = sizeof newer;
	assert_int_equal(sb_get_result(s, &newer.res, NULL), 0);
	assert_int_equal(newer.res.exit_code, 4);
	assert_int_equal(newer.added, 0);
	free(old);
	sb_free(s);
}

/* Numbers and offsets that callers were compiled with: they never change. */
static void layout_of_version_0(void **state)
{
	assert_int_equal(sizeof(struct sb_stream), 72);
	assert_int_equal(sizeof(struct sb_mount), 48);
	assert_int_equal(sizeof(struct sb_file), 56);
	assert_int_equal(offsetof(struct sb_config, in), 88);
	assert_int_equal(offsetof(struct sb_config, memory), 336);
	assert_int_equal(offsetof(struct sb_config, accept), 384);
	assert_int_equal(sizeof(struct sb_config), 392);
	assert_int_equal(sizeof(struct sb_result), 96);
	assert_int_equal(sizeof(struct sb_clone_config), 248);
	assert_int_equal(SB_ENDED, 8);
	assert_int_equal(SB_END_FAILED, 8);
	assert_int_equal(SB_STREAM_CALLBACK, 3);
}

static void refused(struct sb_config *c, int code, const char *about)
{
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_start(c, &s, &e), code, &e);
	assert_null(s);
	if (!strstr(sb_error_text(e), about))
		fail_msg("\"%s\" says nothing of %s", sb_error_text(e), about);
	sb_error_free(e);
	assert_int_equal(sb_start(c, &s, NULL), code);
}

static void mistakes(void **state)
{
	const char *bad_env[] = {"NAME", NULL};
	struct sb_mount m = {.source = "relative"};
	struct sb_file f = {.path = "/x", .size = 1};
	struct shell sh;

#define REFUSED(member, value, code, about)                                                        \
	do {                                                                                       \
		shell_init(&sh, "");                                                               \
		sh.c.mounts = &m;                                                                  \
		sh.c.files = &f;                                                                   \
		sh.c.member = value;                                                               \
		refused(&sh.c, code, about);                                                       \
	} while (0)
	REFUSED(size, 0, SB_INVALID, "size");
	REFUSED(program, NULL, SB_INVALID, "program");
	REFUSED(program, "", SB_INVALID, "program");
	REFUSED(accept, "", SB_INVALID, "accept");
	REFUSED(program, "./relative", SB_INVALID, "program");
	REFUSED(cwd, "relative", SB_INVALID, "cwd");
	REFUSED(root, "relative", SB_INVALID, "root");
	REFUSED(env, bad_env, SB_INVALID, "env");
	REFUSED(strict, 2, SB_UNSUPPORTED, "strict");
	REFUSED(out.kind, 9, SB_UNSUPPORTED, "out");
	REFUSED(err.kind, SB_STREAM_CALLBACK, SB_INVALID, "err");
	REFUSED(in.reserved[1], 1, SB_UNSUPPORTED, "in");
	REFUSED(nmounts, 1, SB_INVALID, "mounts: source");
	REFUSED(nmounts, 100000, SB_INVALID, "nmounts");
	REFUSED(nfiles, 1, SB_INVALID, "files");
	f.size = 0;
	f.reserved[0] = 1;
	REFUSED(nfiles, 1, SB_UNSUPPORTED, "files");
	f.reserved[0] = 0;
	f.mode = 04755;
	REFUSED(nfiles, 1, SB_INVALID, "mode");
	m = (struct sb_mount){.kind = SB_MOUNT_TMPFS};
	REFUSED(nmounts, 1, SB_INVALID, "mounts: target");
	m.kind = 7;
	REFUSED(nmounts, 1, SB_UNSUPPORTED, "mounts: kind");
	REFUSED(executable, "/no/such/file", SB_NOT_FOUND, "/no/such/file");
	REFUSED(executable, "sandbox", SB_NOT_FOUND, "absolute");
	shell_init(&sh, "");
	sh.c.in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = 9999};
	refused(&sh.c, SB_INVALID, "9999");
#undef REFUSED
}

static void causes(void **state)
{
	static char huge[200000];
	const struct sb_error *cause;
	struct shell sh;
	struct sb_error *e;
	struct sb *s;

	if (getenv("UNDER_VALGRIND")) /* which makes a fork of it: the child cannot say what failed
				       */
		skip();
	memset(huge, 'x', sizeof huge - 1); /* more than execve(2) takes of one word */
	shell_init(&sh, huge);
	expect_code(sb_start(&sh.c, &s, &e), SB_SYSTEM, &e);
	cause = sb_error_cause(e);
	assert_non_null(cause);
	assert_string_equal(sb_error_text(cause), "execve: Argument list too long");
	assert_null(sb_error_cause(cause));
	sb_error_free(e);
	sb_error_free(NULL);
	sb_free(NULL);
}

int run_tests_abi(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(older_configuration),
		cmocka_unit_test(newer_configuration),
		cmocka_unit_test(older_and_newer_results),
		cmocka_unit_test(layout_of_version_0),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(causes),
	};

	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
