/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-faas: programs as functions, by HTTP; each call in a clone of its program.
 */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/examples/faas/http.h"
#include "sdk/examples/server/argument.h"
#include "sdk/examples/server/listen.h"

#define SECOND	      1000000000ull
#define MIB	      (1ull << 20)
#define FUNCTIONS_MAX 64

struct arguments {
	struct limits limits;
	unsigned calls;
	size_t body;
	struct listen_address at;
	char *functions[FUNCTIONS_MAX]; /* NAME=PROGRAM */
	size_t nfunctions;
};

enum {
	KEY_WALL = 0x100,
	KEY_MEMORY,
	KEY_PROCESSES,
	KEY_OUTPUT,
	KEY_BODY,
	KEY_START,
	KEY_WARM,
	KEY_SANDBOX
};

static const struct argp_option options[] = {
	{"listen", 'l', "ADDRESS:PORT", 0, "Where (default: 127.0.0.1:8080; port 0: any)", 0},
	{"calls", 'c', "N", 0, "Calls at one time (default: twice the processors)", 0},
	{"wall", KEY_WALL, "SECONDS", 0, "Time of a call (default: 10)", 0},
	{"memory", KEY_MEMORY, "MIB", 0, "Memory of a call (default: 256)", 0},
	{"processes", KEY_PROCESSES, "N", 0, "Its processes and threads (default: 16)", 0},
	{"output", KEY_OUTPUT, "KIB", 0, "What it may write (default: 1024)", 0},
	{"body", KEY_BODY, "KIB", 0, "What it may be sent (default: 1024)", 0},
	{"start", KEY_START, "SECONDS", 0, "For a program to get ready (default: 30)", 0},
	{"warm", KEY_WARM, "N", 0, "Clones of each program made in advance (default: none)", 0},
	{"sandbox", KEY_SANDBOX, "FILE", 0, "The executable (default: beside the library)", 0},
	{0},
};

static void add_function(struct argp_state *state, struct arguments *a, char *arg)
{
	const char *equals = strchr(arg, '=');

	if (!equals || equals == arg || !equals[1] || memchr(arg, '/', (size_t)(equals - arg)))
		argp_error(state, "%s: want NAME=PROGRAM", arg);
	if (a->nfunctions == FUNCTIONS_MAX)
		argp_error(state, "%d functions at most", FUNCTIONS_MAX);
	a->functions[a->nfunctions++] = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'l':
		listen_parse(&a->at, state, arg);
		return 0;
	case 'c':
		a->calls = (unsigned)argument_number(state, arg, 256);
		return 0;
	case KEY_WALL:
		a->limits.wall_ns = argument_number(state, arg, 3600) * SECOND;
		return 0;
	case KEY_MEMORY:
		a->limits.memory = argument_number(state, arg, 1 << 20) * MIB;
		return 0;
	case KEY_PROCESSES:
		a->limits.processes = (uint32_t)argument_number(state, arg, 4096);
		return 0;
	case KEY_OUTPUT:
		a->limits.output = argument_number(state, arg, 1 << 20) * 1024;
		return 0;
	case KEY_BODY:
		a->body = argument_number(state, arg, 1 << 20) * 1024;
		return 0;
	case KEY_START:
		a->limits.start_ms = (int)argument_number(state, arg, 3600) * 1000;
		return 0;
	case KEY_WARM:
		a->limits.warm = (unsigned)argument_number(state, arg, 1024);
		return 0;
	case KEY_SANDBOX:
		a->limits.executable = arg;
		return 0;
	case ARGP_KEY_ARG:
		add_function(state, a, arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "want a NAME=PROGRAM at least");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, "NAME=PROGRAM...",
	"Programs of strangers as functions, by HTTP: POST /NAME runs PROGRAM with the body as its "
	"stdin, and answers with its stdout."
	"\v"
	"Each program is started once, and stops where it first reads its stdin; a call goes on "
	"from there in a sandbox of its own. 504: it took too long; 500: it failed. Their stderr "
	"goes to that of the server. SIGTERM ends it when what runs is done, a second one at once.",
	NULL, NULL, NULL};

static void defaults(struct arguments *a)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*a = (struct arguments){
		.limits = {.wall_ns = 10 * SECOND,
			.memory = 256 * MIB,
			.output = MIB,
			.processes = 16,
			.start_ms = 30000},
		.calls = cpus > 0 && cpus <= 128 ? 2 * (unsigned)cpus : 2,
		.body = MIB,
		.at = {"127.0.0.1", "8080"},
	};
}

static bool start_one(struct function *f, char *arg, const struct limits *limits)
{
	char *equals = strchr(arg, '='), sentence[1024], path[PATH_MAX], *program;
	bool ok = realpath(equals + 1, path);

	*equals = 0;
	if (!ok)
		snprintf(sentence, sizeof sentence, "%s: %s", equals + 1, strerror(errno));
	program = ok ? strdup(path) : NULL;
	ok = program && function_start(f, arg, program, limits, sentence, sizeof sentence);
	if (ok)
		return true;
	free(program);
	fprintf(stderr, "sandbox-faas: %s: %s\n", arg, sentence);
	return false;
}

static void stop_functions(struct function *list, size_t n)
{
	while (n--) {
		function_stop(&list[n]);
		free((void *)list[n].program);
	}
}

/* Until a signal; the exit code. */
static int serve(const struct arguments *a, struct function *list, const sigset_t *end)
{
	const struct http_options o = {list, a->nfunctions, a->calls, a->body};
	int fd = listen_at("sandbox-faas", &a->at), signo;
	struct http *http;

	if (fd < 0)
		return 1;
	http = http_start(&o, fd);
	if (!http) {
		fprintf(stderr, "sandbox-faas: cannot start the server: %s\n", strerror(errno));
		close(fd);
		return 1;
	}
	listen_say_where(fd);
	sigwait(end, &signo);
	pthread_sigmask(SIG_UNBLOCK, end, NULL); /* the second one is not waited for */
	http_stop(http);
	return 0;
}

int main(int argc, char **argv)
{
	static struct function list[FUNCTIONS_MAX];
	struct arguments a;
	sigset_t end;
	size_t n = 0;
	int code = 1;

	defaults(&a);
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	pthread_sigmask(SIG_BLOCK, &end, NULL); /* in all threads: main takes it */
	signal(SIGPIPE, SIG_IGN);		/* clients that go away */
	while (n < a.nfunctions && start_one(&list[n], a.functions[n], &a.limits))
		n++;
	if (n == a.nfunctions)
		code = serve(&a, list, &end);
	stop_functions(list, n);
	return code;
}
