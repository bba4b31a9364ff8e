/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image flatten
 */
#include <unistd.h>

#include "images/cli/brief.h"
#include "images/cli/verb.h"
#include "images/flat/flat.h"

static const char doc[] =
	"Write the read-only file system that `sandbox run --image NAME` starts from, unless it is "
	"there; run does that itself the first time."
	"\v"
	"NAME is a name or \"sha256:\" and the digest of a manifest.";
static const struct argp argp = {
	NULL, verb_names_parse, "NAME", doc, verb_common_child, NULL, NULL};

static int flatten(
	struct store *s, const struct verb_names *v, struct manifest *m, struct image_error *e)
{
	struct bar *bar;
	int fd, r = manifest_find(s, v->names[0], m, e);

	if (r)
		return r;
	bar = bar_begin(&v->common);
	r = flat_open(s, m, &fd, bar_progress(bar), e);
	bar_end(bar);
	if (r) {
		manifest_clear(m);
		return image_within(e, r, "image %s", v->names[0]);
	}
	close(fd);
	return 0;
}

static int print_json(const struct verb_names *v, const struct manifest *m)
{
	char path[128];

	flat_path(&m->self.digest, path);
	return verb_json(json_pack("{s:o, s:o, s:s}", "name", verb_text(v->names[0]), "digest",
		brief_digest_json(&m->self.digest), "path", path));
}

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "flatten", .min = 1, .max = 1};
	struct image_error e;
	struct manifest m;
	struct store *s;
	int r;

	if (cli_parse(&image_verb_flatten, argc, argv, 0, &v))
		return POLICY_FAILED;
	if (store_open(v.common.store, STORE_CHANGE, false, &s, &e))
		return verb_failed(&e);
	r = flatten(s, &v, &m, &e);
	store_close(s);
	if (r)
		return verb_failed(&e);
	r = v.common.json ? print_json(&v, &m) : 0;
	manifest_clear(&m);
	return r;
}

const struct cli_verb image_verb_flatten = {
	"flatten", "Make ready what `run` starts from", "sandbox image flatten", &argp, run};
