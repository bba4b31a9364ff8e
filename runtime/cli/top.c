/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox top: what the running sandboxes do, live.
 */
#include <locale.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/top.h"

#define DELAY_DEFAULT 1000000000ull
#define DELAY_MIN     50000000ull

static const struct argp_option options[] = {
	{"count", 'n', "N", 0, "Stop after N pictures", 0},
	{"delay", 'd', "SECONDS", 0, "Time between two (default: 1)", 0},
	{"json", 'j', 0, 0, "Write a JSON object for each picture, one a line", 0},
	{0},
};

static error_t parse_delay(struct top_options *o, const char *arg)
{
	int r = policy_parse_duration(arg, &o->delay_ns);

	if (!r && o->delay_ns >= DELAY_MIN)
		return 0;
	cli_say("--delay %s: want a duration such as 0.5 or 2s, at least 0.05", arg);
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct top_options *o = state->input;

	switch (key) {
	case 'n':
		if (!policy_parse_count(arg, &o->count))
			return 0;
		cli_say("--count %s: want a number, at least 1", arg);
		return EINVAL;
	case 'd':
		return parse_delay(o, arg);
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_say("top: takes no argument, not \"%s\"", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, NULL,
	"Show what the running sandboxes of this user do, for each second: CPU, memory, system "
	"calls, "
	"exits by reason, channel operations and how long they take, and what was denied."
	"\v"
	"Keys: q quits; c, m, e, o, d, a sort by CPU, memory, exits, channel operations, denials, "
	"age. When stdout is no terminal each picture is printed below the last.",
	NULL, NULL, NULL};

static int run(int argc, char **argv)
{
	struct top_options o = {.delay_ns = DELAY_DEFAULT};

	if (cli_parse(&cli_verb_top, argc, argv, 0, &o))
		return POLICY_FAILED;
	setlocale(LC_CTYPE, "");
	return top_screen(&o);
}

const struct cli_verb cli_verb_top = {
	"top", "Show live what sandboxes do", "sandbox top", &argp, run};
