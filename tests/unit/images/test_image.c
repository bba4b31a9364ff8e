/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole images: written to the store and found again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/images/test_images.h"

static json_t *config_of(const struct digest *diff_id, const char *config)
{
	char text[DIGEST_TEXT];

	digest_text(diff_id, text);
	return json_pack("{s:{s:s,s:[s]}, s:s, s:s, s:o}", "rootfs", "type", "layers", "diff_ids",
		text, "os", "linux", "architecture", "amd64", "config",
		json_loads(config, 0, NULL));
}

static void put_layer(struct store *s, const char *content, struct descriptor *out)
{
	memset(out, 0, sizeof *out);
	snprintf(out->media_type, sizeof out->media_type, "%s", DOCKER_LAYER);
	out->size = strlen(content);
	assert_int_equal(blob_put(s, content, out->size, &out->digest, NULL), 0);
}

void image_put(struct store *s, const char *name, const char *config, struct descriptor *out)
{
	struct image_error e = {""};
	struct descriptor layer;
	json_t *root;

	put_layer(s, "layer", &layer);
	root = config_of(&layer.digest, config);
	if (image_write(s, root, &layer, 1, name, out, &e))
		fail_msg("%s", e.text);
	json_decref(root);
}

void document_put(struct store *s, const char *name, const char *type, const char *text,
	struct store_ref *out)
{
	memset(out, 0, sizeof *out);
	snprintf(out->name, sizeof out->name, "%s", name);
	snprintf(out->media_type, sizeof out->media_type, "%s", type);
	out->size = strlen(text);
	assert_int_equal(blob_put(s, text, out->size, &out->digest, NULL), 0);
	assert_int_equal(store_set(s, out, NULL), 0);
}

static void image_is_found_by_name_and_by_digest(void **state)
{
	struct store *s = store_here(STORE_USE);
	char digest[DIGEST_TEXT];
	struct descriptor d;
	struct image_config c;
	struct manifest m;

	image_put(s, "app", "{\"Cmd\":[\"true\"]}", &d);
	assert_int_equal(manifest_find(s, "app:latest", &m, NULL), 0);
	assert_true(digest_equal(&m.self.digest, &d.digest));
	assert_int_equal(m.self.size, d.size);
	/* the same bytes, by OCI's name */
	assert_string_equal(m.layers[0].media_type, OCI_LAYER);
	assert_int_equal(config_load(s, &m, &c, NULL), 0);
	assert_string_equal(c.cmd[0], "true");
	config_clear(&c);
	manifest_clear(&m);
	digest_text(&d.digest, digest);
	assert_int_equal(manifest_find(s, digest, &m, NULL), 0);
	assert_string_equal(m.self.media_type, OCI_MANIFEST);
	manifest_clear(&m);
	store_close(s);
}

static void same_image_has_the_same_digest(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct descriptor a, b;
	char *text;
	size_t n;

	image_put(s, "a", "{\"Cmd\":[\"true\"]}", &a);
	image_put(s, "b", "{\"Cmd\":[\"true\"]}", &b);
	assert_true(digest_equal(&a.digest, &b.digest));
	assert_int_equal(blob_load(s, &a.digest, &text, &n, NULL), 0);
	assert_int_equal(n, a.size);
	assert_null(strpbrk(text, " \n"));
	assert_memory_equal(text, "{\"config\":{\"digest\":\"sha256:", 28);
	free(text);
	store_close(s);
}

static void image_that_does_not_fit_is_not_written(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct descriptor layers[2];
	struct image_error e;
	json_t *config;

	put_layer(s, "layer", &layers[0]);
	layers[1] = layers[0];
	config = config_of(&layers[0].digest, "{}");
	expect_failure(image_write(s, config, layers, 2, "a", NULL, &e), -EBADMSG, &e,
		"names 1 layers, the manifest 2");
	digest_of("missing", 7, &layers[0].digest);
	expect_failure(image_write(s, config, layers, 1, "a", NULL, &e), -ENOENT, &e,
		"not in the image store");
	snprintf(layers[0].media_type, sizeof layers[0].media_type, "text/plain");
	expect_failure(
		image_write(s, config, layers, 1, "a", NULL, &e), -ENOTSUP, &e, "text/plain");
	json_decref(config);
	assert_int_equal(file_count("s/blobs/sha256"), 1);
	store_close(s);
}

static void index_of_an_index_leads_to_the_manifest(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct descriptor d;
	struct store_ref ref;
	struct manifest m;
	char text[512];

	image_put(s, "app", "{\"Cmd\":[\"true\"]}", &d);
	snprintf(text, sizeof text,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"size\":%u,\"digest\":"
		"\"sha256:%s\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
		OCI_MANIFEST, (unsigned)d.size, d.digest.hex);
	document_put(s, "inner", OCI_INDEX, text, &ref);
	snprintf(text, sizeof text,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"size\":%u,\"digest\":"
		"\"sha256:%s\"}]}",
		OCI_INDEX, (unsigned)ref.size, ref.digest.hex);
	document_put(s, "outer", DOCKER_INDEX, text, &ref);
	assert_int_equal(manifest_find(s, "outer", &m, NULL), 0);
	assert_true(digest_equal(&m.self.digest, &d.digest));
	manifest_clear(&m);
	store_close(s);
}

static void document_that_is_not_what_was_promised_is_refused(void **state)
{
	static const char typed[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[]}";
	struct store *s = store_here(STORE_USE);
	struct store_ref ref;
	struct image_error e;
	struct manifest m;
	char path[160];

	document_put(s, "a", "application/x-unknown", "{}", &ref);
	expect_failure(manifest_find(s, "a", &m, &e), -ENOTSUP, &e, "\"application/x-unknown\"");
	document_put(s, "b", OCI_MANIFEST, typed, &ref);
	expect_failure(manifest_find(s, "b", &m, &e), -EBADMSG, &e, "was promised");
	ref.size++;
	assert_int_equal(store_set(s, &ref, NULL), 0);
	expect_failure(manifest_find(s, "b", &m, &e), -EBADMSG, &e, "were promised");
	blob_file(&ref.digest, path);
	file_write(path, "{}", 2);
	expect_failure(manifest_find(s, "b", &m, &e), -EBADMSG, &e, "is damaged");
	assert_int_equal(unlink(path), 0);
	expect_failure(manifest_find(s, "b", &m, &e), -ENOENT, &e, "not in the image store");
	store_close(s);
}

static void digest_of_something_else_is_no_manifest(void **state)
{
	struct store *s = store_here(STORE_USE);
	char digest[DIGEST_TEXT];
	struct image_error e;
	struct manifest m;
	struct digest d;

	assert_int_equal(blob_put(s, "\x1f\x8b layer", 8, &d, NULL), 0);
	digest_text(&d, digest);
	expect_failure(manifest_find(s, digest, &m, &e), -EBADMSG, &e, "is no manifest");
	store_close(s);
}

int group_image(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(image_is_found_by_name_and_by_digest),
		WITH_SCRATCH(same_image_has_the_same_digest),
		WITH_SCRATCH(image_that_does_not_fit_is_not_written),
		WITH_SCRATCH(index_of_an_index_leads_to_the_manifest),
		WITH_SCRATCH(document_that_is_not_what_was_promised_is_refused),
		WITH_SCRATCH(digest_of_something_else_is_no_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
