/* SPDX-License-Identifier: Apache-2.0
 *
 * docker-archive, what `docker save` writes: manifest.json lists images, each a configuration and
 * the tar files of its layers. The configuration's bytes stay as they are, so the image keeps its
 * ID; the manifest is made here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/transfer/import.h"

/* One image of manifest.json on its way. */
struct docker_image {
	struct import *im;
	const json_t *json;
	struct want config, *layers;
	struct digest config_digest; /* by the name of its file, where that is one */
	size_t nlayers;
	struct image_config c;
};

static bool is_gzip(const struct want *w)
{
	return w->magic[0] == 0x1f && w->magic[1] == 0x8b;
}

static bool is_zstd(const struct want *w)
{
	static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};

	return !memcmp(w->magic, magic, sizeof magic);
}

static const char *layer_type(const struct want *w)
{
	return is_gzip(w) ? OCI_LAYER_GZIP : is_zstd(w) ? OCI_LAYER_ZSTD : OCI_LAYER;
}

/* "<64 hex digits>.json", or a blob's path: the name says the digest. */
static bool digest_of_path(const char *path, struct digest *out)
{
	const char *slash = strrchr(path, '/');
	char text[DIGEST_TEXT];

	snprintf(text, sizeof text, "sha256:%.64s", slash ? slash + 1 : path);
	return digest_parse(text, out);
}

static int want_path(struct docker_image *d, const json_t *j, const char *what, struct want *w)
{
	const char *path = json_string_value(j);
	struct origin *src = d->im->src;

	if (!path)
		return image_fail(d->im->e, -EBADMSG, "manifest.json: %s is no text", what);
	w->path = src->ops->resolve(src, path);
	w->size = UINT64_MAX;
	return w->path ? 0 : image_fail(d->im->e, -ELOOP, "%.200s: links in a circle", path);
}

static int want_all(struct docker_image *d)
{
	const json_t *layers = json_object_get(d->json, "Layers");
	size_t i;
	int r = want_path(d, json_object_get(d->json, "Config"), "Config", &d->config);

	if (r)
		return r;
	if (digest_of_path(d->config.path, &d->config_digest))
		d->config.digest = &d->config_digest;
	d->nlayers = json_array_size(layers);
	if (d->nlayers > OCI_LAYERS_MAX)
		return image_fail(
			d->im->e, -EFBIG, "manifest.json: more than %u layers", OCI_LAYERS_MAX);
	d->layers = calloc(d->nlayers + 1, sizeof *d->layers);
	if (!d->layers)
		return image_fail(d->im->e, -ENOMEM, "out of memory");
	for (i = 0; !r && i < d->nlayers; i++)
		r = want_path(d, json_array_get(layers, i), "a layer", &d->layers[i]);
	return r;
}

static int take_all(struct docker_image *d, struct want *w, size_t n)
{
	struct meter m = {.p = d->im->p, .what = "copying"};
	int r = d->im->src->ops->take(d->im->src, d->im->s, w, n, &m, d->im->e);

	for (size_t i = 0; !r && i < n; i++)
		if (!w[i].done)
			r = image_fail(d->im->e, -ENOENT, "%.200s is missing", w[i].path);
	return r;
}

static int load_config(struct docker_image *d)
{
	char *data;
	size_t n;
	int r = blob_load(d->im->s, &d->config.got, &data, &n, d->im->e);

	if (r)
		return r;
	r = config_parse(data, n, d->nlayers, &d->c, d->im->e);
	free(data);
	return r;
}

/* A plain layer is what the configuration says of it; a packed one is looked at when it is read. */
static int check_layers(const struct docker_image *d)
{
	for (size_t i = 0; i < d->nlayers; i++)
		if (!strcmp(layer_type(&d->layers[i]), OCI_LAYER) &&
			!digest_equal(&d->layers[i].got, &d->c.diff_ids[i]))
			return image_fail(d->im->e, -EBADMSG,
				"%.100s is sha256:%s and should be sha256:%s", d->layers[i].path,
				d->layers[i].got.hex, d->c.diff_ids[i].hex);
	return 0;
}

