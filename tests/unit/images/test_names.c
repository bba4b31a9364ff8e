/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/store/index.h"
#include "tests/unit/images/test_images.h"

static void set_name(struct store *s, const char *name, const char *content)
{
	struct store_ref ref = {.media_type = OCI_MANIFEST, .size = strlen(content)};
	struct image_error e = {""};

	snprintf(ref.name, sizeof ref.name, "%s", name);
	if (blob_put(s, content, ref.size, &ref.digest, &e) || store_set(s, &ref, &e))
		fail_msg("%s: %s", name, e.text);
}

static size_t count(struct store *s)
{
	struct store_ref *refs;
	size_t n;

	assert_int_equal(store_list(s, &refs, &n, NULL), 0);
	free(refs);
	return n;
}

static void name_is_found_and_moves(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct store_ref ref;
	struct image_error e;
	struct digest two;

	set_name(s, "app", "one");
	set_name(s, "app:latest", "two");
	set_name(s, "app:1", "one");
	assert_int_equal(count(s), 2);
	assert_int_equal(store_find(s, "app", &ref, NULL), 0);
	assert_string_equal(ref.name, "app:latest");
	digest_of("two", 3, &two);
	assert_true(digest_equal(&ref.digest, &two));
	assert_int_equal(ref.size, 3);
	assert_int_equal(store_unset(s, "app", NULL), 0);
	expect_failure(store_find(s, "app", &ref, &e), -ENOENT, &e, "no image \"app:latest\"");
	expect_failure(store_unset(s, "app", &e), -ENOENT, &e, "no image \"app:latest\"");
	assert_int_equal(store_find(s, "app:1", &ref, NULL), 0);
	assert_int_equal(file_count("s/tmp"), 0);
	store_close(s);
}

static void digest_stands_for_all_its_names(void **state)
{
	struct store *s = store_here(STORE_USE);
	char text[DIGEST_TEXT];
	struct store_ref ref;
	struct image_error e;
	struct digest d;

	set_name(s, "a", "one");
	set_name(s, "b", "one");
	set_name(s, "c", "two");
	digest_of("one", 3, &d);
	digest_text(&d, text);
	assert_int_equal(store_find(s, text, &ref, NULL), 0);
	assert_string_equal(ref.name, "a:latest");
	assert_int_equal(store_unset(s, text, NULL), 0);
	assert_int_equal(count(s), 1);
	expect_failure(store_unset(s, text, &e), -ENOENT, &e, "no image sha256:");
	assert_int_equal(store_find(s, "c", &ref, NULL), 0);
	store_close(s);
}

static void name_of_nothing_is_refused(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct store_ref ref = {.name = "a", .media_type = OCI_MANIFEST};
	struct image_error e;

	digest_of("x", 1, &ref.digest);
	expect_failure(store_set(s, &ref, &e), -ENOENT, &e, "not in the image store");
	snprintf(ref.name, sizeof ref.name, "A");
	expect_failure(store_set(s, &ref, &e), -EINVAL, &e, "no name of an image");
	store_close(s);
}

