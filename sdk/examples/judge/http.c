/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sdk/examples/judge/assets.h"
#include "sdk/examples/judge/http.h"
#include "sdk/examples/judge/queue.h"

#define BODY_MAX	(256u << 10)
#define CONNECTIONS_MAX 512u
#define IDLE_SECONDS	10u /* of a client that sends or reads nothing */
#define FLUSH_TRIES	500 /* of 10 ms: at the end, for answers on their way */

struct http {
	struct MHD_Daemon *daemon;
	struct queue *queue;
	struct settings settings;
	atomic_uint requests;
};

/* From its first line until its answer is out. What it holds of memory is below BODY_MAX, and what
 * judge.c limits. */
struct request {
	struct http *http;
	struct MHD_Connection *connection;
	char *body;
	size_t size;
	bool is_get, too_large;
	json_t *root; /* of the body; sub's text is in it */
	struct submission sub;
	unsigned status; /* 0: no answer yet */
	char *answer;
};

/* -- answers -- */

static enum MHD_Result send_response(
	struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *r)
{
	static const char *const headers[][2] = {
		{"Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
			"'self'; img-src data:; base-uri 'none'; form-action 'none'; "
			"frame-ancestors "
			"'none'"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"Cache-Control", "no-store"},
	};
	enum MHD_Result sent;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		MHD_add_response_header(r, headers[i][0], headers[i][1]);
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(r, "Retry-After", "1");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD, POST");
	sent = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return sent;
}

static enum MHD_Result send_text(
	struct MHD_Connection *c, unsigned status, const char *type, const char *text)
{
	return send_response(c, status, type,
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY));
}

#define JSON "application/json"

/* sentence: ours, without characters that JSON escapes. */
static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *sentence)
{
	char text[256];

	snprintf(text, sizeof text, "{\"error\":\"%s\"}\n", sentence);
	return send_text(c, status, JSON, text);
}

static enum MHD_Result send_status(struct http *h, struct MHD_Connection *c)
{
	unsigned waiting, running;
	char text[64];

	queue_count(h->queue, &waiting, &running);
	snprintf(text, sizeof text, "{\"waiting\":%u,\"running\":%u}\n", waiting, running);
	return send_text(c, MHD_HTTP_OK, JSON, text);
}

static enum MHD_Result get(struct http *h, struct MHD_Connection *c, const char *url)
{
	if (!strcmp(url, "/status"))
		return send_status(h, c);
	for (const struct asset *a = assets; a->url; a++)
		if (!strcmp(url, a->url))
			return send_response(c, MHD_HTTP_OK, a->type,
				MHD_create_response_from_buffer((size_t)(a->end - a->data),
					(void *)a->data, MHD_RESPMEM_PERSISTENT));
	return refuse(c, MHD_HTTP_NOT_FOUND, "there is nothing at this address");
}

/* -- submissions -- */

/* On a worker's thread; the connection is suspended, so nobody else has the request. */
static void work(void *job, bool stopping)
{
	struct request *r = job;
	int failed = 0;
	json_t *answer;

	r->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	if (!stopping) {
		answer = judge(&r->http->settings, &r->sub, &failed);
		r->answer = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
		r->status = failed || !r->answer ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_OK;
		json_decref(answer);
	}
	MHD_resume_connection(r->connection);
}

static bool take_text(const json_t *root, const char *name, struct text *out)
{
	const json_t *s = json_object_get(root, name);

	if (!s)
		return true;
	out->data = (char *)json_string_value(s);
	out->size = json_string_length(s);
	return out->data;
}

static bool parse(struct request *r)
{
	json_error_t why;

	r->root = json_loadb(r->body ? r->body : "", r->size, 0, &why);
	return take_text(r->root, "source", &r->sub.source) && r->sub.source.data &&
	       take_text(r->root, "stdin", &r->sub.input) &&
	       take_text(r->root, "expected", &r->sub.expected);
}

/* A form of another site cannot send this type without asking first. */
static bool is_json(struct MHD_Connection *c)
{
	const char *type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type");

	return type && !strncasecmp(type, JSON, sizeof JSON - 1) &&
	       (!type[sizeof JSON - 1] || strchr("; \t", type[sizeof JSON - 1]));
}

static enum MHD_Result submit(struct request *r)
{
	struct MHD_Connection *c = r->connection;

