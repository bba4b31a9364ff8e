/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "images/transfer/http.h"

#define REDIRECTS_MAX	5
#define HEADERS_MAX	(64u << 10) /* all of one response */
#define CONNECT_SECONDS 15L
#define STALLED_SECONDS 30L /* without a byte */
#define RETRY_AFTER_MAX 30u

struct http {
	CURL *curl;
	char error[CURL_ERROR_SIZE];
};

/* One exchange under way. */
struct exchange {
	struct http *h;
	const struct http_request *q;
	struct http_response *a;
	uint64_t from, received, skip, limit, sent;
	size_t headers, room;
	int failed; /* why a callback stopped it */
};

int http_new(struct http **out, struct image_error *e)
{
	struct http *h = calloc(1, sizeof *h);

	if (h && !curl_global_init(CURL_GLOBAL_DEFAULT))
		h->curl = curl_easy_init();
	if (!h || !h->curl) {
		free(h);
		return image_fail(e, -ENOMEM, "out of memory");
	}
	*out = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

void http_response_clear(struct http_response *a)
{
	free(a->body);
	memset(a, 0, sizeof *a);
}

/* -- what comes -- */

static void keep(char *out, size_t room, const char *value, size_t n)
{
	if (n < room) { /* one that is too long counts as not there */
		memcpy(out, value, n);
		out[n] = 0;
	}
}

static bool is_bearer(const char *value, size_t n)
{
	return n > 6 && !strncasecmp(value, "bearer", 6);
}

static void take_header(
	struct http_response *a, const char *name, size_t len, const char *value, size_t n)
{
	const struct {
		const char *name;
		char *out;
		size_t room;
	} wanted[] = {
		{"location", a->location, sizeof a->location},
		{"content-type", a->content_type, sizeof a->content_type},
		{"docker-content-digest", a->digest, sizeof a->digest},
		{"content-range", a->range, sizeof a->range},
		{"range", a->range, sizeof a->range},
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (len == strlen(wanted[i].name) && !strncasecmp(name, wanted[i].name, len))
			keep(wanted[i].out, wanted[i].room, value, n);
	/* Of several challenges the one for a token. */
	if (len == 16 && !strncasecmp(name, "www-authenticate", len) &&
		(!*a->challenge || is_bearer(value, n)))
		keep(a->challenge, sizeof a->challenge, value, n);
	if (len == 11 && !strncasecmp(name, "retry-after", len) && n < 10) {
		char text[16];

		keep(text, sizeof text, value, n);
		a->retry_after = (unsigned)strtoul(text, NULL, 10);
		if (a->retry_after > RETRY_AFTER_MAX)
			a->retry_after = RETRY_AFTER_MAX;
	}
}

/* Without the spaces around it. */
static const char *trim(const char *s, size_t *n)
{
	while (*n && strchr(" \t\r\n", s[*n - 1]))
		--*n;
	for (; *n && (*s == ' ' || *s == '\t'); s++)
		--*n;
	return s;
}

static size_t on_header(char *line, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	const char *colon = memchr(line, ':', n), *value;
	size_t len;

	x->headers += n;
	if (x->headers > HEADERS_MAX) {
		x->failed = -EFBIG;
		return 0;
	}
	if (!colon)
		return n;
	len = n - (size_t)(colon + 1 - line);
	value = trim(colon + 1, &len);
	take_header(x->a, line, (size_t)(colon - line), value, len);
	return n;
}

static int keep_body(struct exchange *x, const char *data, size_t n)
{
	struct http_response *a = x->a;

	if (a->n + n + 1 > x->room) {
		size_t room = 2 * (a->n + n) + 1024;
		char *body = realloc(a->body, room);

		if (!body)
			return -ENOMEM;
		a->body = body;
		x->room = room;
	}
	memcpy(a->body + a->n, data, n);
	a->n += n;
	a->body[a->n] = 0;
	return 0;
}

/* At the first byte of content: is it the part that was asked for? What a server without ranges
 * sends again is skipped. */
static int begin_content(struct exchange *x)
{
	unsigned long long start = 0;

	if (x->a->status == 200 && x->q->to)
		return -EOPNOTSUPP;
	if (x->a->status == 200) {
		x->skip = x->from;
		x->limit = x->q->limit;
		return 0;
	}
	x->limit = (x->q->to ? x->q->to : x->q->limit) - x->from;
	return sscanf(x->a->range, "bytes %llu-", &start) == 1 && start == x->from ? 0 : -ERANGE;
}

static size_t skip_known(struct exchange *x, size_t n)
{
	size_t k = x->skip < n ? (size_t)x->skip : n;

	x->skip -= k;
	return k;
}

/* What an error page says beyond the limit nobody reads. */
static int take_error_page(struct exchange *x, const char *data, size_t n)
{
	if (x->a->n + n <= HTTP_ERROR_MAX)
		return keep_body(x, data, n);
	return x->received > 16 * HTTP_ERROR_MAX ? -EFBIG : 0;
}

static int take_content(struct exchange *x, const char *data, size_t n)
{
	size_t k;
	int r = x->received == n ? begin_content(x) : 0;

	if (r)
		return r;
	if (x->received > x->limit)
		return -EFBIG;
	k = skip_known(x, n);
	return x->q->sink ? x->q->sink(x->q->arg, data + k, n - k) : keep_body(x, data + k, n - k);
}

static size_t on_data(char *data, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;

	if (!n)
		return 0;
	curl_easy_getinfo(x->h->curl, CURLINFO_RESPONSE_CODE, &x->a->status);
	x->received += n;
	x->failed = x->a->status == 200 || x->a->status == 206 ? take_content(x, data, n)
							       : take_error_page(x, data, n);
	return x->failed ? 0 : n;
}

/* -- what goes -- */

static size_t on_send(char *buf, size_t one, size_t room, void *arg)
{
	struct exchange *x = arg;
	uint64_t left = x->q->n - x->sent;
	size_t n = left < room ? (size_t)left : room;

	if (x->q->body) {
		memcpy(buf, (const char *)x->q->body + x->sent, n);
	} else if (n) {
		ssize_t got = pread(x->q->fd, buf, n, (off_t)(x->q->offset + x->sent));

		if (got <= 0) {
			x->failed = got ? -errno : -EIO;
			return CURL_READFUNC_ABORT;
		}
		n = (size_t)got;
	}
	x->sent += n;
	if (x->q->sent && n)
		x->q->sent(x->q->arg, n);
	return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *x = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->q->n)
		return CURL_SEEKFUNC_FAIL;
	x->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* -- one exchange -- */

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	struct curl_slist *next;
	char *line;

	if (!value || !*value)
		return list;
	if (asprintf(&line, "%s: %s", name, value) < 0)
		return list;
	next = curl_slist_append(list, line);
	free(line);
	return next ? next : list;
}

static struct curl_slist *headers(const struct http_request *q, bool trusted)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	char range[64];

	list = add_header(list, "Accept", q->accept);
	list = add_header(list, "Content-Type", q->content_type);
	list = add_header(list, "Content-Range", q->content_range);
	if (trusted)
		list = add_header(list, "Authorization", q->authorization);
	if (q->from && (*q->from || q->to)) {
		int n = snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)*q->from);

		if (q->to)
			snprintf(range + n, sizeof range - (size_t)n, "%llu",
				(unsigned long long)q->to - 1);
		list = add_header(list, "Range", range);
	}
	return list;
}

