/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox snapshot: a program up to where it asks for its standard input, in a file.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/snapshot_run.h"
#include "runtime/cli/whole.h"

struct snapshot_options {
	struct run_options run;
	const char *output;
};

enum { KEY_TIMEOUT = 0x200, KEY_COMPRESS };

static const struct argp_option options[] = {
	{0, 0, 0, 0, "The snapshot:", 1},
	{"output", 'o', "FILE", 0, "Where it is written; only you can read it", 0},
	{"compress", KEY_COMPRESS, 0, 0,
		"Smaller, by zstd; restored slower, and with memory of its own", 0},
	{"timeout", KEY_TIMEOUT, "DURATION", 0,
		"How long sandbox restore lets it go on: 10, 1.5s, 2m", 0},
	{"quiet", 'q', 0, 0, "Only errors", 0},
	{"verbose", 'v', 0, 0, "Also what was denied and what the jail lacks", 0},
	{0},
};

static const char doc[] =
	"Start a program, let it run up to where it first asks for its standard input, and write "
	"all of it to FILE. sandbox restore goes on from there, as often as you like."
	"\v"
	"Examples:\n"
	"  sandbox snapshot -o app.snap python3 app.py\n"
	"  sandbox snapshot -o app.snap --mem 256M --ro ./model python3 serve.py\n"
	"  sandbox restore app.snap <request >answer\n"
	"\n"
	"The snapshot goes with this build of sandbox and this kind of CPU. Whoever can read it "
	"can "
	"read the program's memory. The exit code is 0, or 125 when there is no snapshot.";

static error_t parse_end(const struct snapshot_options *o)
{
	if (!o->output) {
		cli_say("snapshot: want -o FILE");
		return EINVAL;
	}
	if (o->run.request.program || o->run.image)
		return 0;
	cli_say("no program given: sandbox snapshot -o FILE [OPTION...] PROGRAM [ARG...]");
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct snapshot_options *o = state->input;
	struct policy_request *q = &o->run.request;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->run;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case KEY_COMPRESS:
		o->run.snapshot_packed = true;
		return 0;
	case KEY_TIMEOUT:
		if (!policy_parse_duration(arg, &q->timeout_ns) && q->timeout_ns)
			return 0;
		cli_say("--timeout %s: want a duration such as 10, 1.5s or 2m", arg);
		return EINVAL;
	case 'q':
		o->run.quiet = true;
		return 0;
	case 'v':
		o->run.verbose = true;
		return 0;
	case ARGP_KEY_ARG: /* the program; what follows is its own */
		q->program = arg;
		q->argv = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		return parse_end(o);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp shared = {
	run_shared_options, run_shared_parse, NULL, NULL, NULL, NULL, NULL};
static const struct argp_child children[] = {{&shared, 0, "", 2}, {0}};
static const struct argp argp = {options, parse,
	"-o FILE PROGRAM [ARG...]\n-o FILE --image NAME [ARG...]", doc, children, NULL, NULL};

static int make(struct snapshot_options *o)
{
	struct whole file;
	int r = whole_open(&file, AT_FDCWD, o->output, S_IRUSR | S_IWUSR), code;

	if (r) {
		cli_say("%s: %s", o->output, strerror(-r));
		return POLICY_FAILED;
	}
	code = snapshot_run(&o->run, file.fd);
	if (code) {
		whole_abort(&file);
		return code;
	}
	r = whole_end(&file);
	if (r)
		cli_say("%s: %s", o->output, strerror(-r));
	return r ? POLICY_FAILED : 0;
}

static int run(int argc, char **argv)
{
	struct snapshot_options o = {.output = NULL};
	int code = POLICY_FAILED;

	run_options_init(&o.run);
	if (!cli_parse(&cli_verb_snapshot, argc, argv, ARGP_IN_ORDER, &o))
		code = make(&o);
	run_options_clear(&o.run);
	return code;
}

const struct cli_verb cli_verb_snapshot = {
	"snapshot", "Run a program until it is ready, into a file", "sandbox snapshot", &argp, run};
