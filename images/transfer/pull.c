/* SPDX-License-Identifier: Apache-2.0
 *
 * Pulling: the manifest by its name, then what it stands on. A blob that was interrupted goes on
 * where it ended, in this call or a later one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"
#include "images/transfer/download.h"

#define ACCEPT		  OCI_INDEX ", " OCI_MANIFEST ", " DOCKER_INDEX ", " DOCKER_MANIFEST
#define SHORT_ANSWERS_MAX 5

struct registry_origin {
	struct origin src;
	struct registry *r;
	struct stock *stock; /* NULL until it is asked for */
};

int download_add(struct download *d, const void *data, size_t n)
{
	int r;

	if (n > d->want->size - d->have)
		return -EFBIG;
	r = blob_add(d->w, data, n, d->e);
	if (r)
		return r;
	d->have += n;
	meter_add(d->m, n);
	return 0;
}

static int on_blob_data(void *arg, const void *data, size_t n)
{
	return download_add(arg, data, n);
}

static int begin_blob(struct download *d, struct store *s)
{
	int r = blob_resume(s, d->want->digest, &d->w, &d->have, d->e);

	if (r == -EBUSY) { /* somebody else pulls it, too: beside him */
		d->have = 0;
		return blob_begin(s, &d->w, d->e);
	}
	if (r || d->have <= d->want->size)
		return r;
	/* More than it may be: not what we want. Its end removes it. */
	blob_end(d->w, d->want->digest, d->want->size, NULL, NULL, NULL);
	return blob_resume(s, d->want->digest, &d->w, &d->have, d->e);
}

static int ends_early(const struct download *d, uint64_t at)
{
	return image_fail(d->e, -EIO, "%s ends sha256:%s after %llu of %llu bytes",
		d->r->at.known_as, d->want->digest->hex, (unsigned long long)at,
		(unsigned long long)d->want->size);
}

/* Until all is there: a server may end its answers early without an error. */
static int request_all(
	struct download *d, struct http_request *q, uint64_t to, struct http_response *a)
{
	int err = 0;

	for (int i = 0; !err && *q->from < to; i++) {
		err = registry_request(d->r, q, a, d->e);
		if (!err && q->to && a->status == 200)
			err = -EOPNOTSUPP; /* and it had nothing to say */
		else if (!err && a->status != 200 && a->status != 206)
			err = registry_refused(d->r, a, "getting a layer", d->e);
		else if (!err && *q->from < to && i == SHORT_ANSWERS_MAX)
			err = ends_early(d, *q->from);
		http_response_clear(a);
	}
	return err;
}

int download_range(struct download *d, const uint64_t *at, uint64_t to,
	int (*sink)(void *arg, const void *data, size_t n), void *arg)
{
	char url[HTTP_URL_MAX];
	struct http_request q = {.method = "GET",
		.url = url,
		.from = at,
		.to = to,
		.sink = sink,
		.arg = arg,
		.limit = d->want->size};
	struct http_response a = {0};
	int err = registry_url(d->r, url, d->e, "/blobs/sha256:%s", d->want->digest->hex);

	return err ? err : request_all(d, &q, to ? to : d->want->size, &a);
}

/* All of it, from wherever it is best had. */
static int receive(struct download *d, struct stock *k)
{
	int err = k ? parts_receive(d, k) : 1;

	return err == 1 ? download_range(d, &d->have, 0, on_blob_data, d) : err;
}

static int take_once(
	struct download *d, struct store *s, struct stock *k, struct want *w, struct image_error *e)
{
	int err = begin_blob(d, s);

	if (err)
		return err;
	d->guessed = d->have > 0;
	meter_add(d->m, d->have);
	err = receive(d, k);
	if (err) {
		blob_abort(d->w);
		return err;
	}
	return blob_end(d->w, w->digest, w->size, &w->got, &w->got_size, e);
}

static int take_blob(struct registry *r, struct store *s, struct stock *k, struct want *w,
	struct meter *m, struct image_error *e)
{
	struct download d = {.r = r, .want = w, .m = m, .e = e};
	int err = take_once(&d, s, k, w, e);

	/* What was there already was not what it seemed to be: all of it again, from the registry.
	 */
	if (err == -EBADMSG && d.guessed && d.have == w->size) {
		m->done -= w->size;
		err = take_once(&d, s, NULL, w, e);
	}
	w->done = !err;
	return err ? image_within(e, err, "%s", r->at.known_as) : 0;
}

/* -- manifests -- */

static int check_digest_header(const struct registry *r, const struct http_response *a,
	const struct digest *got, struct image_error *e)
{
	struct digest said;

	if (!digest_parse(a->digest, &said) || digest_equal(&said, got))
		return 0;
	return image_fail(e, -EBADMSG, "%s says that its manifest is sha256:%s; it sends sha256:%s",
		r->at.known_as, said.hex, got->hex);
}

