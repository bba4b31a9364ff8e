/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image export NAME... DST
 */
#include "images/cli/verb.h"
#include "images/transfer/transfer.h"

#define NAMES_MAX 1000

struct export_args {
	struct verb_names names; /* and DST, the last */
	enum transfer_format format;
};

static const struct argp_option options[] = {
	{"format", 'f', "oci|oci-archive|docker-archive", 0,
		"What is written (default: oci to a directory, else oci-archive)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct export_args *a = state->input;
	error_t r;

	if (key == 'f') {
		if (transfer_format_parse(arg, &a->format))
			return 0;
		cli_say("--format %s: want oci, oci-archive or docker-archive", arg);
		return EINVAL;
	}
	state->input = &a->names;
	r = verb_names_parse(key, arg, state);
	state->input = a;
	return r;
}

static const char doc[] = "Write images for other tools. DST is a directory (an OCI layout; one "
			  "that is there already "
			  "gets the images added), a file, or \"-\" for stdout; with DST:REFERENCE "
			  "the image is called "
			  "so in it."
			  "\v"
			  "Examples:\n"
			  "  sandbox image export app:1 ./layout/\n"
			  "  sandbox image export app:1 app:2 both.tar\n"
			  "  sandbox image export app:1 --format docker-archive - | docker load";

static const struct argp argp = {options, parse, "NAME... DST", doc, verb_common_child, NULL, NULL};

static int tell_json(const struct export_args *a)
{
	json_t *names = json_array();

	for (size_t i = 0; i + 1 < a->names.n; i++)
		json_array_append_new(names, verb_text(a->names.names[i]));
	return verb_json(json_pack(
		"{s:o, s:o}", "images", names, "to", verb_text(a->names.names[a->names.n - 1])));
}

static int export(const struct export_args *a, struct store *s)
{
	struct bar *bar = bar_begin(&a->names.common);
	const char *dst = a->names.names[a->names.n - 1];
	struct image_error e;
	int r = transfer_export(s, (const char *const *)a->names.names, a->names.n - 1, dst,
		a->format, bar_progress(bar), &e);

	bar_end(bar);
	if (r)
		return verb_failed(&e);
	return a->names.common.json ? tell_json(a) : 0;
}

static int run(int argc, char **argv)
{
	struct export_args a = {.names = {.verb = "export", .min = 2, .max = NAMES_MAX}};
	enum store_mode mode = STORE_READ;
	struct image_error e;
	struct store *s;
	int r;

	if (cli_parse(&verb_export, argc, argv, 0, &a))
		return POLICY_FAILED;
	if (a.names.common.json && a.names.names[a.names.n - 1][0] == '-') {
		cli_say("export: --json and an archive cannot both go to stdout");
		return POLICY_FAILED;
	}
	/* Layers are unpacked in the store's tmp. */
	if (a.format == TRANSFER_DOCKER_ARCHIVE)
		mode = STORE_USE;
	if (store_open(a.names.common.store, mode, false, &s, &e))
		return verb_failed(&e);
	r = export(&a, s);
	store_close(s);
	return r;
}

const struct cli_verb verb_export = {
	"export", "Write images for other tools", "sandbox image export", &argp, run};
