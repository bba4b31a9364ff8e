/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sdk/examples/judge/judge.h"
#include "sdk/include/sandbox.h"

#define PROGRAM_MAX (16u << 20)
#define SHOWN_MAX   (64u << 10) /* of each stream, in the answer */
#define FILE_MAX    (16u << 20)

static const char *const ends[] = {"exited", "signalled", "wall-time", "cpu-time", "output",
	"memory", "killed", "not-started", "failed"};

/* What both sandboxes have: nothing of the caller's environment, and limits. */
static struct sb_config base(const struct settings *settings, const struct limits *l)
{
	static const char *const env[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL};

	return (struct sb_config){
		.size = sizeof(struct sb_config),
		.executable = settings->executable,
		.env = env,
		.env_clear = 1,
		.user = "65534:65534",
		/* all there can be of it: what is expected may be longer than what is shown */
		.out = {.kind = SB_STREAM_MEMORY, .limit = l->output},
		.err = {.kind = SB_STREAM_MEMORY, .limit = l->output},
		.cpu_ns = l->cpu_ns,
		.wall_ns = l->wall_ns,
		.memory = l->memory,
		.processes = l->processes,
		.output = l->output,
	};
}

static json_t *error_json(const struct sb_error *e)
{
	char text[1024] = "";

	for (; e; e = sb_error_cause(e)) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof text - n, "%s%s", n ? ": " : "", sb_error_text(e));
	}
	return text_json(text, strlen(text));
}

static json_t *word(const char *s)
{
	return s ? text_json(s, strlen(s)) : json_null();
}

static json_t *denials(const struct sb_result *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->ndenials && i < 20; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "operation", word(r->denials[i].operation));
		json_object_set_new(o, "path", word(r->denials[i].path));
		json_object_set_new(o, "allowed_by", word(r->denials[i].allowed_by));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *signal_json(int signo)
{
	const char *name = signo ? sigabbrev_np(signo) : NULL;

	return !signo ? json_null() : name ? json_sprintf("SIG%s", name) : json_integer(signo);
}

static void add_stream(json_t *o, const char *name, struct sb *s, int stream)
{
	int truncated = 0;
	size_t n;
	const char *data = sb_output(s, stream, &n, &truncated);

	json_object_set_new(o, name, text_json(data, n < SHOWN_MAX ? n : SHOWN_MAX));
	if (truncated || n > SHOWN_MAX)
		json_object_set_new(o, "truncated", json_true());
}

static json_t *stage_json(struct sb *s, const struct sb_result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "end",
		json_string(r->end < sizeof ends / sizeof *ends ? ends[r->end] : "failed"));
	json_object_set_new(
		o, "exit_code", r->end == SB_END_EXITED ? json_integer(r->exit_code) : json_null());
	json_object_set_new(o, "signal", signal_json(r->signal));
	json_object_set_new(o, "message", word(r->message));
	json_object_set_new(o, "cpu_ms", json_integer((json_int_t)(r->cpu_ns / 1000000)));
	json_object_set_new(o, "wall_ms", json_integer((json_int_t)(r->wall_ns / 1000000)));
	/* of one that was killed nobody knows */
	json_object_set_new(o, "memory",
		r->memory_peak ? json_integer((json_int_t)r->memory_peak) : json_null());
	json_object_set_new(o, "output", json_integer((json_int_t)r->output));
	json_object_set_new(o, "truncated", json_false());
	add_stream(o, "stdout", s, 1);
	add_stream(o, "stderr", s, 2);
	json_object_set_new(o, "denied", denials(r));
	json_object_set_new(o, "denied_total", json_integer((json_int_t)r->denials_total));
	return o;
}

/* From its start to its end; the sandbox, to be freed, with r filled. NULL: why is in answer. */
static struct sb *run_to_end(const struct sb_config *c, struct sb_result *r, json_t *answer)
{
	struct sb_error *e;
	struct sb *s;

