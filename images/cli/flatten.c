/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox image flatten`.
 */
#include "images/cli/opened.h"

static const struct argp flatten_argp = {NULL, verb_names_parse, "NAME",
	"Makes the read-only file system that `sandbox run --image NAME` reads, unless it is there "
	"already, and prints its path.",
	verb_common_child, NULL, NULL};

static int print(const struct opened *o, bool json)
{
	char path[FLAT_PATH], digest[DIGEST_TEXT];

	flat_path(&o->manifest, path);
	digest_text(&o->manifest, digest);
	if (json)
		return verb_json(json_pack("{s:o, s:s, s:s++, s:o}", "name", verb_text(o->name),
			"manifest", digest, "path", store_dir(o->store), "/", path, "left_out",
			verb_text(o->left_out)));
	printf("%s/%s\n", store_dir(o->store), path);
	return cli_flush();
}

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "flatten", .min = 1, .max = 1};
	struct image_error e = {""};
	struct opened o;
	int r;

	if (cli_parse(&verb_flatten, argc, argv, 0, &v))
		return POLICY_FAILED;
	if (opened_begin(&v.common, v.names[0], &o, &e))
		return verb_failed(&e);
	if (*o.left_out && !v.common.quiet)
		cli_say("%s: %s", o.name, o.left_out);
	r = print(&o, v.common.json);
	opened_end(&o);
	return r;
}

const struct cli_verb verb_flatten = {"flatten", "Make the file system that `run --image` reads",
	"sandbox image flatten", &flatten_argp, run};
