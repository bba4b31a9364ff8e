/* SPDX-License-Identifier: Apache-2.0
 *
 * Stacks for other programs: the lines that flamegraph.pl reads, and JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "runtime/profile/profile.h"

/* From the root's child to `node`; how many. */
static uint32_t path(const struct tree *t, uint32_t node, uint32_t *out)
{
	uint32_t n = t->depth[node];

	for (uint32_t i = n; i; i--) {
		out[i - 1] = (uint32_t)t->by_name.node[node].value;
		node = t->by_name.node[node].parent;
	}
	return n;
}

void folded_write(FILE *out, const struct tree *t, const struct names *n)
{
	uint32_t frame[SAMPLES_FRAMES + 2];

	for (uint32_t i = 0; i < t->by_name.count; i++) {
		uint64_t self = t->by_name.node[t->order[i]].self;
		uint32_t depth = self ? path(t, t->order[i], frame) : 0;

		for (uint32_t f = 0; f < depth; f++)
			fprintf(out, "%s%s", f ? ";" : "", names_text(n, frame[f]));
		if (depth)
			fprintf(out, " %" PRIu64 "\n", self);
	}
}

/* *bad: there was no memory for all of it. */
static json_t *stack(const struct tree *t, const struct names *n, uint32_t node, bool *bad)
{
	uint32_t frame[SAMPLES_FRAMES + 2], depth = path(t, node, frame);
	json_t *frames = json_array();

	for (uint32_t f = 1; f < depth; f++)
		*bad |= json_array_append_new(frames, json_string(names_text(n, frame[f]))) != 0;
	return json_pack("{s:s,s:o,s:I}", "comm", depth ? names_text(n, frame[0]) : "", "frames",
		frames, "samples", (json_int_t)t->by_name.node[node].self);
}

int json_write(
	FILE *out, const struct tree *t, const struct names *n, const struct profile_about *about)
{
	json_t *stacks = json_array(), *o;
	bool bad = false;
	int r;

	for (uint32_t i = 0; i < t->by_name.count; i++)
		if (t->by_name.node[t->order[i]].self)
			bad |= json_array_append_new(stacks, stack(t, n, t->order[i], &bad)) != 0;
	o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:o}", "title", about->title, "frequency_hz",
		(json_int_t)about->hz, "samples", (json_int_t)about->samples, "lost",
		(json_int_t)about->lost, "cut", (json_int_t)about->cut, "stacks", stacks);
	r = o && !bad && !json_dumpf(o, out, JSON_INDENT(1)) ? 0 : -ENOMEM;
	if (o)
		fputc('\n', out);
	json_decref(o);
	return r;
}
