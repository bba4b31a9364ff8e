/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox completion SHELL: a script made from the option tables.
 */
#include <string.h>

#include "runtime/cli/cli.h"

static bool listed(const struct argp_option *o)
{
	return o->name && !(o->flags & (OPTION_HIDDEN | OPTION_DOC | OPTION_ALIAS));
}

static bool is_end(const struct argp_option *o)
{
	return !o->name && !o->key && !o->doc && !o->group;
}

/* Also of those that it has from others. */
static void each_option(const struct argp *a, const char *verb,
	void (*show)(const char *verb, const struct argp_option *o))
{
	for (const struct argp_option *o = a->options; o && !is_end(o); o++)
		if (listed(o))
			show(verb, o);
	for (const struct argp_child *c = a->children; c && c->argp; c++)
		each_option(c->argp, verb, show);
}

static bool wants_value(const struct argp_option *o)
{
	return o->arg && !(o->flags & OPTION_ARG_OPTIONAL);
}

/* What can stand for an argument, by how the table calls it. */
static bool is_dir(const struct argp_option *o)
{
	return o->arg && !strncmp(o->arg, "DIR", 3);
}

static bool is_file(const struct argp_option *o)
{
	return o->arg && (!strncmp(o->arg, "FILE", 4) || !strncmp(o->arg, "SRC", 3));
}

static bool is_choice(const struct argp_option *o)
{
	return o->arg && strchr(o->arg, '|');
}

/* "a|b" as "a b" */
static void print_choice(const char *arg)
{
	for (; *arg; arg++)
		putchar(*arg == '|' ? ' ' : *arg);
}

static void print_verbs(void)
{
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		printf("%s%s", v == cli_verbs ? "" : " ", (*v)->name);
}

/* case "$prev" in: the value of the option before the cursor. */
static void bash_value(const char *verb, const struct argp_option *o)
{
	if (!wants_value(o))
		return;
	printf("\t\t%s/--%s) COMPREPLY=(", verb, o->name);
	if (is_choice(o)) {
		printf("$(compgen -W '");
		print_choice(o->arg);
		printf("' -- \"$cur\")");
	} else if (is_dir(o) || is_file(o)) {
		printf("$(compgen -%c -- \"$cur\")", is_dir(o) ? 'd' : 'f');
	}
	printf("); return ;;\n");
}

static void print_name(const char *verb, const struct argp_option *o)
{
	printf(" --%s", o->name);
}

static void print_valued(const char *verb, const struct argp_option *o)
{
	if (wants_value(o))
		print_name(verb, o);
}

static void bash_options(const struct cli_verb *v)
{
	printf("\t\t%s) opts='--help", v->name);
	each_option(v->argp, v->name, print_name);
	printf("'; valued='");
	each_option(v->argp, v->name, print_valued);
	printf(" ' ;;\n");
}

static void bash_body(void)
{
	printf("_sandbox() {\n"
	       "\tlocal cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
	       "\tlocal verb=\"${COMP_WORDS[1]}\" opts='' valued='' i word\n"
	       "\tCOMPREPLY=()\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W '");
	print_verbs();
	printf(" --help' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase \"$verb\" in\n");
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		bash_options(*v);
	printf("\t\t*) return ;;\n"
	       "\tesac\n"
	       "\tif [[ $verb =~ ^(run|serve|snapshot)$ ]]; then\n"
	       "\t\t# past PROGRAM, everything is a file of its own\n"
	       "\t\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	       "\t\t\tword=\"${COMP_WORDS[i]}\"\n"
	       "\t\t\tcase \"$word\" in\n"
	       "\t\t\t-*) case \"$valued\" in *\" $word \"*) ((i++)) ;; esac ;;\n"
	       "\t\t\t*) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	       "\t\t\tesac\n"
	       "\t\tdone\n"
	       "\tfi\n"
	       "\tcase \"$verb/$prev\" in\n");
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		each_option((*v)->argp, (*v)->name, bash_value);
	printf("\tesac\n"
	       "\tcase \"$cur\" in\n"
	       "\t-*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")) ;;\n"
	       "\t*) case \"$verb\" in\n"
	       "\t\trun | serve | snapshot) COMPREPLY=($(compgen -c -f -- \"$cur\")) ;;\n"
	       "\t\trestore) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	       "\t\thelp) COMPREPLY=($(compgen -W '");
	print_verbs();
	printf("' -- \"$cur\")) ;;\n"
	       "\t\tcompletion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")) ;;\n"
	       "\t\tesac ;;\n"
	       "\tesac\n"
	       "}\n"
	       "complete -o filenames -F _sandbox sandbox\n");
}

static void print_bash(void)
{
	printf("# bash completion of sandbox: source <(sandbox completion bash)\n");
	bash_body();
}

static void print_zsh(void)
{
	printf("# zsh completion of sandbox: source <(sandbox completion zsh)\n"
	       "autoload -U +X compinit && compinit\n"
	       "autoload -U +X bashcompinit && bashcompinit\n");
	bash_body();
}

/* In fish's single quotes only ' and \ are special. */
static void fish_quoted(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('\'');
}

static void fish_option(const char *verb, const struct argp_option *o)
{
	printf("complete -c sandbox -n '__fish_seen_subcommand_from %s' -l %s", verb, o->name);
	if (o->key > ' ' && o->key < 0x7f)
		printf(" -s %c", o->key);
	if (is_choice(o)) {
		printf(" -x -a '");
		print_choice(o->arg);
		putchar('\'');
	} else if (wants_value(o)) {
		printf(is_file(o) || is_dir(o) ? " -r -F" : " -x");
	}
	printf(" -d ");
	fish_quoted(o->doc);
	putchar('\n');
}

static void fish_verb(const struct cli_verb *v)
{
	printf("complete -c sandbox -n __fish_use_subcommand -f -a %s -d ", v->name);
	fish_quoted(v->summary);
	putchar('\n');
	each_option(v->argp, v->name, fish_option);
}

static void print_fish(void)
{
	printf("# fish completion of sandbox: sandbox completion fish | source\n");
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		fish_verb(*v);
	printf("complete -c sandbox -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh "
	       "fish'\n");
}

static const struct {
	const char *name;
	void (*print)(void);
} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **shell = state->input;

	if (key == ARGP_KEY_NO_ARGS || (key == ARGP_KEY_ARG && *shell)) {
		cli_say("completion: want one shell: bash, zsh or fish");
		return EINVAL;
	}
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	*shell = arg;
	return 0;
}

static const struct argp argp = {NULL, parse, "SHELL",
	"Print a completion script for bash, zsh or fish."
	"\v"
	"Examples:\n"
	"  source <(sandbox completion bash)\n"
	"  sandbox completion fish | source",
	NULL, NULL, NULL};

static int run(int argc, char **argv)
{
	const char *shell = NULL;

	if (cli_parse(&cli_verb_completion, argc, argv, 0, &shell))
		return POLICY_FAILED;
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (!strcmp(shell, shells[i].name)) {
			shells[i].print();
			return cli_flush();
		}
	cli_say("completion: no script for \"%s\"; there are bash, zsh and fish", shell);
	return POLICY_FAILED;
}

const struct cli_verb cli_verb_completion = {
	"completion", "Print a shell completion script", "sandbox completion", &argp, run};
