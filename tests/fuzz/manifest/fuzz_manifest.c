/* SPDX-License-Identifier: Apache-2.0
 *
 * What a registry or an archive may say: manifests, indexes, configurations, index.json, names. The
 * first byte says as which of them the rest is read.
 */
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"
#include "images/store/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* A sentence for whatever was refused. */
static void check_error(int r, const struct image_error *e)
{
	check(r <= 0 && (!r || *e->text));
}

static void read_manifest(const char *text, size_t n)
{
	struct image_error e = {""};
	struct manifest m;
	json_t *root;
	int r = document_parse(text, n, &root, &e);

	if (!r) {
		r = manifest_from(root, &m, &e);
		json_decref(root);
	}
	check_error(r, &e);
	if (r)
		return;
	check(m.nlayers <= OCI_LAYERS_MAX && *m.self.media_type);
	for (size_t i = 0; i < m.nlayers; i++) {
		enum compression c;

		check(!layer_media_type(m.layers[i].media_type, &c, NULL));
		json_decref(descriptor_json(&m.layers[i]));
	}
	manifest_clear(&m);
}

static void read_config(const char *text, size_t n)
{
	struct image_error e = {""};
	struct image_config c;
	size_t layers = n ? (unsigned char)*text % 3 : 0;
	int r = config_parse(text + (n != 0), n - (n != 0), layers, &c, &e);

	check_error(r, &e);
	if (r)
		return;
	check(c.ndiff_ids == layers && (!c.workdir || *c.workdir == '/'));
	config_clear(&c);
}

static void read_platforms(const char *text, size_t n)
{
	struct image_error e = {""};
	struct descriptor d;
	json_t *root;
	int r = document_parse(text, n, &root, &e);

	if (!r) {
		r = platform_from(root, &d, &e);
		json_decref(root);
	}
	check_error(r, &e);
	if (!r)
		descriptor_clear(&d);
}

/* What is set is found again, and what is written is read again. */
static void change_index(json_t *root)
{
	struct store_ref ref = {.name = "fuzz:1", .media_type = OCI_MANIFEST, .size = 7}, found;
	json_t *again;
	char *text;
	size_t n;

	digest_of("", 0, &ref.digest);
	check(!index_set(root, &ref, NULL));
	check(!index_find(root, "fuzz:1", &found, NULL));
	check(digest_equal(&ref.digest, &found.digest));
	if (index_text(root, &text, &n, NULL))
		return;
	check(!index_parse(text, n, &again, NULL));
	json_decref(again);
	free(text);
	check(!index_unset(root, "fuzz:1", NULL));
	check(index_find(root, "fuzz:1", &found, NULL) < 0);
}

static void read_index(const char *text, size_t n)
{
	struct image_error e = {""};
	struct store_ref *refs;
	json_t *root;
	size_t count;
	int r = index_parse(text, n, &root, &e);

	check_error(r, &e);
	if (r)
		return;
	check(!index_refs(root, &refs, &count, NULL));
	free(refs);
	change_index(root);
	json_decref(root);
}

/* A name that was taken is taken again, as it is. */
static void read_name(const char *text)
{
	char name[STORE_NAME_MAX], again[STORE_NAME_MAX];
	struct image_error e = {""};
	int r = image_name_parse(text, name, &e);

	check_error(r, &e);
	if (r)
		return;
	check(!image_name_parse(name, again, NULL) && !strcmp(name, again));
	check(!strstr(name, "../") && !strstr(name, "/..") && *name != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	/* of its own size, so that a byte read beyond it is noticed; only names end with a NUL */
	text = calloc(1, size);
	check(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	switch (*data) {
	case 'm':
		read_manifest(text, size - 1);
		break;
	case 'c':
		read_config(text, size - 1);
		break;
	case 'p':
		read_platforms(text, size - 1);
		break;
	case 'i':
		read_index(text, size - 1);
		break;
	case 'n':
		read_name(text);
		break;
	default:
		break;
	}
	free(text);
	return 0;
}
