/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"
#include "tests/unit/images/test_images.h"

static int parse(const char *text, struct manifest *m, struct image_error *e)
{
	json_t *root;
	int r = document_parse(text, strlen(text), &root, e);

	if (r)
		return r;
	r = manifest_from(root, m, e);
	json_decref(root);
	return r;
}

static void docker_manifest_is_read(void **state)
{
	/* as `docker push` writes it: tabs and newlines belong to the digest */
	static const char text[] =
		"{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"" DOCKER_MANIFEST "\",\n"
		"   \"config\": " DESCRIPTOR(DOCKER_CONFIG,
			HEX_A) ",\n   \"layers\": [\n      " DESCRIPTOR(DOCKER_LAYER_GZIP,
			HEX_B) ",\n      " DESCRIPTOR(DOCKER_LAYER, HEX_C) "\n   ]\n}";
	struct manifest m;
	struct image_error e = {""};
	enum compression c;

	if (parse(text, &m, &e))
		fail_msg("%s", e.text);
	assert_string_equal(m.self.media_type, DOCKER_MANIFEST);
	assert_string_equal(m.config.digest.hex, HEX_A);
	assert_int_equal(m.nlayers, 2);
	assert_string_equal(m.layers[0].digest.hex, HEX_B);
	assert_int_equal(layer_media_type(m.layers[0].media_type, &c, NULL), 0);
	assert_int_equal(c, COMPRESS_GZIP);
	assert_int_equal(layer_media_type(m.layers[1].media_type, &c, NULL), 0);
	assert_int_equal(c, COMPRESS_NONE);
	manifest_clear(&m);
}

static void oci_manifest_is_read_with_its_annotations(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"annotations\":{\"k\":\"v\"},\"config\":" DESCRIPTOR(
			OCI_CONFIG, HEX_A) ",\"layers\":[{\"mediaType\":\"" OCI_LAYER_ZSTD
					   "\",\"size\":9,\"digest\":\"sha256:" HEX_B
					   "\",\"annotations\":{\"x\":\"y\"},\"new\":[1]}]}";
	struct manifest m;
	struct image_error e = {""};

	if (parse(text, &m, &e))
		fail_msg("%s", e.text);
	assert_string_equal(m.self.media_type, OCI_MANIFEST);
	assert_string_equal(json_string_value(json_object_get(m.annotations, "k")), "v");
	assert_string_equal(json_string_value(json_object_get(m.layers[0].annotations, "x")), "y");
	assert_int_equal(m.layers[0].size, 9);
	manifest_clear(&m);
}

#define CONFIG	 "\"config\":" DESCRIPTOR(OCI_CONFIG, HEX_A)
#define LAYERS	 "\"layers\":[" DESCRIPTOR(OCI_LAYER, HEX_B) "]"
#define VERSION2 "\"schemaVersion\":2"

static void what_is_no_manifest_of_an_image_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
		int err;
	} bad[] = {
		{"", "not valid JSON", -EBADMSG},
		{"{" CONFIG "," LAYERS "}", "schemaVersion", -EBADMSG},
		{"{\"schemaVersion\":1,\"fsLayers\":[]}", "schema version 1", -ENOTSUP},
		{"{\"schemaVersion\":\"2\"," CONFIG "," LAYERS "}", "schemaVersion", -EBADMSG},
		{"{" VERSION2 "}", "neither a manifest nor", -EBADMSG},
		{"{" VERSION2 "," CONFIG "," LAYERS ",\"manifests\":[]}", "refused", -EBADMSG},
		{"{" VERSION2 "," CONFIG "," LAYERS "," LAYERS "}", "duplicate", -EBADMSG},
		{"{" VERSION2 ",\"mediaType\":\"" OCI_INDEX "\"," CONFIG "," LAYERS "}",
			"an index where a manifest", -EBADMSG},
		{"{" VERSION2 ",\"mediaType\":\"text/html\"," CONFIG "," LAYERS "}",
			"\"text/html\"", -ENOTSUP},
		{"{" VERSION2 "," LAYERS "}", "no \"config\"", -EBADMSG},
		{"{" VERSION2 ",\"config\":" DESCRIPTOR(
			 "application/vnd.cncf.helm.config.v1+json", HEX_A) "," LAYERS "}",
			"helm.config", -ENOTSUP},
		{"{" VERSION2 "," CONFIG "}", "\"layers\" is not an array", -EBADMSG},
		{"{" VERSION2 "," CONFIG ",\"layers\":{}}", "\"layers\" is not an array", -EBADMSG},
		{"{" VERSION2 "," CONFIG ",\"layers\":[" DESCRIPTOR(
			 OCI_LAYER, HEX_B) "," DESCRIPTOR(OCI_LAYER "+xz", HEX_B) "]}",
			"layer 2: layer of unknown media type \"" OCI_LAYER "+xz\"", -ENOTSUP},
		{"{" VERSION2 "," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
		 "\",\"size\":1.5,\"digest\":\"sha256:" HEX_B "\"}]}",
			"size", -EBADMSG},
		{"{" VERSION2 "," CONFIG ",\"layers\":[{\"mediaType\":\"" OCI_LAYER
		 "\",\"size\":99999999999999999999,\"digest\":\"sha256:" HEX_B "\"}]}",
			"not valid JSON", -EBADMSG},
		{"{" VERSION2 "," CONFIG "," LAYERS ",\"annotations\":{\"a\":1}}",
			"annotation \"a\"", -EBADMSG},
		{"{" VERSION2 "," CONFIG "," LAYERS ",\"annotations\":[]}", "annotations",
			-EBADMSG},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct image_error e = {""};
		struct manifest m;

		expect_failure(parse(bad[i].text, &m, &e), bad[i].err, &e, bad[i].says);
	}
}

