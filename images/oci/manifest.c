/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"

static int parse_config(const json_t *root, struct manifest *m, struct image_error *e)
{
	const json_t *config = json_object_get(root, "config");
	int r;

	if (!config)
		return image_fail(e, -EBADMSG, "there is no \"config\"");
	r = descriptor_parse(config, &m->config, e);
	if (r)
		return image_within(e, r, "\"config\"");
	if (strcmp(m->config.media_type, OCI_CONFIG) && strcmp(m->config.media_type, DOCKER_CONFIG))
		return image_fail(e, -ENOTSUP,
			"not an image but something else: its configuration is of media type "
			"\"%s\"",
			m->config.media_type);
	return 0;
}

static int parse_layer(const json_t *j, size_t i, struct manifest *m, struct image_error *e)
{
	enum compression compression;
	int r = descriptor_parse(j, &m->layers[i], e);

	if (!r) {
		m->nlayers = i + 1;
		r = layer_media_type(m->layers[i].media_type, &compression, e);
	}
	return r ? image_within(e, r, "layer %zu", i + 1) : 0;
}

static int parse_layers(const json_t *root, struct manifest *m, struct image_error *e)
{
	const json_t *layers = json_object_get(root, "layers");
	size_t n = json_array_size(layers);
	int r = 0;

	if (!json_is_array(layers))
		return image_fail(e, -EBADMSG, "\"layers\" is not an array");
	if (n > OCI_LAYERS_MAX)
		return image_fail(e, -E2BIG, "%zu layers; at most %u are read", n, OCI_LAYERS_MAX);
	m->layers = calloc(n + 1, sizeof *m->layers);
	if (!m->layers)
		return image_fail(e, -ENOMEM, "no memory");
	for (size_t i = 0; !r && i < n; i++)
		r = parse_layer(json_array_get(layers, i), i, m, e);
	return r;
}

static int parse_kind(const json_t *root, struct manifest *m, struct image_error *e)
{
	enum document_kind kind;
	const char *type;
	int r = document_media_type(root, &type, e);

	if (!r)
		r = document_kind(type, &kind, e);
	if (r)
		return r;
	if (kind != KIND_MANIFEST)
		return image_fail(e, -EBADMSG, "an index where a manifest should be");
	snprintf(m->self.media_type, sizeof m->self.media_type, "%s", type);
	return 0;
}

int manifest_from(const json_t *root, struct manifest *out, struct image_error *e)
{
	json_t *annotations;
	int r;

	memset(out, 0, sizeof *out);
	r = parse_kind(root, out, e);
	if (!r)
		r = parse_config(root, out, e);
	if (!r)
		r = parse_layers(root, out, e);
	if (!r)
		r = annotations_of(root, &annotations, e);
	if (!r)
		out->annotations = json_incref(annotations);
	else
		manifest_clear(out);
	return r;
}

void manifest_clear(struct manifest *m)
{
	descriptor_clear(&m->self);
	descriptor_clear(&m->config);
	for (size_t i = 0; i < m->nlayers; i++)
		descriptor_clear(&m->layers[i]);
	free(m->layers);
	json_decref(m->annotations);
	memset(m, 0, sizeof *m);
}
