/* SPDX-License-Identifier: Apache-2.0
 *
 * ${{ matrix.NAME }} in text.
 */
#include <errno.h>
#include <string.h>

#include "images/job/job_internal.h"

#define OPEN  "${{"
#define CLOSE "}}"

static bool names(const struct job_pair *p, const char *name, size_t n)
{
	return strlen(p->name) == n && !memcmp(p->name, name, n);
}

static int no_such(struct reader *r, const struct tree *t, const char *what, size_t n)
{
	char all[200] = "";

	for (size_t i = 0; i < r->nmatrix; i++) {
		size_t len = strlen(all);

		snprintf(all + len, sizeof all - len, "%smatrix.%s", i ? ", " : "",
			r->matrix[i].name);
	}
	return reader_fail(r, t, "no value \"%.*s\" for ${{ }}; %s%s", n > 60 ? 60 : (int)n, what,
		*all ? "there are: " : "the job has no matrix", all);
}

/* The value of the expression in [text, text + n). */
static int look_up(
	struct reader *r, const struct tree *t, const char *text, size_t n, const char **value)
{
	static const char prefix[] = "matrix.";

	while (n && (*text == ' ' || *text == '\t')) {
		text++;
		n--;
	}
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (n >= strlen(prefix) && !memcmp(text, prefix, strlen(prefix)))
		for (size_t i = 0; i < r->nmatrix; i++)
			if (names(&r->matrix[i], text + strlen(prefix), n - strlen(prefix))) {
				*value = r->matrix[i].value;
				return 0;
			}
	return no_such(r, t, text, n);
}

/* Writes the expansion to out, or only counts it if out is NULL. */
static int expand(struct reader *r, const struct tree *t, char *out, size_t *total)
{
	const char *s = t->text, *open;

	*total = 0;
	while ((open = strstr(s, OPEN))) {
		const char *value = "", *from = open + strlen(OPEN), *close = strstr(from, CLOSE);
		int err;

		if (!close)
			return reader_fail(r, t, "\"${{\" without \"}}\"");
		err = look_up(r, t, from, (size_t)(close - from), &value);
		if (err)
			return err;
		if (out) {
			memcpy(out + *total, s, (size_t)(open - s));
			memcpy(out + *total + (open - s), value, strlen(value));
		}
		*total += (size_t)(open - s) + strlen(value);
		if (*total > ARENA_MAX)
			return reader_memory(r, t);
		s = close + strlen(CLOSE);
	}
	if (out)
		memcpy(out + *total, s, strlen(s));
	*total += strlen(s);
	return 0;
}

int reader_text(struct reader *r, const struct tree *t, const char **out)
{
	size_t n;
	char *copy;
	int err = reader_is(r, t, TREE_TEXT);

	if (err)
		return err;
	if (!strstr(t->text, OPEN)) {
		*out = t->text;
		return 0;
	}
	err = expand(r, t, NULL, &n);
	if (err)
		return err;
	copy = arena_alloc(r->arena, n + 1);
	if (!copy)
		return reader_memory(r, t);
	*out = copy;
	return expand(r, t, copy, &n);
}
