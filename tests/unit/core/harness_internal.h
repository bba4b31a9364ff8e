/* SPDX-License-Identifier: Apache-2.0
 * Between the harness's own files: harness.c is the host, strand.c the processor, program.c the
 * programs' side.
 */
#ifndef TESTS_CORE_HARNESS_INTERNAL_H
#define TESTS_CORE_HARNESS_INTERNAL_H

#include "harness.h"
#include "home/host/host.h"

#define INSN	    2u /* length of `syscall` */
#define RESTORER_VA 0x600000ull
#define TURN_NS	    1000u /* every return to user mode takes time */
#define VEC_PAGE    14u

enum after { AFTER_EXIT, AFTER_HANDLER };

struct strand {
	struct kctx ctx, back;
	struct task *owner;
	u32 id;
	enum after after;
	bool done;
	bool retry; /* the function itself tries again what trapped */
	struct trap trap;
	u_fn fn;
	void *arg;
	u_handler handler;
	u_fn child_fn; /* what a clone that just happens runs */
	void *child_arg;
	long (*kernel_fn)(struct task *t, u64 arg);
	u64 kernel_arg;
	long kernel_result;
};

/* -- harness.c -- */
struct boot_clock *boot_clock(void);
void pass_time(u64 ns);
/* The run has failed: the first reason is the one that is told. */
void note_failure(const char *why);
/* From whatever stack: back to core_run, which sees that the kernel ended. */
void leave(void) __attribute__((noreturn));

/* -- strand.c -- */
extern const struct host_engine_ops strand_engine;
extern struct strand *running; /* whose code runs now */
void strands_begin(void);
void strands_free(void);
u64 strand_va(const struct strand *s);
struct strand *strand_new(struct task *owner, u_fn fn, void *arg);
/* In a strand: out to the engine with a trap. */
void strand_trap(struct trap trap);
/* The address that stands for fn as a signal's handler. */
u64 handler_va(u_handler fn);
/* Is it time for TRAP_KICK? Once. */
bool kick_due(void);

#endif
