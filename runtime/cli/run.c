/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox run: options -> policy -> launch -> report -> exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/report.h"
#include "runtime/cli/run_go.h"
#include "runtime/cli/run_image.h"
#include "runtime/cli/run_join.h"
#include "runtime/launch/snapshot.h"

/* One run. Files are opened before the launch: afterwards the jail lets nothing be opened. */
struct run {
	struct run_options options;
	struct run_image image;
	struct policy *policy;
	struct launch_restored restored; /* what it goes on from */
	int restored_fd;		 /* and the file of that; -1: it begins */
	struct observe_writer observed;
	struct report report;
	FILE *trace, *json;
	struct run_join join; /* with --host: between us and trace */
	bool join_failed;
	pthread_mutex_t lock; /* of report.denials: launch calls from its threads */
};

static void on_log(void *arg, uint32_t kind, const char *text)
{
	struct run *run = arg;
	char clean[1024];

	if (kind == CHAN_LOG_TRACE) {
		policy_clean_text(clean, sizeof clean, text);
		if (run->options.host)
			run_join_line(&run->join, "program", clean);
		else
			fprintf(run->trace, "%s\n", clean);
	} else if (kind == CHAN_LOG_FATAL || kind == CHAN_LOG_WARN || run->options.verbose) {
		cli_say("%s", text);
	}
}

static void on_crossed(void *arg, const char *text, uint64_t ns)
{
	struct run *run = arg;
	char line[1100];

	snprintf(line, sizeof line, "%s <%.1f us>", text, (double)ns / 1e3);
	run_join_line(&run->join, "channel", line);
}

static void on_denied(void *arg, const char *operation, const char *path, const char *flag_help)
{
	struct run *run = arg;

	pthread_mutex_lock(&run->lock);
	report_denial(&run->report, operation, path, flag_help);
	pthread_mutex_unlock(&run->lock);
	if (run->options.verbose)
		cli_say("denied: %s %s%s%s", operation, path, *flag_help ? "; allowed by " : "",
			flag_help);
}

static FILE *open_output(const char *option, const char *path)
{
	FILE *f;

	if (!strcmp(path, "-"))
		return stdout;
	f = fopen(path, "we");
	if (!f)
		cli_say("--%s %s: %s", option, path, strerror(errno));
	return f;
}

static FILE *open_descriptor(int fd)
{
	FILE *f = fdopen(fd, "we");

	if (!f)
		cli_say("--json-fd %d: %s", fd, strerror(errno));
	return f;
}

/* Left to themselves these would ask the host when they are first used, and that is in the jail:
 * a stream what it is, libjansson for a seed. Lines of the trace are seen also when the sandbox is
 * killed. */
static void settle_outputs(struct run *run)
{
	static char json[BUFSIZ], trace[BUFSIZ];

	if (run->json) {
		json_object_seed(0);
		setvbuf(run->json, json, _IOFBF, sizeof json);
	}
	setvbuf(run->trace, trace, _IOLBF, sizeof trace);
}

static bool open_outputs(struct run *run)
{
	const struct run_options *o = &run->options;

	run->trace = o->trace_file ? open_output("trace-file", o->trace_file) : stderr;
	run->json = o->json_file ? open_output("json", o->json_file)
		    : o->json_fd ? open_descriptor(o->json_fd)
				 : NULL;
	if (!run->trace || ((o->json_file || o->json_fd) && !run->json))
		return false;
	settle_outputs(run);
	return true;
}

static int refused(struct run *run, int code, const char *why)
{
	cli_say("%s", why);
	run->report.error = strdup(why);
	return code;
}

static int prepare_program(struct run *run)
{
	struct policy_error e;

	if (!accept_prepare(&run->options.accept, &run->options.request))
		return refused(run, POLICY_FAILED,
			"--accept: sandbox-relay is not installed beside sandbox");
	if (policy_build(&run->options.request, &run->policy, &e))
		return refused(run, e.code, e.text);
	if (policy_fallback(run->policy) && !run->options.quiet)
		cli_say("backend process: %s", policy_fallback(run->policy));
	run->report.config = policy_config(run->policy);
	return 0;
}

/* why: with its verb, or after a colon. */
static int not_restored(struct run *run, const char *colon, const char *why)
{
	char text[PATH_MAX + 600];

	snprintf(text, sizeof text, "%s%s %s", run->options.name_of_file, colon, why);
	return refused(run, POLICY_FAILED, text);
}

