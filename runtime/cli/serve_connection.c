/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection: accepted, given to a clone, told of when the clone has ended, and then kept for a
 * moment, since to close a socket with input that nobody read would destroy output on its way.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/serve_internal.h"

#define LINGER_NS 2000000000ull
#define RETRY_NS  200000000ull /* accept again after this when descriptors have run out */

/* -- its end -- */

static void forget(struct server *s, struct connection *c)
{
	struct connection **at = &s->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	source_close(s, &c->socket);
	source_close(s, &c->process);
	gather_clear(s, &c->report);
	free(c);
	s->nconnections--;
	s->retry_ns = 0;
}

/* What the client sends after the end is for nobody. */
static void on_socket(struct server *s, void *of)
{
	struct connection *c = of;
	char nothing[16384];
	ssize_t n = recv(c->socket.fd, nothing, sizeof nothing, MSG_DONTWAIT);

	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		forget(s, c);
}

static void tell(struct server *s, struct connection *c)
{
	struct serve_record r = {.number = c->number,
		.peer = c->peer,
		.began = c->began,
		.seconds = (double)(serve_now_ns() - c->began_ns) / 1e9,
		.error = c->error};

	if (!r.error && (s->log.lines || s->log.json)) {
		r.report = serve_report_parse(c->report.text, c->report.size);
		if (!r.report)
			r.error = s->phase >= SERVE_KILLING ? "killed: the server ended"
				  : c->report.cut	    ? "its report was too long"
							    : "no report: its sandbox was killed";
	}
	serve_record_write(&s->log, &r);
	json_decref(r.report);
}

/* The clone is gone, or there was none. */
static void end(struct server *s, struct connection *c)
{
	tell(s, c);
	c->ended = true;
	if (s->template_closed) /* its clones are ours now */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	c->linger_ns = serve_now_ns() + LINGER_NS;
	if (s->phase >= SERVE_KILLING || shutdown(c->socket.fd, SHUT_WR) ||
		source_add(s, &c->socket))
		forget(s, c);
}

static void end_if_over(struct server *s, struct connection *c)
{
	if (c->answered && !c->ended && c->report.source.fd < 0 && c->process.fd < 0)
		end(s, c);
}

static void on_process(struct server *s, void *of)
{
	struct connection *c = of;

	source_close(s, &c->process);
	end_if_over(s, c);
}

static void on_report(struct server *s, void *of)
{
	struct connection *c = of;

	if (gather_more(s, &c->report))
		end_if_over(s, c);
}

static void fail(struct server *s, struct connection *c, const char *error)
{
	c->answered = true;
	c->error = error;
	gather_clear(s, &c->report);
	end(s, c);
}

/* -- its beginning -- */

