/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sdk/examples/judge/assets.h"
#include "sdk/examples/judge/http.h"
#include "sdk/examples/judge/queue.h"
#include "sdk/examples/judge/submission.h"

#define BODY_MAX     (256u << 10)
#define DROPPED_MAX  (1u << 20) /* of a body that is too large: to be answered, not cut off */
#define BODY_SECONDS 60		/* all of a body */
#define IDLE_SECONDS 10u	/* of a client that sends or reads nothing */
#define FLUSH_TRIES  500	/* of 10 ms: at the end, for answers on their way */

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
	char *body; /* until it is parsed */
	size_t size, dropped;
	time_t began; /* CLOCK_MONOTONIC */
	bool is_get, too_large;
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

/* Its texts are all that is kept while it waits. */
static bool parse(struct request *r)
{
	bool ok = submission_parse(&r->sub, r->body, r->size);

	free(r->body);
	r->body = NULL;
	return ok;
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

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool grow_body(struct request *r, const char *data, size_t n)
{
	char *body;

	if (r->too_large || n > BODY_MAX - r->size)
		return false;
	body = realloc(r->body, r->size + n);
	if (!body)
		return false;
	memcpy(body + r->size, data, n);
	r->body = body;
	r->size += n;
	return true;
}

/* MHD_NO, which closes the connection: its client only keeps it busy. */
static enum MHD_Result take_body(struct request *r, const char *data, size_t n)
{
	if (seconds() - r->began > BODY_SECONDS)
		return MHD_NO;
	if (grow_body(r, data, n))
		return MHD_YES;
	r->too_large = true;
	r->dropped += n;
	return r->dropped > DROPPED_MAX ? MHD_NO : MHD_YES;
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
	r->began = seconds();
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
		const size_t n = *size;

		*size = 0;
		return take_body(r, data, n);
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
	submission_free(&r->sub);
	free(r->body);
	free(r->answer);
	free(r);
	*state = NULL;
	atomic_fetch_sub(&h->requests, 1);
}

/* -- life -- */

struct http *http_start(const struct http_options *o, int socket)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->settings = o->settings;
	h->queue = queue_start(o->workers, o->queue, work);
	if (h->queue)
		h->daemon = MHD_start_daemon(
			MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
			on_request, h, MHD_OPTION_LISTEN_SOCKET, socket,
			MHD_OPTION_CONNECTION_LIMIT, o->connections,
			/* the rest is for others */
			MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections - o->connections / 4,
			MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED,
			on_end, h, MHD_OPTION_END);
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

	if (socket >= 0) /* who connects now is refused; the daemon may still look at it */
		shutdown(socket, SHUT_RD);
	queue_stop(h->queue);
	for (int i = 0; i < FLUSH_TRIES && atomic_load(&h->requests); i++)
		usleep(10000);
	MHD_stop_daemon(h->daemon);
	if (socket >= 0)
		close(socket);
	queue_free(h->queue);
	free(h);
}
