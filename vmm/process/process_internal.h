/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_INTERNAL_H
#define PROCESS_INTERNAL_H

#include <stdatomic.h>
#include <sys/types.h>

#include "vmm/process/process.h"

#define SPACES_MAX    4096 /* contexts in the control memfd; a program's processes are fewer */
#define IDLE_MAX      8	   /* processes kept for the next address space */
#define PATIENCE_IDLE 10   /* as process_vm.patience, for one of those to answer */

/* Counts are added to by its own thread while it runs, and by whoever asks its spaces for
 * something. */
struct process_runner {
	struct process_vm *vm;
	struct process_runner *next;	 /* process_vm.runners */
	_Atomic int running;		 /* pidfd of the space that runs user code, or -1 */
	_Atomic bool kicked;		 /* a kick that no run has answered */
	_Atomic uint32_t spin_turns;	 /* how long looking for the turn pays, learned */
	_Atomic(struct stub_ctx *) last; /* of the space that had the last turn */
	_Atomic uint64_t exits[PROCESS_EXIT_KINDS];
	_Atomic uint64_t ops, slept;
	_Atomic uint64_t *shown; /* exits, for the outside; or NULL */
};

struct process_space {
	struct process_vm *vm;
	struct process_runner *runner;
	uint32_t number; /* of its context */
	int pidfd;
	struct stub_ctx *ctx; /* shared with the program */
	struct stub_regs regs;
	struct process_bases bases;
	bool bases_dirty;
	uint32_t nops;
	struct stub_op queued[STUB_OPS]; /* as ctx->ops, out of the program's reach */
	/* where the program's state is, or what the next run takes */
	enum { FPU_NONE, FPU_SET, FPU_FRAME, FPU_CTX, FPU_LIVE } fpu;
	uint64_t frame_fpu; /* offset in ctx */
	bool starting;	    /* has not taken its first turn yet */
	bool dead;
	struct process_space *next; /* idle or dying */
};

struct process_vm {
	int ram_fd, control_fd, socket;
	pid_t zygote_pid; /* 0: not started */
	uint8_t *control; /* the control memfd, all of it */
	struct process_caps caps;
	uint64_t free[SPACES_MAX / 64]; /* contexts that no space has: a bit each */
	struct process_space *idle;
	uint32_t nidle;
	struct process_space *dying; /* killed, and perhaps not gone yet */
	struct process_runner *runners;
	uint32_t processors; /* of the host; looking takes two for a runner */
	uint32_t nrunners;
	uint32_t patience; /* looks at a space that does not give its turn back, 20 ms each */
	uint64_t spawned;
};

static inline void process_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void process_count_exit(struct process_runner *r, enum process_exit_kind kind)
{
	uint64_t n = atomic_fetch_add_explicit(&r->exits[kind], 1, memory_order_relaxed) + 1;

	if (r->shown)
		atomic_store_explicit(&r->shown[kind], n, memory_order_relaxed);
}

/* filter.c: the system-call filter of a space, into c. */
int process_filter_build(struct stub_const *c);
/* zygote.c: forks it; it is ready for requests when this returns 0. */
int process_zygote_start(
	struct process_vm *vm, bool pid_namespace, int (*limit)(void *arg), void *arg);
/* One request and its reply. fds: sent along, at most ZYGOTE_FDS_MAX; *got: descriptor that came
 * back, or -1. */
int process_zygote_call(
	struct process_vm *vm, uint32_t kind, uint32_t arg, const int *fds, size_t nfds, int *got);
/* vm.c: the control memfd: a new one; and it, mapped as vm->control. 0 or -errno. */
int process_control_make(int *fd);
int process_control_map(struct process_vm *vm, int fd);
/* context.c */
struct stub_ctx *process_context(struct process_vm *vm, uint32_t number);
/* The number of a context that no living process has, or -errno. */
int process_context_take(struct process_vm *vm);
void process_contexts_init(struct process_vm *vm);		     /* nobody has one */
void process_context_unused(struct process_vm *vm, uint32_t number); /* no process got it */
/* Ends the process; its context is free when it is gone. Frees s. */
void process_space_kill(struct process_space *s);
/* All that are left, at the end. */
void process_spaces_end(struct process_vm *vm);
bool process_is_gone(int pidfd, int wait_ms);
/* turn.c: the turn goes to the space; waits until it is back: 0, or -ESRCH: the process is gone or
 * keeps it for too long. patience: for so many looks (process_vm.patience); 0: user code may run,
 * for any time if no kick is pending. */
void process_give_turn(struct process_space *s);
int process_wait_turn(struct process_space *s, uint32_t patience);
/* Before the space leaves its runner: its context may be another's by the runner's next turn. */
void process_turn_forget(struct process_space *s);

#endif
