/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <microhttpd.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sdk/examples/faas/http.h"

#define CONNECTIONS    256u
#define PER_ADDRESS    192u
#define IDLE_SECONDS   10u /* of a client that sends or reads nothing */
#define TURN_SECONDS   5   /* to wait for a call's turn */
#define FLUSH_TRIES    500 /* of 10 ms: at the end, for answers on their way */
#define SENTENCE_MAX   512
#define DROPPED_FACTOR 4 /* of a body that is too large, so much is read to answer it */

struct http {
	struct MHD_Daemon *daemon;
	struct http_options o;
	sem_t turns;
	atomic_uint requests;
};

/* From its first line until its answer is out. */
struct request {
	struct http *http;
	struct function *f;
	char *body;
	size_t size, room, dropped;
};

static enum MHD_Result send_response(
	struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *r)
{
	enum MHD_Result sent;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(r, "Retry-After", "1");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "POST");
	sent = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return sent;
}

static enum MHD_Result send_sentence(struct MHD_Connection *c, unsigned status, const char *text)
{
	char line[SENTENCE_MAX + 2];
	int n = snprintf(line, sizeof line, "%s\n", text);

	return send_response(c, status, "text/plain; charset=utf-8",
		MHD_create_response_from_buffer((size_t)n, line, MHD_RESPMEM_MUST_COPY));
}

static void free_sandbox(void *s)
{
	sb_free(s);
}

/* The sandbox has it in memory, and goes when it is sent. */
static enum MHD_Result send_answer(struct MHD_Connection *c, struct sb *s)
{
	size_t n;
	const void *data = sb_output(s, 1, &n, NULL);
	struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(
		n, (void *)data, free_sandbox, s);

	if (!r)
		sb_free(s);
	return send_response(c, MHD_HTTP_OK, "application/octet-stream", r);
}

static bool take_turn(struct http *h)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += TURN_SECONDS;
	while (sem_timedwait(&h->turns, &end))
		if (errno != EINTR)
			return false;
	return true;
}

static enum MHD_Result call(struct request *r, struct MHD_Connection *c)
{
	static const unsigned status[] = {[OUTCOME_FAILED] = MHD_HTTP_INTERNAL_SERVER_ERROR,
		[OUTCOME_LATE] = MHD_HTTP_GATEWAY_TIMEOUT,
		[OUTCOME_BROKEN] = MHD_HTTP_BAD_GATEWAY};
	char sentence[SENTENCE_MAX] = "";
	enum outcome outcome;
	struct sb *done;

	if (r->dropped)
		return send_sentence(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
	if (!take_turn(r->http))
		return send_sentence(
			c, MHD_HTTP_SERVICE_UNAVAILABLE, "too many calls: try again soon");
	outcome = function_call(r->f, r->body, r->size, &done, sentence, sizeof sentence);
	sem_post(&r->http->turns);
	return outcome == OUTCOME_ANSWER ? send_answer(c, done)
					 : send_sentence(c, status[outcome], sentence);
}

static bool grow_body(struct request *r, size_t more)
{
	size_t room = r->room ? r->room : 4096;
	char *body;

	while (room < r->size + more)
		room *= 2;
	body = room == r->room ? r->body : realloc(r->body, room);
	if (!body)
		return false;
	r->body = body;
	r->room = room;
	return true;
}

/* MHD_NO closes the connection. */
static enum MHD_Result take_body(struct request *r, const char *data, size_t n)
{
	const size_t most = r->http->o.body;

	if (r->dropped || n > most - r->size) {
		r->dropped += n;
		return r->dropped > DROPPED_FACTOR * most ? MHD_NO : MHD_YES;
	}
	if (!grow_body(r, n))
		return MHD_NO;
	memcpy(r->body + r->size, data, n);
	r->size += n;
	return MHD_YES;
}

static struct function *find(const struct http *h, const char *url)
{
	for (size_t i = 0; i < h->o.nfunctions; i++)
		if (!strcmp(url + 1, h->o.functions[i].name))
			return &h->o.functions[i];
	return NULL;
}

static enum MHD_Result begin(
	struct http *h, struct MHD_Connection *c, const char *url, const char *method, void **state)
{
	struct function *f = find(h, url);
	struct request *r;

	if (!f)
		return send_sentence(c, MHD_HTTP_NOT_FOUND, "there is no function of this name");
	if (strcmp(method, "POST"))
		return send_sentence(c, MHD_HTTP_METHOD_NOT_ALLOWED, "POST only");
	r = calloc(1, sizeof *r);
	if (!r)
		return MHD_NO;
	r->http = h;
	r->f = f;
	*state = r;
	atomic_fetch_add(&h->requests, 1);
	return MHD_YES;
}

/* libmicrohttpd: with the headers, with each part of the body, and at its end. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct request *r = *state;
	const size_t n = *size;

	if (!r)
		return begin(arg, c, url, method, state);
	*size = 0;
	return n ? take_body(r, data, n) : call(r, c);
}

static void on_end(
	void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;
	struct http *h = arg;

	if (!r)
		return;
	free(r->body);
	free(r);
	*state = NULL;
	atomic_fetch_sub(&h->requests, 1);
}

struct http *http_start(const struct http_options *o, int socket)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->o = *o;
	sem_init(&h->turns, 0, o->calls);
	h->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL,
		on_request, h, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, PER_ADDRESS,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, on_end, h,
		MHD_OPTION_END);
	if (h->daemon)
		return h;
	sem_destroy(&h->turns);
	free(h);
	return NULL;
}

void http_stop(struct http *h)
{
	int socket = MHD_quiesce_daemon(h->daemon);

	if (socket >= 0) /* who connects now is refused; the daemon may still look at it */
		shutdown(socket, SHUT_RD);
	for (int i = 0; i < FLUSH_TRIES && atomic_load(&h->requests); i++)
		usleep(10000);
	MHD_stop_daemon(h->daemon);
	if (socket >= 0)
		close(socket);
	sem_destroy(&h->turns);
	free(h);
}