static void names_set_at_once_are_all_there(void **state)
{
	struct store *s;

	store_close(store_here(STORE_USE));
	for (int p = 0; p < 4; p++) {
		if (fork())
			continue;
		s = store_here(STORE_USE);
		for (int i = 0; i < 8; i++) {
			char name[32];

			snprintf(name, sizeof name, "app:%d-%d", p, i);
			set_name(s, name, "same");
		}
		store_close(s);
		_exit(0);
	}
	for (int p = 0; p < 4; p++) {
		int status = -1;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	s = store_here(STORE_READ);
	assert_int_equal(count(s), 32);
	store_close(s);
}

static void damaged_index_is_said_and_stays_as_it_is(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "not valid JSON"},
		{"[]", "not a JSON object"},
		{"{\"schemaVersion\":2", "not valid JSON"},
		{"{\"schemaVersion\":2,\"manifests\":[]}x", "not valid JSON"},
		{"{\"schemaVersion\":2,\"schemaVersion\":2,\"manifests\":[]}", "duplicate"},
		{"{\"schemaVersion\":1,\"manifests\":[]}", "schemaVersion"},
		{"{\"schemaVersion\":2}", "manifests"},
		{"{\"schemaVersion\":2,\"manifests\":[1]}", "not a JSON object"},
		{"{\"schemaVersion\":2,\"manifests\":[{}]}", "mediaType"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"size\":1,\"digest\":"
		 "\"sha256:../../../etc/passwd\"}]}",
			"is no digest"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"size\":1,\"digest\":"
		 "\"sha512:00\"}]}",
			"only sha256"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"size\":-1,\"digest\":"
		 "\"sha256:" HEX_A "\"}]}",
			"size"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"size\":1,\"digest\":"
		 "\"sha256:" HEX_A
		 "\",\"annotations\":{\"org.opencontainers.image.ref.name\":7}}]}",
			"not a string"},
		{"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"size\":1,\"digest\":"
		 "\"sha256:" HEX_A
		 "\",\"annotations\":{\"org.opencontainers.image.ref.name\":\"a\\u001bb\"}}]}",
			"control characters"},
	};
	struct store *s = store_here(STORE_USE);

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct image_error e = {""};
		struct store_ref ref;

		file_write("s/index.json", bad[i].text, strlen(bad[i].text));
		expect_failure(store_find(s, "a", &ref, &e),
			strstr(bad[i].says, "only") ? -ENOTSUP : -EBADMSG, &e, bad[i].says);
		assert_non_null(strstr(e.text, "s/index.json is damaged"));
		assert_true(store_unset(s, "a", &e) < 0);
	}
	store_close(s);
}

static void json_bombs_are_refused(void **state)
{
	size_t n = 1u << 20;
	char *text = malloc(n);
	struct image_error e;
	json_t *root;

	assert_non_null(text);
	memset(text, '[', n);
	expect_failure(index_parse(text, n, &root, &e), -EBADMSG, &e, "nested deeper");
	memset(text, ',', n);
	expect_failure(index_parse(text, n, &root, &e), -EBADMSG, &e, "more than 200000 values");
	memset(text, '"', 1);
	memset(text + 1, '\\', n - 1);
	expect_failure(index_parse(text, n, &root, &e), -EBADMSG, &e, "not valid JSON");
	free(text);
}

static void what_others_wrote_into_the_index_is_kept(void **state)
{
	static const char foreign[] =
		"{\"schemaVersion\":2,\"annotations\":{\"a\":\"b\"},\"manifests\":["
		"{\"mediaType\":\"m\",\"size\":1,\"digest\":\"sha256:" HEX_A
		"\",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"},\"annotations\":{"
		"\"org.opencontainers.image.ref.name\":\"1\"}},"
		"{\"mediaType\":\"m\",\"size\":1,\"digest\":\"sha256:" HEX_B
		"\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},\"annotations\":{"
		"\"org.opencontainers.image.ref.name\":\"1\"}}]}";
	struct store *s = store_here(STORE_USE);
	struct store_ref ref;
	char text[2048] = "";
	FILE *f;

	file_write("s/index.json", foreign, sizeof foreign - 1);
	assert_int_equal(store_find(s, "1", &ref, NULL), 0);
	assert_string_equal(ref.digest.hex, HEX_B);
	set_name(s, "mine", "x");
	assert_int_equal(count(s), 3);
	f = fopen("s/index.json", "re");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof text - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(text, "{\"annotations\":{\"a\":\"b\"}"));
	assert_non_null(strstr(text, "\"architecture\":\"arm64\""));
	store_close(s);
}

int group_names(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(name_is_found_and_moves),
		WITH_SCRATCH(digest_stands_for_all_its_names),
		WITH_SCRATCH(name_of_nothing_is_refused),
		WITH_SCRATCH(names_set_at_once_are_all_there),
		WITH_SCRATCH(damaged_index_is_said_and_stays_as_it_is),
		cmocka_unit_test(json_bombs_are_refused),
		WITH_SCRATCH(what_others_wrote_into_the_index_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
