/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/policy/policy.h"
#include "runtime/trace/print.h"

/* A letter for each argument, as sys/table.h says; of other calls all six are shown. */
static const char *letters(uint32_t nr)
{
	static const struct {
		uint32_t nr;
		const char *args;
	} rows[] = {
#define SYS(nr, name, status, args, note) {nr, args},
#include "kernel-shim/sys/table.h"
#undef SYS
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].nr == nr)
			return strcmp(rows[i].args, "-") ? rows[i].args : "";
	return "xxxxxx";
}

static void print_argument(char letter, uint64_t v)
{
	switch (letter) {
	case 'f':
	case 'd':
	case 'S':
		printf("%d", (int)v);
		break;
	case 'u':
		printf("%" PRIu64, v);
		break;
	case 'l':
		printf("%" PRId64, (int64_t)v);
		break;
	case 'o':
		printf("0%o", (unsigned)v);
		break;
	default:
		printf("0x%" PRIx64, v);
	}
}

const char *print_first_role(const struct observe_head *h)
{
	return strcmp(h->home, "guest") ? "core" : "service";
}

/* The launcher names its threads; the first has the program's own name. */
static void role_of(char out[17], const struct trace_call *c, const struct observe_head *h)
{
	char comm[17] = {0};

	memcpy(comm, c->comm, sizeof c->comm);
	if (c->of == TRACE_OF_TRAPPED)
		snprintf(out, 17, "trapped");
	else if (c->tid == (uint32_t)h->pid)
		snprintf(out, 17, "%s", print_first_role(h));
	else
		policy_clean_text(out, 17, comm);
}

static const char *call_name(uint32_t nr, char room[24])
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)nr);

	snprintf(room, 24, "call-%u", nr);
	if (name)
		snprintf(room, 24, "%s", name);
	free(name);
	return room;
}

int64_t print_clock_offset(void)
{
	struct timespec mono, real;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	return (real.tv_sec - mono.tv_sec) * 1000000000ll + real.tv_nsec - mono.tv_nsec;
}

void print_clock(uint64_t at_ns, int64_t offset)
{
	int64_t at = (int64_t)at_ns + offset;
	time_t s = at / 1000000000;
	struct tm tm;

	localtime_r(&s, &tm);
	printf("%02d:%02d:%02d.%06d ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		(int)(at % 1000000000 / 1000));
}

static void print_text(const struct trace_call *c, const char *role, const char *name)
{
	const char *args = letters(c->nr);

	printf("%7u %-10s %s(", c->tid, role, name);
	for (int i = 0; i < 6 && args[i]; i++) {
		fputs(i ? ", " : "", stdout);
		print_argument(args[i], c->args[i]);
	}
	if (!c->returned)
		printf(")\n");
	else if (c->result >= -4095 && c->result < 0)
		printf(") = %s <%.1f us>\n",
			strerrorname_np((int)-c->result) ? strerrorname_np((int)-c->result)
							 : "interrupted",
			(double)c->ns / 1e3);
	else
		printf(") = %" PRId64 " <%.1f us>\n", (int64_t)c->result, (double)c->ns / 1e3);
}

static void print_json(const struct trace_call *c, const char *role, const char *name)
{
	json_t *args = json_array(), *o;

	for (int i = 0; i < 6; i++)
		json_array_append_new(args, json_integer((json_int_t)c->args[i]));
	o = json_pack("{s:I,s:I,s:s,s:s,s:o,s:o,s:o}", "monotonic_ns", (json_int_t)c->at_ns,
		"thread", (json_int_t)c->tid, "role", role, "call", name, "arguments", args,
		"result", c->returned ? json_integer(c->result) : json_null(), "ns",
		c->returned ? json_integer((json_int_t)c->ns) : json_null());
	json_dumpf(o, stdout, JSON_COMPACT);
	json_decref(o);
	putchar('\n');
}

void print_call(const struct trace_call *c, const struct observe_head *h, bool json)
{
	char role[17], name[24];

	role_of(role, c, h);
	call_name(c->nr, name);
	if (json) {
		print_json(c, role, name);
		return;
	}
	print_clock(c->at_ns, print_clock_offset());
	print_text(c, role, name);
}

void print_call_done(const struct trace_call *c, const struct observe_head *h)
{
	char role[17], name[24];

	role_of(role, c, h);
	print_text(c, role, call_name(c->nr, name));
}

static json_t *exits_between(const struct observe_seen *a, const struct observe_seen *b)
{
	json_t *o = json_object();
	const char *name;

	for (unsigned i = 0; (name = observe_exit_name(b, i)); i++)
		if (b->exits[i] > a->exits[i])
			json_object_set_new(
				o, name, json_integer((json_int_t)(b->exits[i] - a->exits[i])));
	return o;
}

static json_t *operations_between(const struct observe_seen *a, const struct observe_seen *b)
{
	json_t *o = json_object();
	const char *name;

	for (unsigned i = 1; (name = observe_op_name(i)); i++)
		if (b->calls[i] > a->calls[i])
			json_object_set_new(
				o, name, json_integer((json_int_t)(b->calls[i] - a->calls[i])));
	return o;
}

static void print_group(const char *title, json_t *counts)
{
	printf("%s:%s", title, json_object_size(counts) ? "" : " none");
	for (void *at = json_object_iter(counts); at; at = json_object_iter_next(counts, at))
		printf(" %s %" JSON_INTEGER_FORMAT, json_object_iter_key(at),
			json_integer_value(json_object_iter_value(at)));
}

void print_counts(const struct observe_seen *before, const struct observe_seen *now, bool json)
{
	json_t *exits = exits_between(before, now), *operations = operations_between(before, now);

	if (json) {
		json_t *o = json_pack("{s:s,s:O,s:O}", "source", "launcher", "exits", exits,
			"channel", operations);

		json_dumpf(o, stdout, JSON_COMPACT);
		json_decref(o);
	} else {
		print_group("exits", exits);
		print_group("; channel", operations);
	}
	putchar('\n');
	json_decref(exits);
	json_decref(operations);
}
