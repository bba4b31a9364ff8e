/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image commit: what sandboxes changed in an image, as another image.
 */
#include "images/cli/making.h"

enum { KEY_UPPER = 0x100 };

static const struct argp_option options[] = {
	{"upper", KEY_UPPER, "DIR", 0, "What `sandbox run --image NAME --upper DIR` left", 0},
	{0},
};

struct commit {
	struct making making;
	const char *base, *upper;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct commit *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->making;
		return 0;
	case KEY_UPPER:
		o->upper = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (o->base) {
			cli_say("image commit: takes one NAME, not also \"%s\"", arg);
			return EINVAL;
		}
		o->base = arg;
		return 0;
	case ARGP_KEY_END:
		if (o->base && o->upper)
			return 0;
		cli_say("image commit: no %s given; `sandbox image commit --help` says more",
			o->base ? "--upper DIR" : "NAME");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, "NAME",
	"Make an image of what sandboxes changed in image NAME, a layer for each that DIR has "
	"changes "
	"of.",
	making_child, NULL, NULL};

static int commit(struct commit *o, struct store *s, const char *name)
{
	struct image_error e = {""};
	struct descriptor manifest;
	struct draft d;
	struct bar *bar;
	int r = draft_begin(s, o->base, &d, &e);

	if (r)
		return verb_failed(&e);
	bar = bar_begin(&o->making.common);
	r = pack_upper(
		s, &d, o->upper, "sandbox image commit", &o->making.layers, bar_progress(bar), &e);
	bar_end(bar);
	if (!r)
		r = draft_write(s, &d, name, &manifest, &e);
	r = r ? verb_failed(&e) : making_end(&o->making, name, &manifest, &d);
	draft_clear(&d);
	return r;
}

static int run(int argc, char **argv)
{
	struct commit o = {.making = {.verb = "commit", .layers = {.compression = COMPRESS_ZSTD}}};
	char name[STORE_NAME_MAX];
	struct image_error e;
	struct store *s;
	int r;

	if (cli_parse(&verb_commit, argc, argv, 0, &o) || making_begin(&o.making, true, name))
		return POLICY_FAILED;
	if (store_open(o.making.common.store, STORE_USE, false, &s, &e))
		return verb_failed(&e);
	r = commit(&o, s, name);
	store_close(s);
	return r;
}

const struct cli_verb verb_commit = {
	"commit", "Make an image of what a sandbox changed", "sandbox image commit", &argp, run};
