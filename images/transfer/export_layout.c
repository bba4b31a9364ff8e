/* SPDX-License-Identifier: Apache-2.0
 *
 * Images as an OCI layout: each blob once, and the index.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/store/document.h"
#include "images/transfer/sink.h"

#define REF_NAME "org.opencontainers.image.ref.name"

struct layout {
	struct store *s;
	struct sink *k;
	const struct export_image *images;
	size_t n;
	struct meter m;
	json_t *written; /* digests that are there */
	struct image_error *e;
};

static int put_blob(struct layout *l, const struct descriptor *d)
{
	char path[sizeof "blobs/sha256/" + DIGEST_HEX];
	uint64_t size;
	int fd, r;

	if (json_object_get(l->written, d->digest.hex))
		return 0;
	snprintf(path, sizeof path, "blobs/sha256/%s", d->digest.hex);
	r = blob_open(l->s, &d->digest, &fd, &size, l->e);
	if (r)
		return r;
	if (size != d->size)
		r = image_fail(l->e, -EBADMSG, "%s is damaged in the store: %llu bytes, not %llu",
			path, (unsigned long long)size, (unsigned long long)d->size);
	else
		r = l->k->ops->blob(l->k, path, fd, size, &d->digest, &l->m, l->e);
	close(fd);
	if (!r && json_object_set_new(l->written, d->digest.hex, json_true()))
		r = image_fail(l->e, -ENOMEM, "out of memory");
	return r;
}

static int put_blobs(struct layout *l)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->n; i++) {
		const struct manifest *m = &l->images[i].m;

		r = put_blob(l, &m->self);
		if (!r)
			r = put_blob(l, &m->config);
		for (size_t k = 0; !r && k < m->nlayers; k++)
			r = put_blob(l, &m->layers[k]);
	}
	return r;
}

static json_t *index_entry(const struct export_image *image)
{
	json_t *entry = descriptor_json(&image->m.self);
	json_t *annotations = json_object_get(entry, "annotations");

	if (!annotations) {
		annotations = json_object();
		json_object_set_new(entry, "annotations", annotations);
	}
	json_object_set_new(annotations, REF_NAME, json_string(image->reference));
	json_object_set_new(
		entry, "platform", json_pack("{s:s, s:s}", "architecture", "amd64", "os", "linux"));
	return entry;
}

static bool same_name(const json_t *entry, const char *reference)
{
	const char *name =
		json_string_value(json_object_get(json_object_get(entry, "annotations"), REF_NAME));

	return name && !strcmp(name, reference);
}

/* The names move to the new images; what else the layout has stays. */
static int merge(const struct layout *l, json_t *entries)
{
	for (size_t i = 0; i < l->n; i++) {
		size_t k = json_array_size(entries);

		while (k--)
			if (same_name(json_array_get(entries, k), l->images[i].reference))
				json_array_remove(entries, k);
		if (json_array_append_new(entries, index_entry(&l->images[i])))
			return image_fail(l->e, -ENOMEM, "out of memory");
	}
	return 0;
}

/* The index that is there, or a new one. */
static int open_index(const struct layout *l, json_t **out)
{
	char *data;
	size_t n;
	int r = l->k->ops->existing(l->k, &data, &n, l->e);

	if (r == -ENOENT) {
		*out = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX,
			"manifests");
		return *out ? 0 : image_fail(l->e, -ENOMEM, "out of memory");
	}
	if (r)
		return r;
	r = document_parse(data, n, out, l->e);
	free(data);
	if (r)
		return image_within(l->e, r, "index.json");
	if (json_is_array(json_object_get(*out, "manifests")))
		return 0;
	json_decref(*out);
	return image_fail(l->e, -EBADMSG, "index.json has no \"manifests\"");
}

static int put_documents(const struct layout *l)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	json_t *index;
	char *text;
	int r = open_index(l, &index);

	if (r)
		return r;
	r = merge(l, json_object_get(index, "manifests"));
	text = json_dumps(index, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(index);
	if (!r && !text)
		r = image_fail(l->e, -ENOMEM, "out of memory");
	if (!r)
		r = l->k->ops->document(l->k, "oci-layout", version, strlen(version), l->e);
	if (!r)
		r = l->k->ops->document(l->k, "index.json", text, strlen(text), l->e);
	free(text);
	return r;
}

static uint64_t total_size(const struct export_image *images, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < images[i].m.nlayers; k++)
			total += images[i].m.layers[k].size;
	return total;
}

int export_layout(struct store *s, struct sink *k, const struct export_image *images, size_t n,
	const struct progress *p, struct image_error *e)
{
	struct layout l = {
		s, k, images, n, {p, "copying", 0, total_size(images, n)}, json_object(), e};
	int r = l.written ? 0 : image_fail(e, -ENOMEM, "out of memory");

	if (!r && k->ops->documents_first)
		r = put_documents(&l);
	if (!r)
		r = put_blobs(&l);
	if (!r && !k->ops->documents_first)
		r = put_documents(&l);
	json_decref(l.written);
	return r;
}
