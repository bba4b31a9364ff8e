/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox serve`: the option table, its help, and the words for `sandbox run`.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/serve_options.h"

#define CONNECTIONS_DEFAULT 64
#define GRACE_DEFAULT_NS    5000000000ull

enum {
	KEY_MAX = 0x200,
	KEY_ACCEPT,
	KEY_ACCEPT_WITHIN,
	KEY_PROXY,
	KEY_GRACE,
	KEY_TIMEOUT,
	KEY_LOG,
	KEY_JSON,
	KEY_TEMPLATE_PROGRAM,
	KEY_REFUSED, /* and up: as many as there are reasons */
};

static const struct argp_option options[] = {
	{0, 0, 0, 0, "Serving:", 1},
	{"listen", 'l', "ADDR:PORT", 0,
		"Where: 127.0.0.1:8080, [::1]:8080, :8080 (every address), unix:/path; port 0: a "
		"free one",
		0},
	{"accept", KEY_ACCEPT, "PORT|unix:PATH", OPTION_ARG_OPTIONAL,
		"PROGRAM is a server: clone it where it first accepts a connection; on which port "
		"or path, where it has several",
		0},
	{"accept-within", KEY_ACCEPT_WITHIN, "DURATION", 0,
		"How long it may take until it accepts (default: 30 s; 0: no limit)", 0},
	{"proxy-protocol", KEY_PROXY, "v1|v2", OPTION_ARG_OPTIONAL,
		"Begin each connection with a header of this protocol that says where the client "
		"is (default: v1)",
		0},
	{"max-connections", KEY_MAX, "N", 0, "At the same time; more wait (default: 64)", 0},
	{"timeout", KEY_TIMEOUT, "DURATION", 0, "End a connection after 10, 1.5s, 2m", 0},
	{"grace", KEY_GRACE, "SECONDS", 0,
		"How long connections may go on after SIGTERM or SIGINT (default: 5)", 0},
	{"log", KEY_LOG, 0, 0, "A line on stderr for each connection", 0},
	{"json", KEY_JSON, "FILE", 0,
		"A line of JSON for each connection, at the end of FILE (\"-\": stdout)", 0},
	{"quiet", 'q', 0, 0, "Only errors", 0},
	{"verbose", 'v', 0, 0, "--log, and what was denied and what the jail lacks", 0},
	{"template-program", KEY_TEMPLATE_PROGRAM, "FILE", OPTION_HIDDEN, 0, 0},
	/* of sandbox run, and not here */
	{"upper", KEY_REFUSED, "DIR", OPTION_HIDDEN, 0, 0},
	{"until-fd", KEY_REFUSED + 1, "N", OPTION_HIDDEN, 0, 0},
	{"messages-fd", KEY_REFUSED + 2, "N", OPTION_HIDDEN, 0, 0},
	{"template-fd", KEY_REFUSED + 3, "N", OPTION_HIDDEN, 0, 0},
	{"stats", KEY_REFUSED + 4, 0, OPTION_HIDDEN, 0, 0},
	{"json-fd", KEY_REFUSED + 5, "N", OPTION_HIDDEN, 0, 0},
	{"trace", KEY_REFUSED + 6, "NAMES", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, 0, 0},
	{"trace-file", KEY_REFUSED + 7, "FILE", OPTION_HIDDEN, 0, 0},
	{"host", KEY_REFUSED + 8, 0, OPTION_HIDDEN, 0, 0},
	{"snapshot-fd", KEY_REFUSED + 9, "N", OPTION_HIDDEN, 0, 0},
	{0},
};

static const struct {
	const char *option, *why;
} refused[] = {
	{"upper", "connections would write one directory at the same time"},
	{"until-fd", "a signal ends it"},
	{"messages-fd", "messages go to stderr"},
	{"template-fd", "it has a template of its own"},
	{"stats", "--json tells of each connection"},
	{"json-fd", "--json tells of each connection"},
	{"trace", "sandbox run --trace shows the calls of one run"},
	{"trace-file", "sandbox run --trace shows the calls of one run"},
	{"host", "sandbox run --trace shows the calls of one run"},
	{"snapshot-fd", "sandbox snapshot makes one"},
};

static const char doc[] =
	"Start a program once, up to where it first asks for its standard input, and give each "
	"connection a clone of it: its standard input and output are the connection. With --accept "
	"the program is a server that accepts connections by itself, and each clone gets one."
	"\v"
	"Examples:\n"
	"  sandbox serve --listen 127.0.0.1:8080 -- ./answer\n"
	"  sandbox serve --listen unix:/run/eval.sock --timeout 2s -- python3 eval.py\n"
	"  sandbox serve --listen :8080 --accept -- python3 -m http.server 8000\n"
	"  sandbox serve --listen :7000 --mem 256M --image app --max-connections 200\n"
	"\n"
	"SIGTERM or SIGINT end it, with exit code 0; 125 when the program ends before it asks for "
	"its standard input or accepts, 126 and 127 as sandbox run.";

static error_t bad(const char *option, const char *arg, const char *wanted)
{
	cli_say("--%s %s: want %s", option, arg, wanted);
	return EINVAL;
}

/* -- the words -- */

static error_t add(struct serve_options *o, char *word)
{
	char **words = reallocarray(o->words, o->nwords + 2, sizeof *words);

	if (words)
		o->words = words;
	if (!words || !word) {
		free(word);
		cli_say("serve: %s", strerror(ENOMEM));
		return ENOMEM;
	}
	words[o->nwords++] = word;
	words[o->nwords] = NULL;
	return 0;
}

static error_t add_option(struct serve_options *o, const char *name, const char *arg)
{
	char *word = NULL;

	if (asprintf(&word, "--%s%s%s", name, arg ? "=" : "", arg ? arg : "") < 0)
		word = NULL;
	return add(o, word);
}

static error_t add_program(struct serve_options *o, char **argv)
{
	error_t r = add(o, strdup("--"));

	while (!r && *argv)
		r = add(o, strdup(*argv++));
	return r;
}

/* One of those that `sandbox run` has too: it says here already what is wrong with it, and is
 * given to the template as it is. */
static error_t parse_shared(int key, char *arg, struct argp_state *state)
{
	struct serve_options *o = state->input;
	struct argp_state inner = *state;
	error_t r;

	inner.input = &o->run;
	r = run_shared_parse(key, arg, &inner);
	for (const struct argp_option *a = run_shared_options; !r && (a->name || a->doc); a++)
		if (a->name && a->key == key)
			r = add_option(o, a->name, arg);
	return r;
}

/* -- its own -- */

static error_t parse_listen(struct serve_options *o, const char *arg)
{
	bool ok = !strncmp(arg, "unix:", 5)
			  ? address_unix(&o->address, arg)
			  : address_numeric(&o->address, arg) || address_any(&o->address, arg);

	o->listen = arg;
	return ok ? 0
		  : bad("listen", arg,
			    "ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080, :PORT, or unix: and "
			    "a path of at most 107 bytes");
}

static error_t parse_durations(struct serve_options *o, int key, const char *arg)
{
	if (key == KEY_GRACE)
		return policy_parse_duration(arg, &o->grace_ns)
			       ? bad("grace", arg, "a duration such as 10, 1.5s or 0")
			       : 0;
	return policy_parse_duration(arg, &o->timeout_ns) || !o->timeout_ns
		       ? bad("timeout", arg, "a duration such as 10, 1.5s or 2m")
		       : 0;
}

static error_t parse_reports(struct serve_options *o, int key, const char *arg)
{
	switch (key) {
	case KEY_LOG:
		o->log = true;
		return 0;
	case KEY_JSON:
		o->json_file = arg;
		return *arg ? 0 : bad("json", arg, "a file");
	case 'q':
		o->quiet = true;
		return add_option(o, "quiet", NULL);
	case 'v':
		o->log = true;
		return add_option(o, "verbose", NULL);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Given to the template as they are. */
static error_t parse_accept(struct serve_options *o, int key, const char *arg)
{
	error_t r;

	if (key == KEY_ACCEPT) {
		r = accept_parse(&o->run.accept, arg);
		return r ? r : add_option(o, "accept", arg);
	}
	if (key == KEY_PROXY) {
		r = accept_parse_proxy(&o->run.accept, arg);
		return r ? r : add_option(o, "proxy-protocol", arg);
	}
	r = accept_parse_within(&o->run.accept, arg);
	return r ? r : add_option(o, "accept-within", arg);
}

static error_t parse_refused(int key)
{
	size_t n = (size_t)(key - KEY_REFUSED);

	if (key < KEY_REFUSED || n >= sizeof refused / sizeof *refused)
		return ARGP_ERR_UNKNOWN;
	cli_say("--%s: not with serve: %s", refused[n].option, refused[n].why);
	return EINVAL;
}

static error_t parse_end(struct serve_options *o)
{
	if (!o->listen) {
		cli_say("serve: want --listen ADDR:PORT");
		return EINVAL;
	}
	if (o->title)
		return 0;
	if (!o->run.image) {
		cli_say("no program given: sandbox serve --listen ADDR:PORT [OPTION...] PROGRAM "
			"[ARG...]");
		return EINVAL;
	}
	o->title = o->run.image;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct serve_options *o = state->input;
	error_t r;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case 'l':
		return parse_listen(o, arg);
	case KEY_MAX:
		return policy_parse_count(arg, &o->connections_max)
			       ? bad("max-connections", arg, "a number, at least 1")
			       : 0;
	case KEY_TIMEOUT:
	case KEY_GRACE:
		return parse_durations(o, key, arg);
	case KEY_ACCEPT:
	case KEY_ACCEPT_WITHIN:
	case KEY_PROXY:
		return parse_accept(o, key, arg);
	case KEY_TEMPLATE_PROGRAM:
		o->template_program = arg;
		return 0;
	case ARGP_KEY_ARG: /* the program; what follows is its own */
		o->title = arg;
		r = add_program(o, &state->argv[state->next - 1]);
		state->next = state->argc;
		return r;
	case ARGP_KEY_END:
		return parse_end(o);
	}
	r = parse_reports(o, key, arg);
	return r == ARGP_ERR_UNKNOWN ? parse_refused(key) : r;
}

static const struct argp shared = {run_shared_options, parse_shared, NULL, NULL, NULL, NULL, NULL};
static const struct argp_child children[] = {{&shared, 0, "", 2}, {0}};
const struct argp serve_argp = {options, parse,
	"--listen ADDR:PORT PROGRAM [ARG...]\n--listen ADDR:PORT --image NAME [ARG...]", doc,
	children, NULL, NULL};

int serve_options_parse(struct serve_options *o, int argc, char **argv)
{
	*o = (struct serve_options){
		.connections_max = CONNECTIONS_DEFAULT, .grace_ns = GRACE_DEFAULT_NS};
	return cli_parse(&cli_verb_serve, argc, argv, ARGP_IN_ORDER, o);
}

void serve_options_clear(struct serve_options *o)
{
	for (size_t i = 0; i < o->nwords; i++)
		free(o->words[i]);
	free(o->words);
	run_options_clear(&o->run);
}
