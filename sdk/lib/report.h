/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `sandbox run` (JSON, docs/exit-codes.md), read as the word of a stranger: its
 * process has had an untrusted program in it.
 */
#ifndef SDK_REPORT_H
#define SDK_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "sdk/include/sandbox.h"

struct report {
	json_t *root; /* owner of all strings */
	struct sb_denial *denials;
};

/* Fills result from text; strings in it live as long as *report. SB_RUNNING: it is no report.
 * Else 0 or a code. first_try: what cannot be read is for want of memory, perhaps. */
int report_read(const char *text, size_t size, bool first_try, struct report *report,
	struct sb_result *result, struct sb_error **error);
void report_clear(struct report *report);

#endif