static void name_peer(struct connection *c, const struct address *from)
{
	struct ucred who;
	socklen_t size = sizeof who;

	if (from->at.ss_family != AF_UNIX)
		address_text(c->peer, from);
	else if (!getsockopt(c->socket.fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		snprintf(c->peer, sizeof c->peer, "uid %u, pid %d", who.uid, who.pid);
	else
		snprintf(c->peer, sizeof c->peer, "?");
}

static struct connection *make(struct server *s, int fd, const struct address *from)
{
	struct connection *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->socket = (struct source){fd, on_socket, c};
	c->process.fd = c->report.source.fd = -1;
	c->number = ++s->naccepted;
	c->began_ns = serve_now_ns();
	clock_gettime(CLOCK_REALTIME, &c->began);
	name_peer(c, from);
	c->next = s->connections;
	s->connections = c;
	s->nconnections++;
	return c;
}

/* Programs write answers in pieces; a client that vanished shall be noticed some day. */
static void settle(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

/* A new socket has room for it: what does not take it has no client any more. */
static bool greet(const struct server *s, int fd)
{
	return !s->greeting_size ||
	       send(fd, s->greeting, s->greeting_size, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		       (ssize_t)s->greeting_size;
}

static void ask(struct server *s, struct connection *c, int report_end)
{
	const int fds[TEMPLATE_FDS] = {
		[TEMPLATE_FD_IN] = c->socket.fd,
		[TEMPLATE_FD_OUT] = c->socket.fd,
		[TEMPLATE_FD_ERR] = s->clone_err,
		[TEMPLATE_FD_REPORT] = report_end,
		[TEMPLATE_FD_MESSAGES] = s->clone_err,
		[TEMPLATE_FD_UNTIL] = s->until[0],
	};
	int r = template_clone(&s->template, fds, s->options->timeout_ns);

	if (!r)
		s->asked = c;
	else
		fail(s, c, "no clone: the template takes no request");
}

static void begin(struct server *s, int fd, const struct address *from)
{
	struct connection *c = make(s, fd, from);
	int ours = s->spare[0], theirs = s->spare[1];

	s->spare[0] = s->spare[1] = -1;
	if (!c) {
		close(fd);
		close(ours);
		close(theirs);
		return;
	}
	settle(fd);
	if (gather_add(s, &c->report, ours, on_report, c))
		fail(s, c, "no clone: out of memory");
	else if (!greet(s, fd))
		fail(s, c, "no clone: the client was gone");
	else
		ask(s, c, theirs);
	close(theirs);
}

/* Descriptors or memory have run out: a loop that goes on trying would only burn the CPU. */
static void pause_accepting(struct server *s)
{
	if (!s->paused)
		cli_say("accept: %s: waiting until connections end", strerror(errno));
	s->paused = true;
	s->retry_ns = serve_now_ns() + RETRY_NS;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void connection_accept(struct server *s, void *of)
{
	struct address from = {.size = sizeof from.at};
	int fd = -1;

	/* the pipe first: a connection that was taken could not be given back */
	if (s->spare[0] >= 0 || !pipe2(s->spare, O_CLOEXEC))
		fd = accept4(s->listener.fd, (struct sockaddr *)&from.at, &from.size, SOCK_CLOEXEC);
	if (fd >= 0) {
		s->paused = false;
		begin(s, fd, &from);
	} else if (is_shortage(errno)) {
		pause_accepting(s);
	}
}

void connection_cloned(struct server *s, const struct template_message *m)
{
	struct connection *c = s->asked;

	s->asked = NULL;
	if (m->error) {
		cli_say("%s: no clone: %s", c->peer, strerror(-m->error));
		fail(s, c, "no clone: the template could make none");
		return;
	}
	c->answered = true;
	c->process = (struct source){-1, on_process, c};
	if (m->pid > 0) /* fails when it has ended already */
		c->process.fd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	if (c->process.fd >= 0 && source_add(s, &c->process))
		source_close(s, &c->process);
	end_if_over(s, c);
}

void connection_unanswered(struct server *s)
{
	struct connection *c = s->asked;

	s->asked = NULL;
	if (c)
		fail(s, c, "no clone: the template has ended");
}

/* -- all of them -- */

void connection_tick(struct server *s, uint64_t now_ns)
{
	struct connection *next;

	for (struct connection *c = s->connections; c; c = next) {
		next = c->next;
		if (c->ended && (now_ns >= c->linger_ns || s->phase >= SERVE_KILLING))
			forget(s, c);
	}
}

uint64_t connection_next_ns(const struct server *s)
{
	uint64_t next = 0;

	for (const struct connection *c = s->connections; c; c = c->next)
		if (c->ended && (!next || c->linger_ns < next))
			next = c->linger_ns;
	return next;
}

void connection_kill(struct server *s)
{
	for (struct connection *c = s->connections; c; c = c->next)
		if (c->process.fd >= 0)
			syscall(SYS_pidfd_send_signal, c->process.fd, SIGKILL, NULL, 0);
}

void connection_drop(struct server *s)
{
	s->asked = NULL;
	while (s->connections) {
		if (!s->connections->ended)
			tell(s, s->connections);
		forget(s, s->connections);
	}
}
