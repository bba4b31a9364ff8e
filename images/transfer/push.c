/* SPDX-License-Identifier: Apache-2.0
 *
 * Pushing: blobs that the registry lacks, then the manifest, which makes the image visible. Large
 * blobs go in chunks, so that a cut connection costs one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/transfer/registry.h"
#include "images/transfer/origin.h"

#define CHUNK	       (16ull << 20)
#define UPLOADS_MAX    3 /* of one blob, from its beginning */
#define STANDSTILL_MAX 5 /* chunks in a row that did not arrive */

struct upload {
	struct registry *r;
	const struct descriptor *d;
	int fd;
	char url[HTTP_URL_MAX]; /* where the next part goes */
	uint64_t at;
	struct meter *m;
	struct image_error *e;
};

static void on_sent(void *arg, uint64_t n)
{
	const struct upload *u = arg;

	meter_add(u->m, n);
}

static int has_blob(struct registry *r, const struct digest *d, bool *has, struct image_error *e)
{
	char url[HTTP_URL_MAX];
	struct http_request q = {.method = "HEAD", .url = url};
	struct http_response a = {0};
	int err = registry_url(r, url, e, "/blobs/sha256:%s", d->hex);

	if (!err)
		err = registry_request(r, &q, &a, e);
	if (!err && a.status != 200 && a.status != 404)
		err = registry_refused(r, &a, "asking for a layer", e);
	*has = a.status == 200;
	http_response_clear(&a);
	return err;
}

/* Each answer says where the next request goes. */
static int follow(struct upload *u, const struct http_response *a)
{
	char next[HTTP_URL_MAX];
	int err;

	if (!*a->location)
		return 0;
	err = http_resolve(u->url, a->location, next, u->e);
	if (!err)
		strcpy(u->url, next);
	return err;
}

static int begin_upload(struct upload *u)
{
	struct http_request q = {.method = "POST", .url = u->url, .body = "", .has_body = true};
	struct http_response a = {0};
	int err = registry_url(u->r, u->url, u->e, "/blobs/uploads/");

	if (!err)
		err = registry_request(u->r, &q, &a, u->e);
	if (!err && (a.status != 202 || !*a.location))
		err = registry_refused(u->r, &a, "beginning an upload", u->e);
	if (!err)
		err = follow(u, &a);
	u->at = 0;
	http_response_clear(&a);
	return err;
}

static int end_upload(struct upload *u)
{
	char url[HTTP_URL_MAX], digest[DIGEST_TEXT];
	struct http_request q = {.method = "PUT",
		.url = url,
		.content_type = "application/octet-stream",
		.fd = u->fd,
		.offset = u->at,
		.n = u->d->size - u->at,
		.has_body = true,
		.sent = on_sent,
		.arg = u};
	struct http_response a = {0};
	int err;

	strcpy(url, u->url);
	digest_text(&u->d->digest, digest);
	if (!http_add_query(url, "digest", digest))
		return image_fail(u->e, -EBADMSG, "the address of the upload is too long");
	err = registry_request_once(u->r, &q, &a, u->e);
	if (!err && a.status != 201 && a.status != 204)
		err = registry_refused(u->r, &a, "uploading a layer", u->e);
	http_response_clear(&a);
	return err == -EAGAIN ? -EIO : err;
}

/* After a cut: how much did arrive? */
static int ask_offset(struct upload *u)
{
	struct http_request q = {.method = "GET", .url = u->url, .limit = HTTP_ERROR_MAX};
	struct http_response a = {0};
	unsigned long long last = 0;
	int err = registry_request(u->r, &q, &a, u->e);

	if (!err && a.status != 204 && a.status != 200)
		err = registry_refused(u->r, &a, "going on with an upload", u->e);
	if (!err)
		err = follow(u, &a);
	if (!err) {
		u->at = sscanf(a.range, "0-%llu", &last) == 1 && last ? last + 1 : 0;
		if (u->at > u->d->size)
			err = image_fail(
				u->e, -EIO, "%s has more than it was sent", u->r->at.known_as);
	}
	http_response_clear(&a);
	return err;
}

static int send_chunk(struct upload *u, bool *again)
{
	uint64_t left = u->d->size - u->at, n = left < CHUNK ? left : CHUNK;
	struct http_request q = {.method = "PATCH",
		.url = u->url,
		.content_type = "application/octet-stream",
		.fd = u->fd,
		.offset = u->at,
		.n = n,
		.has_body = true,
		.sent = on_sent,
		.arg = u};
	struct http_response a = {0};
	int err;

	snprintf(q.content_range, sizeof q.content_range, "%llu-%llu", (unsigned long long)u->at,
		(unsigned long long)(u->at + n - 1));
	err = registry_request_once(u->r, &q, &a, u->e);
	*again = registry_passes_by(err, &a) || (!err && a.status == 416);
	if (!err && a.status != 202 && !*again)
		err = registry_refused(u->r, &a, "uploading a layer", u->e);
	if (!err && a.status == 202) {
		u->at += n;
		err = follow(u, &a);
	}
	http_response_clear(&a);
	return *again ? 0 : err;
}

