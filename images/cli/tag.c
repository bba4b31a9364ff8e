/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image tag
 */
#include <string.h>

#include "images/cli/brief.h"
#include "images/cli/verb.h"

static const char doc[] =
	"Give the image NAME one more name."
	"\v"
	"NAME is a name or \"sha256:\" and the digest of a manifest. If another image "
	"has the name NEW already, it loses it.";
static const struct argp argp = {
	NULL, verb_names_parse, "NAME NEW", doc, verb_common_child, NULL, NULL};

static int tag(struct store *s, const char *from, struct store_ref *ref, struct image_error *e)
{
	struct descriptor d;
	int r = reference_find(s, from, &d, e);

	if (r)
		return r;
	memcpy(ref->media_type, d.media_type, sizeof ref->media_type);
	ref->digest = d.digest;
	ref->size = d.size;
	return store_set(s, ref, e);
}

static int print(const struct verb_common *c, const struct store_ref *ref)
{
	if (c->json)
		return verb_json(json_pack("{s:o, s:o}", "name", verb_text(ref->name), "digest",
			brief_digest_json(&ref->digest)));
	return 0;
}

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "tag", .min = 2, .max = 2};
	struct store_ref ref = {.size = 0};
	struct image_error e;
	struct store *s;
	int r;

	if (cli_parse(&verb_tag, argc, argv, 0, &v))
		return POLICY_FAILED;
	if (image_name_parse(v.names[1], ref.name, &e) ||
		store_open(v.common.store, STORE_CHANGE, false, &s, &e))
		return verb_failed(&e);
	r = tag(s, v.names[0], &ref, &e);
	store_close(s);
	return r ? verb_failed(&e) : print(&v.common, &ref);
}

const struct cli_verb verb_tag = {
	"tag", "Give an image one more name", "sandbox image tag", &argp, run};
