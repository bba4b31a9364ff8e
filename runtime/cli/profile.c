/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox profile: in a program of its own (runtime/profile), so that the launcher does not load
 * libelf. Which sandbox is meant is found out here.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"

struct profile_options {
	const char *frequency, *output, *format, *duration, *symbols;
	const char *which; /* "run", or a sandbox */
	char **words;	   /* after it; NULL-terminated */
};

enum { KEY_FOLDED = 0x100, KEY_SYMBOLS };

static const struct argp_option options[] = {
	{"frequency", 'F', "HZ", 0, "Samples per second of each CPU, 1 to 1000 (default: 99)", 0},
	{"output", 'o', "FILE", 0, "Where it goes (\"-\": stdout); default: profile.svg", 0},
	{"folded", KEY_FOLDED, 0, 0, "Write a line for each stack, as flamegraph.pl reads them", 0},
	{"json", 'j', 0, 0, "Write JSON", 0},
	{"duration", 'd', "SECONDS", 0, "Stop sampling after this time", 0},
	{"symbols", KEY_SYMBOLS, "DIR", 0,
		"Look in DIR for the program's files first, by their paths inside", 0},
	{0},
};

static error_t bad(const char *option, const char *arg, const char *wanted)
{
	cli_say("--%s %s: want %s", option, arg, wanted);
	return EINVAL;
}

static error_t parse_word(struct profile_options *o, char *arg, struct argp_state *state)
{
	o->which = arg;
	o->words = &state->argv[state->next];
	if (strcmp(arg, "run") && *o->words) {
		cli_say("profile: takes one sandbox, not also \"%s\"", *o->words);
		return EINVAL;
	}
	state->next = state->argc;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct profile_options *o = state->input;
	uint64_t ns;
	uint32_t n;

	switch (key) {
	case 'F':
		o->frequency = arg;
		return policy_parse_count(arg, &n) || n > SAMPLES_HZ_MAX
			       ? bad("frequency", arg, "a number from 1 to 1000")
			       : 0;
	case 'o':
		o->output = arg;
		return *arg ? 0 : bad("output", arg, "a file");
	case 'j':
		o->format = "json";
		return 0;
	case KEY_FOLDED:
		o->format = "folded";
		return 0;
	case 'd':
		o->duration = arg;
		return policy_parse_duration(arg, &ns) || !ns
			       ? bad("duration", arg, "a duration such as 10, 1.5s or 2m")
			       : 0;
	case KEY_SYMBOLS:
		o->symbols = arg;
		return *arg ? 0 : bad("symbols", arg, "a directory");
	case ARGP_KEY_ARG:
		return parse_word(o, arg, state);
	case ARGP_KEY_NO_ARGS:
		cli_say("profile: want run and a program, or the ID or NAME of a running sandbox "
			"(sandbox ps)");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, "run [OPTION...] PROGRAM [ARG...]\nID|NAME",
	"Sample what a program does and write a flame graph: one SVG file that a browser shows."
	"\v"
	"Examples:\n"
	"  sandbox profile run --rw . make\n"
	"  sandbox profile -F 499 -o out.svg run ./a.out\n"
	"  sandbox profile --duration 10 --folded -o - NAME\n"
	"\n"
	"What follows run is what sandbox run takes. Stacks are followed by frame pointers: code "
	"compiled with -fno-omit-frame-pointer has whole ones.",
	NULL, NULL, NULL};

static size_t count(char **words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

/* form: "run", and what: this program; or "id" and an id. */
static int start(const struct profile_options *o, const char *form, const char *what, char **words)
{
	const char *format = o->format ? o->format : "svg";
	char file[32];
	const char **args = calloc(count(words) + 10, sizeof *args);
	size_t n = 0;
	int code;

	if (!args) {
		cli_say("profile: %s", strerror(ENOMEM));
		return POLICY_FAILED;
	}
	snprintf(file, sizeof file, "profile.%s", format);
	args[n++] = "sandbox";
	args[n++] = o->frequency ? o->frequency : "99";
	args[n++] = format;
	args[n++] = o->output ? o->output : file;
	args[n++] = o->duration ? o->duration : "";
	args[n++] = o->symbols ? o->symbols : "";
	args[n++] = form;
	args[n++] = what;
	while (*words)
		args[n++] = *words++;
	code = cli_tool("sandbox-profile", "profile", (char **)args);
	free(args);
	return code;
}

static int run_new(const struct profile_options *o)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0) {
		cli_say("profile: /proc/self/exe: %s", strerror(errno));
		return POLICY_FAILED;
	}
	self[n] = 0;
	return start(o, "run", self, o->words);
}

static int attach(const struct profile_options *o)
{
	const struct observe_seen *s;
	struct observe_list l;
	char *none = NULL;
	bool several;
	int code = POLICY_FAILED;

	if (observed_look("profile", &l))
		return POLICY_FAILED;
	s = observe_find(&l, o->which, &several);
	if (s)
		code = start(o, "id", s->head.id, &none);
	else
		cli_say("profile: %s \"%s\"; `sandbox ps` lists them",
			several ? "several sandboxes are called" : "no running sandbox", o->which);
	observe_list_clear(&l);
	return code;
}

static int run(int argc, char **argv)
{
	struct profile_options o = {0};

	if (cli_parse(&cli_verb_profile, argc, argv, ARGP_IN_ORDER, &o))
		return POLICY_FAILED;
	return strcmp(o.which, "run") ? attach(&o) : run_new(&o);
}

const struct cli_verb cli_verb_profile = {
	"profile", "Flame graph of what a program does", "sandbox profile", &argp, run};
