/* SPDX-License-Identifier: Apache-2.0
 * One task watches and changes another (ptrace(2)). Names are the manual's; the order of steps
 * follows kernel/ptrace.c and kernel/signal.c.
 *
 * A traced task stops in its own context (ptrace_stop.c) and is off its processor then, so that
 * its registers and memory can be had by whoever holds the lock. The core asks t->traced.tracer,
 * .trap and .work, and calls in here only if one is set.
 */
#ifndef CORE_PTRACE_H
#define CORE_PTRACE_H

#include "core/task.h"

#define PTRACE_RFLAGS_TF    0x100ull
#define PTRACE_TRAP_STOP    1u /* PTRACE_INTERRUPT, or attached to a stopped process */
#define PTRACE_TRAP_NOTIFY  2u /* job control has news for a seized task */
#define PTRACE_WORK_CALL    1u /* stops at entry and exit */
#define PTRACE_WORK_STEP    2u
#define PTRACE_WORK_EMULATE 4u /* stops at entry, and the call is not made */
#define PTRACE_WORK_WATCH   8u /* debug registers: steps that nobody is told of */

/* -- ptrace.c: who traces whom -- */
long ptrace_traceme(struct task *t);
/* PTRACE_ATTACH and, with options, PTRACE_SEIZE. */
long ptrace_attach(struct task *tracer, struct task *t, bool seize, u32 options);
/* The tracer goes away, or lets go: t runs on with t->traced.code. */
void ptrace_unlink(struct task *t);
void ptrace_clone(struct task *from, struct task *child, u64 clone_flags);
/* Does `by` have the right to look into t, and to change it? (PTRACE_MODE_ATTACH_REALCREDS) */
bool ptrace_may_access(const struct task *by, const struct task *t);

/* -- ptrace_stop.c: stops, in the traced task's own context -- */
/* Stops with SIGTRAP as signal and `code` for wait; the signal that the tracer sends it on with. */
s32 ptrace_notify(struct task *t, s32 code, u64 message);
void ptrace_event(struct task *t, u32 event, u64 message); /* if the tracer wants it */
void ptrace_clone_event(struct task *t, u64 clone_flags, s32 tid);
void ptrace_exec_event(struct task *t, s32 old_tid);
void ptrace_exit_event(struct task *t, s32 code);
/* Signal-delivery-stop. False: the tracer took the signal away. */
bool ptrace_signal(struct task *t, struct sig_info *si);
void ptrace_trap(struct task *t);		   /* what t->traced.trap asks for */
void ptrace_group_stop(struct task *t, s32 signo); /* its process has stopped */
void ptrace_continued(struct task *t);		   /* SIGCONT was sent */
/* False: the call is not to be made. */
bool ptrace_call_enter(struct task *t);
void ptrace_call_exit(struct task *t);
void ptrace_force_step(struct task *t);
void ptrace_unforce_step(struct task *t);
/* Lets t, which is stopped, go on: with a signal or 0, and PTRACE_WORK_*. */
void ptrace_resume(struct task *t, s32 signo, u8 work);
void ptrace_interrupt(struct task *t);

/* -- ptrace_debug.c: debug registers, made of single steps -- */
u64 ptrace_debug_get(const struct task *t, u32 n);
int ptrace_debug_set(struct task *t, u32 n, u64 v); /* -EIO: no such; -EINVAL: cannot be had */
bool ptrace_debug_begin(struct task *t);	    /* t goes on. True: something is watched for */
/* t, which is watched, has made a step. False: the step is to be told of, too. */
bool ptrace_debug_trap(struct task *t);
void ptrace_debug_clear(struct task *t);

/* -- ptrace_wait.c: what the tracer's wait sees -- */
struct wait_query;
struct wait_result;
void ptrace_tell(struct task *t, s32 cld_code); /* t has stopped */
/* t ends; code as task_exit's. Its tracer is to be told, and what it traced is let go. */
void ptrace_task_ends(struct task *t, s32 code);
/* p is a zombie. True: the tracer of its leader hears first; p's parent when that has waited. */
bool ptrace_process_ends(struct process *p);
/* p, a parent, may wait for its zombie: no other process traces it. */
bool ptrace_may_reap(const struct process *p, const struct process *zombie);
void ptrace_leader_replaced(struct process *p); /* by execve of another thread; or it is reaped */
/* As wait_scan of reap.c: 1 found, 0 nothing yet, -ECHILD. */
int ptrace_wait_scan(struct process *p, const struct wait_query *q, struct wait_result *r);

/* -- ptrace_regs.c: registers of a stopped task as ptrace(2) has them -- */
#define USER_REGS_WORDS 27u /* struct user_regs_struct */
u64 ptrace_reg_get(struct task *t, u32 word);
int ptrace_reg_set(struct task *t, u32 word, u64 v);
struct ptrace_iov {
	u64 base, len;
};
/* Copies a register set to or from the tracer; iov->len becomes what was copied. */
long ptrace_regset(struct task *t, u32 type, struct ptrace_iov *iov, bool set);

#endif
