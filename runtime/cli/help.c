/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox help [COMMAND]
 */
#include "runtime/cli/cli.h"
#include "runtime/cli/text.h"

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

static const struct {
	const char *command, *what;
} examples[] = {
	{"sandbox run ./a.out", "run a program that cannot change anything here"},
	{"sandbox run --rw . make", "let it write to the current directory"},
	{"sandbox doctor", "what this machine can do"},
};

static void row(const char *left, unsigned width, const char *right)
{
	char head[64];
	int n = snprintf(head, sizeof head, "  %s", left);

	text_row(head, width, (unsigned)n, right);
}

void cli_overview(void)
{
	text_row("", 0, 0, "Usage: sandbox COMMAND [OPTION...] [ARG...]");
	text_row("", 0, 0, "Runs one unmodified Linux program in a micro-VM of its own.");
	puts("\nCommands:");
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		row((*v)->name, 15, (*v)->summary);
	puts("\nExamples:");
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		row(examples[i].command, 32, examples[i].what);
	putchar('\n');
	text_row("", 0, 0, "`sandbox COMMAND --help` says more of each.");
}

static int run(int argc, char **argv)
{
	const char *name = NULL;
	const struct cli_verb *v;

	if (cli_parse(&cli_verb_help, argc, argv, 0, &name))
		return POLICY_FAILED;
	if (!name) {
		cli_overview();
		return cli_flush();
	}
	v = cli_verb_find(name);
	if (!v) {
		cli_say("no command \"%s\"; `sandbox --help` lists them", name);
		return POLICY_FAILED;
	}
	if (!v->argp->parser)
		return v->run(2, (char *[]){(char *)"sandbox", (char *)"--help", NULL});
	cli_verb_help_text(v, stdout);
	return cli_flush();
}

const struct cli_verb cli_verb_help = {"help", "Explain a command", "sandbox help", &argp, run};
