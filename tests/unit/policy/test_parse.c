/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "tests/unit/policy/test_policy.h"

struct parse_case {
	const char *text;
	int result;
	uint64_t value;
};

static void test_sizes(void **state)
{
	static const struct parse_case cases[] = {
		{"0", 0, 0},
		{"4096", 0, 4096},
		{"1K", 0, 1024},
		{"1k", 0, 1024},
		{"512M", 0, 512ull << 20},
		{"1.5G", 0, 3ull << 29},
		{"2GiB", 0, 2ull << 30},
		{"2GB", 0, 2ull << 30},
		{"1T", 0, 1ull << 40},
		{"0.1K", 0, 102},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999G", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"B", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 M", -EINVAL, 0},
		{"1Q", -EINVAL, 0},
		{"1MM", -EINVAL, 0},
		{"1.", -EINVAL, 0},
		{".5M", -EINVAL, 0},
		{"1.2.3M", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t v = 0;

		print_message("size \"%s\"\n", cases[i].text);
		assert_int_equal(policy_parse_size(cases[i].text, &v), cases[i].result);
		if (!cases[i].result)
			assert_int_equal(v, cases[i].value);
	}
}

static void test_durations(void **state)
{
	static const struct parse_case cases[] = {
		{"10", 0, 10000000000},
		{"1.5s", 0, 1500000000},
		{"0.25", 0, 250000000},
		{"200ms", 0, 200000000},
		{"7us", 0, 7000},
		{"2m", 0, 120000000000},
		{"1h", 0, 3600000000000},
		{"1d", 0, 86400000000000},
		{"0.0000000001", 0, 0},
		{"", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"ms", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"inf", -EINVAL, 0},
		{"99999999999999d", -ERANGE, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t v = 0;

		print_message("duration \"%s\"\n", cases[i].text);
		assert_int_equal(policy_parse_duration(cases[i].text, &v), cases[i].result);
		if (!cases[i].result)
			assert_int_equal(v, cases[i].value);
	}
}

static void test_counts(void **state)
{
	uint32_t v;

	assert_int_equal(policy_parse_count("4096", &v), 0);
	assert_int_equal(v, 4096);
	assert_int_equal(policy_parse_count("0", &v), -EINVAL);
	assert_int_equal(policy_parse_count("1.5", &v), -EINVAL);
	assert_int_equal(policy_parse_count("4294967296", &v), -ERANGE);
}

static void check_grant(enum policy_grant_kind kind, const char *text, const char *source,
	const char *target, uint64_t size)
{
	struct policy_grant g;

	print_message("grant \"%s\"\n", text);
	assert_int_equal(policy_parse_grant(kind, text, &g), 0);
	if (source)
		assert_string_equal(g.source, source);
	else
		assert_null(g.source);
	if (target)
		assert_string_equal(g.target, target);
	else
		assert_null(g.target);
	assert_int_equal(g.size, size);
	policy_grant_clear(&g);
}

static void test_grants(void **state)
{
	static const char *const bad[] = {"", ":", ":/x", "a:", "a:b", "a:/b:/c", "a:b/c"};
	static const char *const bad_tmpfs[] = {"", "x", "/x:", "/x:y", "/x:1M:2M", ":1M"};
	struct policy_grant g;

	check_grant(POLICY_RO, "data", "data", NULL, 0);
	check_grant(POLICY_RW, "/a/b:/c", "/a/b", "/c", 0);
	check_grant(POLICY_RO, "a:/x//y/../z/.", "a", "/x/z", 0);
	check_grant(POLICY_RO, "a\\:b:/x\\:y", "a:b", "/x:y", 0);
	check_grant(POLICY_RO, "a\\\\b\\c", "a\\b\\c", NULL, 0);
	check_grant(POLICY_RO, ".:/../..", ".", "/", 0);
	check_grant(POLICY_TMPFS, "/scratch", NULL, "/scratch", 0);
	check_grant(POLICY_TMPFS, "/scratch:16M", NULL, "/scratch", 16u << 20);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(policy_parse_grant(POLICY_RO, bad[i], &g), -EINVAL);
	for (size_t i = 0; i < sizeof bad_tmpfs / sizeof *bad_tmpfs; i++)
		assert_int_equal(policy_parse_grant(POLICY_TMPFS, bad_tmpfs[i], &g), -EINVAL);
}

static void check_path(const char *base, const char *path, const char *want)
{
	char out[POLICY_PATH_MAX];

	assert_int_equal(path_normalise(out, base, path), 0);
	assert_string_equal(out, want);
}

static void test_paths(void **state)
{
	char out[POLICY_PATH_MAX], deep[POLICY_PATH_MAX + 2];

	check_path("/a", "b", "/a/b");
	check_path("/a", "", "/a");
	check_path("/a", "/b", "/b");
	check_path("/a/b", "../..", "/");
	check_path("/a/b", "../../../c", "/c");
	check_path("/", "./x/./y//", "/x/y");
	check_path("/", "..x/...", "/..x/...");
	memset(deep, 'a', sizeof deep);
	deep[sizeof deep - 1] = 0;
	assert_int_equal(path_normalise(out, "/", deep), -ENAMETOOLONG);
	assert_true(path_within("/a/b", "/a"));
	assert_true(path_within("/a", "/a"));
	assert_true(path_within("/a", "/"));
	assert_false(path_within("/ab", "/a"));
	assert_string_equal(path_below("/a/b/c", "/a"), "b/c");
	assert_string_equal(path_below("/a", "/"), "a");
	assert_string_equal(path_below("/a", "/a"), "");
}

static void check_clean(const char *text, const char *want)
{
	char out[64];

	policy_clean_text(out, sizeof out, text);
	assert_string_equal(out, want);
}

static void test_clean_text(void **state)
{
	char tiny[4];

	check_clean("plain", "plain");
	check_clean("\033[2J\r\n\177", "?[2J???");
	check_clean("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	check_clean("\xc2\x9b", "??");	    /* C1: CSI */
	check_clean("\xe2\x80\xae", "???"); /* right-to-left override */
	check_clean("\xed\xa0\x80", "???"); /* surrogate */
	check_clean("\xc0\xaf", "??");	    /* overlong */
	check_clean("\xf0\x9f", "??");	    /* cut off */
	policy_clean_text(tiny, sizeof tiny, "ab\xc3\xbc");
	assert_string_equal(tiny, "ab");
}

static void test_words(void **state)
{
	char size[16];

	assert_true(policy_hostname_valid("box-1.example"));
	assert_false(policy_hostname_valid(""));
	assert_false(policy_hostname_valid("-x"));
	assert_false(policy_hostname_valid("a b"));
	policy_format_size(size, 1ull << 30);
	assert_string_equal(size, "1.0 GiB");
	policy_format_size(size, 512);
	assert_string_equal(size, "512 B");
	policy_format_size(size, UINT64_MAX);
	assert_string_equal(size, "16777216.0 TiB");
}

int run_parse_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_clean_text),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("policy: words", tests, NULL, NULL);
}
