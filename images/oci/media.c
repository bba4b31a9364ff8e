/* SPDX-License-Identifier: Apache-2.0
 *
 * Media types.
 */
#include <errno.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"

static const struct {
	const char *name, *oci;
	enum compression compression;
} layers[] = {
	{OCI_LAYER, OCI_LAYER, COMPRESS_NONE},
	{OCI_LAYER_GZIP, OCI_LAYER_GZIP, COMPRESS_GZIP},
	{OCI_LAYER_ZSTD, OCI_LAYER_ZSTD, COMPRESS_ZSTD},
	{DOCKER_LAYER, OCI_LAYER, COMPRESS_NONE},
	{DOCKER_LAYER_GZIP, OCI_LAYER_GZIP, COMPRESS_GZIP},
	{DOCKER_LAYER_ZSTD, OCI_LAYER_ZSTD, COMPRESS_ZSTD},
};

int layer_media_type(const char *media_type, enum compression *out, struct image_error *e)
{
	for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
		if (!strcmp(media_type, layers[i].name)) {
			*out = layers[i].compression;
			return 0;
		}
	}
	return image_fail(e, -ENOTSUP,
		"layer of unknown media type \"%s\": only tar is read, plain or packed with gzip "
		"or "
		"zstd",
		media_type);
}

const char *layer_media_type_oci(const char *media_type)
{
	for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
		if (!strcmp(media_type, layers[i].name))
			return layers[i].oci;
	return media_type;
}

int document_kind(const char *media_type, enum document_kind *out, struct image_error *e)
{
	if (!strcmp(media_type, OCI_INDEX) || !strcmp(media_type, DOCKER_INDEX))
		*out = KIND_INDEX;
	else if (!strcmp(media_type, OCI_MANIFEST) || !strcmp(media_type, DOCKER_MANIFEST))
		*out = KIND_MANIFEST;
	else
		return image_fail(e, -ENOTSUP,
			"unknown media type \"%s\": neither a manifest nor an index of an image",
			media_type);
	return 0;
}

int document_media_type(const json_t *root, const char **out, struct image_error *e)
{
	bool index = json_object_get(root, "manifests");
	bool manifest = json_object_get(root, "layers") || json_object_get(root, "config");
	json_int_t version = json_integer_value(json_object_get(root, "schemaVersion"));
	int r = document_string(root, "mediaType", MEDIA_TYPE_MAX, out, e);

	if (r)
		return r;
	if (version == 1)
		return image_fail(e, -ENOTSUP,
			"a manifest of schema version 1, which is not read; convert the image to "
			"OCI");
	if (version != 2)
		return image_fail(e, -EBADMSG, "\"schemaVersion\" is not 2");
	if (index && manifest)
		return image_fail(e, -EBADMSG,
			"it could be read as an index and as a manifest, which is refused");
	if (!*out && !index && !manifest)
		return image_fail(e, -EBADMSG, "neither a manifest nor an index of an image");
	if (!*out)
		*out = index ? OCI_INDEX : OCI_MANIFEST;
	return 0;
}
