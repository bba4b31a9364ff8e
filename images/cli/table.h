/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows for eyes, in the width of the window.
 */
#ifndef IMAGES_CLI_TABLE_H
#define IMAGES_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 8

struct table_column {
	const char *head;
	bool right;  /* numbers */
	bool shrink; /* cut, with "..", where the window is too narrow */
};

struct table;
struct table *table_new(const struct table_column *columns, size_t n); /* NULL: no memory */
/* n strings, copied and cleaned. Once there was no memory nothing more is added. */
void table_add(struct table *t, const char *const *cells);
/* Prints and frees; false: no memory on the way, nothing was printed. */
bool table_end(struct table *t);

#endif