	if (!sb_start(c, &s, &e) && !sb_wait(s, -1, &e) && !sb_get_result(s, r, &e))
		return s;
	json_object_set_new(answer, "error", error_json(e));
	sb_error_free(e);
	sb_free(s);
	return NULL;
}

/* The machine's fault, not the submission's: a sandbox that did not come about. */
static int is_failure(const struct sb_result *r, json_t *answer)
{
	if (r->end != SB_END_FAILED && r->end != SB_END_NOT_STARTED)
		return 0;
	json_object_set_new(answer, "error", word(r->message));
	return 1;
}

static struct sb *compile(const struct settings *settings, const struct text *source,
	struct sb_result *r, json_t *answer)
{
	static const char *const args[] = {"-std=gnu11", "-O2", "-Wall",
		"-fdiagnostics-color=never", "-fmax-errors=50", "-o", "/submission/program",
		"main.c", "-lm", NULL};
	const struct sb_file files[] = {
		{.path = "/submission/main.c", .data = source->data, .size = source->size},
		{.kind = SB_FILE_OUT,
			.mode = 0666,
			.path = "/submission/program",
			.limit = PROGRAM_MAX},
	};
	struct sb_config c = base(settings, &settings->compile);

	c.program = "/usr/bin/gcc";
	c.args = args;
	c.cwd = "/submission";
	c.files = files;
	c.nfiles = 2;
	return run_to_end(&c, r, answer);
}

static struct sb *run(const struct settings *settings, const void *program, size_t size,
	const struct text *input, struct sb_result *r, json_t *answer)
{
	const struct sb_file file = {
		.path = "/submission/program", .mode = 0755, .data = program, .size = size};
	struct sb_config c = base(settings, &settings->run);

	c.program = "/submission/program";
	c.cwd = "/tmp";
	c.files = &file;
	c.nfiles = 1;
	c.file_size = FILE_MAX;
	c.in = (struct sb_stream){
		.kind = SB_STREAM_MEMORY, .data = input->data, .size = input->size};
	return run_to_end(&c, r, answer);
}

static size_t without_blanks_at_end(const char *data, size_t n)
{
	while (n && memchr(" \t\r\n", data[n - 1], 4))
		n--;
	return n;
}

static int is_expected(struct sb *s, const struct sb_result *r, const struct text *want)
{
	int truncated = 0;
	size_t n, m = without_blanks_at_end(want->data, want->size);
	const char *got = sb_output(s, 1, &n, &truncated);

	n = without_blanks_at_end(got, n);
	return r->end == SB_END_EXITED && !r->exit_code && !truncated && n == m &&
	       !memcmp(got, want->data, n);
}

/* 0, or 1: it could not be run. */
static int run_stage(const struct settings *settings, const struct submission *sub,
	struct sb *compiled, json_t *answer)
{
	struct sb_result r = {.size = sizeof r};
	int truncated = 0;
	size_t n;
	const void *program = sb_file_data(compiled, 1, &n, &truncated);
	struct sb *s = run(settings, program, n, &sub->input, &r, answer);
	int failed;

	if (!s)
		return 1;
	failed = is_failure(&r, answer);
	if (!failed)
		json_object_set_new(answer, "run", stage_json(s, &r));
	if (!failed && sub->expected.data)
		json_object_set_new(
			answer, "accepted", json_boolean(is_expected(s, &r, &sub->expected)));
	sb_free(s);
	return failed;
}

json_t *judge(const struct settings *settings, const struct submission *sub, int *failed)
{
	struct sb_result r = {.size = sizeof r};
	json_t *answer = json_object();
	struct sb *s = compile(settings, &sub->source, &r, answer);

	*failed = !s || is_failure(&r, answer);
	if (!*failed) {
		json_object_set_new(answer, "compile", stage_json(s, &r));
		json_object_set_new(answer, "run", json_null());
		json_object_set_new(answer, "accepted", json_null());
		if (r.end == SB_END_EXITED && !r.exit_code)
			*failed = run_stage(settings, sub, s, answer);
	}
	sb_free(s);
	return answer;
}
