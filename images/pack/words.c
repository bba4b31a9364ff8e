/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "images/pack/words.h"

int words_add(struct words *w, const char *word, size_t n, struct image_error *e)
{
	char **list, *copy;

	if (w->n == WORDS_MAX)
		return image_fail(e, -E2BIG, "more than %u words", WORDS_MAX);
	list = reallocarray(w->list, w->n + 2, sizeof *list);
	if (list)
		w->list = list;
	copy = list ? strndup(word, n) : NULL;
	if (!copy)
		return image_fail(e, -ENOMEM, "not enough memory");
	list[w->n++] = copy;
	list[w->n] = NULL;
	return 0;
}

void words_clear(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct words){0};
}

static int add_strings(const json_t *array, struct words *out, bool *strings, struct image_error *e)
{
	const json_t *item;
	size_t i;
	int r = 0;

	*strings = json_is_array(array);
	json_array_foreach(array, i, item)
	{
		*strings = *strings && json_is_string(item);
		if (*strings && !r)
			r = words_add(out, json_string_value(item), json_string_length(item), e);
	}
	return r;
}

int words_parse_json(const char *text, struct words *out, bool *is_json, struct image_error *e)
{
	json_t *array = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int r = add_strings(array, out, is_json, e);

	json_decref(array);
	if (r || !*is_json)
		words_clear(out);
	return r;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One word from s on into buf. NULL: a quote is not closed. */
static const char *next_word(const char *s, char *buf, size_t *n)
{
	char quote = 0;

	for (*n = 0; *s && (quote || !blank(*s)); s++) {
		if (!quote && (*s == '\'' || *s == '"'))
			quote = *s;
		else if (quote && *s == quote)
			quote = 0;
		else if (*s == '\\' && s[1] && quote != '\'' &&
			 (!quote || s[1] == '"' || s[1] == '\\'))
			buf[(*n)++] = *++s;
		else
			buf[(*n)++] = *s;
	}
	return quote ? NULL : s;
}

static int split(const char *s, char *buf, struct words *out, struct image_error *e)
{
	size_t n;
	int r = 0;

	while (!r) {
		s += strspn(s, " \t\r\n");
		if (!*s)
			return 0;
		s = next_word(s, buf, &n);
		r = s ? words_add(out, buf, n, e) : image_fail(e, -EINVAL, "a quote is not closed");
	}
	return r;
}

int words_parse(const char *text, struct words *out, struct image_error *e)
{
	bool json = false;
	char *buf;
	int r = 0;

	*out = (struct words){0};
	if (*text == '[') {
		r = words_parse_json(text, out, &json, e);
		if (!r && !json)
			r = image_fail(
				e, -EINVAL, "begins as a JSON array, but is not one of strings");
		return r;
	}
	buf = malloc(strlen(text) + 1);
	if (!buf)
		return image_fail(e, -ENOMEM, "not enough memory");
	r = split(text, buf, out, e);
	free(buf);
	if (r)
		words_clear(out);
	return r;
}
