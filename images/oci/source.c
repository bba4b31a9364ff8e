/* SPDX-License-Identifier: Apache-2.0
 *
 * From a descriptor to the manifest it leads to, wherever documents come from.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"

#define INDEX_LEVELS 4 /* indexes may name indexes */

int source_load(const struct source *s, const struct descriptor *d, char **data, size_t *n,
	struct image_error *e)
{
	int r = s->load(s->arg, &d->digest, data, n, e);

	if (r || *n == d->size)
		return r;
	free(*data);
	return image_fail(e, -EBADMSG, "sha256:%s has %zu bytes where %" PRIu64 " were promised",
		d->digest.hex, *n, d->size);
}

static int check_type(const json_t *root, const char *promised, struct image_error *e)
{
	const char *type;
	int r = document_string(root, "mediaType", MEDIA_TYPE_MAX, &type, e);

	if (!r && type && strcmp(type, promised))
		r = image_fail(e, -EBADMSG, "it says to be \"%s\" where \"%s\" was promised", type,
			promised);
	return r;
}

int document_take(char *data, size_t n, const struct digest *d, json_t **out, struct image_error *e)
{
	int r = document_parse(data, n, out, e);

	free(data);
	return r ? image_within(e, r, "sha256:%s", d->hex) : 0;
}

static int load_json(
	const struct source *s, const struct descriptor *d, json_t **root, struct image_error *e)
{
	char *data;
	size_t n;
	int r = source_load(s, d, &data, &n, e);

	return r ? r : document_take(data, n, &d->digest, root, e);
}

static int read_manifest(
	const json_t *root, const struct descriptor *d, struct manifest *out, struct image_error *e)
{
	int r = manifest_from(root, out, e);

	if (r)
		return r;
	out->self.digest = d->digest;
	out->self.size = d->size;
	memcpy(out->self.media_type, d->media_type, sizeof d->media_type);
	return 0;
}

/* *d becomes what it leads to: from an index the entry for this machine. */
static int step(const struct source *s, struct descriptor *d, struct manifest *out, bool *done,
	struct image_error *e)
{
	enum document_kind kind;
	struct descriptor next;
	json_t *root;
	int r = document_kind(d->media_type, &kind, e);

	if (!r)
		r = load_json(s, d, &root, e);
	if (r)
		return r;
	*done = kind == KIND_MANIFEST;
	r = check_type(root, d->media_type, e);
	if (!r)
		r = *done ? read_manifest(root, d, out, e) : platform_from(root, &next, e);
	json_decref(root);
	if (r)
		return image_within(e, r, "%s sha256:%s", kind == KIND_INDEX ? "index" : "manifest",
			d->digest.hex);
	if (!*done) {
		descriptor_clear(d);
		*d = next;
	}
	return 0;
}

int source_manifest(const struct source *s, const struct descriptor *d, struct manifest *out,
	struct image_error *e)
{
	struct descriptor at = *d;
	bool done = false;
	int r = 0;

	json_incref(at.annotations);
	for (int level = 0; !r && !done; level++) {
		if (level > INDEX_LEVELS)
			r = image_fail(
				e, -EBADMSG, "index in index, more than %d deep", INDEX_LEVELS);
		else
			r = step(s, &at, out, &done, e);
	}
	descriptor_clear(&at);
	return r;
}

int source_describe(const struct source *s, const struct digest *digest, struct descriptor *out,
	struct image_error *e)
{
	const char *type;
	json_t *root;
	char *data;
	size_t n;
	int r = s->load(s->arg, digest, &data, &n, e);

	if (r)
		return r;
	r = document_parse(data, n, &root, e);
	free(data);
	if (r)
		return image_within(e, r, "sha256:%s is no manifest", digest->hex);
	r = document_media_type(root, &type, e);
	if (r)
		r = image_within(e, r, "sha256:%s is no manifest", digest->hex);
	else
		snprintf(out->media_type, sizeof out->media_type, "%s", type);
	json_decref(root);
	out->digest = *digest;
	out->size = n;
	return r;
}
