/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "images/cli/table.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/text.h"

#define GAP	   2u
#define SHRUNK_MIN 12u
#define CELL_MAX   1024u
#define CUT	   ".."

struct table {
	const struct table_column *columns;
	size_t n, nrows;
	char **cells; /* nrows * n */
	bool failed;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->columns = columns;
	t->n = n;
	return t;
}

void table_add(struct table *t, const char *const *cells)
{
	char **more, clean[CELL_MAX];

	if (t->failed)
		return;
	more = reallocarray(t->cells, (t->nrows + 1) * t->n, sizeof *more);
	if (!more) {
		t->failed = true;
		return;
	}
	t->cells = more;
	for (size_t i = 0; i < t->n; i++) {
		policy_clean_text(clean, sizeof clean, cells[i]);
		more[t->nrows * t->n + i] = strdup(clean);
		t->failed |= !more[t->nrows * t->n + i];
	}
	t->nrows++;
}

/* Columns of the screen that the first character takes, and its bytes. */
static unsigned char_width(const char *s, size_t *bytes)
{
	mbstate_t state = {0};
	wchar_t c;
	size_t n = mbrtowc(&c, s, MB_CUR_MAX, &state);
	int w;

	if (n == (size_t)-1 || n == (size_t)-2 || !n) {
		*bytes = 1;
		return 1;
	}
	*bytes = n;
	w = wcwidth(c);
	return w < 0 ? 1 : (unsigned)w;
}

static unsigned width_of(const char *s)
{
	unsigned width = 0;
	size_t n;

	for (; *s; s += n)
		width += char_width(s, &n);
	return width;
}

/* Bytes of s that fit into `width` columns. */
static size_t fitting(const char *s, unsigned width)
{
	const char *at = s;
	size_t n;

	while (*at) {
		unsigned w = char_width(at, &n);

		if (w > width)
			break;
		width -= w;
		at += n;
	}
	return (size_t)(at - s);
}

static void measure(const struct table *t, unsigned widths[TABLE_COLUMNS_MAX])
{
	for (size_t i = 0; i < t->n; i++) {
		widths[i] = width_of(t->columns[i].head);
		for (size_t row = 0; row < t->nrows; row++) {
			unsigned w = width_of(t->cells[row * t->n + i]);

			if (w > widths[i])
				widths[i] = w;
		}
	}
}

/* The widest of those that may shrink, as long as it helps. */
static void shrink(const struct table *t, unsigned widths[TABLE_COLUMNS_MAX])
{
	unsigned columns = text_columns(), sum = 0;

	for (size_t i = 0; i < t->n; i++)
		sum += widths[i] + (i ? GAP : 0);
	while (sum > columns) {
		size_t widest = t->n;

		for (size_t i = 0; i < t->n; i++)
			if (t->columns[i].shrink && widths[i] > SHRUNK_MIN &&
				(widest == t->n || widths[i] > widths[widest]))
				widest = i;
		if (widest == t->n)
			return;
		widths[widest]--;
		sum--;
	}
}

static void print_cell(const char *s, unsigned width, bool right, bool last)
{
	unsigned w = width_of(s);

	if (w > width) {
		printf("%.*s" CUT, (int)fitting(s, width - (unsigned)strlen(CUT)), s);
		return;
	}
	if (right)
		printf("%*s", (int)(width - w), "");
	fputs(s, stdout);
	if (!right && !last)
		printf("%*s", (int)(width - w), "");
}

static void print_row(const struct table *t, const unsigned *widths, const char *const *cells)
{
	for (size_t i = 0; i < t->n; i++) {
		if (i)
			printf("%*s", (int)GAP, "");
		print_cell(cells[i], widths[i], t->columns[i].right, i + 1 == t->n);
	}
	putchar('\n');
}

static void print(const struct table *t)
{
	unsigned widths[TABLE_COLUMNS_MAX];
	const char *heads[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < t->n; i++)
		heads[i] = t->columns[i].head;
	measure(t, widths);
	shrink(t, widths);
	print_row(t, widths, heads);
	for (size_t row = 0; row < t->nrows; row++)
		print_row(t, widths, (const char *const *)&t->cells[row * t->n]);
}

bool table_end(struct table *t)
{
	bool ok = !t->failed;

	if (ok)
		print(t);
	for (size_t i = 0; i < t->nrows * t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
	return ok;
}