static int open_restored(struct run *run)
{
	char why[512];
	int fd = open(run->options.name_of_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return not_restored(run, ":", strerror(errno));
	if (launch_restore_open(&run->restored, fd, why, sizeof why)) {
		close(fd);
		return not_restored(run, "", why);
	}
	run->restored_fd = fd;
	return 0;
}

/* What it was given it has; what this host is, is found out. */
static int prepare_restored(struct run *run)
{
	struct launch_config *c = &run->restored.config;
	const struct snapshot_needs *needs = &run->restored.file.needs;
	int code = open_restored(run);
	struct policy_machine machine;
	struct policy_error e;
	char why[512];

	if (code)
		return code;
	if (policy_machine_choose(needs->backend, needs->home, true, &machine, &e))
		return refused(run, e.code, e.text);
	c->backend = machine.backend;
	c->caps = machine.caps;
	c->home = machine.home;
	if (launch_restore_fits(&run->restored, why, sizeof why))
		return not_restored(run, "", why);
	if (run->options.request.timeout_ns)
		c->timeout_ns = run->options.request.timeout_ns;
	run->options.request.program = c->program;
	run->options.request.argv = c->argv;
	run->report.config = c;
	return 0;
}

/* 0, or the exit code of a run that did not begin. */
static int prepare(struct run *run)
{
	int code = run->options.name_of_file ? prepare_restored(run) : prepare_program(run);
	struct launch_config *c = run->report.config;

	if (code)
		return code;
	c->verbose = run->options.verbose;
	c->trace = run->options.trace;
	c->stats = run->options.stats || run->json;
	c->until_fd = run->options.until_fd;
	c->template_fd = run->options.template_fd;
	c->relayed = run->options.accept.where;
	c->proxy_version = run->options.accept.proxy_version;
	c->snapshot_fd = run->options.snapshot_fd;
	c->snapshot_packed = run->options.snapshot_packed;
	c->report_fd = run->options.json_fd;
	c->messages_fd = run->options.messages_fd;
	c->log = on_log;
	c->denied = on_denied;
	c->crossed = run->options.host ? on_crossed : NULL;
	c->arg = run;
	return 0;
}

static int exit_code(const struct launch_result *r)
{
	if (r->end == LAUNCH_FAILED)
		return POLICY_FAILED;
	if (r->end == LAUNCH_TIMEOUT)
		return POLICY_TIMEOUT;
	return WIFSIGNALED(r->wait_status) ? 128 + WTERMSIG(r->wait_status)
					   : WEXITSTATUS(r->wait_status);
}

/* The ring that sandbox profile gave. 0, or the exit code. */
static int take_samples(struct run *run)
{
	struct launch_config *c = run->report.config;
	int fd = run->options.samples_fd;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (fstat(fd, &st) || st.st_size != SAMPLES_SIZE || seals < 0 || !(seals & F_SEAL_SHRINK)) {
		cli_say("--samples-fd %d: want a file for samples", fd);
		return POLICY_FAILED;
	}
	p = mmap(NULL, SAMPLES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		cli_say("--samples-fd %d: %s", fd, strerror(errno));
		return POLICY_FAILED;
	}
	madvise(p, SAMPLES_SIZE, MADV_DONTFORK);
	close(fd);
	c->samples = p;
	return 0;
}

/* Where `sandbox ps` finds it. A run that cannot be seen is better than none. */
static void observe(struct run *run)
{
	struct launch_config *c = run->report.config;
	const struct observe_about about = {
		.name = run->options.name,
		.program = run->policy ? policy_program(run->policy) : c->program,
		.backend = c->backend->name,
		.home = report_home_name(c->home),
		.exits = c->backend->processes ? OBSERVE_EXITS_PROCESS : OBSERVE_EXITS_VM,
		.cpus = c->cpus,
		.pids_max = c->pids_max,
		.mem_size = c->mem_size,
		.timeout_ns = c->timeout_ns,
	};
	char why[512];

	if (observe_create(&run->observed, &about, why, sizeof why) && run->options.verbose)
		cli_say("%s", why);
	c->shown = run->observed.state;
	c->shown_fd = run->observed.fd;
	if (!c->samples)
		c->samples = run->observed.samples;
	c->hidden = run->observed.hidden;
	c->nhidden = run->observed.nhidden;
}

/* The program has ended, and what was wanted is not there. */
static void say_no_snapshot(struct launch_result *r)
{
	const char *what = WIFSIGNALED(r->wait_status) ? "signal" : "exit code";
	int code = WIFSIGNALED(r->wait_status) ? WTERMSIG(r->wait_status)
					       : WEXITSTATUS(r->wait_status);

	r->end = LAUNCH_FAILED;
	snprintf(r->error, sizeof r->error,
		"the program ended before it asked for its standard input: no snapshot (%s %d)",
		what, code);
}

static int launch(struct run *run)
{
	struct launch_config *c = run->report.config;
	struct launch_result *result = calloc(1, sizeof *result);
	int r;

	if (run->options.host &&
		run_join_start(&run->join, report_home_name(c->home), fileno(run->trace))) {
		run->report.error = strdup("sandbox-trace could not be started");
		free(result);
		return POLICY_FAILED;
	}
	observe(run);
	r = result ? launch_run(c, result) : -ENOMEM;
	if (!result || !result->clone) /* else it is the template's */
		observe_destroy(&run->observed);
	if (run->options.host) /* before anything is said of the run */
		run->join_failed = run_join_end(&run->join);

	for (unsigned i = 0; i < c->nmounts; i++)
		c->mounts[i].fd = -1; /* closed by launch */
	if (r) {
		cli_say("could not be started: %s", strerror(-r));
		run->report.error = strdup(strerror(-r));
		free(result);
		return POLICY_FAILED;
	}
	run->report.result = result;
	if (run->options.snapshot_fd && !result->template && !result->could_not_start &&
		result->end != LAUNCH_FAILED)
		say_no_snapshot(result);
	return result->template ? 0 : exit_code(result);
}

/* A report that was asked for and is not there is a failure of the sandbox, whatever the program's
 * own code was. */
static int finish_outputs(struct run *run)
{
	const struct run_options *o = &run->options;
	bool ok = true;

	if (run->json && !report_json(&run->report, run->json)) {
		if (o->json_file)
			cli_say("--json %s: could not be written: %s", o->json_file,
				strerror(errno));
		else
			cli_say("--json-fd %d: could not be written: %s", o->json_fd,
				strerror(errno));
		ok = false;
	}
	if (run->join_failed) {
		cli_say("--trace --host: not all could be written");
		ok = false;
	}
	if (o->trace_file && (fflush(run->trace) || ferror(run->trace))) {
		cli_say("--trace-file %s: not all could be written: %s", o->trace_file,
			strerror(errno));
		ok = false;
	}
	return ok ? run->report.code : POLICY_FAILED;
}

static void close_restored(struct run *run)
{
	if (run->restored_fd < 0)
		return;
	launch_restore_close(&run->restored);
	close(run->restored_fd);
}

int run_go(struct run_options *o)
{
	struct run run = {.lock = PTHREAD_MUTEX_INITIALIZER, .options = *o, .restored_fd = -1};
	int code = POLICY_FAILED;
	bool stopped;

	if (!open_outputs(&run))
		goto out;
	run.report.options = &run.options;
	code = run.options.image ? run_image_open(&run.image, &run.options) : 0;
	if (!code)
		code = prepare(&run);
	if (!code && run.options.samples_fd)
		code = take_samples(&run);
	if (!code)
		code = launch(&run);
	run.report.code = code;
	stopped = run.report.result && run.report.result->template; /* no program ended */
	if (stopped && !run.options.snapshot_fd)
		goto out;
	if (run.report.result && !stopped)
		report_problems(&run.report, run.policy ? policy_note(run.policy) : "");
	if (run.report.result && run.options.stats)
		report_stats(&run.report, stderr);
	code = finish_outputs(&run);
out:
	report_clear(&run.report);
	policy_free(run.policy);
	run_image_close(&run.image);
	close_restored(&run);
	run_options_clear(&run.options);
	*o = run.options;
	return code;
}

static int run_run(int argc, char **argv)
{
	struct run_options o;

	if (!run_options_parse(&o, argc, argv))
		return run_go(&o);
	run_options_clear(&o);
	return POLICY_FAILED;
}

const struct cli_verb cli_verb_run = {
	"run", "Run a program in a micro-VM", "sandbox run", &run_argp, run_run};