static json_t *blob_json(const char *media_type, const struct want *w)
{
	struct descriptor d = {.digest = w->got, .size = w->got_size};

	snprintf(d.media_type, sizeof d.media_type, "%s", media_type);
	return descriptor_json(&d);
}

static int put_manifest(const struct docker_image *d, struct descriptor *out)
{
	json_t *layers = json_array(), *root;
	char *text;
	int r;

	for (size_t i = 0; i < d->nlayers; i++)
		json_array_append_new(layers, blob_json(layer_type(&d->layers[i]), &d->layers[i]));
	root = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", OCI_MANIFEST,
		"config", blob_json(OCI_CONFIG, &d->config), "layers", layers);
	text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(root);
	if (!text)
		return image_fail(d->im->e, -ENOMEM, "out of memory");
	snprintf(out->media_type, sizeof out->media_type, "%s", OCI_MANIFEST);
	out->size = strlen(text);
	r = blob_put(d->im->s, text, strlen(text), &out->digest, d->im->e);
	free(text);
	return r;
}

/* Every name that it has there and that is wanted. */
static int add_names(const struct docker_image *d, const struct descriptor *self)
{
	const json_t *tags = json_object_get(d->json, "RepoTags"), *tag;
	char name[STORE_NAME_MAX];
	size_t i;
	int r = 0;

	if (!json_array_size(tags) || d->im->name) {
		r = import_name(d->im, NULL, name);
		return r ? r : import_add(d->im, self, name);
	}
	json_array_foreach(tags, i, tag)
	{
		const char *text = json_string_value(tag);

		if (r || !import_wanted(d->im, text))
			continue;
		r = import_name(d->im, text, name);
		if (!r)
			r = import_add(d->im, self, name);
	}
	return r;
}

static int take_image(struct import *im, const json_t *json)
{
	struct docker_image d = {.im = im, .json = json};
	struct descriptor self = {0};
	int r = want_all(&d);

	if (!r)
		r = take_all(&d, &d.config, 1);
	if (!r)
		r = load_config(&d);
	if (!r) {
		r = take_all(&d, d.layers, d.nlayers);
		if (!r)
			r = check_layers(&d);
		if (!r)
			r = put_manifest(&d, &self);
		if (!r)
			r = image_check(im->s, &self.digest, im->p, im->e);
		if (!r)
			r = add_names(&d, &self);
		config_clear(&d.c);
	}
	free(d.layers);
	return r;
}

static bool image_wanted(const struct import *im, const json_t *json)
{
	const json_t *tags = json_object_get(json, "RepoTags"), *tag;
	size_t i;

	if (!im->reference)
		return true;
	json_array_foreach(tags, i, tag)
	{
		if (json_is_string(tag) && import_wanted(im, json_string_value(tag)))
			return true;
	}
	return false;
}

static int take_images(struct import *im, const json_t *root)
{
	const json_t *json;
	size_t i, wanted = 0;
	int r = 0;

	json_array_foreach(root, i, json) wanted += image_wanted(im, json);
	if (!wanted)
		return image_fail(im->e, -ENOENT, "%s%s", "there is no image",
			im->reference ? " of that name in it" : " in it");
	if (wanted > 1 && im->name)
		return image_fail(im->e, -EINVAL,
			"there are %zu images in it, and -t names one: ask for one with "
			"\"%.100s:NAME:TAG\"",
			wanted, im->what);
	json_array_foreach(root, i, json)
	{
		if (!r && image_wanted(im, json))
			r = take_image(im, json);
	}
	return r;
}

int import_docker(struct import *im, const char *data, size_t n)
{
	json_error_t why;
	json_t *root = json_loadb(data, n, JSON_REJECT_DUPLICATES, &why);
	int r;

	if (!json_is_array(root))
		r = image_fail(im->e, -EBADMSG, "manifest.json: %s",
			root ? "no list of images" : why.text);
	else
		r = take_images(im, root);
	json_decref(root);
	return r;
}
