/* SPDX-License-Identifier: Apache-2.0
 *
 * --json: the run as one object. Documented in docs/exit-codes.md and sandbox-run(1).
 */
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/cli/report.h"

static json_t *count(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

/* Text that need not be UTF-8: shown as on a terminal. */
static json_t *text(const char *s)
{
	char clean[4096];

	policy_clean_text(clean, sizeof clean, s);
	return json_string(clean);
}

/* Of a snapshot also where none can be made, and what cannot go on: 125 then. */
static bool not_started(const struct report *r)
{
	const struct run_options *o = r->options;

	if (!r->result)
		return o->name_of_file || r->code != POLICY_FAILED;
	return r->result->could_not_start &&
	       (o->name_of_file || o->snapshot_fd || r->result->end != LAUNCH_FAILED);
}

static const char *end_kind(const struct report *r)
{
	if (not_started(r))
		return "not-started";
	if (r->result && r->result->template)
		return "snapshot";
	if (!r->result || r->result->end == LAUNCH_FAILED)
		return "failed";
	if (r->result->end == LAUNCH_TIMEOUT)
		return "timeout";
	return WIFSIGNALED(r->result->wait_status) ? "signaled" : "exited";
}

static json_t *json_exit(const struct report *r)
{
	const struct launch_result *res = r->result;
	bool killed =
		res && res->end != LAUNCH_FAILED && !res->template && WIFSIGNALED(res->wait_status);
	const char *error = r->error ? r->error : res && *res->error ? res->error : NULL;
	json_t *o = json_object();

	json_object_set_new(o, "kind", json_string(end_kind(r)));
	json_object_set_new(o, "code", json_integer(r->code));
	json_object_set_new(
		o, "signal", killed ? json_integer(WTERMSIG(res->wait_status)) : json_null());
	json_object_set_new(o, "out_of_memory", json_boolean(res && res->out_of_memory));
	json_object_set_new(o, "error", error ? text(error) : json_null());
	return o;
}

static json_t *json_times(const struct launch_result *res)
{
	json_t *o = json_object();

	json_object_set_new(o, "wall", count(res->wall_ns));
	json_object_set_new(o, "start", count(res->start_ns));
	json_object_set_new(o, "user", count(res->user_ns));
	json_object_set_new(o, "system", count(res->system_ns));
	return o;
}

static json_t *json_memory(const struct report *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "limit", count(r->config->mem_size));
	json_object_set_new(o, "guest_peak_bytes", count(r->result->report.pages_peak * 4096));
	json_object_set_new(o, "host_rss_peak_bytes", count(r->result->host_rss_peak_kib * 1024));
	return o;
}

static json_t *json_exits(const struct launch_result *res)
{
	json_t *o = json_object();

	for (int i = 0; i < VM_EXIT_REASONS; i++)
		json_object_set_new(
			o, vm_exit_name((enum vm_exit_reason)i), count(res->vm.exits[i]));
	return o;
}

static json_t *json_process_exits(const struct process_stats *p)
{
	json_t *o = json_object();

	for (int i = 0; i < PROCESS_EXIT_KINDS; i++)
		json_object_set_new(
			o, process_exit_name((enum process_exit_kind)i), count(p->exits[i]));
	return o;
}

static json_t *json_processes(const struct process_stats *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "mapping_changes", count(p->ops));
	json_object_set_new(o, "made", count(p->spawned));
	json_object_set_new(o, "kernel_waits", count(p->slept));
	return o;
}

static json_t *json_channel(const struct launch_result *res)
{
	json_t *o = json_object(), *op;

	for (int i = 1; i < CHAN_OP_COUNT; i++) {
		if (!res->channel.calls[i])
			continue;
		op = json_object();
		json_object_set_new(op, "calls", count(res->channel.calls[i]));
		json_object_set_new(op, "ns", count(res->channel.ns[i]));
		json_object_set_new(o, report_op_names[i], op);
	}
	return o;
}

static json_t *json_shim(const struct chan_report *rep)
{
	json_t *o = json_object();

	json_object_set_new(o, "faults", count(rep->faults));
	json_object_set_new(o, "switches", count(rep->switches));
	json_object_set_new(o, "processes", count(rep->processes));
	json_object_set_new(o, "channel_calls", count(rep->channel_calls));
	json_object_set_new(o, "doorbells", count(rep->doorbells));
	return o;
}

static json_t *json_syscalls(const struct chan_report *rep)
{
	json_t *o = json_object();

	json_object_set_new(o, "total", count(rep->syscalls));
	json_object_set_new(o, "absent", count(rep->syscalls_absent));
	return o;
}

static json_t *json_denied(const struct report *r)
{
	json_t *list = json_array(), *o;

	for (unsigned i = 0; i < r->ndenials; i++) {
		const struct report_denial *d = &r->denials[i];

		o = json_object();
		json_object_set_new(o, "operation", text(d->operation));
		json_object_set_new(o, "path", text(d->path));
		json_object_set_new(
			o, "allowed_by", *d->flag_help ? text(d->flag_help) : json_null());
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *json_jail(const struct launch_result *res)
{
	json_t *o = json_object();

	for (const struct jail_layer *l = jail_layers; l->name; l++)
		json_object_set_new(o, l->name, json_boolean(jail_layer_on(&res->jail, l)));
	json_object_set_new(o, "host_calls", json_integer(res->jail_calls));
	return o;
}

bool report_json(const struct report *r, FILE *out)
{
	json_t *o = json_object();
	bool ok;

	json_object_set_new(o, "exit", json_exit(r));
	json_object_set_new(o, "program",
		r->options->request.program ? text(r->options->request.program) : json_null());
	json_object_set_new(
		o, "backend", r->config ? json_string(r->config->backend->name) : json_null());
	json_object_set_new(o, "home",
		r->config ? json_string(report_home_name(r->config->home)) : json_null());
	if (r->result) {
		json_object_set_new(o, "times_ns", json_times(r->result));
		json_object_set_new(o, "memory", json_memory(r));
		if (r->config->backend->processes) {
			json_object_set_new(o, "exits", json_process_exits(&r->result->processes));
			json_object_set_new(o, "processes", json_processes(&r->result->processes));
		} else {
			json_object_set_new(o, "exits", json_exits(r->result));
		}
		json_object_set_new(o, "channel", json_channel(r->result));
		json_object_set_new(o, "syscalls", json_syscalls(&r->result->report));
		json_object_set_new(o, "shim", json_shim(&r->result->report));
		json_object_set_new(o, "jail", json_jail(r->result));
	}
	json_object_set_new(o, "denied", json_denied(r));
	json_object_set_new(o, "denied_total", count(r->denials_total));
	ok = o && !json_dumpf(o, out, JSON_INDENT(2)) && fputc('\n', out) != EOF && !fflush(out);
	json_decref(o);
	return ok;
}
