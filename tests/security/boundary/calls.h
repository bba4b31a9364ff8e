/* SPDX-License-Identifier: Apache-2.0
 * Attempts of a trapped process to reach the host's kernel, and what came of them.
 */
#ifndef TEST_SECURITY_CALLS_H
#define TEST_SECURITY_CALLS_H

#include "tests/unit/process/code.h"

/* An instruction that enters the kernel, as the program's own code. */
struct call_way {
	const char *name;
	const char *code; /* at CODE */
	size_t size;
	uint64_t at;	/* where execution begins; 0: CODE */
	uint32_t as;	/* the vsyscall page: the number that the kernel takes it for */
	bool must_trap; /* ends in SIGSYS; else any signal will do: not all processors have it */
	uint32_t arch;	/* what SIGSYS then says */
};
extern const struct call_way call_ways[];
extern const size_t call_ways_count;

/* Addresses of all instructions in the stub's image that enter the kernel, wherever in the bytes of
 * another instruction they begin. */
#define CALL_SITES_MAX 64u
size_t call_sites(uint64_t site[CALL_SITES_MAX]);

enum call_end {
	CALL_TRAPPED, /* SIGSYS from the filter, nothing else changed */
	CALL_SIGNAL,  /* another signal: there is no such way in here */
	CALL_DIED,    /* the process ended; another is in its place */
	CALL_PASSED,  /* the kernel did something */
};
struct call_result {
	enum call_end end;
	int signo;
	uint32_t arch;
};

/* The program makes call nr its own way, or jumps to the stub's instruction at `site`. */
struct call_result call_by_way(
	struct rig *r, const struct call_way *w, uint64_t nr, const uint64_t args[6]);
struct call_result call_by_site(struct rig *r, uint64_t site, uint64_t nr, const uint64_t args[6]);

#endif
