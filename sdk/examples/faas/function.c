/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "sdk/examples/faas/function.h"

#define ERRORS_MAX 4096u /* of its stderr that are kept */

static void take_error(struct sb_error *e, char *sentence, size_t size)
{
	size_t n = 0;

	for (const struct sb_error *x = e; x && n < size; x = sb_error_cause(x))
		n += (size_t)snprintf(
			sentence + n, size - n, "%s%s", n ? ": " : "", sb_error_text(x));
	sb_error_free(e);
}

static int start_template(struct function *f, struct sb_template **out, struct sb_error **error)
{
	static const char *const env[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL};
	const struct sb_mount mount = {.source = f->program};
	const struct sb_config c = {
		.size = sizeof c,
		.executable = f->limits->executable,
		.program = f->program,
		.env = env,
		.env_clear = 1,
		.user = "65534:65534",
		.mounts = &mount,
		.nmounts = 1,
		.memory = f->limits->memory,
		.processes = f->limits->processes,
		.wall_ns = f->limits->wall_ns,
	};

	int r = sb_template_start(&c, f->limits->start_ms, out, error);

	if (!r)
		sb_template_warm(*out, f->limits->warm, NULL); /* calls try again */
	return r;
}

bool function_start(struct function *f, const char *name, const char *program,
	const struct limits *limits, char *sentence, size_t size)
{
	struct sb_error *e;

	*f = (struct function){.name = name, .program = program, .limits = limits};
	pthread_rwlock_init(&f->lock, NULL);
	if (!start_template(f, &f->template, &e))
		return true;
	take_error(e, sentence, size);
	function_stop(f);
	return false;
}

void function_stop(struct function *f)
{
	sb_template_free(f->template);
	pthread_rwlock_destroy(&f->lock);
}

/* *used: the template that was asked. */
static int call_once(struct function *f, const void *request, size_t n, struct sb **done,
	struct sb_template **used, struct sb_error **error)
{
	const struct sb_clone_config c = {.size = sizeof c,
		.out = {.kind = SB_STREAM_MEMORY, .limit = f->limits->output},
		.err = {.kind = SB_STREAM_MEMORY, .limit = ERRORS_MAX},
		.output = f->limits->output};
	int r;

	pthread_rwlock_rdlock(&f->lock);
	*used = f->template;
	r = sb_call(f->template, request, n, &c, done, error);
	pthread_rwlock_unlock(&f->lock);
	return r;
}

/* In the place of one whose process is gone, unless another thread was here before. */
static int replace(struct function *f, const struct sb_template *gone, struct sb_error **error)
{
	struct sb_template *fresh;
	int r = 0;

	pthread_rwlock_wrlock(&f->lock);
	if (f->template == gone) {
		r = start_template(f, &fresh, error);
		if (!r) {
			sb_template_free(f->template);
			f->template = fresh;
		}
	}
	pthread_rwlock_unlock(&f->lock);
	return r;
}

static int call(struct function *f, const void *request, size_t n, struct sb **done,
	struct sb_error **error)
{
	struct sb_template *used;
	int r = call_once(f, request, n, done, &used, error);

	if (r != SB_ENDED)
		return r;
	sb_error_free(*error);
	*error = NULL;
	r = replace(f, used, error);
	return r ? r : call_once(f, request, n, done, &used, error);
}

/* For who runs the server: its stderr is not the client's. Strangers' bytes, but no control codes.
 */
static void log_errors(const struct function *f, struct sb *s)
{
	char text[ERRORS_MAX + 1];
	const char *data;
	size_t n;

	data = sb_output(s, 2, &n, NULL);
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		text[i] = (data[i] >= ' ' && data[i] < 127) || data[i] == '\n' ? data[i] : '?';
	while (n && text[n - 1] == '\n')
		n--;
	fprintf(stderr, "%s: %.*s\n", f->name, (int)n, text);
}

static enum outcome judge_end(struct sb *s, char *sentence, size_t size)
{
	struct sb_result r = {.size = sizeof r};

	if (sb_get_result(s, &r, NULL))
		return OUTCOME_BROKEN;
	if (r.end == SB_END_EXITED && !r.exit_code)
		return OUTCOME_ANSWER;
	if (r.end == SB_END_EXITED)
		snprintf(sentence, size, "exit code %d", r.exit_code);
	else if (r.end == SB_END_SIGNALLED)
		snprintf(sentence, size, "signal %d", r.signal);
	else
		snprintf(sentence, size, "%s", r.message);
	return r.end == SB_END_WALL_TIME ? OUTCOME_LATE : OUTCOME_FAILED;
}

enum outcome function_call(struct function *f, const void *request, size_t n, struct sb **done,
	char *sentence, size_t size)
{
	enum outcome outcome;
	struct sb_error *e;

	if (call(f, request, n, done, &e)) {
		take_error(e, sentence, size);
		*done = NULL;
		return OUTCOME_BROKEN;
	}
	log_errors(f, *done);
	outcome = judge_end(*done, sentence, size);
	if (outcome != OUTCOME_ANSWER) {
		sb_free(*done);
		*done = NULL;
	}
	return outcome;
}
