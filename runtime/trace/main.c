/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-trace: what `sandbox trace` starts, which has checked the arguments.
 *
 *   sandbox-trace ID json|"" COUNT|"" DURATION|""
 *
 * The calls come from the kernel's tracepoints where this user may use BPF; else it says what is
 * missing, and the launcher's own counts are shown, each second what was added.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.skel.h"
#include "runtime/cli/cli.h"
#include "runtime/trace/print.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"

struct trace {
	struct observe_seen seen; /* the sandbox */
	bool json;
	uint32_t count; /* calls still to be shown; only if limited */
	bool limited;
	uint64_t until_ns; /* CLOCK_MONOTONIC; 0: no end */
	int pidfd;	   /* of the launcher */
	struct host_bpf *bpf;
	bool failed; /* stdout takes no more */
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool is_over(const struct trace *t)
{
	return stopped || t->failed || (t->limited && !t->count) ||
	       (t->until_ns && now_ns() >= t->until_ns);
}

/* Waits; true: the launcher has ended. */
static bool has_ended(const struct trace *t, int wait_ms)
{
	struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

	return poll(&p, 1, wait_ms) > 0;
}

/* -- from the kernel -- */

static int on_call(void *arg, void *data, size_t size)
{
	struct trace *t = arg;
	struct trace_call c;

	if (size < sizeof c || (t->limited && !t->count))
		return 0;
	memcpy(&c, data, sizeof c);
	print_call(&c, &t->seen, t->json);
	t->count -= t->limited;
	return 0;
}

/* 0, or -errno with what is missing. */
static int bpf_begin(struct trace *t, const char **missing)
{
	struct stat ns;
	int r;

	*missing = "a kernel with BTF (" BTF_FILE ")";
	if (access(BTF_FILE, R_OK))
		return -errno;
	*missing = "the right to use BPF (root, or CAP_BPF and CAP_PERFMON)";
	t->bpf = host_bpf__open();
	if (!t->bpf || stat("/proc/self/ns/pid", &ns))
		return -errno;
	t->bpf->rodata->target_pid = (uint32_t)t->seen.head.pid;
	t->bpf->rodata->target_dev = ns.st_dev;
	t->bpf->rodata->target_ino = ns.st_ino;
	r = host_bpf__load(t->bpf);
	if (r)
		return r;
	*missing = "the kernel's raw_syscalls tracepoints";
	return host_bpf__attach(t->bpf);
}

static void flush(struct trace *t)
{
	if (fflush(stdout) || ferror(stdout))
		t->failed = true;
}

static int follow_calls(struct trace *t)
{
	struct ring_buffer *ring =
		ring_buffer__new(bpf_map__fd(t->bpf->maps.done), on_call, t, NULL);
	bool ended = false;

	if (!ring) {
		cli_say("trace: %s", strerror(errno));
		return POLICY_FAILED;
	}
	cli_say("trace: host calls of %s, process %d, from the kernel's tracepoints",
		t->seen.head.id, t->seen.head.pid);
	while (!is_over(t) && !ended) {
		ended = has_ended(t, 0); /* what it did before is in the buffer by now */
		ring_buffer__poll(ring, ended ? 0 : 100);
		flush(t);
	}
	ring_buffer__free(ring);
	if (t->bpf->bss->lost)
		cli_say("trace: %llu calls were lost, there were too many at a time",
			(unsigned long long)t->bpf->bss->lost);
	return 0;
}

/* -- from the launcher's own counts -- */

static int follow_counts(struct trace *t)
{
	struct observe_list l;
	bool several;

	while (!is_over(t) && !has_ended(t, 1000)) {
		const struct observe_seen *now;

		if (observe_look(&l))
			return POLICY_FAILED;
		now = observe_find(&l, t->seen.head.id, &several);
		if (now) {
			print_counts(&t->seen, now, t->json);
			t->count -= t->limited;
			t->seen = *now;
		}
		observe_list_clear(&l);
		flush(t);
	}
	return 0;
}

/* -- the program -- */

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
	return 0; /* one sentence of ours says it */
}

/* The process that it is now, and not one that got its number: asked again when it is held. */
static int find(struct trace *t, const char *id)
{
	for (int tries = 0; tries < 2; tries++) {
		struct observe_list l;
		const struct observe_seen *s;
		bool several;

		if (observe_look(&l))
			return -ENOMEM;
		s = observe_find(&l, id, &several);
		if (s)
			t->seen = *s;
		observe_list_clear(&l);
		if (!s)
			return -ESRCH;
		if (!tries)
			t->pidfd = (int)syscall(SYS_pidfd_open, t->seen.head.pid, 0);
		if (t->pidfd < 0)
			return -errno;
	}
	return 0;
}

static void take_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static int trace(struct trace *t)
{
	const char *missing;
	int r;

	take_signals();
	libbpf_set_print(quiet);
	r = bpf_begin(t, &missing);
	if (!r)
		return follow_calls(t);
	cli_say("trace: host calls cannot be seen: this needs %s: %s; shown instead, each second: "
		"the launcher's own counts",
		missing, strerror(-r));
	return follow_counts(t);
}

int main(int argc, char **argv)
{
	struct trace t = {.pidfd = -1};
	uint64_t duration = 0;
	int r;

	if (argc != 5) {
		cli_say("this is started by `sandbox trace`");
		return POLICY_FAILED;
	}
	t.json = *argv[2];
	t.limited = *argv[3];
	if ((t.limited && policy_parse_count(argv[3], &t.count)) ||
		(*argv[4] && policy_parse_duration(argv[4], &duration)))
		return POLICY_FAILED;
	if (duration)
		t.until_ns = now_ns() + duration;
	r = find(&t, argv[1]);
	if (r) {
		cli_say("trace: sandbox %s: %s", argv[1],
			r == -ESRCH ? "it has ended" : strerror(-r));
		return POLICY_FAILED;
	}
	r = trace(&t);
	if (t.bpf)
		host_bpf__destroy(t.bpf);
	close(t.pidfd);
	return r ? r : cli_flush();
}
