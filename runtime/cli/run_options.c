/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox run`: the option table, its help, and the request made of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/run_options.h"

#define MEM_DEFAULT  (1ull << 30)
#define PIDS_DEFAULT 4096u

enum run_key {
	KEY_RO = 0x100,
	KEY_RW,
	KEY_TMPFS,
	KEY_ROOT,
	KEY_IMAGE,
	KEY_STORE,
	KEY_ENTRYPOINT,
	KEY_UPPER,
	KEY_CWD,
	KEY_ENV,
	KEY_ENV_CLEAR,
	KEY_USER,
	KEY_HOSTNAME,
	KEY_CPUS,
	KEY_MEM,
	KEY_TIMEOUT,
	KEY_PIDS,
	KEY_BACKEND,
	KEY_HOME,
	KEY_REQUIRE_VM,
	KEY_STRICT,
	KEY_TRACE,
	KEY_TRACE_FILE,
	KEY_TRACE_HOST,
	KEY_STATS,
	KEY_JSON,
	KEY_NAME,
	KEY_JSON_FD,
	KEY_MESSAGES_FD,
	KEY_SAMPLES_FD,
	KEY_TEMPLATE_FD,
	KEY_SNAPSHOT_FD,
	KEY_SNAPSHOT_COMPRESS,
	KEY_ACCEPT,
	KEY_ACCEPT_WITHIN,
	KEY_PROXY,
	KEY_FILE_SIZE,
	KEY_UNTIL_FD,
};

const struct argp_option run_shared_options[] = {
	{0, 0, 0, 0, "Files that the program sees:", 1},
	{"ro", KEY_RO, "SRC[:DST]", 0, "Let it read SRC, at DST (default: the same path)", 0},
	{"rw", KEY_RW, "SRC[:DST]", 0, "Let it read and change SRC", 0},
	{"tmpfs", KEY_TMPFS, "DST[:SIZE]", 0, "An empty directory in memory, gone afterwards", 0},
	{"root", KEY_ROOT, "DIR", 0, "Make DIR its \"/\", with nothing else of the host", 0},
	{"image", KEY_IMAGE, "NAME|FILE", 0,
		"Make an image its \"/\": its changes stay in memory (sandbox image)", 0},
	{"entrypoint", KEY_ENTRYPOINT, "PROGRAM", 0, "Run this in the image, not what it says", 0},
	{"store", KEY_STORE, "DIR", 0, "Where images are (SANDBOX_STORE)", 0},
	{"cwd", KEY_CWD, "DIR", 0, "Start in DIR (a path inside)", 0},

	{0, 0, 0, 0, "Who and where it is:", 2},
	{"env", KEY_ENV, "NAME[=VALUE]", 0, "Set a variable, or pass the host's value", 0},
	{"env-clear", KEY_ENV_CLEAR, 0, 0, "No variables but those of --env", 0},
	{"user", KEY_USER, "UID[:GID]", 0, "Run as this user (numbers or names)", 0},
	{"hostname", KEY_HOSTNAME, "NAME", 0, "Its host name (default: sandbox)", 0},

	{0, 0, 0, 0, "Limits:", 3},
	{"mem", KEY_MEM, "SIZE", 0, "Memory, such as 512M or 2G (default: 1G)", 0},
	{"file-size", KEY_FILE_SIZE, "SIZE", 0, "The largest file that it may write", 0},
	{"pids", KEY_PIDS, "N", 0, "Most processes and threads (default: 4096)", 0},
	{"cpus", KEY_CPUS, "N", 0, "CPUs that run the program's threads; by default 1", 0},

	{0, 0, 0, 0, "How it is run:", 4},
	{"backend", KEY_BACKEND, "auto|vmx|kvm|process", 0,
		"Which virtualization (SANDBOX_BACKEND)", 0},
	{"home", KEY_HOME, "auto|guest|host", 0,
		"For testing: where the shim kernel runs (SANDBOX_HOME_KIND)", 0},
	{"require-vm", KEY_REQUIRE_VM, 0, 0, "Fail rather than run without a virtual machine", 0},
	{"strict", KEY_STRICT, 0, 0, "Fail if a layer of the jail cannot be had", 0},

	{0, 0, 0, 0, "What is reported:", 5},
	{"name", KEY_NAME, "NAME", 0, "What sandbox ps and its like call it", 0},
	{0},
};

static const struct argp_option caller_options[] = {
	{"until-fd", KEY_UNTIL_FD, "N", 0,
		"Kill it when the open descriptor N can be read or was hung up", 3},
	{"json-fd", KEY_JSON_FD, "N", 0, "The report of --json, to the open descriptor N", 5},
	{"messages-fd", KEY_MESSAGES_FD, "N", 0,
		"Write what the sandbox itself has to say to the open descriptor N, not to stderr",
		5},
	{0},
};

/* Of `sandbox run` only. */
static const struct argp_option options[] = {
	{"upper", KEY_UPPER, "DIR", 0,
		"Keep what changes in the image in DIR, and begin with what is there", 1},
	{"timeout", KEY_TIMEOUT, "DURATION", 0, "Kill it after 10, 1.5s, 2m; exit code 124", 3},

	{"quiet", 'q', 0, 0, "Only errors", 5},
	{"verbose", 'v', 0, 0, "Also what was denied and what the jail lacks", 5},
	{"trace", KEY_TRACE, "NAMES", OPTION_ARG_OPTIONAL,
		"Show system calls (all, or open,read,…)", 5},
	{"host", KEY_TRACE_HOST, 0, 0,
		"With --trace: also what crosses the channel, and what the host is asked", 5},
	{"trace-file", KEY_TRACE_FILE, "FILE", 0, "Write the trace to FILE (default: stderr)", 5},
	{"stats", KEY_STATS, 0, 0, "Show counts and times at the end", 5},
	{"json", KEY_JSON, "FILE", 0, "Write a report in JSON to FILE (\"-\": stdout)", 5},
	{"template-fd", KEY_TEMPLATE_FD, "N", 0,
		"Stop where the program asks for its stdin, and make clones of it for who is at "
		"the other end of the socket N",
		5},
	{"accept", KEY_ACCEPT, "PORT|unix:PATH", OPTION_ARG_OPTIONAL,
		"With --template-fd: the program is a server; stop where it first accepts a "
		"connection, which the stdin and stdout of a clone then are",
		5},
	{"accept-within", KEY_ACCEPT_WITHIN, "DURATION", 0,
		"How long that may take (default: 30 s; 0: no limit)", 5},
	{"proxy-protocol", KEY_PROXY, "v1|v2", OPTION_ARG_OPTIONAL,
		"With --template-fd: a clone's stdin begins with a header that says who is at its "
		"other end",
		5},
	{"snapshot-fd", KEY_SNAPSHOT_FD, "N", 0,
		"Stop where the program asks for its stdin, write all of it to the open file N for "
		"sandbox restore, and end",
		5},
	{"snapshot-compress", KEY_SNAPSHOT_COMPRESS, 0, 0,
		"With --snapshot-fd: smaller, by zstd; restored slower", 5},
	/* for sandbox profile: a file as abi/samples.h has it */
	{"samples-fd", KEY_SAMPLES_FD, "N", OPTION_HIDDEN, 0, 5},
	{0},
};

static const char doc[] =
	"Run a program in a micro-VM of its own. It sees the system's programs and libraries and "
	"the "
	"current directory, all read-only, an empty home and /tmp of its own, and no network."
	"\v"
	"Examples:\n"
	"  sandbox run ./a.out input.txt\n"
	"  sandbox run --rw . make\n"
	"  sandbox run --ro ~/data:/data --mem 4G --timeout 10m python3 job.py\n"
	"  sandbox run --image debian:12 apt-get --version\n"
	"  sandbox run --root ./rootfs --rw ./out:/out /bin/sh -c 'id >/out/id'\n"
	"\n"
	"The exit code is the program's own; 128+N when signal N killed it; 124 after a timeout; "
	"125 "
	"when the sandbox failed; 126 when PROGRAM cannot be run; 127 when it is not found.";

static const char *why_not(int r)
{
	return r == -ERANGE ? "too large" : r == -ENOMEM ? "out of memory" : NULL;
}

/* One line for a bad value: what was wanted, unless it is merely too large. */
static error_t bad(const char *option, const char *arg, int r, const char *wanted)
{
	const char *why = why_not(r);

	cli_say("--%s %s: %s%s", option, arg, why ? "" : "want ", why ? why : wanted);
	return EINVAL;
}

static error_t parse_grant(struct policy_request *q, int key, const char *arg)
{
	static const char *const names[] = {"ro", "rw", "tmpfs"};
	enum policy_grant_kind kind = (enum policy_grant_kind)(key - KEY_RO);
	struct policy_grant *g = reallocarray(q->grants, q->ngrants + 1, sizeof *g);
	int r;

	if (!g)
		return bad(names[kind], arg, -ENOMEM, "");
	q->grants = g;
	r = policy_parse_grant(kind, arg, &g[q->ngrants]);
	if (r)
		return bad(names[kind], arg, r,
			kind == POLICY_TMPFS ? "DST[:SIZE], DST an absolute path"
					     : "SRC[:DST], DST an absolute path (\\: for a colon)");
	q->ngrants++;
	return 0;
}

static error_t parse_env(struct policy_request *q, const char *arg)
{
	const char **env = reallocarray(q->env, q->nenv + 1, sizeof *env);

	if (!env)
		return bad("env", arg, -ENOMEM, "");
	env[q->nenv++] = arg;
	q->env = env;
	return 0;
}

static error_t parse_limit(struct policy_request *q, int key, const char *arg)
{
	static const char count[] = "a number, at least 1";
	int r;

	switch (key) {
	case KEY_MEM:
		r = policy_parse_size(arg, &q->mem);
		return r ? bad("mem", arg, r, "a size such as 512M or 2G") : 0;
	case KEY_TIMEOUT:
		r = policy_parse_duration(arg, &q->timeout_ns);
		if (!r && !q->timeout_ns)
			r = -EINVAL;
		return r ? bad("timeout", arg, r, "a duration such as 10, 1.5s or 2m") : 0;
	case KEY_FILE_SIZE:
		r = policy_parse_size(arg, &q->file_max);
		if (!r && !q->file_max)
			r = -EINVAL;
		return r ? bad("file-size", arg, r, "a size such as 512K or 2G") : 0;
	case KEY_PIDS:
		r = policy_parse_count(arg, &q->pids);
		return r ? bad("pids", arg, r, count) : 0;
	default:
		r = policy_parse_count(arg, &q->cpus);
		return r ? bad("cpus", arg, r, count) : 0;
	}
}

/* Names that no call has would silently show nothing. */
static error_t parse_trace(struct run_options *o, const char *names)
{
	o->trace = names ? names : "";
	for (const char *s = o->trace; *s; s += *s == ',') {
		char name[64];
		size_t n = strcspn(s, ",");

		snprintf(name, sizeof name, "%.*s", (int)n, s);
		if (n && seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name) < 0) {
			cli_say("--trace: no system call \"%s\"", name);
			return EINVAL;
		}
		s += n;
	}
	return 0;
}

/* A descriptor that the caller opened for us: ours alone from here on, and no standard stream. */
static error_t parse_fd(const char *option, const char *arg, int *out)
{
	uint32_t n;
	int r = policy_parse_count(arg, &n);

	if (r || n <= STDERR_FILENO || n > INT_MAX)
		return bad(option, arg, 0, "the number of an open descriptor, at least 3");
	if (fcntl((int)n, F_SETFD, FD_CLOEXEC)) {
		cli_say("--%s %s: %s", option, arg, strerror(errno));
		return EINVAL;
	}
	*out = (int)n;
	return 0;
}

/* Files are always ready, so to say: what is meant can be waited for. */
static error_t parse_until(struct run_options *o, const char *arg)
{
	error_t r = parse_fd("until-fd", arg, &o->until_fd);
	struct stat st;

	if (!r && !fstat(o->until_fd, &st) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return bad("until-fd", arg, 0, "a pidfd, a pipe or the like, not a file");
	return r;
}

static error_t parse_caller(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;
	error_t r;

	switch (key) {
	case KEY_UNTIL_FD:
		return parse_until(o, arg);
	case KEY_JSON_FD:
		return parse_fd("json-fd", arg, &o->json_fd);
	case KEY_MESSAGES_FD:
		r = parse_fd("messages-fd", arg, &o->messages_fd);
		if (!r)
			cli_say_to(o->messages_fd);
		return r;
	case ARGP_KEY_END:
		if (!o->json_file || !o->json_fd)
			return 0;
		cli_say("--json-fd: not together with --json");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp run_caller_argp = {caller_options, parse_caller, NULL, NULL, NULL, NULL, NULL};

static error_t parse_report(struct run_options *o, int key, char *arg)
{
	switch (key) {
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	case KEY_TRACE:
		return parse_trace(o, arg);
	case KEY_TRACE_FILE:
		o->trace_file = arg;
		return 0;
	case KEY_TRACE_HOST:
		o->host = true;
		return 0;
	case KEY_UPPER:
		o->upper = arg;
		return 0;
	case KEY_STATS:
		o->stats = true;
		return 0;
	case KEY_JSON:
		o->json_file = arg;
		return 0;
	case KEY_TEMPLATE_FD:
		return parse_fd("template-fd", arg, &o->template_fd);
	case KEY_SNAPSHOT_FD:
		return parse_fd("snapshot-fd", arg, &o->snapshot_fd);
	case KEY_SNAPSHOT_COMPRESS:
		o->snapshot_packed = true;
		return 0;
	case KEY_ACCEPT:
		return accept_parse(&o->accept, arg);
	case KEY_ACCEPT_WITHIN:
		return accept_parse_within(&o->accept, arg);
	case KEY_PROXY:
		return accept_parse_proxy(&o->accept, arg);
	case KEY_SAMPLES_FD:
		return parse_fd("samples-fd", arg, &o->samples_fd);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Options that are a string or a switch of the request. */
static error_t parse_plain(struct policy_request *q, int key, char *arg)
{
	switch (key) {
	case KEY_ROOT:
		q->root = arg;
		return 0;
	case KEY_CWD:
		q->cwd = arg;
		return 0;
	case KEY_ENV_CLEAR:
		q->env_clear = true;
		return 0;
	case KEY_USER:
		q->user = arg;
		return 0;
	case KEY_HOSTNAME:
		q->hostname = arg;
		return policy_hostname_valid(arg)
			       ? 0
			       : bad("hostname", arg, 0,
					 "letters, digits, '-' and '.', at most 64");
	case KEY_BACKEND:
		q->backend = arg;
		return 0;
	case KEY_HOME:
		q->home = arg;
		return 0;
	case KEY_REQUIRE_VM:
		q->require_vm = true;
		return 0;
	case KEY_STRICT:
		q->strict = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_image(struct run_options *o, int key, const char *arg)
{
	switch (key) {
	case KEY_IMAGE:
		o->image = arg;
		return 0;
	case KEY_STORE:
		o->store = arg;
		return 0;
	case KEY_ENTRYPOINT:
		o->entrypoint = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What one that stops, to go on elsewhere, does not have. */
static error_t check_stops(const struct run_options *o)
{
	const char *other = o->host	    ? "host"
			    : o->upper	    ? "upper"
			    : o->samples_fd ? "samples-fd"
					    : NULL;

	if (o->snapshot_packed && !o->snapshot_fd) {
		cli_say("--snapshot-compress: only with --snapshot-fd");
		return EINVAL;
	}
	if (o->template_fd && o->json_file)
		other = "json";
	if (o->snapshot_fd && (o->template_fd || o->trace))
		other = o->template_fd ? "template-fd" : "trace";
	if (!other || !(o->template_fd || o->snapshot_fd))
		return 0;
	cli_say("--%s: not together with --%s", o->snapshot_fd ? "snapshot-fd" : "template-fd",
		other);
	return EINVAL;
}

/* Options that do not go together, or say something of an image only. */
static error_t check_together(const struct run_options *o)
{
	const char *option = o->entrypoint ? "entrypoint" : o->upper ? "upper" : NULL;

	if (o->host && !o->trace) {
		cli_say("--host: only with --trace");
		return EINVAL;
	}
	if (o->accept.where && !o->template_fd) {
		cli_say("--accept: only with --template-fd; sandbox serve has it too");
		return EINVAL;
	}
	if (o->accept.proxy_version && !o->template_fd) {
		cli_say("--proxy-protocol: only with --template-fd; sandbox serve has it too");
		return EINVAL;
	}
	if (o->image || !option)
		return check_stops(o);
	cli_say("--%s: only with --image", option);
	return EINVAL;
}

error_t run_shared_parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;
	error_t r;

	switch (key) {
	case KEY_RO:
	case KEY_RW:
	case KEY_TMPFS:
		return parse_grant(&o->request, key, arg);
	case KEY_ENV:
		return parse_env(&o->request, arg);
	case KEY_MEM:
	case KEY_FILE_SIZE:
	case KEY_PIDS:
	case KEY_CPUS:
		return parse_limit(&o->request, key, arg);
	case KEY_NAME:
		o->name = arg;
		return policy_hostname_valid(arg)
			       ? 0
			       : bad("name", arg, 0, "letters, digits, '-' and '.', at most 64");
	}
	r = parse_image(o, key, arg);
	return r == ARGP_ERR_UNKNOWN ? parse_plain(&o->request, key, arg) : r;
}

static const struct argp shared = {
	run_shared_options, run_shared_parse, NULL, NULL, NULL, NULL, NULL};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct run_options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->child_inputs[1] = o;
		return 0;
	case KEY_TIMEOUT:
		return parse_limit(&o->request, key, arg);
	case ARGP_KEY_ARG: /* the program; what follows is its own */
		o->request.program = arg;
		o->request.argv = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (o->image) /* says itself what to run */
			return 0;
		cli_say("no program given: sandbox run [OPTION...] PROGRAM [ARG...]");
		return EINVAL;
	case ARGP_KEY_END:
		return check_together(o);
	default:
		return parse_report(o, key, arg);
	}
}

static const struct argp_child children[] = {{.argp = &shared}, {.argp = &run_caller_argp}, {0}};
const struct argp run_argp = {
	options, parse, "PROGRAM [ARG...]\n--image NAME [ARG...]", doc, children, NULL, NULL};

static const char *env_or(const char *name, const char *otherwise)
{
	const char *s = getenv(name);

	return s && *s ? s : otherwise;
}

void run_options_init(struct run_options *o)
{
	memset(o, 0, sizeof *o);
	o->request.mem = MEM_DEFAULT;
	o->request.pids = PIDS_DEFAULT;
	o->request.cpus = 1;
	o->request.backend = env_or("SANDBOX_BACKEND", "auto");
	o->request.home = env_or("SANDBOX_HOME_KIND", "auto");
}

int run_options_parse(struct run_options *o, int argc, char **argv)
{
	run_options_init(o);
	return cli_parse(&cli_verb_run, argc, argv, ARGP_IN_ORDER, o);
}

void run_options_clear(struct run_options *o)
{
	for (size_t i = 0; i < o->request.ngrants; i++)
		policy_grant_clear(&o->request.grants[i]);
	free(o->request.grants);
	free(o->request.env);
	o->request.grants = NULL;
	o->request.env = NULL;
	o->request.ngrants = 0;
}
