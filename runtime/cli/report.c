/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user is told after a run.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/cli/report.h"

#define LAYER(field, what)                                                                         \
	{                                                                                          \
#field, offsetof(struct launch_jail_state, field), what                            \
	}
const struct jail_layer jail_layers[] = {
	LAYER(user_ns, "user namespace"),
	LAYER(mount_ns, "mount namespace"),
	LAYER(net_ns, "network namespace, empty"),
	LAYER(ipc_ns, "IPC namespace"),
	LAYER(uts_ns, "UTS namespace"),
	LAYER(empty_root, "empty root directory"),
	LAYER(capabilities, "no capabilities"),
	LAYER(no_new_privs, "no new privileges"),
	LAYER(landlock, "Landlock rules"),
	LAYER(seccomp, "seccomp filters"),
	{NULL, 0, NULL},
};

const char *const report_op_names[CHAN_OP_COUNT] = {
	"none",
#define CHAN_OP(name, text, ...) text,
#include "kernel-shim/abi/chan_ops.h"
#undef CHAN_OP
};

bool jail_layer_on(const struct launch_jail_state *s, const struct jail_layer *l)
{
	return *(const bool *)((const char *)s + l->offset);
}

const char *report_home_name(enum launch_home home)
{
	return home == LAUNCH_HOME_GUEST ? "guest" : home == LAUNCH_HOME_HOST ? "host" : "auto";
}

void report_denial(struct report *r, const char *operation, const char *path, const char *flag_help)
{
	struct report_denial *d = &r->denials[r->ndenials];

	r->denials_total++;
	if (r->ndenials == REPORT_DENIALS_MAX)
		return;
	d->operation = strdup(operation);
	d->path = strdup(path);
	d->flag_help = strdup(flag_help);
	if (d->operation && d->path && d->flag_help) {
		r->ndenials++;
		return;
	}
	free(d->operation);
	free(d->path);
	free(d->flag_help);
}

void report_clear(struct report *r)
{
	for (unsigned i = 0; i < r->ndenials; i++) {
		free(r->denials[i].operation);
		free(r->denials[i].path);
		free(r->denials[i].flag_help);
	}
	free(r->result);
	free(r->error);
}

/* The jail's own account, a line each. */
static void say_missing(const char *missing)
{
	char line[1024];

	while (*missing) {
		size_t n = strcspn(missing, "\n");

		if (n && n < sizeof line) {
			memcpy(line, missing, n);
			line[n] = 0;
			cli_say("jail: %s", line);
		}
		missing += n + (missing[n] == '\n');
	}
}

static void say_denials(const struct report *r)
{
	const struct report_denial *d = &r->denials[0];
	char more[64] = "";

	if (!r->ndenials)
		return;
	if (r->denials_total > 1)
		snprintf(more, sizeof more, " (and %llu more: -v shows them)",
			(unsigned long long)r->denials_total - 1);
	if (*d->flag_help)
		cli_say("denied: %s %s: %s would allow it%s", d->operation, d->path, d->flag_help,
			more);
	else
		cli_say("denied: %s %s%s", d->operation, d->path, more);
}

/* "2G" for --mem: twice of what there was. */
static void say_out_of_memory(uint64_t mem)
{
	char size[16];

	policy_format_size(size, mem);
	mem *= 2;
	if (mem % (1ull << 30))
		cli_say("the program ran out of memory (%s): --mem %lluM gives it more", size,
			(unsigned long long)(mem >> 20));
	else
		cli_say("the program ran out of memory (%s): --mem %lluG gives it more", size,
			(unsigned long long)(mem >> 30));
}

void report_problems(const struct report *r, const char *note)
{
	const struct launch_result *res = r->result;

	if (res->end == LAUNCH_FAILED)
		cli_say("%s", *res->error ? res->error : "failed for an unknown reason");
	else if (res->could_not_start)
		cli_say("%s: %s", r->options->request.program,
			*res->error ? res->error : "cannot be run");
	if (r->options->verbose)
		say_missing(res->jail.missing);
	if (r->options->quiet)
		return;
	if (res->end == LAUNCH_TIMEOUT)
		cli_say("killed after %.3g s (--timeout)", (double)res->timeout_ns / 1e9);
	if (res->out_of_memory && !res->could_not_start)
		say_out_of_memory(r->config->mem_size);
	if (r->code && !r->options->verbose)
		say_denials(r);
	if (*note && (r->code || r->options->verbose))
		cli_say("%s", note);
}
