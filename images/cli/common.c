/* SPDX-License-Identifier: Apache-2.0
 *
 * What every verb has: options, arguments, the end with JSON or an error.
 */
#include <stdlib.h>

#include "images/cli/verb.h"

enum { KEY_STORE = 0x7f00, KEY_JSON };

static const struct argp_option options[] = {
	{"store", KEY_STORE, "DIR", 0,
		"Where images are kept (default: $SANDBOX_STORE, else sandbox/images in "
		"$XDG_DATA_HOME)",
		10},
	{"json", KEY_JSON, 0, 0, "Write one JSON document instead of text", 10},
	{"quiet", 'q', 0, 0, "Show no progress", 10},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct verb_common *c = state->input;

	switch (key) {
	case KEY_STORE:
		c->store = arg;
		return 0;
	case KEY_JSON:
		c->json = true;
		return 0;
	case 'q':
		c->quiet = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp verb_common_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};
const struct argp_child verb_common_child[] = {{.argp = &verb_common_argp}, {0}};

static int wrong_count(const struct verb_names *v)
{
	if (v->n < v->min)
		cli_say("%s: %s; `sandbox image %s --help` says more", v->verb,
			v->min == 1 ? "no NAME given" : "a NAME is missing", v->verb);
	else if (!v->max)
		cli_say("%s: takes no argument, not \"%s\"", v->verb, v->names[0]);
	else
		cli_say("%s: takes %s, not also \"%s\"", v->verb,
			v->max == 1 ? "one NAME" : "two NAMEs", v->names[v->max]);
	return EINVAL;
}

error_t verb_names_parse(int key, char *arg, struct argp_state *state)
{
	struct verb_names *v = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &v->common;
		return 0;
	case ARGP_KEY_ARGS:
		v->names = state->argv + state->next;
		v->n = (size_t)(state->argc - state->next);
		return v->n < v->min || v->n > v->max ? wrong_count(v) : 0;
	case ARGP_KEY_NO_ARGS:
		return v->min ? wrong_count(v) : 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int verb_open_alone(
	const struct verb_names *v, bool no_wait, struct store **out, struct image_error *e)
{
	int r = store_open(v->common.store, STORE_REMOVE, true, out, e);

	if (r != -EBUSY || no_wait)
		return r;
	if (!v->common.quiet)
		cli_say("%s: waiting for others who use the image store", v->verb);
	return store_open(v->common.store, STORE_REMOVE, false, out, e);
}

int verb_json(json_t *root)
{
	int r = root ? json_dumpf(root, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) : -1;

	json_decref(root);
	if (r) {
		cli_say("cannot write JSON to standard output");
		return POLICY_FAILED;
	}
	putchar('\n');
	return cli_flush();
}

json_t *verb_text(const char *s)
{
	char clean[4096];

	policy_clean_text(clean, sizeof clean, s);
	return json_string(clean);
}
