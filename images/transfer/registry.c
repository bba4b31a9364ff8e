/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "images/store/document.h"
#include "images/transfer/registry.h"

#define ATTEMPTS      5	  /* in a row, without getting anywhere */
#define ATTEMPTS_ALL  100 /* of one request, whatever it got */
#define FIRST_WAIT_MS 250u
#define PROGRESS_MIN  (64u << 10) /* bytes that count as getting somewhere */

int registry_open(const struct remote *at, const struct registry_options *o, bool writes,
	struct registry **out, struct image_error *e)
{
	struct registry *g = calloc(1, sizeof *g);
	int r;

	if (!g)
		return image_fail(e, -ENOMEM, "out of memory");
	g->at = *at;
	g->writes = writes;
	snprintf(g->base, sizeof g->base, "%s://%s",
		o->plain_http || url_is_loopback(at->host) ? "http" : "https", at->host);
	r = credentials_find(at, o, g->basic, e);
	if (!r)
		r = http_new(&g->http, e);
	if (r)
		registry_close(g);
	else
		*out = g;
	return r;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	http_free(r->http);
	explicit_bzero(r, sizeof *r);
	free(r);
}

int registry_url(const struct registry *r, char out[HTTP_URL_MAX], struct image_error *e,
	const char *fmt, ...)
{
	int n = snprintf(out, HTTP_URL_MAX, "%s/v2/%s", r->base, r->at.repository);
	va_list ap;
	int k;

	va_start(ap, fmt);
	k = vsnprintf(out + n, HTTP_URL_MAX - (size_t)n, fmt, ap);
	va_end(ap);
	return n + k < HTTP_URL_MAX ? 0 : image_fail(e, -EINVAL, "the address is too long");
}

/* Once with what we have, and once more after answering a challenge. */
int registry_request_once(
	struct registry *r, struct http_request *q, struct http_response *a, struct image_error *e)
{
	bool ours = http_same_host(q->url, r->base); /* an upload may be sent elsewhere */
	int err;

	q->authorization = ours && *r->authorization ? r->authorization : NULL;
	err = http_do(r->http, q, a, e);
	if (err == -ECONNREFUSED && r->reached) /* just now it was there */
		err = -EAGAIN;
	r->reached |= !err;
	if (err || a->status != 401 || !*a->challenge || !ours)
		return err;
	err = registry_authorize(r, a->challenge, e);
	if (err)
		return err;
	q->authorization = r->authorization;
	return http_do(r->http, q, a, e);
}

void registry_wait(int attempt, const struct http_response *a)
{
	unsigned ms = FIRST_WAIT_MS << attempt;
	struct timespec t;

	if (a->retry_after)
		ms = a->retry_after * 1000;
	t = (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
	nanosleep(&t, NULL);
}

bool registry_passes_by(int err, const struct http_response *a)
{
	return err ? err == -EAGAIN : a->status == 429 || a->status >= 500;
}

int registry_request(
	struct registry *r, struct http_request *q, struct http_response *a, struct image_error *e)
{
	uint64_t before = q->from ? *q->from : 0;
	int err = 0;

	for (int i = 0, all = 0;; i++, all++) {
		err = registry_request_once(r, q, a, e);
		if (!registry_passes_by(err, a))
			break;
		if (q->from && *q->from - before >= PROGRESS_MIN) {
			before = *q->from;
			i = 0;
		}
		if (i + 1 == ATTEMPTS || all == ATTEMPTS_ALL)
			break;
		registry_wait(i, a);
	}
	if (err == -EAGAIN || err == -ECONNREFUSED)
		err = -EIO;
	return err ? image_within(e, err, "%s", r->at.known_as) : 0;
}

/* The first message of {"errors":[{"message":…}]}, or "". */
static void registry_words(const struct http_response *a, char out[256])
{
	json_t *root = NULL;
	const char *text;

	*out = 0;
	if (!a->body || document_parse(a->body, a->n, &root, NULL))
		return;
	text = json_string_value(
		json_object_get(json_array_get(json_object_get(root, "errors"), 0), "message"));
	snprintf(out, 256, "%.250s", text ? text : "");
	json_decref(root);
}

int registry_refused(const struct registry *r, const struct http_response *a, const char *doing,
	struct image_error *e)
{
	char words[256];
	const char *colon;

	registry_words(a, words);
	colon = *words ? ": " : "";
	if (a->status == 401 || a->status == 403)
		return image_fail(e, -EACCES, "%s: %s: not allowed%s%s%s", r->at.known_as, doing,
			colon, words, *r->basic ? "" : "; --user NAME --password-stdin logs in");
	if (a->status == 404)
		return image_fail(
			e, -ENOENT, "%s: %s: not there%s%s", r->at.known_as, doing, colon, words);
	return image_fail(e, -EIO, "%s: %s: the server answers %ld%s%s", r->at.known_as, doing,
		a->status, colon, words);
}