static int send_chunks(struct upload *u)
{
	static const struct http_response nothing;
	int standstill = 0;

	while (u->d->size - u->at > CHUNK) {
		uint64_t before = u->at;
		bool again;
		int err = send_chunk(u, &again);

		if (!err && again) {
			registry_wait(standstill, &nothing);
			err = ask_offset(u);
		}
		if (err)
			return err;
		standstill = u->at > before ? 0 : standstill + 1;
		if (standstill == STANDSTILL_MAX)
			return image_fail(
				u->e, -EIO, "%s: an upload does not get on", u->r->at.known_as);
	}
	return 0;
}

static int upload_once(struct upload *u)
{
	int err = begin_upload(u);

	if (!err)
		err = send_chunks(u);
	return err ? err : end_upload(u);
}

static int upload(struct upload *u)
{
	static const struct http_response nothing;

	for (int i = 0;; i++) {
		uint64_t done = u->m->done;
		int err = upload_once(u);

		if (err != -EIO || i + 1 == UPLOADS_MAX)
			return err;
		u->m->done = done;
		registry_wait(i, &nothing);
	}
}

static int push_blob(struct registry *r, struct store *s, const struct descriptor *d,
	struct meter *m, struct image_error *e)
{
	struct upload u = {.r = r, .d = d, .m = m, .e = e};
	uint64_t size;
	bool has;
	int err = has_blob(r, &d->digest, &has, e);

	if (err)
		return err;
	if (has) {
		meter_add(m, d->size);
		return 0;
	}
	err = blob_verify(s, &d->digest, &size, e);
	if (!err)
		err = blob_open(s, &d->digest, &u.fd, &size, e);
	if (err)
		return err;
	if (size != d->size)
		err = image_fail(e, -EBADMSG, "sha256:%s has another size than its manifest says",
			d->digest.hex);
	else
		err = upload(&u);
	close(u.fd);
	return err;
}

static int put_manifest(
	struct registry *r, struct store *s, const struct descriptor *d, struct image_error *e)
{
	char url[HTTP_URL_MAX], *data;
	struct http_request q = {
		.method = "PUT", .url = url, .content_type = d->media_type, .has_body = true};
	struct http_response a = {0};
	struct digest said;
	size_t n;
	int err = blob_load(s, &d->digest, &data, &n, e);

	if (err)
		return err;
	q.body = data;
	q.n = n;
	err = registry_url(r, url, e, "/manifests/%s", r->at.reference);
	if (!err)
		err = registry_request(r, &q, &a, e);
	if (!err && a.status != 201 && a.status != 200)
		err = registry_refused(r, &a, "setting the manifest", e);
	if (!err && digest_parse(a.digest, &said) && !digest_equal(&said, &d->digest))
		err = image_fail(e, -EBADMSG, "%s has made sha256:%s of the manifest sha256:%s",
			r->at.known_as, said.hex, d->digest.hex);
	http_response_clear(&a);
	free(data);
	return err;
}

static int push(struct registry *r, struct store *s, const struct manifest *m,
	const struct progress *p, struct image_error *e)
{
	struct meter meter = {p, "pushing", 0, m->config.size};
	int err = 0;

	for (size_t i = 0; i < m->nlayers; i++)
		meter.total += m->layers[i].size;
	for (size_t i = 0; !err && i < m->nlayers; i++)
		err = push_blob(r, s, &m->layers[i], &meter, e);
	if (!err)
		err = push_blob(r, s, &m->config, &meter, e);
	return err ? err : put_manifest(r, s, &m->self, e);
}

/* "HOST/" and "HOST/PATH/" take the rest from the image's own name. */
static int target_name(
	const char *name, const char *to, char out[2 * STORE_NAME_MAX], struct image_error *e)
{
	const char *own = strrchr(name, '/');
	size_t n = to ? strlen(to) : 0;

	if (!to)
		snprintf(out, 2 * STORE_NAME_MAX, "%s", name);
	else if (n >= STORE_NAME_MAX)
		return image_fail(e, -EINVAL, "the name is too long");
	else
		snprintf(out, 2 * STORE_NAME_MAX, "%s%s", to,
			n && to[n - 1] == '/' ? (own ? own + 1 : name) : "");
	return 0;
}

int transfer_push(struct store *s, const char *name, const char *to,
	const struct registry_options *o, const struct progress *p, struct store_ref *out,
	struct image_error *e)
{
	char whole[STORE_NAME_MAX], target[2 * STORE_NAME_MAX];
	struct registry *r = NULL;
	struct manifest m;
	struct remote at;
	int err = image_name_parse(name, whole, e);

	if (!err)
		err = target_name(whole, to, target, e);
	if (!err)
		err = remote_parse(target, &at, e);
	if (!err && at.by_digest)
		err = image_fail(e, -EINVAL, "push to a tag, not to a digest");
	if (!err)
		err = manifest_find(s, whole, &m, e);
	if (err)
		return err;
	err = registry_open(&at, o, true, &r, e);
	if (!err)
		err = push(r, s, &m, p, e);
	registry_close(r);
	strcpy(out->name, at.name);
	strcpy(out->media_type, m.self.media_type);
	out->digest = m.self.digest;
	out->size = m.self.size;
	manifest_clear(&m);
	return err;
}
