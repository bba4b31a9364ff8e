/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps with a fixed set of keys: what does not belong there is refused with the key that was
 * probably meant.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "images/job/job_internal.h"

#define KEY_LEN_MAX 32u

int reader_fail(struct reader *r, const struct tree *t, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return image_fail(r->e, -EINVAL, "%s:%u: %s", r->file, t->line, text);
}

int reader_memory(struct reader *r, const struct tree *t)
{
	reader_fail(r, t, "the job is too large: more than %u MiB in memory", ARENA_MAX >> 20);
	return -ENOMEM;
}

int reader_array(struct reader *r, const struct tree *t, size_t size, void *out)
{
	void *array = arena_alloc(r->arena, t->nkids * size);

	if (!array)
		return reader_memory(r, t);
	memcpy(out, &array, sizeof array);
	return 0;
}

/* What a node is called in a sentence. */
static const char *name_of(const struct tree *t)
{
	return t->key ? t->key : "this";
}

int reader_is(struct reader *r, const struct tree *t, enum tree_kind kind)
{
	struct tree want = {.kind = kind};

	if (t->kind == kind)
		return 0;
	return reader_fail(r, t, "%s must be %s, not %s", name_of(t), tree_kind_name(&want),
		tree_kind_name(t));
}

int take_text(struct reader *r, const struct tree *t, void *into)
{
	const char **out = into;
	int err = reader_text(r, t, out);

	if (!err && !**out)
		err = reader_fail(r, t, "%s is empty", name_of(t));
	return err;
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* How many letters must change to make one of the other (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[KEY_LEN_MAX + 1];
	size_t nb = strlen(b);

	if (strlen(a) > KEY_LEN_MAX || nb > KEY_LEN_MAX)
		return KEY_LEN_MAX;
	for (unsigned j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned above = row[j];

			row[j] = smallest(
				above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}

static int unknown_key(struct reader *r, const struct tree *t, const struct key *keys, size_t nkeys,
	const char *what)
{
	const char *near = keys[0].name;
	char all[256] = "";

	for (size_t i = 0; i < nkeys; i++) {
		size_t n = strlen(all);

		if (distance(t->key, keys[i].name) < distance(t->key, near))
			near = keys[i].name;
		snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", keys[i].name);
	}
	if (distance(t->key, near) <= 1 + strlen(near) / 3)
		return reader_fail(
			r, t, "%s has no key \"%.60s\"; is \"%s\" meant?", what, t->key, near);
	return reader_fail(r, t, "%s has no key \"%.60s\"; there are: %s", what, t->key, all);
}

int reader_keys(struct reader *r, const struct tree *map, const struct key *keys, size_t nkeys,
	const char *what, void *into)
{
	if (map->kind != TREE_MAP)
		return reader_fail(
			r, map, "%s must be a map of keys, not %s", what, tree_kind_name(map));
	for (const struct tree *t = map->kids; t; t = t->next) {
		const struct key *k = keys;
		int err;

		while (k < keys + nkeys && strcmp(k->name, t->key))
			k++;
		if (k == keys + nkeys)
			return unknown_key(r, t, keys, nkeys, what);
		err = k->take(r, t, (char *)into + k->offset);
		if (err)
			return err;
	}
	return 0;
}
