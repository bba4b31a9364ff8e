/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-trace: what `sandbox trace` and `sandbox run --trace --host` start, which have checked
 * the arguments.
 *
 *   sandbox-trace calls|histogram ID json|"" COUNT|"" DURATION|""
 *   sandbox-trace join …                                             (join.c)
 */
#include <bpf/libbpf.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/trace/trace.h"

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

uint64_t trace_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool trace_is_over(const struct trace *t)
{
	return stopped || t->failed || (t->limited && !t->count) ||
	       (t->until_ns && trace_now_ns() >= t->until_ns);
}

bool trace_has_ended(const struct trace *t, int wait_ms)
{
	struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

	return poll(&p, 1, wait_ms) > 0;
}

void trace_flush(struct trace *t)
{
	if (fflush(stdout) || ferror(stdout))
		t->failed = true;
}

int trace_look(const struct trace *t, struct observe_seen *now)
{
	return observe_see(t->seen.head.id, now);
}

static void take_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
	return 0; /* one sentence of ours says it */
}

static int trace_main(char **argv, int (*run)(struct trace *t))
{
	struct trace t = {.pidfd = -1, .json = *argv[3], .limited = *argv[4]};
	uint64_t duration = 0;
	int r;

	if ((t.limited && policy_parse_count(argv[4], &t.count)) ||
		(*argv[5] && policy_parse_duration(argv[5], &duration)))
		return POLICY_FAILED;
	if (duration && __builtin_add_overflow(trace_now_ns(), duration, &t.until_ns))
		t.until_ns = 0;
	r = observe_hold(argv[2], &t.seen, &t.pidfd);
	if (r) {
		cli_say("trace: sandbox %s: %s", argv[2],
			r == -ESRCH ? "it has ended" : strerror(-r));
		return POLICY_FAILED;
	}
	take_signals();
	r = run(&t);
	close(t.pidfd);
	return r ? r : cli_flush();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	libbpf_set_print(quiet);
	if (!strcmp(what, "join"))
		return join_main(argc - 1, argv + 1);
	if (!strcmp(what, "calls") && argc == 6)
		return trace_main(argv, calls_run);
	if (!strcmp(what, "histogram") && argc == 6)
		return trace_main(argv, histogram_run);
	cli_say("this is started by `sandbox trace`");
	return POLICY_FAILED;
}
