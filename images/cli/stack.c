/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox image stack`: `sandbox run --upper` calls it.
 */
#include "images/cli/verb.h"
#include "images/upper/stack.h"

struct stack {
	struct verb_names names;
	const char *upper;
};

static const struct argp_option options[] = {
	{"upper", 'u', "DIR", 0, "The directory that `sandbox run --upper` keeps changes in", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct stack *s = state->input;

	if (key == 'u') {
		s->upper = arg;
		return 0;
	}
	state->input = &s->names;
	return verb_names_parse(key, arg, state);
}

static const struct argp argp = {options, parse, "--upper DIR NAME",
	"Makes DIR/flat.erofs: the image with the changes on it that DIR keeps. `sandbox run "
	"--upper` does it by itself.",
	verb_common_child, NULL, NULL};

static int stack(const struct stack *s, const struct progress *p, struct image_error *e)
{
	struct manifest m;
	struct store *store;
	struct upper u;
	int r = upper_open(s->upper, &u, e);

	if (r)
		return r;
	r = store_open(s->names.common.store, STORE_READ, false, &store, e);
	if (r)
		goto close_upper;
	r = manifest_find(store, s->names.names[0], &m, e);
	if (r)
		goto close_store;
	r = upper_stack(store, &m, &u, p, e);
	manifest_clear(&m);
close_store:
	store_close(store);
close_upper:
	upper_close(&u);
	return r;
}

static int run(int argc, char **argv)
{
	struct stack s = {.names = {.verb = "stack", .min = 1, .max = 1}};
	struct image_error e = {""};
	struct bar *bar;
	int r;

	if (cli_parse(&verb_stack, argc, argv, 0, &s))
		return POLICY_FAILED;
	if (!s.upper) {
		cli_say("stack: no --upper DIR given");
		return POLICY_FAILED;
	}
	bar = bar_begin(&s.names.common);
	r = stack(&s, bar_progress(bar), &e);
	bar_end(bar);
	if (r)
		return verb_failed(&e);
	if (*e.text && !s.names.common.quiet)
		cli_say("%s", e.text);
	return 0;
}

const struct cli_verb verb_stack = {"stack", "put the changes that `run --upper` kept on an image",
	"sandbox image stack", &argp, run};
