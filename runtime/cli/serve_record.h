/* SPDX-License-Identifier: Apache-2.0
 *
 * What is told of a connection when it has ended: a line for people, a line of JSON. Both come
 * from its clone's report, which is read here and nowhere else.
 */
#ifndef SERVE_RECORD_H
#define SERVE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

struct serve_log {
	bool lines;  /* on stderr */
	FILE *json;  /* NULL: none */
	bool failed; /* json could not be written (said) */
};

struct serve_record {
	unsigned long long number;
	const char *peer;
	struct timespec began; /* CLOCK_REALTIME */
	double seconds;
	json_t *report;	   /* NULL: none */
	const char *error; /* why there was no clone or no report; NULL: it was as should be */
};

/* NULL: it is none. The caller's. */
json_t *serve_report_parse(const char *text, size_t size);
/* A member of its "exit": "exited", "signaled", …; "" and 0 when there is none. */
const char *serve_report_kind(const json_t *report);
int serve_report_code(const json_t *report);
void serve_record_write(struct serve_log *log, const struct serve_record *r);

#endif
