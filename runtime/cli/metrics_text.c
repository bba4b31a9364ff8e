/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' text format: a family of samples after the other, each with one for each sandbox.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: text without control characters, in which '"' and '\' are escaped. */
static void label_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* name{id="…",name="…"[,label="value"] without the value that follows. */
static void sample(FILE *out, const char *name, const struct observe_seen *s, const char *label,
	const char *value)
{
	fprintf(out, "%s{id=\"%s\",name=\"%s\"", name, s->head.id, s->head.name);
	if (label)
		fprintf(out, ",%s=\"%s\"", label, value);
	fprintf(out, "} ");
}

static void sample_count(FILE *out, const char *name, const struct observe_seen *s, uint64_t n)
{
	sample(out, name, s, NULL, NULL);
	fprintf(out, "%" PRIu64 "\n", n);
}

static void sample_seconds(FILE *out, const char *name, const struct observe_seen *s, uint64_t ns)
{
	sample(out, name, s, NULL, NULL);
	fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000u, ns % 1000000000u);
}

/* -- families of one sample each -- */

static uint64_t start_ns(const struct observe_seen *s)
{
	return s->head.started_ns > 0 ? (uint64_t)s->head.started_ns : 0;
}

static uint64_t cpu_ns(const struct observe_seen *s)
{
	return s->cpu_ns;
}

static uint64_t cpus(const struct observe_seen *s)
{
	return s->head.cpus;
}

static uint64_t guest_bytes(const struct observe_seen *s)
{
	return s->shim.pages_used * 4096;
}

static uint64_t guest_limit(const struct observe_seen *s)
{
	return s->head.mem_size;
}

static uint64_t resident_bytes(const struct observe_seen *s)
{
	return s->rss_bytes;
}

static uint64_t syscalls(const struct observe_seen *s)
{
	return s->shim.syscalls;
}

static uint64_t rejected(const struct observe_seen *s)
{
	return s->rejected;
}

static uint64_t denials(const struct observe_seen *s)
{
	return s->denials;
}

static const struct {
	const char *name, *type, *help;
	uint64_t (*value)(const struct observe_seen *s);
	void (*print)(FILE *out, const char *name, const struct observe_seen *s, uint64_t value);
} plain[] = {
	{"sandbox_start_time_seconds", "gauge", "When the sandbox was started, in Unix time.",
		start_ns, sample_seconds},
	{"sandbox_cpu_seconds_total", "counter",
		"CPU time of the launcher, its virtual CPUs and its trapped processes.", cpu_ns,
		sample_seconds},
	{"sandbox_cpus", "gauge", "CPUs that run the program's threads.", cpus, sample_count},
	{"sandbox_guest_memory_bytes", "gauge", "Memory that the program and its kernel use.",
		guest_bytes, sample_count},
	{"sandbox_guest_memory_limit_bytes", "gauge", "Memory that they may use.", guest_limit,
		sample_count},
	{"sandbox_resident_memory_bytes", "gauge", "Resident memory of the launcher.",
		resident_bytes, sample_count},
	{"sandbox_syscalls_total", "counter", "System calls that the program made.", syscalls,
		sample_count},
	{"sandbox_channel_rejected_total", "counter",
		"Requests of the guest that were not well-formed.", rejected, sample_count},
	{"sandbox_denials_total", "counter",
		"What was refused by policy, each operation and path once.", denials, sample_count},
};

static void print_plain(FILE *out, const struct observe_list *l)
{
	for (size_t f = 0; f < sizeof plain / sizeof *plain; f++) {
		family(out, plain[f].name, plain[f].type, plain[f].help);
		for (size_t i = 0; i < l->count; i++)
			plain[f].print(
				out, plain[f].name, &l->seen[i], plain[f].value(&l->seen[i]));
	}
}

/* -- the others -- */

static void print_info(FILE *out, const struct observe_list *l)
{
	family(out, "sandbox_info", "gauge", "What is run and how; always 1.");
	for (size_t i = 0; i < l->count; i++) {
		const struct observe_seen *s = &l->seen[i];
		char program[sizeof s->head.program];

		observed_program(program, sizeof program, s);
		fprintf(out,
			"sandbox_info{id=\"%s\",name=\"%s\",backend=\"%s\",home=\"%s\",program=\"",
			s->head.id, s->head.name, s->head.backend, s->head.home);
		label_text(out, program);
		fprintf(out, "\"} 1\n");
	}
}

static void print_exits(FILE *out, const struct observe_list *l)
{
	static const char name[] = "sandbox_exits_total";

	family(out, name, "counter", "Exits of virtual CPUs or trapped processes, by reason.");
	for (size_t i = 0; i < l->count; i++) {
		const struct observe_seen *s = &l->seen[i];
		const char *reason;

		for (unsigned n = 0; (reason = observe_exit_name(s, n)); n++) {
			sample(out, name, s, "reason", reason);
			fprintf(out, "%" PRIu64 "\n", s->exits[n]);
		}
	}
}

static void print_operations(FILE *out, const struct observe_list *l)
{
	static const char name[] = "sandbox_channel_operations_total";

	family(out, name, "counter", "Requests of the guest to the host, by operation.");
	for (size_t i = 0; i < l->count; i++) {
		const char *operation;

		for (unsigned n = 1; (operation = observe_op_name(n)); n++) {
			sample(out, name, &l->seen[i], "operation", operation);
			fprintf(out, "%" PRIu64 "\n", l->seen[i].calls[n]);
		}
	}
}

static void print_durations(FILE *out, const struct observe_list *l)
{
	static const char name[] = "sandbox_channel_operation_duration_seconds";
	static const char sum[] = "sandbox_channel_operation_duration_seconds_sum";
	static const char count[] = "sandbox_channel_operation_duration_seconds_count";

	family(out, name, "summary", "Time of those requests of which it was taken, a sample.");
	for (size_t i = 0; i < l->count; i++) {
		const struct observe_seen *s = &l->seen[i];
		const char *operation;

		for (unsigned n = 1; (operation = observe_op_name(n)); n++) {
			const struct histogram *h = &s->op_time[n];

			sample(out, sum, s, "operation", operation);
			fprintf(out, "%" PRIu64 ".%09" PRIu64 "\n", h->ns / 1000000000u,
				h->ns % 1000000000u);
			sample(out, count, s, "operation", operation);
			fprintf(out, "%" PRIu64 "\n", histogram_total(h));
		}
	}
}

int metrics_print(FILE *out, const struct observe_list *l)
{
	family(out, "sandbox_running", "gauge", "Running sandboxes of this user.");
	fprintf(out, "sandbox_running %zu\n", l->count);
	print_info(out, l);
	print_plain(out, l);
	print_exits(out, l);
	print_operations(out, l);
	print_durations(out, l);
	return ferror(out) ? -ENOMEM : 0;
}
