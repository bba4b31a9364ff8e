/* SPDX-License-Identifier: Apache-2.0
 *
 * hostile [OPTION]... kvm|vmx: guests that mean ill, from seeds, through a backend. The host and
 * this process go on, a neighbour notices nothing, nothing is left. What fails names its seed.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/security/hostile/hostile.h"

#define TRIAL_SECONDS 60
#define MEMORY_SLACK  4096 /* KiB: what others of the host took */

static _Atomic uint64_t failures;

void failed(uint64_t seed, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	failures++;
	printf("\nFAILED seed %lu: %s\n", seed, text);
	fflush(stdout);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* --- in a process of its own, which may be killed in the middle --- */

static void child_live(const struct options *o, uint64_t seed)
{
	static struct tally t;

	if (kicks_begin() == 0) /* timers are not inherited */
		live(o, seed, &t);
}

/* The child's end within a time, or its death at our hands. */
static int child_end(pid_t pid, uint32_t kill_after_us)
{
	struct timespec moment = {0, 1000 * (long)kill_after_us};
	uint64_t begun = now();
	int status = 0;

	if (kill_after_us) {
		nanosleep(&moment, NULL);
		kill(pid, SIGKILL);
	}
	moment.tv_nsec = 1000000;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now() - begun > TRIAL_SECONDS) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&moment, NULL);
	}
	return status;
}

static void child_run(const struct options *o, uint64_t seed, uint32_t kill_after_us,
	void (*trial)(const struct options *o, uint64_t seed))
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		failed(seed, "fork: %s", strerror(errno));
		return;
	}
	if (pid == 0) {
		failures = 0;
		trial(o, seed);
		_exit(failures ? 1 : 0);
	}
	status = child_end(pid, kill_after_us);
	if (status == -ETIMEDOUT)
		failed(seed, "a process that had to be killed after %d s", TRIAL_SECONDS);
	else if (WIFSIGNALED(status) && !(kill_after_us && WTERMSIG(status) == SIGKILL))
		failed(seed, "a process ended by signal %d", WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status))
		failures++; /* it said why */
}

/* --- a seed --- */

static void counts_check(const struct options *o, uint64_t seed, const struct host_counts *before)
{
	struct host_counts c;

	if (!o->is_vmx)
		return;
	if (!host_counts_read(&c))
		failed(seed, "the module's counters are gone");
	else if (c.vms != before->vms || c.vcpus != before->vcpus)
		failed(seed, "%ld VMs and %ld vCPUs, before it was %ld and %ld", c.vms, c.vcpus,
			before->vms, before->vcpus);
}

/* True: it passed. */
static bool try_seed(const struct options *o, uint64_t seed, struct neighbour *n, struct tally *t,
	const struct host_counts *beside)
{
	uint64_t before = failures;
	struct hostile h;

	/* What hangs or panics the host names its seed, too. */
	printf(" %lu", seed);
	fflush(stdout);
	hostile_seed(&h, ~seed, 0);
	live(o, seed, t);
	counts_check(o, seed, beside);
	if (o->is_vmx)
		child_run(o, seed, hostile_below(&h, 3) ? 0 : 1 + hostile_below(&h, 20000),
			device_trial);
	if (!hostile_below(&h, 3))
		child_run(o, seed, 1 + hostile_below(&h, 20000), child_live);
	counts_check(o, seed, beside);
	neighbour_check(n, seed);
	return failures == before;
}

/* --- all of them --- */

struct sums {
	uint64_t passed, failed, seeds;
};

static void seeds_run(const struct options *o, struct neighbour *n, struct tally *t, struct sums *s)
{
	struct host_counts beside = {0};
	uint64_t begun = now(), seed;

	if (o->is_vmx)
		host_counts_read(&beside);
	printf("seeds");
	for (seed = o->first; !o->seeds || seed - o->first < o->seeds; seed++) {
		if (o->seconds && now() - begun >= o->seconds)
			break;
		if (try_seed(o, seed, n, t, &beside))
			s->passed++;
		else
			s->failed++;
	}
	s->seeds = seed - o->first;
	printf("\n");
}