static void more_layers_than_the_limit_are_refused(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct manifest m;
	struct image_error e = {""};

	assert_non_null(f);
	fputs("{" VERSION2 "," CONFIG ",\"layers\":[", f);
	for (unsigned i = 0; i <= OCI_LAYERS_MAX; i++)
		fprintf(f, "%s" DESCRIPTOR(OCI_LAYER, HEX_B), i ? "," : "");
	fputs("]}", f);
	fclose(f);
	expect_failure(parse(text, &m, &e), -E2BIG, &e, "513 layers");
	free(text);
}

#define ENTRY(hex, platform)                                                                       \
	"{\"mediaType\":\"" OCI_MANIFEST "\",\"size\":7,\"digest\":\"sha256:" hex                  \
	"\",\"platform\":{" platform "}}"
#define ARM64 "\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\""
#define AMD64 "\"os\":\"linux\",\"architecture\":\"amd64\""

static int choose(const char *text, struct descriptor *d, struct image_error *e)
{
	json_t *root;
	int r = document_parse(text, strlen(text), &root, e);

	if (r)
		return r;
	r = platform_from(root, d, e);
	json_decref(root);
	return r;
}

static void index_leads_to_the_image_for_this_machine(void **state)
{
	static const struct {
		const char *text, *hex;
	} good[] = {
		{"{" VERSION2 ",\"manifests\":[" ENTRY(HEX_A, ARM64) "," ENTRY(HEX_B, AMD64) "]}",
			HEX_B},
		{"{" VERSION2 ",\"mediaType\":\"" DOCKER_INDEX
		 "\",\"manifests\":[" ENTRY(HEX_A, AMD64) "," ENTRY(HEX_B, AMD64) "]}",
			HEX_A},
		{"{" VERSION2 ",\"manifests\":[" ENTRY(
			 HEX_A, AMD64 ",\"variant\":\"v3\"") "," ENTRY(HEX_B, AMD64) "]}",
			HEX_B},
		{"{" VERSION2 ",\"manifests\":[" DESCRIPTOR(
			 "application/x-other", HEX_A) "," DESCRIPTOR(OCI_MANIFEST, HEX_C) "]}",
			HEX_C},
		{"{" VERSION2
		 ",\"manifests\":[" DESCRIPTOR(OCI_MANIFEST, HEX_C) "," ENTRY(HEX_B, AMD64) "]}",
			HEX_B},
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct image_error e = {""};
		struct descriptor d;

		if (choose(good[i].text, &d, &e))
			fail_msg("%s: %s", good[i].text, e.text);
		assert_string_equal(d.digest.hex, good[i].hex);
		descriptor_clear(&d);
	}
}

static void index_for_other_machines_says_which(void **state)
{
	static const char text[] = "{" VERSION2 ",\"manifests\":[" ENTRY(HEX_A, ARM64) "," ENTRY(
		HEX_A, "\"os\":\"linux\",\"architecture\":\"arm\"") "," ENTRY(HEX_A,
		ARM64) "," ENTRY(HEX_A,
		"\"os\":\"windows\",\"architecture\":\"amd64\"") "," ENTRY(HEX_B,
		"\"os\":\"unknown\",\"architecture\":\"unknown\"") "]}";
	struct descriptor d;
	struct image_error e;

	expect_failure(choose(text, &d, &e), -ENOEXEC, &e,
		"no image for linux/amd64, only for linux/arm64/v8, linux/arm, windows/amd64");
	assert_null(strstr(e.text, "unknown"));
	assert_null(strstr(e.text, "amd64, linux"));
	expect_failure(choose("{" VERSION2 ",\"manifests\":[]}", &d, &e), -ENOEXEC, &e, "nothing");
	expect_failure(
		choose("{" VERSION2 ",\"manifests\":[" ENTRY(HEX_A, "\"os\":1") "]}", &d, &e),
		-EBADMSG, &e, "entry 1: \"os\" is not a string");
}

int group_manifest(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(docker_manifest_is_read),
		cmocka_unit_test(oci_manifest_is_read_with_its_annotations),
		cmocka_unit_test(what_is_no_manifest_of_an_image_is_refused),
		cmocka_unit_test(more_layers_than_the_limit_are_refused),
		cmocka_unit_test(index_leads_to_the_image_for_this_machine),
		cmocka_unit_test(index_for_other_machines_says_which),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