static int get_manifest(
	struct registry *r, const char *reference, struct http_response *a, struct image_error *e)
{
	char url[HTTP_URL_MAX], doing[160];
	struct http_request q = {
		.method = "GET", .url = url, .accept = ACCEPT, .limit = BLOB_DOCUMENT_MAX};
	int err = registry_url(r, url, e, "/manifests/%s", reference);

	if (!err)
		err = registry_request(r, &q, a, e);
	if (err || a->status == 200)
		return err;
	snprintf(doing, sizeof doing, "%.100s", r->at.repository);
	return registry_refused(r, a, doing, e);
}

/* What the document says it is; the header is for those that do not say. */
static int media_type_of(const struct http_response *a, char out[128], struct image_error *e)
{
	const char *type;
	json_t *root;
	int err = document_parse(a->body ? a->body : "", a->n, &root, e);

	if (err)
		return err;
	err = document_media_type(root, &type, e);
	if (!err && *type)
		snprintf(out, 128, "%s", type);
	else if (!err)
		snprintf(out, 128, "%.*s", (int)strcspn(a->content_type, "; "), a->content_type);
	json_decref(root);
	return err;
}

static int put_manifest(struct registry *r, struct store *s, const struct http_response *a,
	struct descriptor *out, struct image_error *e)
{
	int err = media_type_of(a, out->media_type, e);

	if (err)
		return image_within(e, err, "%s: manifest", r->at.known_as);
	digest_of(a->body, a->n, &out->digest);
	out->size = a->n;
	err = check_digest_header(r, a, &out->digest, e);
	return err ? err : blob_put(s, a->body, a->n, &out->digest, e);
}

/* By name or digest into the store. */
static int take_manifest(struct registry *r, struct store *s, const char *reference,
	struct descriptor *out, struct image_error *e)
{
	struct http_response a = {0};
	struct digest want;
	int err = get_manifest(r, reference, &a, e);

	memset(out, 0, sizeof *out);
	if (!err && digest_parse(reference, &want)) {
		struct digest got;

		digest_of(a.body ? a.body : "", a.n, &got);
		if (!digest_equal(&got, &want))
			err = image_fail(e, -EBADMSG,
				"%s sends sha256:%s for a manifest that is sha256:%s",
				r->at.known_as, got.hex, want.hex);
	}
	if (!err)
		err = put_manifest(r, s, &a, out, e);
	http_response_clear(&a);
	return err;
}

static int take_want_manifest(
	struct registry *r, struct store *s, struct want *w, struct image_error *e)
{
	char reference[DIGEST_TEXT];
	struct descriptor d;
	int err;

	digest_text(w->digest, reference);
	err = take_manifest(r, s, reference, &d, e);
	w->done = !err;
	return err;
}

static int take(struct origin *src, struct store *s, struct want *w, size_t n, struct meter *m,
	struct image_error *e)
{
	struct registry_origin *o = (struct registry_origin *)src;
	int err = 0;

	m->what = "pulling";
	for (size_t i = 0; !err && i < n; i++) {
		if (w[i].layer && w[i].size >= LAYER_MIN && toc_is_annotated(w[i].layer) &&
			!o->stock)
			err = stock_open(s, &o->stock, e);
		if (!err)
			err = w[i].manifest ? take_want_manifest(o->r, s, &w[i], e)
					    : take_blob(o->r, s, o->stock, &w[i], m, e);
	}
	return err;
}

static const struct origin_ops ops = {.take = take};

static int pull(struct registry *r, struct store *s, const struct progress *p,
	struct descriptor *out, struct image_error *e)
{
	struct registry_origin src = {{&ops, r->at.known_as}, r, NULL};
	struct descriptor root;
	int err = take_manifest(r, s, r->at.reference, &root, e);

	if (!err)
		err = image_take(&src.src, s, &root, p, out, e);
	stock_close(src.stock);
	return err;
}

static int choose_name(
	const struct remote *at, const char *name, char out[STORE_NAME_MAX], struct image_error *e)
{
	if (name)
		return image_name_parse(name, out, e);
	if (at->by_digest && !at->has_tag)
		return image_fail(e, -EINVAL, "a digest is no name: give it one with -t");
	strcpy(out, at->name);
	return 0;
}

int transfer_pull(struct store *s, const char *from, const char *name,
	const struct registry_options *o, const struct progress *p, struct store_ref *out,
	struct image_error *e)
{
	struct descriptor got = {0};
	struct registry *r = NULL;
	struct remote at;
	int err = remote_parse(from, &at, e);

	memset(out, 0, sizeof *out);
	if (!err)
		err = choose_name(&at, name, out->name, e);
	if (!err)
		err = registry_open(&at, o, false, &r, e);
	if (!err)
		err = pull(r, s, p, &got, e);
	registry_close(r);
	if (err)
		return err;
	strcpy(out->media_type, got.media_type);
	out->digest = got.digest;
	out->size = got.size;
	descriptor_clear(&got);
	return store_set(s, out, e);
}
