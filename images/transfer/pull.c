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
#include "images/transfer/registry.h"
#include "images/transfer/origin.h"

#define ACCEPT		  OCI_INDEX ", " OCI_MANIFEST ", " DOCKER_INDEX ", " DOCKER_MANIFEST
#define SHORT_ANSWERS_MAX 5

struct registry_origin {
	struct origin src;
	struct registry *r;
};

/* A blob on its way. */
struct download {
	struct blob_writer *w;
	const struct want *want;
	uint64_t have;
	struct meter *m;
	struct image_error *e;
};

static int on_blob_data(void *arg, const void *data, size_t n)
{
	struct download *d = arg;
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

static int blob_url(const struct registry *r, const struct want *w, char url[HTTP_URL_MAX],
	struct image_error *e)
{
	return registry_url(r, url, e, "/blobs/sha256:%s", w->digest->hex);
}

/* Until all is there: a server may end its answers early without an error. */
static int receive(struct registry *r, struct download *d)
{
	char url[HTTP_URL_MAX];
	struct http_request q = {.method = "GET",
		.url = url,
		.from = &d->have,
		.sink = on_blob_data,
		.arg = d,
		.limit = d->want->size};
	struct http_response a = {0};
	int err = blob_url(r, d->want, url, d->e);

	for (int i = 0; !err && d->have < d->want->size; i++) {
		err = registry_request(r, &q, &a, d->e);
		if (!err && a.status != 200 && a.status != 206)
			err = registry_refused(r, &a, "getting a layer", d->e);
		else if (!err && d->have < d->want->size && i == SHORT_ANSWERS_MAX)
			err = image_fail(d->e, -EIO, "%s ends sha256:%s after %llu of %llu bytes",
				r->at.known_as, d->want->digest->hex, (unsigned long long)d->have,
				(unsigned long long)d->want->size);
		http_response_clear(&a);
	}
	return err;
}

static int take_blob(
	struct registry *r, struct store *s, struct want *w, struct meter *m, struct image_error *e)
{
	struct download d = {.want = w, .m = m, .e = e};
	int err = begin_blob(&d, s);

	if (err)
		return err;
	meter_add(m, d.have);
	err = receive(r, &d);
	if (err) {
		blob_abort(d.w);
		return err;
	}
	err = blob_end(d.w, w->digest, w->size, &w->got, &w->got_size, e);
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
	struct registry *r = ((struct registry_origin *)src)->r;
	int err = 0;

	m->what = "pulling";
	for (size_t i = 0; !err && i < n; i++)
		err = w[i].manifest ? take_want_manifest(r, s, &w[i], e)
				    : take_blob(r, s, &w[i], m, e);
	return err;
}

static const struct origin_ops ops = {.take = take};

static int pull(struct registry *r, struct store *s, const struct progress *p,
	struct descriptor *out, struct image_error *e)
{
	struct registry_origin src = {{&ops, r->at.known_as}, r};
	struct descriptor root;
	int err = take_manifest(r, s, r->at.reference, &root, e);

	return err ? err : image_take(&src.src, s, &root, p, out, e);
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
