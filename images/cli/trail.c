/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "images/cli/trail.h"

bool trail_push(struct trail *t, const char *name, size_t n, size_t *was)
{
	size_t need = t->len + 1 + n + 1;

	*was = t->len;
	if (need > t->room) {
		char *more = realloc(t->text, 2 * need);

		if (!more)
			return false;
		t->text = more;
		t->room = 2 * need;
	}
	if (t->len)
		t->text[t->len++] = '/';
	memcpy(t->text + t->len, name, n);
	t->len += n;
	t->text[t->len] = 0;
	return true;
}

void trail_pop(struct trail *t, size_t was)
{
	t->len = was;
	t->text[was] = 0;
}

void trail_end(struct trail *t)
{
	free(t->text);
	*t = (struct trail){0};
}
