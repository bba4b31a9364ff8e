/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox ps: the running sandboxes of this user.
 */
#include <locale.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"
#include "runtime/cli/text.h"

#define NAME_MAX_COLUMNS 20u

static const struct argp_option options[] = {
	{"json", 'j', 0, 0, "Write one JSON array, with all counts", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	switch (key) {
	case 'j':
		*json = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_say("ps: takes no argument, not \"%s\"", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, NULL,
	"List the running sandboxes of this user: id, name, backend, age, CPU time, memory in use "
	"and "
	"program.",
	NULL, NULL, NULL};

/* The name's column: as wide as it must be, or not there at all. */
static unsigned name_columns(const struct observe_list *l)
{
	size_t widest = 0;

	for (size_t i = 0; i < l->count; i++) {
		size_t n = strlen(l->seen[i].head.name);

		widest = n > widest ? n : widest;
	}
	if (!widest)
		return 0;
	return widest < 4 ? 4 : widest < NAME_MAX_COLUMNS ? (unsigned)widest : NAME_MAX_COLUMNS;
}

static unsigned columns_before_program(unsigned name)
{
	return OBSERVE_ID + 2 + (name ? name + 2 : 0) + 7 + 2 + 7 + 2 + 7 + 2 + 9 + 2;
}

static void print_row(const char *id, const char *name, unsigned name_width, const char *backend,
	const char *age, const char *cpu, const char *memory, const char *program)
{
	observed_cell(id, OBSERVE_ID + 2);
	if (name_width) {
		observed_cell(name, name_width);
		fputs("  ", stdout);
	}
	observed_cell(backend, 7);
	printf("  %7s  %7s  %9s  ", age, cpu, memory);
	observed_rest(program, columns_before_program(name_width));
	putchar('\n');
}

static void print_table(const struct observe_list *l)
{
	unsigned width = name_columns(l);

	print_row("ID", "NAME", width, "BACKEND", "AGE", "CPU", "MEMORY", "PROGRAM");
	for (size_t i = 0; i < l->count; i++) {
		const struct observe_seen *s = &l->seen[i];
		char age[16], cpu[16], memory[16], program[sizeof s->head.program];

		observed_age(age, s->age_ns);
		observed_cpu(cpu, s->cpu_ns);
		policy_format_size(memory, s->shim.pages_used * 4096);
		observed_program(program, sizeof program, s);
		print_row(s->head.id, s->head.name, width, s->head.backend, age, cpu, memory,
			program);
	}
}

static void print_json(const struct observe_list *l)
{
	json_t *all = json_array();

	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(all, observed_json(&l->seen[i]));
	observed_print_json(all, JSON_INDENT(2));
}

static int run(int argc, char **argv)
{
	struct observe_list l;
	bool json = false;

	if (cli_parse(&cli_verb_ps, argc, argv, 0, &json) || observed_look("ps", &l))
		return POLICY_FAILED;
	setlocale(LC_CTYPE, "");
	if (json)
		print_json(&l);
	else
		print_table(&l);
	if (l.strange)
		cli_say("ps: left out: %u of another version of sandbox", l.strange);
	observe_list_clear(&l);
	return cli_flush();
}

const struct cli_verb cli_verb_ps = {"ps", "List running sandboxes", "sandbox ps", &argp, run};
