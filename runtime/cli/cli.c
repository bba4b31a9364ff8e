/* SPDX-License-Identifier: Apache-2.0
 *
 * What every verb's file stands on, here and in sandbox-image.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/text.h"

/* Of the process, as stderr is: everything that says something reaches it. */
static int say_fd = STDERR_FILENO;

void cli_say_to(int fd)
{
	say_fd = fd;
}

int cli_said_to(void)
{
	return say_fd;
}

void cli_say(const char *fmt, ...)
{
	char raw[1024], clean[1024], line[1100];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	policy_clean_text(clean, sizeof clean, raw);
	n = snprintf(line, sizeof line, "sandbox: %s\n", clean);
	if (write(say_fd, line, (size_t)n) != n)
		return; /* nowhere left to say so */
}

int cli_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	cli_say("cannot write to standard output: %s", strerror(errno));
	return POLICY_FAILED;
}

/* The parser around a verb's own: answers --help, and keeps argp from adding its second line
 * ("Try …") to an error. */
struct outer {
	const struct cli_verb *verb;
	void *input;
};

static error_t parse_outer(int key, char *arg, struct argp_state *state)
{
	struct outer *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->err_stream = NULL;
		state->child_inputs[0] = o->input;
		return 0;
	case 'h':
		cli_verb_help_text(o->verb, stdout);
		exit(cli_flush());
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cli_parse(const struct cli_verb *v, int argc, char **argv, unsigned flags, void *input)
{
	static const struct argp_option help[] = {{"help", 'h', 0, 0, "Give this help", -1}, {0}};
	struct argp_child child[] = {{.argp = v->argp}, {0}};
	struct argp outer = {.options = help, .parser = parse_outer, .children = child};
	struct outer o = {v, input};

	return argp_parse(&outer, argc, argv, flags | ARGP_NO_HELP, NULL, &o);
}

void cli_verb_help_text(const struct cli_verb *v, FILE *out)
{
	char fmt[TEXT_ARGP_SIZE];

	text_for_argp(fmt);
	if (*fmt)
		setenv("ARGP_HELP_FMT", fmt, 0); /* the user's own has the last word */
	argp_help(v->argp, out,
		ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG | ARGP_HELP_POST_DOC,
		(char *)v->title);
}
