/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "sdk/examples/judge/submission.h"

#define TEXTS 3

/* One object of three members at most. Others are not even parsed: an element of a list is two
 * bytes here and a hundred times that in memory. */
static bool is_small(const char *body, size_t size)
{
	unsigned opened = 0, commas = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		if (in_string && body[i] == '\\')
			i++;
		else if (body[i] == '"')
			in_string = !in_string;
		else if (!in_string && (body[i] == '{' || body[i] == '['))
			opened++;
		else if (!in_string && body[i] == ',')
			commas++;
	}
	return opened == 1 && commas < TEXTS;
}

static bool copy(struct text *out, const json_t *s)
{
	const size_t n = json_string_length(s);

	out->data = json_is_string(s) ? malloc(n + 1) : NULL;
	if (!out->data)
		return false;
	memcpy(out->data, json_string_value(s), n + 1);
	out->size = n;
	return true;
}

static bool take_texts(struct submission *s, const json_t *root)
{
	const struct {
		const char *name;
		struct text *text;
	} texts[TEXTS] = {{"source", &s->source}, {"stdin", &s->input}, {"expected", &s->expected}};
	size_t taken = 0;

	for (size_t i = 0; i < TEXTS; i++) {
		const json_t *value = json_object_get(root, texts[i].name);

		if (!value)
			continue;
		if (!copy(texts[i].text, value))
			return false;
		taken++;
	}
	return s->source.data && taken == json_object_size(root);
}

bool submission_parse(struct submission *s, const char *body, size_t size)
{
	json_error_t why;
	json_t *root;
	bool ok;

	if (!body || !is_small(body, size))
		return false;
	root = json_loadb(body, size, JSON_REJECT_DUPLICATES, &why);
	ok = take_texts(s, root);
	json_decref(root);
	return ok;
}

void submission_free(struct submission *s)
{
	free(s->source.data);
	free(s->input.data);
	free(s->expected.data);
	*s = (struct submission){0};
}
