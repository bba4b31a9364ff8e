/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "images/cli/brief.h"
#include "images/store/document.h"

static uint64_t sum(const struct manifest *m)
{
	uint64_t bytes = m->self.size + m->config.size;

	for (size_t i = 0; i < m->nlayers; i++)
		if (__builtin_add_overflow(bytes, m->layers[i].size, &bytes))
			return UINT64_MAX;
	return bytes;
}

int brief_load(
	struct store *s, const struct descriptor *d, struct brief *out, struct image_error *e)
{
	int r = manifest_load(s, d, &out->manifest, e);

	if (r)
		return r;
	r = config_load(s, &out->manifest, &out->config, e);
	if (r)
		manifest_clear(&out->manifest);
	else
		out->bytes = sum(&out->manifest);
	return r;
}

int brief_find(struct store *s, const char *name, struct brief *out, struct image_error *e)
{
	struct descriptor d;
	int r = reference_find(s, name, &d, e);

	if (r)
		return r;
	r = brief_load(s, &d, out, e);
	return r ? image_within(e, r, "image %s", name) : 0;
}

void brief_clear(struct brief *b)
{
	manifest_clear(&b->manifest);
	config_clear(&b->config);
}

int brief_run(const struct cli_verb *verb, int argc, char **argv,
	int (*show)(struct store *s, const struct verb_names *v, const struct brief *b))
{
	struct verb_names v = {.verb = verb->name, .min = 1, .max = 1};
	struct image_error e;
	struct brief b;
	struct store *s;
	int code;

	if (cli_parse(verb, argc, argv, 0, &v))
		return POLICY_FAILED;
	if (store_open(v.common.store, STORE_READ, false, &s, &e))
		return verb_failed(&e);
	if (brief_find(s, v.names[0], &b, &e)) {
		code = verb_failed(&e);
	} else {
		code = show(s, &v, &b);
		brief_clear(&b);
	}
	store_close(s);
	return code;
}

void brief_created(const json_t *o, char out[BRIEF_TIME])
{
	int year, month, day, hour, minute;
	const char *text;

	if (!document_string(o, "created", 64, &text, NULL) && text &&
		sscanf(text, "%4d-%2d-%2dT%2d:%2d:", &year, &month, &day, &hour, &minute) == 5)
		snprintf(out, BRIEF_TIME, "%.10s %.5s", text, text + 11);
	else
		snprintf(out, BRIEF_TIME, "-");
}

void brief_digest(const struct digest *d, char out[BRIEF_SHORT])
{
	snprintf(out, BRIEF_SHORT, "sha256:%.12s", d->hex);
}

json_t *brief_digest_json(const struct digest *d)
{
	char text[DIGEST_TEXT];

	digest_text(d, text);
	return json_string(text);
}
