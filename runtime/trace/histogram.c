/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox trace --histogram: how long exits, channel operations and waiting for a processor took
 * while it looked. What the host's kernel tells is taken from it, the rest from the launcher's own
 * counts; each histogram says which.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/trace/histogram_print.h"
#include "runtime/trace/latency_groups.h"
#include "runtime/trace/trace.h"
#include "vmm/vmx/abi.h"

/* The launcher's counts go with it: what it counted since the last is not shown. */
#define LOOK_MS 200

struct session {
	struct trace *t;
	struct latency_bpf *group[LATENCY_GROUPS]; /* NULL: there is none */
	struct observe_seen begin, now;
	struct histogram_page page;
	enum latency_group at; /* that is printed */
	uint64_t exits;	       /* of them by the kernel's count */
};

/* -- what the kernel tells -- */

/* Names in a row: "kvm, sched". */
struct names {
	char text[128];
};

static void add_name(struct names *n, const char *name)
{
	size_t length = strlen(n->text);

	snprintf(n->text + length, sizeof n->text - length, "%s%s", length ? ", " : "", name);
}

/* One sentence: where the times come from, or what is missing for that. */
static void say_source(const struct session *s, const struct names *has, const struct names *lacks,
	const char *missing, int error)
{
	const struct observe_head *h = &s->t->seen.head;

	if (error)
		cli_say("trace: the host's kernel does not tell latencies: this needs %s: %s; "
			"shown instead: the launcher's own counts",
			missing, strerror(-error));
	else if (*lacks->text)
		cli_say("trace: this kernel has not all tracepoints of %s; shown is what it has, "
			"and the launcher's own counts",
			lacks->text);
	else
		cli_say("trace: looking at %s, process %d: the kernel's tracepoints (%s%s) and the "
			"launcher's own counts; shown when it ends or this is interrupted",
			h->id, h->pid, has->text,
			s->group[GROUP_MEMORY] ? "" : "; without fentry no times of faults");
}

static int open_group(struct session *s, enum latency_group g, const struct kernel_target *target,
	struct names *has, struct names *lacks)
{
	int r = latency_group_open(&s->group[g], g, target);

	if (r && g == GROUP_MEMORY)
		return 0; /* for which there is another; some kernels call what they lack EPERM */
	if (r == -EPERM || r == -EACCES)
		return r;
	add_name(r ? lacks : has, latency_group_name(g));
	return 0;
}

static void open_groups(struct session *s)
{
	const struct observe_head *h = &s->t->seen.head;
	struct names has = {0}, lacks = {0};
	struct kernel_target target;
	const char *missing;
	int r = kernel_target(&target, h->pid, &missing);

	for (unsigned g = 0; g < LATENCY_GROUPS && !r; g++) {
		if (!latency_group_is_for(g, h) || (g == GROUP_FAULTS && s->group[GROUP_MEMORY]))
			continue;
		missing = kernel_needs_right;
		r = open_group(s, g, &target, &has, &lacks);
	}
	say_source(s, &has, &lacks, missing, r);
}

static const char *fault_name(uint32_t reason)
{
	return reason & FAULT_FETCH ? "fetch" : reason & FAULT_WRITE ? "write" : "read";
}

#define KVM_EXIT_OF_MEMORY 39 /* KVM_EXIT_MEMORY_FAULT, which older headers lack */

