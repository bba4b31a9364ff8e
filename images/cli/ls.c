/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image ls
 */
#include <stdlib.h>
#include <string.h>

#include "images/cli/brief.h"
#include "images/cli/table.h"
#include "images/cli/verb.h"

static const char doc[] = "List the images of the store."
			  "\v"
			  "SIZE is what the image takes in the store; layers that images share are "
			  "there only once.\n"
			  "An image that cannot be read has a line that says why.";
static const struct argp argp = {NULL, verb_names_parse, NULL, doc, verb_common_child, NULL, NULL};

/* One entry of the index, and the image behind it if it can be read. */
struct entry {
	const struct store_ref *ref;
	struct brief brief;
	struct image_error error;
	bool ok;
};

static void look(struct store *s, const struct store_ref *ref, struct entry *out)
{
	struct descriptor d = {.digest = ref->digest, .size = ref->size};

	memcpy(d.media_type, ref->media_type, sizeof d.media_type);
	out->ref = ref;
	out->ok = !brief_load(s, &d, &out->brief, &out->error);
}

static json_t *entry_json(const struct entry *n)
{
	json_t *o = json_pack("{s:o, s:o, s:s, s:o?}", "name",
		*n->ref->name ? verb_text(n->ref->name) : json_null(), "digest",
		brief_digest_json(&n->ref->digest), "media_type", n->ref->media_type, "error",
		n->ok ? NULL : verb_text(n->error.text));

	if (!o || !n->ok)
		return o;
	json_object_set_new(o, "manifest", brief_digest_json(&n->brief.manifest.self.digest));
	json_object_set_new(o, "size", json_integer((json_int_t)n->brief.bytes));
	json_object_set_new(o, "layers", json_integer((json_int_t)n->brief.manifest.nlayers));
	json_object_set(o, "created", json_object_get(n->brief.config.root, "created"));
	return o;
}

static void add_row(struct table *t, const struct entry *n)
{
	char digest[BRIEF_SHORT], created[BRIEF_TIME] = "-", size[16] = "-", layers[16] = "-";

	brief_digest(&n->ref->digest, digest);
	if (n->ok) {
		brief_created(n->brief.config.root, created);
		policy_format_size(size, n->brief.bytes);
		snprintf(layers, sizeof layers, "%zu", n->brief.manifest.nlayers);
	}
	table_add(t, (const char *const[]){*n->ref->name ? n->ref->name : "(no name)", digest,
			     created, layers, size});
}

static int print_json(struct store *s, const struct store_ref *refs, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		struct entry entry;

		look(s, &refs[i], &entry);
		json_array_append_new(list, entry_json(&entry));
		if (entry.ok)
			brief_clear(&entry.brief);
	}
	return verb_json(list);
}

static int print_text(struct store *s, const struct store_ref *refs, size_t n)
{
	static const struct table_column columns[] = {{"NAME", false, true},
		{"DIGEST", false, false}, {"CREATED", false, false}, {"LAYERS", true, false},
		{"SIZE", true, false}};
	struct table *t = table_new(columns, sizeof columns / sizeof *columns);

	for (size_t i = 0; t && i < n; i++) {
		struct entry entry;

		look(s, &refs[i], &entry);
		add_row(t, &entry);
		if (entry.ok)
			brief_clear(&entry.brief);
		else
			cli_say("%s: %s", *refs[i].name ? refs[i].name : refs[i].digest.hex,
				entry.error.text);
	}
	if (!t || !table_end(t)) {
		cli_say("ls: no memory");
		return POLICY_FAILED;
	}
	return cli_flush();
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_ref *)a)->name, ((const struct store_ref *)b)->name);
}

static int list(const struct verb_common *c, struct store *s)
{
	struct image_error e;
	struct store_ref *refs;
	size_t n;
	int code;

	if (store_list(s, &refs, &n, &e))
		return verb_failed(&e);
	qsort(refs, n, sizeof *refs, by_name);
	code = c->json ? print_json(s, refs, n) : print_text(s, refs, n);
	free(refs);
	return code;
}

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "ls"};
	struct image_error e;
	struct store *s;
	int r, code;

	if (cli_parse(&verb_ls, argc, argv, 0, &v))
		return POLICY_FAILED;
	r = store_open(v.common.store, STORE_READ, false, &s, &e);
	if (r == -ENOENT) /* nothing was ever put there */
		return v.common.json ? print_json(NULL, NULL, 0) : print_text(NULL, NULL, 0);
	if (r)
		return verb_failed(&e);
	code = list(&v.common, s);
	store_close(s);
	return code;
}

const struct cli_verb verb_ls = {"ls", "List images", "sandbox image ls", &argp, run};
