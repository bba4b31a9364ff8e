/* SPDX-License-Identifier: Apache-2.0
 *
 * A kick: the call that runs a vCPU returns soon, or the next one at once. For backends whose run
 * call looks at a byte on its way in and ends at a signal.
 *
 * A kick is not lost because of two flags, each written by one side before it looks at the other's:
 *	kicker: *immediate_exit = 1; if (running) signal
 *	runner: running = 1; the call reads *immediate_exit
 * So either the call sees the byte on its way in, or the kicker sees the runner and its signal ends
 * the call.
 */
#ifndef VMM_KICK_H
#define VMM_KICK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct vm_kick {
	uint8_t *immediate_exit; /* in the page shared with the kernel */
	/* The thread, valid while `running`. */
	pthread_t owner;
	_Atomic pid_t owner_tid;
	_Atomic bool running;
	_Atomic bool kicked; /* the byte is a kick's; may be stale, never missing */
};

/*
 * The signal that vm_kick sends to the thread inside the run call; its handler has nothing to do.
 * vm_kick_install sets an empty one (SA_RESTART) if the signal's action is SIG_DFL then; a handler
 * that is there already is kept. A thread that kicks needs getpid and tgkill in its seccomp filter;
 * one that runs, at its first run, gettid and rt_sigprocmask.
 */
int vm_kick_signal(void);
int vm_kick_install(void);

/* Async-signal-safe. */
void vm_kick(struct vm_kick *k);

/* For the thread that runs the vCPU. vm_kick_bind comes first, and unblocks the
 * signal in the thread.
 * 0 or -errno. */
int vm_kick_bind(struct vm_kick *k);
void vm_kick_begin(struct vm_kick *k);
void vm_kick_end(struct vm_kick *k);
/* Without a signal: of the runner for itself. */
void vm_kick_set(struct vm_kick *k);
/* Before the caller looks at what it was kicked for. A later kick sets the byte again. Its signal
 * may still be on the way, then the next run ends early once more. */
void vm_kick_clear(struct vm_kick *k);
/* The byte was used for another purpose: as a kick left it, again. */
void vm_kick_restore(struct vm_kick *k);

#endif
