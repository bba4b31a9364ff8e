/* SPDX-License-Identifier: Apache-2.0
 * Signals, beyond what core/task.h offers to everybody.
 */
#ifndef CORE_SIGNAL_H
#define CORE_SIGNAL_H

#include "core/task.h"

struct posix_timer;

/* A signal in a queue. A standard signal may be pending without an entry: then nothing is known of
 * it. */
struct sig_entry {
	struct list link;
	struct sig_info info;
	struct posix_timer *timer; /* that it tells of, or NULL */
};

#define SIG_KILL_STOP                                                                              \
	(sig_bit(9) | sig_bit(19)) /* SIGKILL, SIGSTOP: never blocked, caught or ignored */

/* Sends for a timer. True: queued or about to be; false: the process ignores the signal. */
bool signal_send_timer(
	struct process *p, struct task *t, const struct sig_info *si, struct posix_timer *timer);
void signal_set_blocked(struct task *t, sigmask mask);
/* Drops signo from every queue of p (it is ignored from now on). */
void signal_flush_one(struct process *p, s32 signo);
bool signal_is_ignored(struct process *p, s32 signo); /* by its action, blocked or not */

/* -- core/sigframe.c -- */
/* Puts a frame for act on the user stack and the registers into the handler. 0 or -EFAULT. */
int sigframe_setup(struct task *t, const struct sig_action *act, const struct sig_info *si);
/* rt_sigreturn(2). 0, or -EFAULT: the frame is not one that a program may return through. */
int sigframe_return(struct task *t);
/* The image must be one that XRSTOR takes without a fault in our context: size bytes of it are
 * there, of these components. -EINVAL. */
int fpstate_sanitise(u8 *fpu, u64 size, u64 features);
/* sigaltstack(2): rules for a new stack while sp is in use. */
struct altstack { /* stack_t */
	u64 sp;
	s32 flags;
	s32 pad;
	u64 size;
};
_Static_assert(sizeof(struct altstack) == 24, "stack_t");
int altstack_set(struct task *t, const struct altstack *ss, u64 sp);
u32 altstack_state(struct task *t, u64 sp); /* 0, SS_ONSTACK or SS_DISABLE */

/* -- core/rseq.c: restartable sequences (rseq(2)) -- */
/* t was preempted or gets a signal: a critical section that it is in goes to its abort handler. */
void rseq_interrupted(struct task *t);
/* t was off its processor, and may be on another now. */
void rseq_switched(struct task *t);
/* Tells the program which processor it is on. 0 or -EFAULT. */
int rseq_tell_cpu(struct task *t, u64 area);

#endif
