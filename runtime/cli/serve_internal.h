/* SPDX-License-Identifier: Apache-2.0
 *
 * The server: one thread, one epoll. Whoever may be slow or hostile (clients, and clones, whose
 * programs are) is never waited for; the template and stderr are trusted not to block for long.
 */
#ifndef SERVE_INTERNAL_H
#define SERVE_INTERNAL_H

#include <sys/epoll.h>

#include "runtime/cli/serve.h"
#include "runtime/cli/serve_record.h"
#include "runtime/cli/template_client.h"

#define SERVE_GREETING_MAX 8192u      /* fits into the buffer of a new socket */
#define SERVE_REPORT_MAX   (1u << 20) /* of longer ones nothing is kept */

struct server;

/* A descriptor that is waited for. ready: may end the connection that it belongs to. */
struct source {
	int fd; /* -1: closed */
	void (*ready)(struct server *s, void *of);
	void *of;
};

/* Text that comes in pieces, up to SERVE_REPORT_MAX. */
struct gather {
	struct source source; /* fd: -1 when all has come */
	char *text;
	size_t size;
	bool cut;
};

enum serve_phase {
	SERVE_WARMING, /* the template is not READY */
	SERVE_SERVING,
	SERVE_DRAINING, /* nothing is accepted; connections go on until deadline_ns */
	SERVE_KILLING,	/* clones were told to end; until deadline_ns */
	SERVE_KILLED,	/* once more, with SIGKILL */
	SERVE_OVER,
};

struct connection {
	struct connection *next;
	struct source socket; /* waited for only when the clone has ended */
	struct source process;
	struct gather report;
	bool answered; /* CLONED has come */
	bool ended;    /* and was told; only the socket is left */
	const char *error;
	unsigned long long number;
	uint64_t began_ns, linger_ns; /* CLOCK_MONOTONIC; linger_ns: when the socket is closed */
	struct timespec began;
	char peer[ADDRESS_TEXT_SIZE];
};

struct server {
	const struct serve_options *options;
	struct serve_log log;
	enum serve_phase phase;
	int code;			/* the exit code */
	uint64_t deadline_ns, retry_ns; /* 0: none */
	int epoll;
	sigset_t outer; /* signals that were blocked before */

	struct template_client template;
	bool has_template, template_closed;
	struct source from_template, signals, listener, program, relay;
	struct gather report;		       /* the template's own */
	int program_end, relay_end;	       /* the template's ends of those; -1 */
	int clone_err;			       /* stderr of clones */
	int until[2];			       /* clones end when the other end is closed */
	char greeting[SERVE_GREETING_MAX + 1]; /* what the program wrote before it was ready */
	size_t greeting_size;

	bool accepting, paused;			/* paused: it was said that accepting waits */
	struct connection *connections, *asked; /* asked: CLONE was sent for it */
	unsigned nconnections;
	unsigned long long naccepted;
	int spare[2]; /* the next report's pipe; -1 */
};

/* -- sources -- */

uint64_t serve_now_ns(void); /* CLOCK_MONOTONIC */
/* Waits for it from now on. 0 or -errno. */
int source_add(struct server *s, struct source *source);
/* Also closes it. */
void source_close(struct server *s, struct source *source);
int gather_add(struct server *s, struct gather *g, int fd, void (*ready)(struct server *, void *),
	void *of);
/* What has come. True: all. */
bool gather_more(struct server *s, struct gather *g);
void gather_clear(struct server *s, struct gather *g);

/* -- a template that has ended: status as template_end gives it -- */

/* What it has done when it is ready. */
const char *serve_ready_name(const struct server *s);
void serve_say_end(const struct server *s, int status, const char *when);
/* Before it was ready: says why, and what the exit code is. */
int serve_early_code(const struct server *s, int status);

/* -- connections -- */

/* For the listener's source. */
void connection_accept(struct server *s, void *of);
/* The answer to the CLONE that was sent last. */
void connection_cloned(struct server *s, const struct template_message *m);
/* There will be no answer. */
void connection_unanswered(struct server *s);
/* Ends those whose time has come. */
void connection_tick(struct server *s, uint64_t now_ns);
void connection_kill(struct server *s);
/* When the next of them has to be looked at; 0: never. */
uint64_t connection_next_ns(const struct server *s);
/* Of all: without waiting for anything. */
void connection_drop(struct server *s);

#endif
