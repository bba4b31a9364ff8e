/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/lib/error.h"
#include "sdk/lib/report.h"

static uint64_t number(const json_t *object, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(object, name));

	return v > 0 ? (uint64_t)v : 0;
}

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int denials(const json_t *root, struct report *report, struct sb_result *result,
	struct sb_error **error)
{
	const json_t *list = json_object_get(root, "denied");
	size_t n = json_array_size(list);

	result->denials_total = number(root, "denied_total");
	if (!n)
		return 0;
	report->denials = calloc(n, sizeof *report->denials);
	if (!report->denials)
		return error_no_memory(error);
	for (size_t i = 0; i < n; i++) {
		const json_t *d = json_array_get(list, i);
		struct sb_denial *to = &report->denials[result->ndenials];

		to->operation = text_of(d, "operation");
		to->path = text_of(d, "path");
		to->allowed_by = text_of(d, "allowed_by");
		if (to->operation && to->path)
			result->ndenials++;
	}
	result->denials = report->denials;
	return 0;
}

/* False: a kind that this library does not know. */
static bool end(const json_t *root, struct sb_result *result)
{
	static const struct {
		const char *kind;
		enum sb_end end;
	} kinds[] = {
		{"exited", SB_END_EXITED},
		{"signaled", SB_END_SIGNALLED},
		{"timeout", SB_END_WALL_TIME},
		{"not-started", SB_END_NOT_STARTED},
		{"failed", SB_END_FAILED},
		{"snapshot", SB_END_SNAPSHOT},
	};
	const json_t *exit = json_object_get(root, "exit");
	const char *kind = text_of(exit, "kind");

	for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kind, kinds[i].kind))
			continue;
		result->end = kinds[i].end;
		if (result->end == SB_END_EXITED)
			result->exit_code = (int32_t)(number(exit, "code") & 255);
		if (result->end == SB_END_SIGNALLED)
			result->signal = (int32_t)(number(exit, "signal") & 127);
		if (json_is_true(json_object_get(exit, "out_of_memory")) &&
			result->end <= SB_END_SIGNALLED)
			result->end = SB_END_MEMORY;
		result->message = text_of(exit, "error");
		return true;
	}
	return false;
}

/* A report cut off ends otherwise: what is inside of it is indented. */
static bool is_whole(const char *text, size_t size)
{
	static const char last[] = "\n}\n";
	const size_t n = sizeof last - 1;

	return size >= n && !memcmp(text + size - n, last, n);
}

int report_read(const char *text, size_t size, bool first_try, struct report *report,
	struct sb_result *result, struct sb_error **error)
{
	const json_t *times, *memory;
	json_error_t why;

	if (!is_whole(text, size))
		return SB_RUNNING;
	/* jansson does not always tell text that is no JSON from memory that it did not get */
	report->root = json_loadb(text, size, 0, &why);
	if (!report->root)
		return first_try ? error_no_memory(error) : SB_RUNNING;
	if (!end(report->root, result))
		return SB_RUNNING;
	times = json_object_get(report->root, "times_ns");
	memory = json_object_get(report->root, "memory");
	result->wall_ns = number(times, "wall");
	result->start_ns = number(times, "start");
	result->cpu_ns = number(times, "user") + number(times, "system");
	result->memory_peak = number(memory, "guest_peak_bytes");
	return denials(report->root, report, result, error);
}

void report_clear(struct report *report)
{
	json_decref(report->root);
	free(report->denials);
	*report = (struct report){0};
}
