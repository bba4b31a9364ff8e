/* SPDX-License-Identifier: Apache-2.0
 *
 * Histograms one below the other, or as one JSON object.
 */
#ifndef TRACE_HISTOGRAM_PRINT_H
#define TRACE_HISTOGRAM_PRINT_H

#include <jansson.h>

#include "runtime/trace/print.h"

struct histogram_page {
	json_t *json, *histograms, *counts; /* or NULL: text */
	bool empty;
};

void histogram_page_begin(
	struct histogram_page *p, const struct observe_head *h, uint64_t ns, bool json);
/* "exit", "hlt", "kvm"; nothing if it counted nothing. */
void histogram_print(struct histogram_page *p, const char *what, const char *of, const char *source,
	const struct histogram *h);
/* What has no time. */
void histogram_print_count(struct histogram_page *p, const char *what, const char *of,
	const char *role, const char *source, uint64_t count);
void histogram_page_end(struct histogram_page *p);

#endif