static void set_body(CURL *c, const struct http_request *q, struct exchange *x)
{
	if (!strcmp(q->method, "HEAD")) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (q->has_body) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->n);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
		curl_easy_setopt(c, CURLOPT_READDATA, x);
		curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
	}
	if (strcmp(q->method, "HEAD") != 0)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_up(CURL *c, const char *url, struct exchange *x)
{
	const char *authorities = getenv("SSL_CERT_FILE");

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->h->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "sandbox-image");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALLED_SECONDS);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	if (authorities && *authorities)
		curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
	if (!strncmp(url, "http://", 7) && url_is_loopback(url + 7))
		curl_easy_setopt(c, CURLOPT_PROXY, "");
}

static bool passes_by(CURLcode code)
{
	return code == CURLE_OPERATION_TIMEDOUT || code == CURLE_RECV_ERROR ||
	       code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE ||
	       code == CURLE_GOT_NOTHING || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}

static int say_why(const struct exchange *x, CURLcode code, struct image_error *e)
{
	const char *why = *x->h->error ? x->h->error : curl_easy_strerror(code);

	if (x->failed == -EFBIG)
		return image_fail(e, -EFBIG, "the server sends more than it should");
	if (x->failed == -ERANGE)
		return image_fail(e, -EIO, "the server sends another part than it was asked for");
	if (x->failed == -EOPNOTSUPP)
		return image_fail(e, -EOPNOTSUPP, "the server sends no parts");
	if (x->failed == -ENOMEM)
		return image_fail(e, -ENOMEM, "out of memory");
	if (x->failed)
		return x->failed; /* the sink's own, said already */
	if (code == CURLE_COULDNT_CONNECT)
		return image_fail(e, -ECONNREFUSED, "%s", why);
	return image_fail(e, passes_by(code) ? -EAGAIN : -EIO, "%s", why);
}

static int exchange(struct http *h, const struct http_request *q, const char *url, bool trusted,
	struct http_response *a, struct image_error *e)
{
	struct exchange x = {.h = h, .q = q, .a = a, .from = q->from ? *q->from : 0};
	struct curl_slist *list = headers(q, trusted);
	CURLcode code;

	http_response_clear(a);
	*h->error = 0;
	set_up(h->curl, url, &x);
	set_body(h->curl, q, &x);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
	code = curl_easy_perform(h->curl);
	curl_slist_free_all(list);
	if (code)
		return say_why(&x, code, e);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &a->status);
	return 0;
}

static bool redirected(const struct http_request *q, const struct http_response *a)
{
	bool reads = !strcmp(q->method, "GET") || !strcmp(q->method, "HEAD");

	return reads && *a->location &&
	       (a->status == 301 || a->status == 302 || a->status == 303 || a->status == 307 ||
		       a->status == 308);
}

int http_do(struct http *h, const struct http_request *q, struct http_response *a,
	struct image_error *e)
{
	char url[HTTP_URL_MAX], next[HTTP_URL_MAX];
	bool trusted = true;

	if (strlen(q->url) >= sizeof url)
		return image_fail(e, -EINVAL, "the address is too long");
	strcpy(url, q->url);
	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		int r = exchange(h, q, url, trusted, a, e);

		if (r || !redirected(q, a))
			return r;
		r = http_resolve(url, a->location, next, e);
		if (r)
			return r;
		trusted = trusted && http_same_host(url, next);
		strcpy(url, next);
	}
	return image_fail(e, -ELOOP, "the server redirects in circles");
}
