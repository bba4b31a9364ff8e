/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image import SRC
 */
#include <stdlib.h>

#include "images/cli/verb.h"
#include "images/transfer/transfer.h"

struct import_args {
	struct verb_names names;
	const char *name;
};

static const struct argp_option options[] = {
	{"tag", 't', "NAME[:TAG]", 0, "What the image is called here", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct import_args *a = state->input;
	error_t r;

	if (key == 't') {
		a->name = arg;
		return 0;
	}
	state->input = &a->names;
	r = verb_names_parse(key, arg, state);
	state->input = a;
	return r;
}

static const char doc[] =
	"Bring images into the store: all that SRC has, or with SRC:REFERENCE one of them. SRC is "
	"an OCI layout (a directory or a tar of one) or what `docker save` writes; \"-\" reads an "
	"archive from stdin. What it is shows in what is in it. Every digest is checked."
	"\v"
	"Examples:\n"
	"  sandbox image import ./layout -t app:1\n"
	"  docker save alpine:3 | sandbox image import -\n"
	"  sandbox image import images.tar:app:2 -t app:test";

static const struct argp argp = {options, parse, "SRC", doc, verb_common_child, NULL, NULL};

static int tell_json(const struct store_ref *refs, size_t n)
{
	json_t *images = json_array();

	for (size_t i = 0; i < n; i++) {
		char digest[DIGEST_TEXT];

		digest_text(&refs[i].digest, digest);
		json_array_append_new(images,
			json_pack("{s:o, s:s}", "name", verb_text(refs[i].name), "digest", digest));
	}
	return verb_json(json_pack("{s:o}", "images", images));
}

static int tell(const struct store_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%s  sha256:%s\n", refs[i].name, refs[i].digest.hex);
	return cli_flush();
}

static int import(const struct import_args *a, struct store *s)
{
	struct bar *bar = bar_begin(&a->names.common);
	struct store_ref *refs;
	struct image_error e;
	size_t n;
	int r = transfer_import(s, a->names.names[0], a->name, bar_progress(bar), &refs, &n, &e);

	bar_end(bar);
	if (r)
		return verb_failed(&e);
	r = a->names.common.json ? tell_json(refs, n) : tell(refs, n);
	free(refs);
	return r;
}

static int run(int argc, char **argv)
{
	struct import_args a = {.names = {.verb = "import", .min = 1, .max = 1}};
	struct image_error e;
	struct store *s;
	int r;

	if (cli_parse(&verb_import, argc, argv, 0, &a))
		return POLICY_FAILED;
	if (store_open(a.names.common.store, STORE_USE, false, &s, &e))
		return verb_failed(&e);
	r = import(&a, s);
	store_close(s);
	return r;
}

const struct cli_verb verb_import = {
	"import", "Bring in images from layouts and archives", "sandbox image import", &argp, run};
