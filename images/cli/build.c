/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image build: an image from a build file.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/launcher.h"
#include "images/cli/making.h"
#include "images/pack/build.h"

enum { KEY_NO_CACHE = 0x100, KEY_MEM };

static const struct argp_option options[] = {
	{"file", 'f', "FILE", 0, "The build file (default: CONTEXT/Dockerfile)", 0},
	{"no-cache", KEY_NO_CACHE, 0, 0, "Do every step again", 0},
	{"mem", KEY_MEM, "SIZE", 0, "Memory of each RUN, its changes included (default: 1G)", 0},
	{0},
};

struct builder {
	struct making making;
	struct build_options build;
};

static error_t parse_mem(struct builder *o, const char *arg)
{
	uint64_t bytes;

	o->build.mem = arg;
	if (!policy_parse_size(arg, &bytes))
		return 0;
	cli_say("image build: --mem \"%s\": want a size, such as 512M or 2G", arg);
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct builder *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->making;
		return 0;
	case 'f':
		o->build.file = arg;
		return 0;
	case KEY_NO_CACHE:
		o->build.no_cache = true;
		return 0;
	case KEY_MEM:
		return parse_mem(o, arg);
	case ARGP_KEY_ARG:
		if (o->build.context) {
			cli_say("image build: takes one CONTEXT, not also \"%s\"", arg);
			return EINVAL;
		}
		o->build.context = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		cli_say("image build: no CONTEXT given, the directory that COPY copies from");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, "CONTEXT",
	"Make an image as a build file says: FROM, COPY, RUN, ENV, WORKDIR, USER, ENTRYPOINT, CMD "
	"and "
	"LABEL of a Dockerfile.\v"
	"Each RUN is a sandbox of its own, without a network; what it prints goes to standard "
	"error. "
	"Steps that were done before are taken from the store.",
	making_child, NULL, NULL};

static void say_step(void *arg, size_t i, size_t n, const char *text)
{
	char head[16];

	snprintf(head, sizeof head, "%zu/%zu", i + 1, n);
	cli_say("%s: %s", head, text);
}

static int build(struct builder *o, struct store *s, const char *name)
{
	struct image_error e = {""};
	struct descriptor manifest;
	struct draft d;
	struct bar *bar = bar_begin(&o->making.common);
	int r;

	o->build.layers = o->making.layers;
	o->build.progress = bar_progress(bar);
	r = build_image(s, &o->build, &d, &e);
	bar_end(bar);
	if (r)
		return verb_failed(&e);
	r = draft_write(s, &d, *name ? name : NULL, &manifest, &e);
	r = r ? verb_failed(&e) : making_end(&o->making, name, &manifest, &d);
	draft_clear(&d);
	return r;
}

static int run(int argc, char **argv)
{
	struct builder o = {.making = {.verb = "build", .layers = {.compression = COMPRESS_ZSTD}}};
	char name[STORE_NAME_MAX], sandbox[PATH_MAX], file[PATH_MAX];
	struct image_error e;
	struct store *s;
	int r;

	if (cli_parse(&verb_build, argc, argv, 0, &o) || making_begin(&o.making, false, name))
		return POLICY_FAILED;
	if (launcher_find(sandbox, &e))
		return verb_failed(&e);
	if (!o.build.file) {
		snprintf(file, sizeof file, "%.4000s/Dockerfile", o.build.context);
		o.build.file = file;
	}
	o.build.sandbox = sandbox;
	o.build.step = o.making.common.quiet ? NULL : say_step;
	if (store_open(o.making.common.store, STORE_USE, false, &s, &e))
		return verb_failed(&e);
	r = build(&o, s, name);
	store_close(s);
	return r;
}

const struct cli_verb verb_build = {
	"build", "Make an image as a build file says", "sandbox image build", &argp, run};
