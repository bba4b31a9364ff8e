/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox trace --host: calls as they are made; where the kernel does not tell them, the launcher's
 * own counts, each second what was added.
 */
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/trace/calls.h"
#include "runtime/trace/print.h"
#include "runtime/trace/trace.h"

static void on_call(void *arg, const struct trace_call *c)
{
	struct trace *t = arg;

	if (t->limited && !t->count)
		return;
	print_call(c, &t->seen.head, t->json);
	t->count -= t->limited;
}

static int follow_calls(struct trace *t, struct calls *c)
{
	bool ended = false;

	cli_say("trace: host calls of %s, process %d, from the kernel's tracepoints",
		t->seen.head.id, t->seen.head.pid);
	while (!trace_is_over(t) && !ended) {
		ended = trace_has_ended(t, 0); /* what it did before is in the buffer by now */
		calls_poll(c, ended ? 0 : 100);
		trace_flush(t);
	}
	if (calls_lost(c))
		cli_say("trace: %llu calls were lost, there were too many at a time",
			calls_lost(c));
	return 0;
}

static int follow_counts(struct trace *t)
{
	while (!trace_is_over(t) && !trace_has_ended(t, 1000)) {
		struct observe_seen now;
		int r = trace_look(t, &now);

		if (r == -ENOMEM)
			return POLICY_FAILED;
		if (r)
			continue;
		print_counts(&t->seen, &now, t->json);
		t->count -= t->limited;
		t->seen = now;
		trace_flush(t);
	}
	return 0;
}

int calls_run(struct trace *t)
{
	const char *missing;
	struct calls *c;
	int r = calls_open(&c, t->seen.head.pid, on_call, t, &missing);

	if (!r) {
		r = follow_calls(t, c);
		calls_close(c);
		return r;
	}
	cli_say("trace: host calls cannot be seen: this needs %s: %s; shown instead, each second: "
		"the launcher's own counts",
		missing, strerror(-r));
	return follow_counts(t);
}
