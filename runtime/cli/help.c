/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox help [COMMAND]
 */
#include "runtime/cli/cli.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **verb = state->input;

	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	if (*verb) {
		cli_say("help: takes one command, not also \"%s\"", arg);
		return EINVAL;
	}
	*verb = arg;
	return 0;
}

static const struct argp argp = {NULL, parse, "[COMMAND]",
	"Show what a command does and its options; without COMMAND, list them.", NULL, NULL, NULL};

void cli_overview(FILE *out)
{
	fputs("Usage: sandbox COMMAND [OPTION...] [ARG...]\n"
	      "Runs one unmodified Linux program in a micro-VM of its own.\n\n"
	      "Commands:\n",
		out);
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		fprintf(out, "  %-12s %s\n", (*v)->name, (*v)->summary);
	fputs("\n"
	      "Examples:\n"
	      "  sandbox run ./a.out           run a program that cannot change anything here\n"
	      "  sandbox run --rw . make       let it write to the current directory\n"
	      "  sandbox doctor                what this machine can do\n\n"
	      "`sandbox COMMAND --help` says more of each.\n",
		out);
}

static int run(int argc, char **argv)
{
	const char *name = NULL;
	const struct cli_verb *v;

	if (cli_parse(&cli_verb_help, argc, argv, 0, &name))
		return POLICY_FAILED;
	if (!name) {
		cli_overview(stdout);
		return cli_flush();
	}
	v = cli_verb_find(name);
	if (!v) {
		cli_say("no command \"%s\"; `sandbox --help` lists them", name);
		return POLICY_FAILED;
	}
	cli_verb_help_text(v, stdout);
	return cli_flush();
}

const struct cli_verb cli_verb_help = {"help", "Explain a command", "sandbox help", &argp, run};