static const char *exit_name(enum latency_group g, uint32_t reason, char room[32])
{
	static const char *const kvm[] = {[KVM_EXIT_UNKNOWN] = "unknown",
		[KVM_EXIT_IO] = "io",
		[KVM_EXIT_HYPERCALL] = "hypercall",
		[KVM_EXIT_DEBUG] = "debug",
		[KVM_EXIT_HLT] = "hlt",
		[KVM_EXIT_MMIO] = "mmio",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window",
		[KVM_EXIT_SHUTDOWN] = "shutdown",
		[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
		[KVM_EXIT_INTR] = "intr",
		[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
		[KVM_EXIT_OF_MEMORY] = "memory-fault"};
	static const char *const vmx[] = {[SBV_EXIT_IO_OUT] = "io-out",
		[SBV_EXIT_IO_IN] = "io-in",
		[SBV_EXIT_MMIO] = "mmio",
		[SBV_EXIT_HLT] = "hlt",
		[SBV_EXIT_INTR] = "intr",
		[SBV_EXIT_SHUTDOWN] = "shutdown",
		[SBV_EXIT_MEMORY] = "memory",
		[SBV_EXIT_FAIL] = "fail"};
	const char *name = NULL;

	if (g == GROUP_KVM && reason < sizeof kvm / sizeof *kvm)
		name = kvm[reason];
	else if (g == GROUP_VMX && reason < sizeof vmx / sizeof *vmx)
		name = vmx[reason];
	snprintf(room, 32, "reason-%u", reason % 10000);
	return name ? name : room;
}

static void print_kernels(void *arg, const struct latency_key *k, const struct histogram *h)
{
	struct session *s = arg;
	const char *source = latency_group_name(s->at), *role;
	char clean[17], comm[17] = {0}, room[32];

	memcpy(comm, k->role, sizeof k->role);
	policy_clean_text(clean, sizeof clean, comm);
	role = *clean ? clean : print_first_role(&s->t->seen.head);
	switch (k->kind) {
	case LATENCY_RUN:
		histogram_print(&s->page, "run", "guest", source, h);
		return;
	case LATENCY_KERNEL:
		s->exits += histogram_total(h);
		histogram_print(&s->page, "exit", "kernel", source, h);
		return;
	case LATENCY_USER:
		s->exits += histogram_total(h);
		histogram_print(&s->page, "exit", exit_name(s->at, k->reason, room), source, h);
		return;
	case LATENCY_SCHED:
		histogram_print(&s->page, "sched", role, source, h);
		return;
	case LATENCY_MEMORY:
		snprintf(room, sizeof room, "%s, %s", fault_name(k->reason), role);
		histogram_print(&s->page, "fault", room, source, h);
		return;
	case LATENCY_FAULT:
		histogram_print_count(
			&s->page, "fault", fault_name(k->reason), role, source, histogram_total(h));
		return;
	}
}

static void print_group(struct session *s, enum latency_group g)
{
	s->at = g;
	if (s->group[g])
		latency_group_each(s->group[g], print_kernels, s);
}

/* -- what the launcher tells -- */

static struct histogram between(const struct histogram *a, const struct histogram *b)
{
	struct histogram d = {.ns = b->ns - a->ns};

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		d.count[i] = b->count[i] - a->count[i];
	return d;
}

static void print_own(struct session *s, const char *what, const char *of,
	const struct histogram *a, const struct histogram *b)
{
	const struct histogram d = between(a, b);

	histogram_print(&s->page, what, of, "launcher", &d);
}

static void print_channel(struct session *s)
{
	const char *name;

	for (unsigned i = 1; (name = observe_op_name(i)); i++)
		print_own(s, "channel", name, &s->begin.op_time[i], &s->now.op_time[i]);
}

static void print_turns(struct session *s)
{
	bool vm = s->now.head.exits == OBSERVE_EXITS_VM;

	print_own(s, "run", vm ? "guest" : "user mode", &s->begin.inside, &s->now.inside);
	print_own(s, "exit", "all", &s->begin.outside, &s->now.outside);
}

/* -- the whole -- */

static int watch(struct session *s)
{
	while (!trace_is_over(s->t) && !trace_has_ended(s->t, LOOK_MS))
		if (trace_look(s->t, &s->now) == -ENOMEM)
			return POLICY_FAILED;
	return 0;
}

static void print_all(struct session *s)
{
	print_group(s, GROUP_KVM);
	print_group(s, GROUP_VMX);
	if (!s->exits)
		print_turns(s);
	print_channel(s);
	print_group(s, GROUP_MEMORY);
	print_group(s, GROUP_FAULTS);
	print_group(s, GROUP_SCHED);
}

static void close_groups(struct session *s)
{
	unsigned long long lost = 0;

	for (unsigned g = 0; g < LATENCY_GROUPS; g++) {
		if (!s->group[g])
			continue;
		lost += latency_group_lost(s->group[g]);
		latency_group_close(s->group[g]);
	}
	if (lost)
		cli_say("trace: %llu times were lost, there were too many kinds at a time", lost);
}

int histogram_run(struct trace *t)
{
	struct session *s = calloc(1, sizeof *s);
	uint64_t since;
	int r;

	if (!s) {
		cli_say("trace: out of memory");
		return POLICY_FAILED;
	}
	s->t = t;
	open_groups(s);
	since = trace_now_ns();
	s->begin = t->seen;
	trace_look(t, &s->begin); /* both count from now: opening took a while */
	s->now = s->begin;
	r = watch(s);
	histogram_page_begin(&s->page, &t->seen.head, trace_now_ns() - since, t->json);
	print_all(s);
	histogram_page_end(&s->page);
	close_groups(s);
	free(s);
	return r;
}
