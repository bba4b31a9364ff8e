/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents into the store.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"

static int put(struct store *s, const json_t *root, const char *media_type, struct descriptor *out,
	struct image_error *e)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
	size_t n;
	int r;

	if (!text)
		return image_fail(e, -ENOMEM, "no memory");
	n = strlen(text);
	memset(out, 0, sizeof *out);
	snprintf(out->media_type, sizeof out->media_type, "%s", media_type);
	out->size = n;
	r = n > BLOB_DOCUMENT_MAX
		    ? image_fail(e, -EFBIG,
			      "a document of the image would have %zu bytes, more than %u", n,
			      BLOB_DOCUMENT_MAX)
		    : blob_put(s, text, n, &out->digest, e);
	free(text);
	return r;
}

/* What would be written must be what we would read. */
static int check_config(const json_t *root, size_t nlayers, struct image_error *e)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
	struct image_config c;
	int r;

	if (!text)
		return image_fail(e, -ENOMEM, "no memory");
	r = config_parse(text, strlen(text), nlayers, &c, e);
	free(text);
	if (r)
		return image_within(e, r, "configuration");
	config_clear(&c);
	return 0;
}

static int check_layers(
	struct store *s, const struct descriptor *layers, size_t n, struct image_error *e)
{
	enum compression compression;
	int r = 0;

	if (n > OCI_LAYERS_MAX)
		return image_fail(
			e, -E2BIG, "%zu layers; an image may have at most %u", n, OCI_LAYERS_MAX);
	for (size_t i = 0; !r && i < n; i++) {
		r = layer_media_type(layers[i].media_type, &compression, e);
		if (!r && !blob_has(s, &layers[i].digest))
			r = image_fail(e, -ENOENT, "layer sha256:%s is not in the image store %s",
				layers[i].digest.hex, store_dir(s));
	}
	return r;
}

/* Docker's media types of layers become OCI's: the bytes are the same. */
static json_t *layers_json(const struct descriptor *layers, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++) {
		struct descriptor d = layers[i];

		snprintf(d.media_type, sizeof d.media_type, "%s",
			layer_media_type_oci(layers[i].media_type));
		if (json_array_append_new(a, descriptor_json(&d))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static int put_manifest(struct store *s, const struct descriptor *config,
	const struct descriptor *layers, size_t n, struct descriptor *out, struct image_error *e)
{
	json_t *root = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType",
		OCI_MANIFEST, "config", descriptor_json(config), "layers", layers_json(layers, n));
	int r;

	if (!root)
		return image_fail(e, -ENOMEM, "no memory");
	r = put(s, root, OCI_MANIFEST, out, e);
	json_decref(root);
	return r;
}

static int set_name(
	struct store *s, const char *name, const struct descriptor *d, struct image_error *e)
{
	struct store_ref ref = {.digest = d->digest, .size = d->size};
	int r = image_name_parse(name, ref.name, e);

	if (r)
		return r;
	memcpy(ref.media_type, d->media_type, sizeof ref.media_type);
	return store_set(s, &ref, e);
}

int image_write(struct store *s, json_t *config_root, const struct descriptor *layers,
	size_t nlayers, const char *name, struct descriptor *out, struct image_error *e)
{
	struct descriptor config = {.size = 0}, manifest = {.size = 0};
	int r = check_layers(s, layers, nlayers, e);

	if (!r)
		r = check_config(config_root, nlayers, e);
	if (!r)
		r = put(s, config_root, OCI_CONFIG, &config, e);
	if (!r)
		r = put_manifest(s, &config, layers, nlayers, &manifest, e);
	if (!r && name)
		r = set_name(s, name, &manifest, e);
	if (!r && out)
		*out = manifest;
	return r;
}
