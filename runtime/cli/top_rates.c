/* SPDX-License-Identifier: Apache-2.0
 *
 * From two looks to rates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/top.h"

static const struct observe_seen *earlier(
	const struct observe_list *before, const struct observe_seen *now)
{
	for (size_t i = 0; i < before->count; i++)
		if (!strcmp(before->seen[i].head.id, now->head.id) &&
			before->seen[i].at_ns < now->at_ns)
			return &before->seen[i];
	return NULL;
}

/* A count that went back was made up: nothing happened. */
static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static bool waits(unsigned op)
{
	return op == CHAN_OP_WAIT || op == CHAN_OP_STOP;
}

static void fill_latency(
	struct top_row *row, const struct observe_seen *now, const struct observe_seen *then)
{
	uint64_t ns = 0, timed = 0;

	for (unsigned i = 1; i < CHAN_OP_COUNT; i++) {
		if (waits(i))
			continue;
		ns += since(now->op_time[i].ns, then->op_time[i].ns);
		timed += since(
			histogram_total(&now->op_time[i]), histogram_total(&then->op_time[i]));
	}
	row->latency_us = timed ? (double)ns / 1e3 / (double)timed : 0;
}

static void fill(
	struct top_row *row, const struct observe_seen *now, const struct observe_list *before)
{
	static const struct observe_seen nothing;
	const struct observe_seen *then = earlier(before, now);
	double seconds;

	row->seen = now;
	seconds = (double)(then ? now->at_ns - then->at_ns : now->age_ns) / 1e9;
	if (seconds < 0.01)
		seconds = 0.01;
	if (!then)
		then = &nothing;
	row->cpu = (double)since(now->cpu_ns, then->cpu_ns) / 1e7 / seconds;
	row->syscalls = (double)since(now->shim.syscalls, then->shim.syscalls) / seconds;
	for (unsigned i = 0; i < OBSERVE_EXITS; i++) {
		row->exit[i] = (double)since(now->exits[i], then->exits[i]) / seconds;
		row->exits += row->exit[i];
	}
	for (unsigned i = 1; i < CHAN_OP_COUNT; i++)
		row->operations += (double)since(now->calls[i], then->calls[i]) / seconds;
	fill_latency(row, now, then);
}

static double key(const struct top_row *r, enum top_order order)
{
	switch (order) {
	case TOP_BY_MEMORY:
		return (double)r->seen->shim.pages_used;
	case TOP_BY_EXITS:
		return r->exits;
	case TOP_BY_OPERATIONS:
		return r->operations;
	case TOP_BY_DENIALS:
		return (double)r->seen->denials;
	case TOP_BY_AGE:
		return (double)r->seen->age_ns;
	default:
		return r->cpu;
	}
}

/* Those that are alike stay as they were: oldest first. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct top_row *x = a, *y = b;
	enum top_order order = *(enum top_order *)arg;
	double dx = key(x, order), dy = key(y, order);

	if (dx > dy || dx < dy)
		return dx > dy ? -1 : 1;
	return x->seen < y->seen ? -1 : 1;
}

struct top_row *top_rows(
	const struct observe_list *before, const struct observe_list *now, enum top_order order)
{
	struct top_row *rows = now->count ? calloc(now->count, sizeof *rows) : NULL;

	if (!rows)
		return NULL;
	for (size_t i = 0; i < now->count; i++)
		fill(&rows[i], &now->seen[i], before);
	qsort_r(rows, now->count, sizeof *rows, compare, &order);
	return rows;
}

void top_reasons(char *out, size_t size, const struct top_row *row)
{
	bool shown[OBSERVE_EXITS] = {0};
	size_t used = 0;

	*out = 0;
	for (unsigned turn = 0; turn < OBSERVE_EXITS && used < size; turn++) {
		unsigned best = OBSERVE_EXITS;

		for (unsigned i = 0; i < row->seen->head.reasons; i++)
			if (!shown[i] && row->exit[i] >= 0.5 &&
				(best == OBSERVE_EXITS || row->exit[i] > row->exit[best]))
				best = i;
		if (best == OBSERVE_EXITS)
			break;
		shown[best] = true;
		used += (size_t)snprintf(out + used, size - used, "%s%s %.0f", used ? "  " : "",
			observe_exit_name(row->seen, best), row->exit[best]);
	}
}
