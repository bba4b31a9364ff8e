/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image history
 */
#include <stdlib.h>
#include <string.h>

#include "images/cli/brief.h"
#include "images/cli/table.h"
#include "images/cli/verb.h"
#include "images/store/document.h"

#define WORD_MAX 65536u

static const char doc[] = "Show how an image was made, what was done last first."
			  "\v"
			  "NAME is a name or \"sha256:\" and the digest of a manifest. A step that "
			  "changed no file has no layer and no size.";
static const struct argp argp = {
	NULL, verb_names_parse, "NAME", doc, verb_common_child, NULL, NULL};

/* What was done, and the layer that came of it. */
struct step {
	const json_t *entry;		/* NULL: nothing is said of this layer */
	const struct descriptor *layer; /* NULL: none */
};

/* The history is what whoever made the image says: it need not fit the layers. */
static struct step *steps_of(const struct brief *b, size_t *n)
{
	const json_t *history = json_object_get(b->config.root, "history");
	size_t count = json_array_size(history), layer = 0;
	struct step *steps = calloc(count + b->manifest.nlayers + 1, sizeof *steps);

	*n = 0;
	for (size_t i = 0; steps && i < count; i++) {
		struct step *step = &steps[(*n)++];

		step->entry = json_array_get(history, i);
		if (!json_is_true(json_object_get(step->entry, "empty_layer")) &&
			layer < b->manifest.nlayers)
			step->layer = &b->manifest.layers[layer++];
	}
	while (steps && layer < b->manifest.nlayers)
		steps[(*n)++].layer = &b->manifest.layers[layer++];
	return steps;
}

static const char *word(const json_t *entry, const char *key)
{
	const char *s = json_string_value(json_object_get(entry, key));

	return s && strlen(s) < WORD_MAX ? s : "";
}

static void add_row(struct table *t, const struct step *step)
{
	char created[BRIEF_TIME], size[16] = "-", by[1024];
	const char *comment = word(step->entry, "comment");

	brief_created(step->entry, created);
	if (step->layer)
		policy_format_size(size, step->layer->size);
	snprintf(by, sizeof by, "%s%s%s%s", word(step->entry, "created_by"), *comment ? " (" : "",
		comment, *comment ? ")" : "");
	table_add(t, (const char *const[]){created, size, by});
}

static int print_text(const struct step *steps, size_t n)
{
	static const struct table_column columns[] = {
		{"CREATED", false, false}, {"SIZE", true, false}, {"CREATED BY", false, true}};
	struct table *t = table_new(columns, sizeof columns / sizeof *columns);

	while (t && n)
		add_row(t, &steps[--n]);
	if (!t || !table_end(t)) {
		cli_say("history: no memory");
		return POLICY_FAILED;
	}
	return cli_flush();
}

static json_t *step_json(const struct step *step)
{
	static const char *const keys[] = {"created", "created_by", "comment", "author"};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (*word(step->entry, keys[i]))
			json_object_set_new(o, keys[i], verb_text(word(step->entry, keys[i])));
	json_object_set_new(
		o, "layer", step->layer ? brief_digest_json(&step->layer->digest) : json_null());
	json_object_set_new(
		o, "size", json_integer(step->layer ? (json_int_t)step->layer->size : 0));
	return o;
}

static int print_json(const struct step *steps, size_t n)
{
	json_t *list = json_array();

	while (n)
		json_array_append_new(list, step_json(&steps[--n]));
	return verb_json(list);
}

static int show(const struct verb_common *c, const struct brief *b)
{
	size_t n;
	struct step *steps = steps_of(b, &n);
	int code;

	if (!steps) {
		cli_say("history: no memory");
		return POLICY_FAILED;
	}
	code = c->json ? print_json(steps, n) : print_text(steps, n);
	free(steps);
	return code;
}

static int show_image(struct store *s, const struct verb_names *v, const struct brief *b)
{
	return show(&v->common, b);
}

static int run(int argc, char **argv)
{
	return brief_run(&verb_history, argc, argv, show_image);
}

const struct cli_verb verb_history = {
	"history", "Show how an image was made", "sandbox image history", &argp, run};
