/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of a template that has ended, and the exit code that this makes.
 */
#include <string.h>
#include <sys/wait.h>

#include "runtime/cli/serve_internal.h"

void serve_say_end(const struct server *s, int status, const char *when)
{
	if (status < 0)
		cli_say("serve: %s: its sandbox closed the socket and did not end, %s",
			s->options->title, when);
	else if (WIFSIGNALED(status))
		cli_say("serve: %s: its sandbox was killed by signal %d %s", s->options->title,
			WTERMSIG(status), when);
	else
		cli_say("serve: %s: its sandbox ended with exit code %d %s", s->options->title,
			WEXITSTATUS(status), when);
}

const char *serve_ready_name(const struct server *s)
{
	return s->options->run.accept.where ? "listened" : "read its standard input";
}

/* Sandboxes that failed, programs that could not be started, and sandbox-relay have said so. */
int serve_early_code(const struct server *s, int status)
{
	json_t *report = serve_report_parse(s->report.text, s->report.size);
	const char *kind = serve_report_kind(report), *before = serve_ready_name(s);
	int code = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	if (code >= POLICY_FAILED && code <= POLICY_NOT_FOUND &&
		(!report || !strcmp(kind, "failed") || !strcmp(kind, "not-started") ||
			(s->options->run.accept.where && code == POLICY_FAILED))) {
		json_decref(report);
		return code;
	}
	if (!strcmp(kind, "exited"))
		cli_say("serve: %s ended with exit code %d before it %s: there is nothing "
			"to serve",
			s->options->title, serve_report_code(report), before);
	else if (!strcmp(kind, "signaled"))
		cli_say("serve: %s was killed by signal %d before it %s", s->options->title,
			serve_report_code(report) - 128, before);
	else
		serve_say_end(s, status, "before it was ready");
	json_decref(report);
	return POLICY_FAILED;
}
