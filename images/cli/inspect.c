/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image inspect
 */
#include <stdlib.h>
#include <string.h>

#include "images/cli/brief.h"
#include "images/cli/verb.h"
#include "runtime/cli/text.h"

#define HEAD	 12
#define TEXT_MAX 4096

static const char doc[] =
	"Show what an image is: how its program starts, its labels, its layers."
	"\v"
	"NAME is a name or \"sha256:\" and the digest of a manifest. With --json the "
	"manifest and the configuration are there as they are stored.";
static const struct argp argp = {
	NULL, verb_names_parse, "NAME", doc, verb_common_child, NULL, NULL};

static void line(const char *head, const char *text)
{
	char clean[TEXT_MAX], padded[32];

	policy_clean_text(clean, sizeof clean, text);
	snprintf(padded, sizeof padded, "%s", head);
	text_row(padded, HEAD, (unsigned)strlen(padded), clean);
}

/* As one would write it: ["/bin/sh", "-c"]. */
static void line_strings(const char *head, const char *const *a)
{
	json_t *list = json_array();
	char *text;

	if (!a)
		return;
	for (; *a; a++)
		json_array_append_new(list, json_string(*a));
	text = json_dumps(list, 0);
	line(head, text ? text : "");
	free(text);
	json_decref(list);
}

static void line_each(const char *head, const char *const *a)
{
	for (; a && *a; a++) {
		line(head, *a);
		head = "";
	}
}

static void line_labels(const struct image_config *c)
{
	json_t *labels = json_object_get(json_object_get(c->root, "config"), "Labels"), *value;
	const char *key, *head = "labels";

	json_object_foreach(labels, key, value)
	{
		char text[TEXT_MAX];

		snprintf(text, sizeof text, "%s=%s", key,
			json_is_string(value) ? json_string_value(value) : "?");
		line(head, text);
		head = "";
	}
}

static void line_layers(const struct manifest *m)
{
	for (size_t i = 0; i < m->nlayers; i++) {
		char text[320], size[16];

		policy_format_size(size, m->layers[i].size);
		snprintf(text, sizeof text, "sha256:%s %s %s", m->layers[i].digest.hex, size,
			m->layers[i].media_type);
		line(i ? "" : "layers", text);
	}
}

static int print_text(const char *name, const struct brief *b)
{
	char created[BRIEF_TIME], size[16], digest[DIGEST_TEXT];
	const struct image_config *c = &b->config;

	digest_text(&b->manifest.self.digest, digest);
	brief_created(c->root, created);
	policy_format_size(size, b->bytes);
	line("name", name);
	line("digest", digest);
	line("created", created);
	line("size", size);
	line_strings("entrypoint", c->entrypoint);
	line_strings("cmd", c->cmd);
	line_each("env", c->env);
	if (c->user)
		line("user", c->user);
	if (c->workdir)
		line("workdir", c->workdir);
	line_labels(c);
	line_layers(&b->manifest);
	return cli_flush();
}

static int print_json(struct store *s, const char *name, const struct brief *b)
{
	struct image_error e;
	json_t *manifest; /* the whole document, of which struct manifest is a part */

	if (document_load(s, &b->manifest.self.digest, &manifest, &e))
		return verb_failed(&e);
	return verb_json(json_pack("{s:o, s:o, s:s, s:I, s:o, s:O}", "name", verb_text(name),
		"digest", brief_digest_json(&b->manifest.self.digest), "media_type",
		b->manifest.self.media_type, "size", (json_int_t)b->bytes, "manifest", manifest,
		"config", b->config.root));
}

static int show_image(struct store *s, const struct verb_names *v, const struct brief *b)
{
	return v->common.json ? print_json(s, v->names[0], b) : print_text(v->names[0], b);
}

static int run(int argc, char **argv)
{
	return brief_run(&verb_inspect, argc, argv, show_image);
}

const struct cli_verb verb_inspect = {
	"inspect", "Show what an image is", "sandbox image inspect", &argp, run};
