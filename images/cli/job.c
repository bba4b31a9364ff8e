/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox job FILE
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/cli/verb.h"
#include "images/job/job.h"

#define PARALLEL_MAX 256u

struct job_args {
	const char *file, *junit, *json, *store;
	uint32_t parallel;
};

enum job_key { KEY_JUNIT = 0x100, KEY_JSON, KEY_STORE };

static const struct argp_option options[] = {
	{"jobs", 'j', "N", 0, "Run N matrix entries at a time (default: 1)", 0},
	{"junit", KEY_JUNIT, "FILE", 0, "Write what came of each step as JUnit XML", 0},
	{"json", KEY_JSON, "FILE", 0, "The same as JSON (\"-\": stdout; the log goes to stderr)",
		0},
	{"store", KEY_STORE, "DIR", 0, "Where images are (SANDBOX_STORE)", 0},
	{0},
};

static const char doc[] =
	"Run the steps of a job file, each in a sandbox of its own."
	"\v"
	"Example of a FILE:\n"
	"  steps:\n"
	"    - name: test\n"
	"      image: debian:12\n"
	"      run: |\n"
	"        cd /src\n"
	"        make check\n"
	"      mounts: [{host: ., path: /src, mode: ro}]\n"
	"      timeout: 10m\n"
	"\n"
	"docs/job.md has every key. The exit code is that of the first step that failed: 124 after "
	"a timeout, 125 when the sandbox or the FILE is at fault; 128+N when signal N ended the "
	"job.";

static error_t parse_parallel(struct job_args *a, const char *arg)
{
	if (!policy_parse_count(arg, &a->parallel) && a->parallel <= PARALLEL_MAX)
		return 0;
	cli_say("--jobs %s: want a number from 1 to %u", arg, PARALLEL_MAX);
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct job_args *a = state->input;

	switch (key) {
	case 'j':
		return parse_parallel(a, arg);
	case KEY_JUNIT:
		a->junit = arg;
		return 0;
	case KEY_JSON:
		a->json = arg;
		return 0;
	case KEY_STORE:
		a->store = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (a->file) {
			cli_say("job: takes one FILE, not also \"%s\"", arg);
			return EINVAL;
		}
		a->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (a->file)
			return 0;
		cli_say("job: no file given: sandbox job [OPTION...] FILE");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, "FILE", doc, NULL, NULL, NULL};

static bool good_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

/* A file for a summary, opened before anything runs: a bad path must not cost a whole job. */
static int open_summary(const char *option, const char *path, FILE **out)
{
	*out = NULL;
	if (!path)
		return 0;
	*out = strcmp(path, "-") ? fopen(path, "we") : stdout;
	if (*out)
		return 0;
	cli_say("--%s %s: %s", option, path, strerror(errno));
	return POLICY_FAILED;
}

static int close_summary(const char *option, const char *path, FILE *f, int r)
{
	if (f && f != stdout && fclose(f) && !r)
		r = -errno;
	if (r)
		cli_say("--%s %s: cannot be written in full: %s", option, path, strerror(-r));
	return r ? POLICY_FAILED : 0;
}

static void say_interrupted(const struct job *j, int signal)
{
	unsigned ended = 0, waiting = 0;

	for (size_t i = 0; i < j->nentries; i++)
		for (size_t k = 0; k < j->entries[i].nsteps; k++) {
			const struct job_step *s = &j->entries[i].steps[k];

			ended += s->outcome == JOB_INTERRUPTED && s->start_ns;
			waiting += s->outcome == JOB_INTERRUPTED && !s->start_ns;
		}
	cli_say("job: ended by SIG%s: %u step%s stopped, %u not started", sigabbrev_np(signal),
		ended, ended == 1 ? "" : "s", waiting);
}

static int run_job(struct job *j, const struct job_args *a, FILE *json, FILE *junit)
{
	int out = json == stdout ? STDERR_FILENO : STDOUT_FILENO, signal, code, r;
	struct job_options o = {a->parallel, NULL, a->store};
	struct image_error e;

	if (o.parallel > j->nentries)
		o.parallel = (unsigned)j->nentries;
	o.view = good_terminal(out) ? view_live(j, out) : view_plain(j, out, o.parallel > 1);
	if (!o.view) {
		cli_say("job: out of memory");
		return POLICY_FAILED;
	}
	r = job_run(j, &o, &signal, &e);
	if (r)
		code = verb_failed(&e);
	else
		code = signal ? 128 + signal : job_code(j);
	if (!r && signal)
		say_interrupted(j, signal);
	r = close_summary("json", a->json, json, json ? job_json(j, code, json) : 0);
	r |= close_summary("junit", a->junit, junit, junit ? job_junit(j, junit) : 0);
	return code ? code : r;
}

static int run(int argc, char **argv)
{
	struct job_args a = {.parallel = 1};
	struct image_error e;
	struct job *j;
	FILE *json, *junit;
	int code;

	if (cli_parse(&job_verb, argc, argv, 0, &a))
		return POLICY_FAILED;
	if (job_load(a.file, &j, &e))
		return verb_failed(&e);
	if (open_summary("json", a.json, &json) || open_summary("junit", a.junit, &junit))
		code = POLICY_FAILED;
	else
		code = run_job(j, &a, json, junit);
	job_free(j);
	return code;
}

const struct cli_verb job_verb = {
	"job", "Run the steps of a CI job file", "sandbox job", &argp, run};
