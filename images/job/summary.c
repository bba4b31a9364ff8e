/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of a job, for machines: JSON and JUnit's XML.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "images/job/job_internal.h"
#include "runtime/cli/xml.h"

static double seconds(uint64_t ns)
{
	return (double)(ns / 1000000) / 1000;
}

static const char *json_outcome(enum job_outcome o)
{
	return o == JOB_ALLOWED ? "failed" : job_outcome_name(o);
}

static json_t *json_step(const struct job_step *s)
{
	return json_pack("{s:s, s:s?, s:s, s:b, s:i, s:f, s:s?, s:s%, s:b}", "name", s->name,
		"image", s->image, "outcome", json_outcome(s->outcome), "allowed",
		s->continue_on_error, "code", s->code, "seconds", seconds(s->ns), "error",
		*s->why.text ? s->why.text : NULL, "output", s->tail.text ? s->tail.text : "",
		s->tail.n, "output_cut", s->tail.cut);
}

static json_t *json_entry(const struct job_entry *n)
{
	json_t *matrix = json_object(), *steps = json_array();

	for (size_t i = 0; i < n->nmatrix; i++)
		json_object_set_new(matrix, n->matrix[i].name, json_string(n->matrix[i].value));
	for (size_t i = 0; i < n->nsteps; i++)
		json_array_append_new(steps, json_step(&n->steps[i]));
	return json_pack("{s:o, s:o}", "matrix", matrix, "steps", steps);
}

int job_json(const struct job *j, int code, FILE *out)
{
	json_t *entries = json_array(), *root;
	int r;

	for (size_t i = 0; i < j->nentries; i++)
		json_array_append_new(entries, json_entry(&j->entries[i]));
	root = json_pack("{s:s, s:i, s:f, s:o}", "name", j->name, "code", code, "seconds",
		seconds(j->ns), "entries", entries);
	if (!root)
		return -ENOMEM;
	r = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(root);
	return r || fputc('\n', out) == EOF || fflush(out) ? -EIO : 0;
}

/* Of a program: colours go. */
static void xml(FILE *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == 0x1b) {
			while (i < n && s[i] != 'm')
				i++;
			continue;
		}
		xml_put(out, s + i, 1);
	}
}

static void xml_text(FILE *out, const char *s)
{
	xml(out, s, strlen(s));
}

static bool is_skipped(const struct job_step *s)
{
	return s->outcome == JOB_SKIPPED || s->outcome == JOB_INTERRUPTED ||
	       s->outcome == JOB_ALLOWED;
}

static void junit_step(
	const struct job *j, const struct job_entry *n, const struct job_step *s, FILE *out)
{
	fputs("    <testcase classname=\"", out);
	xml_text(out, *n->label ? n->label : j->name);
	fputs("\" name=\"", out);
	xml_text(out, s->name);
	fprintf(out, "\" time=\"%.3f\">\n", seconds(s->ns));
	if (s->outcome == JOB_FAILED) {
		fprintf(out, "      <failure message=\"exit code %d%s", s->code,
			*s->why.text ? ": " : "");
		xml_text(out, s->why.text);
		fputs("\"/>\n", out);
	} else if (is_skipped(s)) {
		fprintf(out, "      <skipped message=\"%s\"/>\n", job_outcome_name(s->outcome));
	}
	if (s->tail.n) {
		fputs("      <system-out>", out);
		xml(out, s->tail.text, s->tail.n);
		fputs("</system-out>\n", out);
	}
	fputs("    </testcase>\n", out);
}

static void junit_entry(const struct job *j, const struct job_entry *n, FILE *out)
{
	unsigned failures = 0, skipped = 0;
	uint64_t ns = 0;

	for (size_t i = 0; i < n->nsteps; i++) {
		failures += n->steps[i].outcome == JOB_FAILED;
		skipped += is_skipped(&n->steps[i]);
		ns += n->steps[i].ns;
	}
	fputs("  <testsuite name=\"", out);
	xml_text(out, j->name);
	if (*n->label) {
		fputs(" ", out);
		xml_text(out, n->label);
	}
	fprintf(out,
		"\" tests=\"%zu\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%.3f\">\n",
		n->nsteps, failures, skipped, seconds(ns));
	for (size_t i = 0; i < n->nsteps; i++)
		junit_step(j, n, &n->steps[i], out);
	fputs("  </testsuite>\n", out);
}

int job_junit(const struct job *j, FILE *out)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
	for (size_t i = 0; i < j->nentries; i++)
		junit_entry(j, &j->entries[i], out);
	fputs("</testsuites>\n", out);
	return ferror(out) || fflush(out) ? -EIO : 0;
}
