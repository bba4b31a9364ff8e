/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sdk/lib/words.h"

static bool make_room(struct words *w)
{
	size_t room = w->room ? w->room * 2 : 32;
	char **list;

	if (w->n + 1 < w->room)
		return true;
	list = realloc(w->list, room * sizeof *list);
	if (!list)
		return false;
	w->list = list;
	w->room = room;
	return true;
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = n < 0 ? NULL : malloc((size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, fmt, ap);
	return text;
}

void words_add(struct words *w, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (w->failed)
		return;
	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (!text || !make_room(w)) {
		free(text);
		w->failed = true;
		return;
	}
	w->list[w->n++] = text;
	w->list[w->n] = NULL;
}

void words_clear(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct words){0};
}
