/* SPDX-License-Identifier: Apache-2.0
 *
 * --stats: counts and times, aligned for people.
 */
#include <inttypes.h>

#include "runtime/cli/report.h"

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void row(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, "  %-20s %14" PRIu64 "\n", name, value);
}

static void row_size(FILE *out, const char *name, uint64_t bytes)
{
	char size[16];

	policy_format_size(size, bytes);
	fprintf(out, "  %-20s %14s\n", name, size);
}

static void row_ms(FILE *out, const char *name, uint64_t ns)
{
	fprintf(out, "  %-20s %11.3f ms\n", name, ms(ns));
}

static void stats_exits(const struct launch_result *res, FILE *out)
{
	fprintf(out, "exits of the VM, by reason\n");
	for (int i = 0; i < VM_EXIT_REASONS; i++)
		if (res->vm.exits[i])
			row(out, vm_exit_name((enum vm_exit_reason)i), res->vm.exits[i]);
	row(out, "interrupts injected", res->vm.interrupts);
}

static void stats_processes(const struct process_stats *p, FILE *out)
{
	fprintf(out, "exits of trapped processes, by reason\n");
	for (int i = 0; i < PROCESS_EXIT_KINDS; i++)
		if (p->exits[i])
			row(out, process_exit_name((enum process_exit_kind)i), p->exits[i]);
	row(out, "mapping changes", p->ops);
	row(out, "processes made", p->spawned);
	row(out, "waits in the kernel", p->slept);
}

static void stats_channel(const struct launch_result *res, FILE *out)
{
	fprintf(out, "channel %29s %14s %11s\n", "calls", "ms", "us each");
	for (int i = 1; i < CHAN_OP_COUNT; i++) {
		uint64_t calls = res->channel.calls[i], ns = res->channel.ns[i];

		if (calls)
			fprintf(out, "  %-20s %14" PRIu64 " %14.3f %11.2f\n", report_op_names[i],
				calls, ms(ns), (double)ns / 1e3 / (double)calls);
	}
	row(out, "doorbells", res->report.doorbells);
	row(out, "rejected", res->channel.rejected);
}

static void stats_jail(const struct launch_result *res, FILE *out)
{
	fprintf(out, "jail\n");
	for (const struct jail_layer *l = jail_layers; l->name; l++)
		fprintf(out, "  %-20s %14s\n", l->name,
			jail_layer_on(&res->jail, l) ? "on" : "off");
	row(out, "host calls allowed", res->jail_calls);
}

void report_stats(const struct report *r, FILE *out)
{
	const struct launch_result *res = r->result;

	fprintf(out, "-- sandbox: backend %s, home %s --\n", r->config->backend->name,
		report_home_name(r->config->home));
	fprintf(out, "time\n");
	row_ms(out, "whole run", res->wall_ns);
	row_ms(out, "start", res->start_ns);
	row_ms(out, "user", res->user_ns);
	row_ms(out, "system", res->system_ns);
	fprintf(out, "memory\n");
	row_size(out, "limit", r->config->mem_size);
	row_size(out, "guest, peak", res->report.pages_peak * 4096);
	row_size(out, "launcher, peak", res->host_rss_peak_kib * 1024);
	fprintf(out, "shim kernel\n");
	row(out, "system calls", res->report.syscalls);
	row(out, "absent calls", res->report.syscalls_absent);
	row(out, "page faults", res->report.faults);
	row(out, "task switches", res->report.switches);
	row(out, "processes", res->report.processes);
	row(out, "channel calls", res->report.channel_calls);
	if (r->config->backend->processes)
		stats_processes(&res->processes, out);
	else
		stats_exits(res, out);
	stats_channel(res, out);
	stats_jail(res, out);
	fflush(out);
}