	if (r->too_large)
		return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "a submission has 256 KiB at most");
	if (!parse(r))
		return refuse(c, MHD_HTTP_BAD_REQUEST,
			"want an object with the text source, and perhaps the texts stdin and "
			"expected");
	/* before it is queued: a worker may be done with it at once */
	MHD_suspend_connection(c);
	if (queue_push(r->http->queue, r))
		return MHD_YES;
	r->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	MHD_resume_connection(c);
	return MHD_YES;
}

static enum MHD_Result answer(struct request *r)
{
	if (r->answer)
		return send_text(r->connection, r->status, JSON, r->answer);
	return refuse(r->connection, r->status,
		r->status == MHD_HTTP_SERVICE_UNAVAILABLE
			? "there is no room in the line: try again soon"
			: "out of memory");
}

static void take_body(struct request *r, const char *data, size_t n)
{
	char *body;

	if (r->too_large || n > BODY_MAX - r->size) {
		r->too_large = true;
		return;
	}
	body = realloc(r->body, r->size + n + 1);
	if (!body) {
		r->too_large = true;
		return;
	}
	memcpy(body + r->size, data, n);
	r->body = body;
	r->size += n;
}

/* What its headers say is enough to refuse it: no body is read. */
static enum MHD_Result refuse_early(struct MHD_Connection *c, const char *url, bool *refused)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

	*refused = true;
	if (strcmp(url, "/run"))
		return refuse(c, MHD_HTTP_NOT_FOUND, "there is nothing at this address");
	if (!is_json(c))
		return refuse(c, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "want the type application/json");
	if (length && strtoull(length, NULL, 10) > BODY_MAX)
		return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "a submission has 256 KiB at most");
	*refused = false;
	return MHD_YES;
}

static enum MHD_Result begin(
	struct http *h, struct MHD_Connection *c, const char *url, const char *method, void **state)
{
	bool is_get = !strcmp(method, "GET") || !strcmp(method, "HEAD"), refused = false;
	enum MHD_Result result = MHD_YES;
	struct request *r;

	if (!is_get && strcmp(method, "POST"))
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and POST only");
	if (!is_get)
		result = refuse_early(c, url, &refused);
	if (refused)
		return result;
	r = calloc(1, sizeof *r);
	if (!r)
		return MHD_NO;
	r->http = h;
	r->connection = c;
	r->is_get = is_get;
	*state = r;
	atomic_fetch_add(&h->requests, 1);
	return MHD_YES;
}

/* libmicrohttpd: with the headers, with each part of the body, at its end, and once more when the
 * connection was resumed. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct request *r = *state;

	if (!r)
		return begin(arg, c, url, method, state);
	if (*size) {
		take_body(r, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (r->is_get)
		return get(arg, c, url);
	return r->status ? answer(r) : submit(r);
}

static void on_end(
	void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;
	struct http *h = arg;

	if (!r)
		return;
	json_decref(r->root);
	free(r->body);
	free(r->answer);
	free(r);
	*state = NULL;
	atomic_fetch_sub(&h->requests, 1);
}

/* -- life -- */

/* Each worker's sandbox has some descriptors too. */
static unsigned connections(unsigned workers)
{
	struct rlimit limit;
	rlim_t own = 64 + (rlim_t)workers * 32;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= own + CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return limit.rlim_cur > own + 8 ? (unsigned)(limit.rlim_cur - own) : 8;
}

struct http *http_start(const struct http_options *o, int socket)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->settings = o->settings;
	h->queue = queue_start(o->workers, o->queue, work);
	if (h->queue)
		h->daemon =
			MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
				NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, socket,
				MHD_OPTION_CONNECTION_LIMIT, connections(o->workers),
				MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
				MHD_OPTION_NOTIFY_COMPLETED, on_end, h, MHD_OPTION_END);
	if (h->daemon)
		return h;
	if (h->queue)
		queue_stop(h->queue);
	queue_free(h->queue);
	free(h);
	return NULL;
}

void http_stop(struct http *h)
{
	int socket = MHD_quiesce_daemon(h->daemon);

	if (socket >= 0)
		close(socket);
	queue_stop(h->queue);
	for (int i = 0; i < FLUSH_TRIES && atomic_load(&h->requests); i++)
		usleep(10000);
	MHD_stop_daemon(h->daemon);
	queue_free(h->queue);
	free(h);
}
