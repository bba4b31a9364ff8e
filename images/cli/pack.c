/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image pack: a directory, or one program, as an image.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/cli/making.h"
#include "images/pack/words.h"

enum {
	KEY_FROM = 0x100,
	KEY_BINARY,
	KEY_ENTRYPOINT,
	KEY_CMD,
	KEY_ENV,
	KEY_WORKDIR,
	KEY_USER,
	KEY_LABEL,
	KEY_EXCLUDE,
	KEY_LAYER_PER,
};

static const struct argp_option options[] = {
	{"from", KEY_FROM, "BASE", 0, "Put it on top of this image, whose layers stay as they are",
		1},
	{"binary", KEY_BINARY, "FILE", 0,
		"Pack this program, its interpreter and its libraries, and nothing else", 1},
	{"exclude", KEY_EXCLUDE, "PATTERN", 0,
		"Leave out what matches: \"*.o\" and \"tmp\" anywhere, \"/tmp\" at the top", 1},
	{"layer-per", KEY_LAYER_PER, "SUBDIR", 0, "Give this directory a layer of its own", 1},
	{"entrypoint", KEY_ENTRYPOINT, "WORDS", 0,
		"What it runs: words as for a shell, or a JSON array", 2},
	{"cmd", KEY_CMD, "WORDS", 0, "Default arguments", 2},
	{"env", KEY_ENV, "NAME=VALUE", 0, "Set a variable", 2},
	{"workdir", KEY_WORKDIR, "DIR", 0, "Where it starts", 2},
	{"user", KEY_USER, "USER[:GROUP]", 0, "As whom", 2},
	{"label", KEY_LABEL, "NAME=VALUE", 0, "Add a label", 2},
	{0},
};

struct pack {
	struct making making; /* first: the child's input */
	const char *dir, *from, *binary, *entrypoint, *cmd, *workdir, *user;
	struct words env, labels, exclude, own;
};

static error_t append(struct words *w, const char *arg)
{
	struct image_error e;

	if (!words_add(w, arg, strlen(arg), &e))
		return 0;
	cli_say("image pack: %s", e.text);
	return ENOMEM;
}

static error_t parse_list(struct pack *o, int key, const char *arg)
{
	switch (key) {
	case KEY_ENV:
		return append(&o->env, arg);
	case KEY_LABEL:
		return append(&o->labels, arg);
	case KEY_EXCLUDE:
		return append(&o->exclude, arg);
	case KEY_LAYER_PER:
		return append(&o->own, arg);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t check(const struct pack *o)
{
	if (!o->dir == !o->binary) {
		cli_say(o->dir ? "image pack: either DIR or --binary FILE, not both"
			       : "image pack: no DIR given; `sandbox image pack --help` says more");
		return EINVAL;
	}
	if (o->binary && (o->own.n || o->exclude.n)) {
		cli_say("image pack: --layer-per and --exclude are about a DIR");
		return EINVAL;
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct pack *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->making;
		return 0;
	case KEY_FROM:
		o->from = arg;
		return 0;
	case KEY_BINARY:
		o->binary = arg;
		return 0;
	case KEY_ENTRYPOINT:
		o->entrypoint = arg;
		return 0;
	case KEY_CMD:
		o->cmd = arg;
		return 0;
	case KEY_WORKDIR:
		o->workdir = arg;
		return 0;
	case KEY_USER:
		o->user = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (o->dir) {
			cli_say("image pack: takes one DIR, not also \"%s\"", arg);
			return EINVAL;
		}
		o->dir = arg;
		return 0;
	case ARGP_KEY_END:
		return check(o);
	default:
		return parse_list(o, key, arg);
	}
}

static const struct argp argp = {options, parse, "DIR\n--binary FILE",
	"Make an image of a directory, or of one program with what it needs.\v"
	"The same files make the same image, wherever they lie and whoever packs them: all times "
	"are those of SOURCE_DATE_EPOCH (else 1970), owners are 0:0. What is named \".wh.…\" "
	"cannot "
	"be packed. Sockets are left out.",
	making_child, NULL, NULL};

/* -- the configuration -- */

static int set_words(struct draft *d, const char *key, const char *option, const char *text,
	struct image_error *e)
{
	struct words w;
	int r = words_parse(text, &w, e);

	if (r)
		return image_within(e, r, "--%s", option);
	r = draft_set_words(d, key, w.n ? w.list : NULL, e);
	words_clear(&w);
	return r;
}

static int set_start(const struct pack *o, struct draft *d, struct image_error *e)
{
	int r = 0;

	if (o->entrypoint) {
		r = set_words(d, "Entrypoint", "entrypoint", o->entrypoint, e);
		if (!r) /* the base's arguments were for the base's program */
			r = draft_set_words(d, "Cmd", NULL, e);
	}
	if (!r && o->cmd)
		r = set_words(d, "Cmd", "cmd", o->cmd, e);
	return r;
}

static int configure(const struct pack *o, struct draft *d, struct image_error *e)
{
	int r = set_start(o, d, e);

	if (!r && o->workdir)
		r = *o->workdir == '/'
			    ? draft_set_text(d, "WorkingDir", o->workdir, e)
			    : image_fail(e, -EINVAL, "--workdir \"%.200s\": want an absolute path",
				      o->workdir);
	if (!r && o->user)
		r = draft_set_text(d, "User", o->user, e);
	for (size_t i = 0; i < o->env.n && !r; i++)
		r = draft_set_env(d, o->env.list[i], e);
	for (size_t i = 0; i < o->labels.n && !r; i++)
		r = draft_set_label(d, o->labels.list[i], e);
	return r;
}

/* -- the work -- */

static int pack(struct pack *o, struct store *s, const char *name, struct draft *d,
	struct descriptor *manifest, struct image_error *e)
{
	struct bar *bar = bar_begin(&o->making.common);
	const struct progress *p = bar_progress(bar);
	int r;

	o->making.layers.exclude = (const char *const *)o->exclude.list;
	r = o->binary ? pack_binary(s, d, o->binary, &o->making.layers, p, e)
		      : pack_directory(s, d, o->dir, (const char *const *)o->own.list,
				&o->making.layers, p, e);
	bar_end(bar);
	if (!r)
		r = configure(o, d, e);
	return r ? r : draft_write(s, d, name, manifest, e);
}

static int pack_into_store(struct pack *o, const char *name)
{
	struct image_error e = {""};
	struct descriptor manifest;
	struct store *s;
	struct draft d;
	int r = store_open(o->making.common.store, STORE_USE, false, &s, &e);

	if (r)
		return verb_failed(&e);
	r = draft_begin(s, o->from, &d, &e);
	if (!r) {
		r = pack(o, s, name, &d, &manifest, &e);
		r = r ? verb_failed(&e) : making_end(&o->making, name, &manifest, &d);
		draft_clear(&d);
	} else {
		r = verb_failed(&e);
	}
	store_close(s);
	return r;
}

static int run(int argc, char **argv)
{
	struct pack o = {.making = {.verb = "pack", .layers = {.compression = COMPRESS_ZSTD}}};
	char name[STORE_NAME_MAX];
	int r = POLICY_FAILED;

	if (!cli_parse(&verb_pack, argc, argv, 0, &o))
		r = making_begin(&o.making, true, name);
	if (!r)
		r = pack_into_store(&o, name);
	words_clear(&o.env);
	words_clear(&o.labels);
	words_clear(&o.exclude);
	words_clear(&o.own);
	return r;
}

const struct cli_verb verb_pack = {
	"pack", "Make an image of a directory or a program", "sandbox image pack", &argp, run};
