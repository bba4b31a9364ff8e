/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox restore: a run that goes on from a snapshot.
 */
#include <fcntl.h>
#include <unistd.h>

#include "runtime/cli/run_go.h"

enum { KEY_TIMEOUT = 0x100, KEY_STATS, KEY_JSON, KEY_NAME };

static const struct argp_option options[] = {
	{"timeout", KEY_TIMEOUT, "DURATION", 0,
		"Kill it after 10, 1.5s, 2m; exit code 124 (default: as sandbox snapshot was told)",
		0},
	{"name", KEY_NAME, "NAME", 0, "What sandbox ps and its like call it", 0},
	{"stats", KEY_STATS, 0, 0, "Show counts and times at the end", 0},
	{"json", KEY_JSON, "FILE", 0, "Write a report in JSON to FILE (\"-\": stdout)", 0},
	{"quiet", 'q', 0, 0, "Only errors", 0},
	{"verbose", 'v', 0, 0, "Also what was denied and what the jail lacks", 0},
	{0},
};

static const char doc[] =
	"Go on from a snapshot that sandbox snapshot made, with a standard input, output and error "
	"of its own. What was granted then is granted again, at the same paths; what the program "
	"had open must be there unchanged."
	"\v"
	"Examples:\n"
	"  echo '{\"n\": 3}' | sandbox restore app.snap\n"
	"  sandbox restore --timeout 2s --json report.json app.snap <input >output\n"
	"\n"
	"The exit code is the program's own, as with sandbox run; 125 when the snapshot is "
	"damaged, "
	"was made by another build or on another kind of CPU, or cannot go on here.";

static error_t parse_value(struct run_options *o, int key, char *arg)
{
	switch (key) {
	case KEY_TIMEOUT:
		if (!policy_parse_duration(arg, &o->request.timeout_ns) && o->request.timeout_ns)
			return 0;
		cli_say("--timeout %s: want a duration such as 10, 1.5s or 2m", arg);
		return EINVAL;
	case KEY_NAME:
		o->name = arg;
		if (policy_hostname_valid(arg))
			return 0;
		cli_say("--name %s: want letters, digits, '-' and '.', at most 64", arg);
		return EINVAL;
	case KEY_JSON:
		o->json_file = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case KEY_STATS:
		o->stats = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->name_of_file) {
			cli_say("restore: takes one snapshot, not also \"%s\"", arg);
			return EINVAL;
		}
		o->name_of_file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		cli_say("no snapshot given: sandbox restore [OPTION...] FILE");
		return EINVAL;
	default:
		return parse_value(o, key, arg);
	}
}

static const struct argp_child children[] = {{.argp = &run_caller_argp}, {0}};
static const struct argp argp = {options, parse, "FILE", doc, children, NULL, NULL};

/* The program has three streams; what is closed here is one that has nothing. */
static void fill_streams(void)
{
	for (int fd = 0; fd < 3; fd++) {
		int flags = fcntl(fd, F_GETFL), null;

		if (flags >= 0 && !(flags & O_PATH))
			continue;
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			continue;
		dup2(null, fd);
		if (null != fd)
			close(null);
	}
}

static int run(int argc, char **argv)
{
	struct run_options o;
	int code = POLICY_FAILED;

	run_options_init(&o);
	if (!cli_parse(&cli_verb_restore, argc, argv, 0, &o)) {
		fill_streams();
		code = run_go(&o);
	}
	run_options_clear(&o);
	return code;
}

const struct cli_verb cli_verb_restore = {
	"restore", "Go on from a snapshot", "sandbox restore", &argp, run};
