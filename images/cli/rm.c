/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image rm
 */
#include <stdint.h>

#include "images/cli/verb.h"

static const char doc[] =
	"Take names away from images; `sandbox image gc` then frees what no other name needs."
	"\v"
	"NAME is a name, or \"sha256:\" and a digest: then all names of that image go. Names are "
	"taken away in the order given, up to the first that is not there.";
static const struct argp argp = {
	NULL, verb_names_parse, "NAME...", doc, verb_common_child, NULL, NULL};

static int print(const struct verb_names *v)
{
	json_t *list;

	if (!v->common.json)
		return 0;
	list = json_array();
	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, verb_text(v->names[i]));
	return verb_json(json_pack("{s:o}", "removed", list));
}

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "rm", .min = 1, .max = SIZE_MAX};
	struct image_error e;
	struct store *s;
	int r;

	if (cli_parse(&verb_rm, argc, argv, 0, &v))
		return POLICY_FAILED;
	/* no files are removed here, so others may go on */
	r = store_open(v.common.store, STORE_CHANGE, false, &s, &e);
	if (r)
		return verb_failed(&e);
	for (size_t i = 0; !r && i < v.n; i++)
		r = store_unset(s, v.names[i], &e);
	store_close(s);
	return r ? verb_failed(&e) : print(&v);
}

const struct cli_verb verb_rm = {
	"rm", "Take names away from images", "sandbox image rm", &argp, run};
