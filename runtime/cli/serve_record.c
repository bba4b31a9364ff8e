/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/serve_record.h"

#define WHEN_SIZE 64

json_t *serve_report_parse(const char *text, size_t size)
{
	json_t *o = json_loadb(text, size, 0, NULL);

	if (json_is_object(json_object_get(o, "exit")))
		return o;
	json_decref(o);
	return NULL;
}

static json_t *exit_member(const json_t *report, const char *name)
{
	return json_object_get(json_object_get(report, "exit"), name);
}

const char *serve_report_kind(const json_t *report)
{
	const char *kind = json_string_value(exit_member(report, "kind"));

	return kind ? kind : "";
}

int serve_report_code(const json_t *report)
{
	return (int)json_integer_value(exit_member(report, "code"));
}

static void when(char out[WHEN_SIZE], const struct timespec *t)
{
	struct tm tm;
	char seconds[32];

	gmtime_r(&t->tv_sec, &tm);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, WHEN_SIZE, "%s.%03ldZ", seconds, t->tv_nsec / 1000000);
}

/* "exit code 1", "signal 11 (out of memory)", "timeout", "failed: …" */
static void describe_end(char *out, size_t size, const json_t *report)
{
	const char *kind = serve_report_kind(report);
	const char *error = json_string_value(exit_member(report, "error"));
	bool oom = json_is_true(exit_member(report, "out_of_memory"));

	if (!strcmp(kind, "exited"))
		snprintf(out, size, "exit code %d", serve_report_code(report));
	else if (!strcmp(kind, "signaled"))
		snprintf(out, size, "signal %d%s",
			(int)json_integer_value(exit_member(report, "signal")),
			oom ? " (out of memory)" : "");
	else
		snprintf(out, size, "%s%s%s", kind, error ? ": " : "", error ? error : "");
}

static void say(const struct serve_record *r)
{
	long long denials = json_integer_value(json_object_get(r->report, "denied_total"));
	char began[WHEN_SIZE], end[512], denied[64] = "";

	when(began, &r->began);
	if (r->error)
		snprintf(end, sizeof end, "%s", r->error);
	else
		describe_end(end, sizeof end, r->report);
	if (denials)
		snprintf(denied, sizeof denied, ", %lld denied", denials);
	cli_say("%s %s: %s after %.3f s%s", began, r->peer, end, r->seconds, denied);
}

static json_t *object(const struct serve_record *r)
{
	char began[WHEN_SIZE];
	json_t *o = json_object();

	when(began, &r->began);
	json_object_set_new(o, "connection", json_integer((json_int_t)r->number));
	json_object_set_new(o, "peer", json_string(r->peer));
	json_object_set_new(o, "began", json_string(began));
	json_object_set_new(o, "seconds", json_real(r->seconds));
	json_object_set_new(o, "error", r->error ? json_string(r->error) : json_null());
	json_object_set_new(o, "report", r->report ? json_incref(r->report) : json_null());
	return o;
}

static void write_json(struct serve_log *log, const struct serve_record *r)
{
	json_t *o = object(r);
	bool ok = o && !json_dumpf(o, log->json, JSON_COMPACT) && fputc('\n', log->json) != EOF &&
		  !fflush(log->json);

	if (!ok && !log->failed)
		cli_say("--json: could not be written: %s", strerror(errno));
	log->failed |= !ok;
	json_decref(o);
}

void serve_record_write(struct serve_log *log, const struct serve_record *r)
{
	if (log->lines)
		say(r);
	if (log->json)
		write_json(log, r);
}
