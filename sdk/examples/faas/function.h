/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions: programs that read a request from stdin and write the answer to stdout. All that knows
 * of sandboxes.
 */
#ifndef FAAS_FUNCTION_H
#define FAAS_FUNCTION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sdk/include/sandbox.h"

struct limits {
	uint64_t wall_ns, memory, output;
	uint32_t processes;
	unsigned warm;		/* clones that are made in advance */
	int start_ms;		/* for a program to come to its first read of stdin */
	const char *executable; /* `sandbox`; NULL: as the library finds it */
};

struct function {
	const char *name, *program;
	const struct limits *limits;
	pthread_rwlock_t lock; /* to call template, and to put another in its place */
	struct sb_template *template;
};

enum outcome {
	OUTCOME_ANSWER, /* what it wrote is the answer */
	OUTCOME_FAILED, /* it crashed, or went beyond a limit */
	OUTCOME_LATE,	/* at its limit of time */
	OUTCOME_BROKEN, /* it could not be called */
};

/* False: sentence says why. name and program are not copied. */
bool function_start(struct function *f, const char *name, const char *program,
	const struct limits *limits, char *sentence, size_t size);
/* *done: who has the answer, for sb_output and sb_free; NULL if there is none, and then sentence
 * says why. Any thread. */
enum outcome function_call(struct function *f, const void *request, size_t n, struct sb **done,
	char *sentence, size_t size);
void function_stop(struct function *f);

#endif
