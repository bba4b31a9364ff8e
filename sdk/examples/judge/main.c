/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-judge: submitted C programs, compiled and run in sandboxes, by HTTP.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/examples/judge/connections.h"
#include "sdk/examples/judge/http.h"
#include "sdk/examples/server/argument.h"
#include "sdk/examples/server/listen.h"

#define SECOND 1000000000ull
#define MIB    (1ull << 20)

struct arguments {
	struct http_options http;
	struct listen_address at;
};

enum { KEY_QUEUE = 0x100, KEY_CPU, KEY_WALL, KEY_MEMORY, KEY_PROCESSES, KEY_OUTPUT, KEY_SANDBOX };

static const struct argp_option options[] = {
	{"listen", 'l', "ADDRESS:PORT", 0, "Where (default: 127.0.0.1:8080; port 0: any)", 0},
	{"workers", 'w', "N", 0, "Submissions at one time (default: as many as processors)", 0},
	{"queue", KEY_QUEUE, "N", 0, "Submissions that may wait; others get 503 (default: 64)", 0},
	{"cpu", KEY_CPU, "SECONDS", 0, "CPU time of a program (default: 2)", 0},
	{"wall", KEY_WALL, "SECONDS", 0, "Time of a program (default: 10)", 0},
	{"memory", KEY_MEMORY, "MIB", 0, "Memory of a program (default: 128)", 0},
	{"processes", KEY_PROCESSES, "N", 0, "Its processes and threads (default: 16)", 0},
	{"output", KEY_OUTPUT, "KIB", 0, "What it may write (default: 256)", 0},
	{"sandbox", KEY_SANDBOX, "FILE", 0, "The executable (default: beside the library)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	struct limits *run = &a->http.settings.run;

	switch (key) {
	case 'l':
		listen_parse(&a->at, state, arg);
		return 0;
	case 'w':
		a->http.workers = (unsigned)argument_number(state, arg, 256);
		return 0;
	case KEY_QUEUE:
		a->http.queue = (unsigned)argument_number(state, arg, 10000);
		return 0;
	case KEY_CPU:
		run->cpu_ns = argument_number(state, arg, 3600) * SECOND;
		return 0;
	case KEY_WALL:
		run->wall_ns = argument_number(state, arg, 3600) * SECOND;
		return 0;
	case KEY_MEMORY:
		run->memory = argument_number(state, arg, 1 << 20) * MIB;
		return 0;
	case KEY_PROCESSES:
		run->processes = (uint32_t)argument_number(state, arg, 4096);
		return 0;
	case KEY_OUTPUT:
		run->output = argument_number(state, arg, 1 << 20) * 1024;
		return 0;
	case KEY_SANDBOX:
		a->http.settings.executable = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: takes options only", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, NULL,
	"Compiles and runs C programs that strangers send by HTTP, each in sandboxes of its own."
	"\v"
	"The page is at /. POST /run takes {\"source\": TEXT, \"stdin\": TEXT, \"expected\": TEXT} "
	"as "
	"application/json, the last two if wanted. SIGTERM ends it when what runs is done, a "
	"second one "
	"at once.",
	NULL, NULL, NULL};

static void defaults(struct arguments *a)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*a = (struct arguments){
		.http = {.settings = {.compile = {.cpu_ns = 20 * SECOND,
					      .wall_ns = 60 * SECOND,
					      .memory = 512 * MIB,
					      .processes = 32,
					      .output = MIB},
				 .run = {.cpu_ns = 2 * SECOND,
					 .wall_ns = 10 * SECOND,
					 .memory = 128 * MIB,
					 .processes = 16,
					 .output = 256 << 10}},
			.workers = cpus > 0 ? (unsigned)cpus : 1,
			.queue = 64},
		.at = {"127.0.0.1", "8080"},
	};
}

/* Says so if there are too few. */
static bool make_room(struct http_options *o)
{
	o->connections = connections_room(o->workers, o->queue);
	if (o->connections >= o->workers + o->queue)
		return true;
	fprintf(stderr,
		"sandbox-judge: the limit of open files leaves %u connections, and %u workers "
		"and a line of %u need %u: raise it (ulimit -Hn), or lower --workers or --queue\n",
		o->connections, o->workers, o->queue, o->workers + o->queue);
	return false;
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct http *http;
	sigset_t end;
	int fd, signo;

	defaults(&a);
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	pthread_sigmask(SIG_BLOCK, &end, NULL); /* in all threads: main takes it */
	signal(SIGPIPE, SIG_IGN);		/* clients that go away */
	json_object_seed(0);
	if (!make_room(&a.http))
		return 1;
	fd = listen_at("sandbox-judge", &a.at);
	if (fd < 0)
		return 1;
	http = http_start(&a.http, fd);
	if (!http) {
		fprintf(stderr, "sandbox-judge: cannot start the server: %s\n", strerror(errno));
		close(fd);
		return 1;
	}
	listen_say_where(fd);
	sigwait(&end, &signo);
	pthread_sigmask(SIG_UNBLOCK, &end, NULL); /* the second one is not waited for */
	http_stop(http);
	return 0;
}
