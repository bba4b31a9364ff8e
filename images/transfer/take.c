/* SPDX-License-Identifier: Apache-2.0
 *
 * One image out of a source: its documents first, then what they name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/transfer/origin.h"

#define INDEX_DEPTH_MAX 4u
#define BLOB_PATH_SIZE	(sizeof "blobs/sha256/" + DIGEST_HEX)

static void blob_path(const struct digest *d, char out[BLOB_PATH_SIZE])
{
	memcpy(out, "blobs/sha256/", strlen("blobs/sha256/"));
	memcpy(out + strlen("blobs/sha256/"), d->hex, DIGEST_HEX + 1);
}

/* Is it in the store, whole? A damaged one is copied again. */
static bool have(struct store *s, const struct descriptor *d)
{
	uint64_t size;

	return blob_has(s, &d->digest) && !blob_verify(s, &d->digest, &size, NULL) &&
	       size == d->size;
}

struct batch {
	struct want *w;
	char (*paths)[BLOB_PATH_SIZE];
	size_t n;
	struct meter m;
};

static int batch_begin(struct batch *b, size_t n, const struct progress *p, struct image_error *e)
{
	*b = (struct batch){.m = {.p = p, .what = "copying"}};
	b->w = calloc(n, sizeof *b->w);
	b->paths = calloc(n, sizeof *b->paths);
	return b->w && b->paths ? 0 : image_fail(e, -ENOMEM, "out of memory");
}

static void batch_add(struct batch *b, struct store *s, const struct descriptor *d, bool layer)
{
	struct want *w = &b->w[b->n];

	if (have(s, d))
		return;
	blob_path(&d->digest, b->paths[b->n]);
	*w = (struct want){.path = b->paths[b->n],
		.digest = &d->digest,
		.size = d->size,
		.layer = layer ? d : NULL};
	b->m.total += d->size;
	b->n++;
}

static int batch_take(struct batch *b, struct origin *src, struct store *s, struct image_error *e)
{
	int r = b->n ? src->ops->take(src, s, b->w, b->n, &b->m, e) : 0;

	for (size_t i = 0; !r && i < b->n; i++)
		if (!b->w[i].done)
			r = image_fail(e, -ENOENT, "%s is missing", b->w[i].path);
	return r;
}

static void batch_end(struct batch *b)
{
	free(b->w);
	free(b->paths);
}

static int take_document(
	struct origin *src, struct store *s, const struct descriptor *d, struct image_error *e)
{
	struct batch b;
	int r;

	if (d->size > BLOB_DOCUMENT_MAX)
		return image_fail(e, -EFBIG, "sha256:%s: a document of more than %u MiB",
			d->digest.hex, BLOB_DOCUMENT_MAX >> 20);
	r = batch_begin(&b, 1, NULL, e);
	if (!r) {
		batch_add(&b, s, d, false);
		b.w[0].manifest = true;
		r = batch_take(&b, src, s, e);
	}
	batch_end(&b);
	return r;
}

/* From an index in the store to the descriptor of the image in it. */
static int step_down(struct store *s, struct descriptor *d, struct image_error *e)
{
	struct descriptor next;
	json_t *root;
	int r = document_load(s, &d->digest, &root, e);

	if (r)
		return r;
	r = platform_from(root, &next, e);
	json_decref(root);
	if (r)
		return r;
	descriptor_clear(d);
	*d = next;
	return 0;
}

static int take_content(struct origin *src, struct store *s, const struct manifest *m,
	const struct progress *p, struct image_error *e)
{
	enum compression unused;
	struct batch b;
	int r = 0;

	for (size_t i = 0; !r && i < m->nlayers; i++)
		r = layer_media_type(m->layers[i].media_type, &unused, e);
	if (r)
		return r;
	r = batch_begin(&b, m->nlayers + 1, p, e);
	if (!r) {
		batch_add(&b, s, &m->config, false);
		for (size_t i = 0; i < m->nlayers; i++)
			batch_add(&b, s, &m->layers[i], true);
		r = batch_take(&b, src, s, e);
	}
	batch_end(&b);
	return r;
}

static int take_manifest(struct origin *src, struct store *s, const struct descriptor *d,
	const struct progress *p, struct image_error *e)
{
	struct manifest m;
	int r = manifest_load(s, d, &m, e);

	if (r)
		return r;
	r = take_content(src, s, &m, p, e);
	manifest_clear(&m);
	return r ? r : image_check(s, &d->digest, p, e);
}

/* Down to the manifest: *d becomes its descriptor. */
static int take_documents(
	struct origin *src, struct store *s, struct descriptor *d, struct image_error *e)
{
	for (unsigned depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		enum document_kind kind;
		int r = document_kind(d->media_type, &kind, e);

		if (!r)
			r = take_document(src, s, d, e);
		if (r || kind == KIND_MANIFEST)
			return r;
		r = step_down(s, d, e);
		if (r)
			return r;
	}
	return image_fail(e, -ELOOP, "indexes in indexes, too deep");
}

int image_take(struct origin *src, struct store *s, const struct descriptor *d,
	const struct progress *p, struct descriptor *out, struct image_error *e)
{
	struct descriptor at = *d;
	int r;

	json_incref(at.annotations);
	r = take_documents(src, s, &at, e);
	if (!r)
		r = take_manifest(src, s, &at, p, e);
	if (r)
		descriptor_clear(&at);
	else
		*out = at;
	return r;
}
