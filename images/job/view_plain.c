/* SPDX-License-Identifier: Apache-2.0
 *
 * A job as lines of a log: each line of a program's output has something before it, so that none
 * can pass for one of the job's own.
 */
#include <stdlib.h>

#include "images/job/job_internal.h"

struct plain {
	struct job_view v;
	const struct job *job;
	int out;
	bool parallel;
};

const char *job_outcome_name(enum job_outcome o)
{
	static const char *const names[] = {"not started", "running", "passed", "failed",
		"failed (allowed)", "skipped", "interrupted"};

	return names[o];
}

void job_duration(uint64_t ns, char out[24])
{
	unsigned long long ms = ns / 1000000, s = ms / 1000;

	if (s < 60)
		snprintf(out, 24, "%llu.%llu s", s, ms / 100 % 10);
	else
		snprintf(out, 24, "%llu min %02llu s", s / 60, s % 60);
}

/* " [python=3.11]", or nothing. */
static void put_label(const struct job_entry *n, char *out, size_t size)
{
	snprintf(out, size, *n->label ? " [%s]" : "%s", n->label);
}

static void step_begin(struct job_view *v, const struct job_entry *n, const struct job_step *s)
{
	const struct plain *p = (const struct plain *)v;
	char label[256];

	put_label(n, label, sizeof label);
	dprintf(p->out, "== step %zu of %zu: %s%s\n", (size_t)(s - n->steps) + 1, n->nsteps,
		s->name, label);
}

static void line(struct job_view *v, const struct job_entry *n, const char *text)
{
	const struct plain *p = (const struct plain *)v;

	if (p->parallel)
		dprintf(p->out, "[%.80s] %s\n", n->label, text);
	else
		dprintf(p->out, "   %s\n", text);
}

static void step_end(struct job_view *v, const struct job_entry *n, const struct job_step *s)
{
	const struct plain *p = (const struct plain *)v;
	char label[256], time[24];

	put_label(n, label, sizeof label);
	job_duration(s->ns, time);
	dprintf(p->out, "-- %s%s: %s", s->name, label, job_outcome_name(s->outcome));
	if (s->code && s->outcome != JOB_INTERRUPTED)
		dprintf(p->out, " with code %d", s->code);
	dprintf(p->out, ", %s%s%s\n", time, *s->why.text ? ": " : "", s->why.text);
}

static void tick(struct job_view *v)
{
	(void)v; /* lines tell when they come */
}

static void end(struct job_view *v)
{
	free(v);
}

struct job_view *view_plain(const struct job *j, int out, bool parallel)
{
	struct plain *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->v = (struct job_view){step_begin, line, step_end, tick, tick, end};
	p->job = j;
	p->out = out;
	p->parallel = parallel;
	return &p->v;
}
