/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-metrics ADDR:PORT: what `sandbox metrics --listen` starts. Serves one page, made anew for
 * each request; a program of its own, so that the launcher is not linked with a web server and the
 * server holds nothing of a sandbox.
 */
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/cli/address.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"

#define BACKLOG		64
#define CONNECTIONS_MAX 16u
#define TIMEOUT_S	10u /* of a connection on which nothing comes */
#define CONTENT_TYPE	"text/plain; version=0.0.4; charset=utf-8"

static enum MHD_Result answer(
	struct MHD_Connection *c, unsigned status, char *text, size_t size, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!r) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *c, unsigned status, const char *line)
{
	char *text = strdup(line);

	return text ? answer(c, status, text, strlen(text), "text/plain; charset=utf-8") : MHD_NO;
}

static enum MHD_Result answer_metrics(struct MHD_Connection *c)
{
	struct observe_list l;
	char *text = NULL;
	size_t size = 0;
	FILE *f;
	bool ok;

	if (observe_look(&l))
		return answer_line(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	f = open_memstream(&text, &size);
	ok = f && !metrics_print(f, &l);
	observe_list_clear(&l);
	if (f && fclose(f))
		ok = false;
	if (ok)
		return answer(c, MHD_HTTP_OK, text, size, CONTENT_TYPE);
	free(text);
	return answer_line(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	static int begun;

	if (!*state) { /* headers have come; whatever else comes is not wanted */
		*state = &begun;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_line(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (strcmp(url, "/metrics"))
		return answer_line(c, MHD_HTTP_NOT_FOUND, "it is at /metrics\n");
	return answer_metrics(c);
}

static void say_where(int fd)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a;

	address_of(&a, fd);
	address_text(text, &a);
	cli_say("metrics: at http://%s/metrics", text);
}

static int serve(int fd)
{
	struct MHD_Daemon *d;
	sigset_t ends;
	int sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL); /* before the server's thread is there */
	signal(SIGPIPE, SIG_IGN);
	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL,
		on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
	if (!d) {
		cli_say("metrics: the server cannot be started");
		return POLICY_FAILED;
	}
	say_where(fd);
	sigwait(&ends, &sig);
	MHD_stop_daemon(d);
	return 0;
}

static int listen_at(const struct address *a)
{
	int fd = address_bind(a), r;

	if (fd < 0 || !listen(fd, BACKLOG))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int main(int argc, char **argv)
{
	struct address a;
	int fd;

	if (argc != 2 || !address_numeric(&a, argv[1])) {
		cli_say("--listen %s: want ADDR:PORT, such as 127.0.0.1:9100 or [::1]:9100",
			argc == 2 ? argv[1] : "");
		return POLICY_FAILED;
	}
	fd = listen_at(&a);
	if (fd < 0) {
		cli_say("--listen %s: %s", argv[1], strerror(-fd));
		return POLICY_FAILED;
	}
	return serve(fd);
}
