/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox trace: in a program of its own (runtime/trace), so that the launcher does not load
 * libbpf. Which sandbox is meant is found out here.
 */
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"

struct trace_options {
	bool host, histogram;
	const char *which;
	char *json, *count, *duration;
};

enum { KEY_HOST = 0x100, KEY_HISTOGRAM };

static const struct argp_option options[] = {
	{"host", KEY_HOST, 0, 0, "Show what the launcher asks of the host's kernel", 0},
	{"histogram", KEY_HISTOGRAM, 0, 0,
		"Show how long exits, channel operations and waiting for a processor took", 0},
	{"json", 'j', 0, 0, "Write a JSON object for each call, one a line, or of all histograms",
		0},
	{"count", 'n', "N", 0, "Stop after N calls", 0},
	{"duration", 'd', "SECONDS", 0, "Stop after this time", 0},
	{0},
};

static error_t parse_end(const struct trace_options *o)
{
	if (!o->which)
		cli_say("trace: want the ID or NAME of a running sandbox (sandbox ps)");
	else if (!o->host && !o->histogram)
		cli_say("trace: want --host or --histogram; what the program asks is shown by "
			"sandbox run --trace");
	else if (o->histogram && o->count)
		cli_say("trace: --count is not for --histogram, --duration is");
	else
		return 0;
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static char yes[] = "json";
	struct trace_options *o = state->input;
	uint64_t ns;
	uint32_t n;

	switch (key) {
	case KEY_HOST:
		o->host = true;
		return 0;
	case KEY_HISTOGRAM:
		o->histogram = true;
		return 0;
	case 'j':
		o->json = yes;
		return 0;
	case 'n':
		o->count = arg;
		if (!policy_parse_count(arg, &n))
			return 0;
		cli_say("--count %s: want a number, at least 1", arg);
		return EINVAL;
	case 'd':
		o->duration = arg;
		if (!policy_parse_duration(arg, &ns) && ns)
			return 0;
		cli_say("--duration %s: want a duration such as 10, 1.5s or 2m", arg);
		return EINVAL;
	case ARGP_KEY_ARG:
		if (o->which) {
			cli_say("trace: takes one sandbox, not also \"%s\"", arg);
			return EINVAL;
		}
		o->which = arg;
		return 0;
	case ARGP_KEY_END:
		return parse_end(o);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, "--host ID|NAME\n--histogram ID|NAME",
	"Show the host's system calls of a running sandbox's launcher, each with the role of the "
	"thread "
	"that made it; or, when it ends or is stopped, how long things took."
	"\v"
	"This needs root and a kernel with BPF and BTF. Where they lack, the counts that the "
	"launcher "
	"itself keeps are shown instead, and a sentence says so.",
	NULL, NULL, NULL};

static int start(const struct trace_options *o, const struct observe_seen *s)
{
	char name[] = "sandbox", id[sizeof s->head.id], none[] = "";
	char calls[] = "calls", histogram[] = "histogram";
	char *args[] = {name, o->histogram ? histogram : calls, id, o->json ? o->json : none,
		o->count ? o->count : none, o->duration ? o->duration : none, NULL};

	memcpy(id, s->head.id, sizeof id);
	return cli_tool("sandbox-trace", "trace", args);
}

static int run(int argc, char **argv)
{
	struct trace_options o = {0};
	const struct observe_seen *s;
	struct observe_list l;
	bool several;
	int code = POLICY_FAILED;

	if (cli_parse(&cli_verb_trace, argc, argv, 0, &o) || observed_look("trace", &l))
		return POLICY_FAILED;
	s = observe_find(&l, o.which, &several);
	if (s)
		code = start(&o, s);
	else
		cli_say("trace: %s \"%s\"; `sandbox ps` lists them",
			several ? "several sandboxes are called" : "no running sandbox", o.which);
	observe_list_clear(&l);
	return code;
}

const struct cli_verb cli_verb_trace = {
	"trace", "Show a launcher's system calls", "sandbox trace", &argp, run};