static void summary(const struct options *o, const struct tally *t, const struct sums *s,
	uint64_t rounds, long lost)
{
	uint64_t runs = 0;

	for (int i = 0; i < VM_EXIT_REASONS; i++)
		runs += t->ends[i];
	printf("hostile guests on %s, seeds %lu to %lu: %lu runs, %lu calls; ended by",
		o->ops->name, o->first, o->first + s->seeds - 1, runs, t->calls);
	for (int i = 0; i < VM_EXIT_REASONS; i++)
		if (t->ends[i])
			printf(" %s %lu", vm_exit_name((enum vm_exit_reason)i), t->ends[i]);
	printf("; the neighbour counted %lu rounds; %ld KiB less\n", rounds, lost);
}

/* KiB that are gone. The kernel frees much of what the killed had only after a while. */
static long lost_since(long before)
{
	const struct timespec moment = {0, 500 * 1000 * 1000};
	long lost = before - host_memory_accounted();

	for (int i = 0; i < 20 && lost >= MEMORY_SLACK / 2; i++) {
		nanosleep(&moment, NULL);
		lost = before - host_memory_accounted();
	}
	return lost;
}

static void left_check(
	const struct options *o, struct sums *s, const struct host_counts *before, long lost)
{
	struct host_counts c = {0};

	if (!o->is_vmx)
		return;
	host_counts_read(&c);
	if (c.vms == before->vms && c.vcpus == before->vcpus && c.pages == before->pages &&
		lost < MEMORY_SLACK) {
		s->passed++;
		return;
	}
	s->failed++;
	failed(o->first,
		"left: %ld VMs, %ld vCPUs, %ld pages; before it was %ld, %ld, %ld; %ld KiB less",
		c.vms, c.vcpus, c.pages, before->vms, before->vcpus, before->pages, lost);
}

static int all_run(const struct options *o)
{
	struct host_counts before = {0};
	struct tally t = {0};
	struct sums s = {0};
	struct neighbour *n;
	uint64_t rounds;
	long memory;

	if (o->is_vmx && !host_counts_read(&before)) {
		fprintf(stderr,
			"hostile: no counters in /sys/kernel/debug/sandbox-vmx: as root, with "
			"debugfs mounted\n");
		return 2;
	}
	memory = host_memory_accounted();
	n = neighbour_begin(o);
	if (!n)
		return 1;
	seeds_run(o, n, &t, &s);
	rounds = neighbour_end(n);
	memory = lost_since(memory);
	left_check(o, &s, &before, memory);
	summary(o, &t, &s, rounds, memory);
	printf("%lu passed, %lu failed\n", s.passed, s.failed);
	return s.failed || failures || !s.passed;
}

/* --- the command line --- */

static int usage(void)
{
	fprintf(stderr,
		"usage: hostile [--seeds N] [--first SEED] [--seconds N] [--keep-if] kvm|vmx\n"
		"  --seeds    how many (default 20; 0: as many as there is time for)\n"
		"  --first    the first one (1); `--first N --seeds 1` is one again\n"
		"  --seconds  no more seeds after so long\n"
		"  --keep-if  guests do not clear IF: for hosts that cannot interrupt them then\n");
	return 2;
}

static bool options_read(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {{"seeds", required_argument, NULL, 's'},
		{"first", required_argument, NULL, 'f'}, {"seconds", required_argument, NULL, 't'},
		{"keep-if", no_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (c) {
		case 's':
			o->seeds = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			o->first = strtoull(optarg, NULL, 0);
			break;
		case 't':
			o->seconds = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			o->keep_if = true;
			break;
		default:
			return false;
		}
	if (optind != argc - 1)
		return false;
	o->is_vmx = !strcmp(argv[optind], "vmx");
	o->ops = o->is_vmx ? &vm_vmx_ops : &vm_kvm_ops;
	return o->is_vmx || !strcmp(argv[optind], "kvm");
}

int main(int argc, char **argv)
{
	struct options o = {.first = 1, .seeds = 20};
	struct vm_caps caps;
	char why[256];
	int result;

	if (!options_read(argc, argv, &o))
		return usage();
	result = o.ops->available(why, sizeof(why));
	if (result == 0)
		result = o.ops->probe(&caps);
	else
		fprintf(stderr, "hostile: %s\n", why);
	if (result == 0) {
		o.xsave_size = caps.xsave_size;
		result = kicks_begin();
	}
	if (result != 0)
		return 1;
	return all_run(&o);
}
