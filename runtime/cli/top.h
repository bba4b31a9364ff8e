/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <stdbool.h>

#include "runtime/observe/look.h"

/* What a sandbox did between two looks, for each second. Its first look counts from its start. */
struct top_row {
	const struct observe_seen *seen;
	double cpu; /* percent of one CPU */
	double syscalls, exits, operations;
	double exit[OBSERVE_EXITS]; /* by reason */
	double latency_us;	    /* of channel operations, but those that wait; 0: none timed */
};

enum top_order {
	TOP_BY_CPU,
	TOP_BY_MEMORY,
	TOP_BY_EXITS,
	TOP_BY_OPERATIONS,
	TOP_BY_DENIALS,
	TOP_BY_AGE,
	TOP_ORDERS
};

/* top_rates.c: a row for each of `now`, which they refer to, in order. The caller's to free; NULL
 * if there is none or no memory. */
struct top_row *top_rows(
	const struct observe_list *before, const struct observe_list *now, enum top_order order);
/* "io-out 120  intr 4": the most frequent first. */
void top_reasons(char *out, size_t size, const struct top_row *row);

/* top_screen.c */
struct top_options {
	bool json;
	unsigned count; /* pictures; 0: until stopped */
	uint64_t delay_ns;
};
/* The whole table in a window of that size; UINT_MAX: as wide and high as it gets. */
void top_table(const struct top_row *rows, size_t n, enum top_order order, unsigned columns,
	unsigned lines, const char *end_of_line);
int top_screen(const struct top_options *o);

#endif
