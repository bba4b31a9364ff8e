/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"
#include "runtime/cli/text.h"

int observed_look(const char *verb, struct observe_list *out)
{
	int r = observe_look(out);

	if (r) {
		cli_say("%s: %s", verb, strerror(-r));
		return POLICY_FAILED;
	}
	return 0;
}

const char *observed_name(const struct observe_seen *s)
{
	return *s->head.name ? s->head.name : s->head.id;
}

void observed_program(char *out, size_t size, const struct observe_seen *s)
{
	policy_clean_text(out, size, s->head.program);
}

/* Bytes of the next character, and how many columns it takes. */
static size_t next(const char *s, unsigned *columns)
{
	mbstate_t state = {0};
	wchar_t c;
	size_t n = mbrtowc(&c, s, strlen(s), &state);
	int width = n == (size_t)-1 || n == (size_t)-2 ? -1 : wcwidth(c);

	*columns = width < 0 ? 1 : (unsigned)width;
	return width < 0 ? 1 : n;
}

void observed_cell(const char *text, unsigned columns)
{
	unsigned used = 0, width;

	if (!columns) {
		fputs(text, stdout);
		return;
	}
	while (*text) {
		size_t n = next(text, &width);

		if (used + width > columns)
			break;
		fwrite(text, 1, n, stdout);
		text += n;
		used += width;
	}
	printf("%*s", (int)(columns - used), "");
}

void observed_rest(const char *text, unsigned used)
{
	unsigned columns = text_columns(), width, at = 0;

	while (*text) {
		size_t n = next(text, &width);

		/* the last column stays free: some terminals wrap there */
		if (used + at + width >= columns)
			break;
		fwrite(text, 1, n, stdout);
		text += n;
		at += width;
	}
}

void observed_age(char out[16], uint64_t ns)
{
	uint64_t s = ns / 1000000000u;

	if (s < 60)
		snprintf(out, 16, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(out, 16, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, 16, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(out, 16, "%" PRIu64 "d%02" PRIu64 "h", s / 86400 % 100000, s / 3600 % 24);
}

void observed_cpu(char out[16], uint64_t ns)
{
	if (ns < 60000000000u)
		snprintf(out, 16, "%.2fs", (double)ns / 1e9);
	else
		observed_age(out, ns);
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)(n <= INT64_MAX ? n : INT64_MAX));
}

static json_t *exits_json(const struct observe_seen *s)
{
	json_t *o = json_object();
	const char *name;

	for (unsigned i = 0; (name = observe_exit_name(s, i)); i++)
		if (s->exits[i])
			json_object_set_new(o, name, number(s->exits[i]));
	return o;
}

static json_t *channel_json(const struct observe_seen *s)
{
	json_t *all = json_object();
	const char *name;

	for (unsigned i = 1; (name = observe_op_name(i)); i++) {
		json_t *o;

		if (!s->calls[i])
			continue;
		o = json_object();
		json_object_set_new(o, "count", number(s->calls[i]));
		json_object_set_new(o, "timed", number(histogram_total(&s->op_time[i])));
		json_object_set_new(o, "timed_ns", number(s->op_time[i].ns));
		json_object_set_new(all, name, o);
	}
	return all;
}

json_t *observed_json(const struct observe_seen *s)
{
	const struct observe_head *h = &s->head;
	char program[sizeof h->program];
	json_t *o = json_object();

	observed_program(program, sizeof program, s);
	json_object_set_new(o, "id", json_string(h->id));
	json_object_set_new(o, "name", *h->name ? json_string(h->name) : json_null());
	json_object_set_new(o, "program", json_string(program));
	json_object_set_new(o, "pid", json_integer(h->pid));
	json_object_set_new(o, "backend", json_string(h->backend));
	json_object_set_new(o, "home", json_string(h->home));
	json_object_set_new(o, "started_unix_ns", json_integer(h->started_ns));
	json_object_set_new(o, "age_ns", number(s->age_ns));
	json_object_set_new(o, "cpu_ns", number(s->cpu_ns));
	json_object_set_new(o, "guest_memory_bytes", number(s->shim.pages_used * 4096));
	json_object_set_new(o, "resident_bytes", number(s->rss_bytes));
	json_object_set_new(o, "limits",
		json_pack("{s:o,s:i,s:i,s:o}", "memory_bytes", number(h->mem_size), "cpus",
			(int)h->cpus, "processes", (int)h->pids_max, "timeout_ns",
			h->timeout_ns ? number(h->timeout_ns) : json_null()));
	json_object_set_new(o, "system_calls", number(s->shim.syscalls));
	json_object_set_new(o, "exits", exits_json(s));
	json_object_set_new(o, "channel", channel_json(s));
	json_object_set_new(o, "rejected", number(s->rejected));
	json_object_set_new(o, "denials", number(s->denials));
	return o;
}

void observed_print_json(json_t *o, size_t flags)
{
	json_dumpf(o, stdout, flags);
	putchar('\n');
	json_decref(o);
}
