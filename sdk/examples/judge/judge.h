/* SPDX-License-Identifier: Apache-2.0
 *
 * One submission: compiled in one sandbox, run in another. What comes out is JSON.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct limits {
	uint64_t cpu_ns, wall_ns, memory, output;
	uint32_t processes;
};

struct settings {
	struct limits compile, run;
	const char *executable; /* `sandbox`; NULL: as the library finds it */
};

/* Text of strangers: any bytes, with a NUL behind them. */
struct text {
	char *data;
	size_t size;
};

struct submission {
	struct text source, input;
	struct text expected; /* data NULL: nobody asks */
};

/* The answer as an object, or NULL: no memory. *failed: the judge could not do its work, and
 * "error" says why. Any thread. */
json_t *judge(const struct settings *settings, const struct submission *s, int *failed);

/* A JSON string of any bytes: what is no UTF-8 becomes U+FFFD. NULL: no memory. */
json_t *text_json(const char *data, size_t size);

#endif
