/* SPDX-License-Identifier: Apache-2.0
 *
 * sdk-start PROGRAM [ROUNDS]: a static program from its start to its end, natively (posix_spawn,
 * waitpid) and by the library, in turn. Times never decide anything: they are printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "sdk/include/sandbox.h"

#define ROUNDS 100u

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Both return 0, or 1 when it went wrong. */
static int natively(char *program)
{
	char *argv[] = {program, NULL}, *envp[] = {NULL};
	posix_spawn_file_actions_t quiet;
	int status = 1;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1 /* O_WRONLY */, 0);
	if (!posix_spawn(&pid, program, &quiet, NULL, argv, envp))
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	posix_spawn_file_actions_destroy(&quiet);
	return status != 0;
}

static int by_library(char *program, uint64_t *start_ns)
{
	const struct sb_mount mount = {.source = program};
	struct sb_config c = {.size = sizeof c, .program = program, .mounts = &mount, .nmounts = 1};
	struct sb_result r = {.size = sizeof r};
	struct sb_error *e;
	struct sb *s;

	if (sb_start(&c, &s, &e) || sb_wait(s, -1, &e) || sb_get_result(s, &r, &e)) {
		fprintf(stderr, "sdk-start: %s\n", sb_error_text(e));
		return 1;
	}
	if (r.message)
		fprintf(stderr, "sdk-start: %s\n", r.message);
	*start_ns = r.start_ns;
	sb_free(s);
	return r.end != SB_END_EXITED || r.exit_code;
}

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void row(const char *name, uint64_t *ns, unsigned n)
{
	qsort(ns, n, sizeof *ns, by_time);
	printf("%-34s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", name, ns[n / 2] / 1000,
		ns[n * 9 / 10] / 1000, ns[n * 99 / 100] / 1000);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : ROUNDS;
	uint64_t *native = calloc(n, sizeof *native), *whole = calloc(n, sizeof *whole);
	uint64_t *first = calloc(n, sizeof *first);
	int bad = argc < 2 || !n || !native || !whole || !first;

	for (unsigned i = 0; i < n && !bad; i++) {
		uint64_t t0 = now_ns(), t1;

		bad = natively(argv[1]);
		t1 = now_ns();
		native[i] = t1 - t0;
		bad |= by_library(argv[1], &first[i]);
		whole[i] = now_ns() - t1;
	}
	if (bad)
		fprintf(stderr,
			"usage: sdk-start PROGRAM [ROUNDS]; PROGRAM, absolute, ends with 0\n");
	else {
		printf("%-34s %8s %8s %8s\n", "microseconds", "50 %", "90 %", "99 %");
		row("native: spawn to end", native, n);
		row("library: until first instruction", first, n);
		row("library: sb_start to sb_wait's end", whole, n);
	}
	free(native);
	free(whole);
	free(first);
	return bad;
}
