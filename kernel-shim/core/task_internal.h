/* SPDX-License-Identifier: Apache-2.0
 * Between the files about tasks, processes, exit and waiting.
 */
#ifndef CORE_TASK_INTERNAL_H
#define CORE_TASK_INTERNAL_H

#include "core/task.h"

#define PID_MAX	      32768 /* Linux's default of /proc/sys/kernel/pid_max */
#define PID_WRAP      300   /* after a wrap the low ids stay with long-lived processes (pid.c) */
#define PID_PHANTOM   1	    /* the parent of the program: nobody is there */
#define PID_PROGRAM   2
#define NSEC_PER_TICK 10000000ull /* USER_HZ is 100 */

/* core/process.c */
s32 pid_alloc(void); /* -EAGAIN when none is free */
/* A process like `like` (NULL: the first), with one reference for its place in kern->processes and,
 * with a parent, in the parent's children. Not linked yet. */
struct process *process_new(const struct process *like);
void process_link(struct process *p, s32 pid, struct process *parent);
void process_unlink(struct process *p); /* reaped: drops the reference of its place */
void process_get(struct process *p);
/* Gives the children to the nearest subreaper or to the phantom. */
void process_reparent_children(struct process *p);
/* p ends or gets another parent: a group that loses its last link to the session and has stopped
 * members gets SIGHUP and SIGCONT (POSIX _exit). parent is the parent that counts for p's link. */
void process_check_orphans(struct process *p, struct process *parent, struct process *ignored);
u32 process_count_uid(u32 uid); /* threads, for RLIMIT_NPROC */

/* core/exit.c: marks the group as ending with a status as wait(2) and wakes all its threads. */
void process_begin_exit(struct process *p, s32 wait_status);

/* What a thread ends with, as wait(2); code as task_exit's. */
s32 task_exit_status(const struct task *t, s32 code);

/* core/reap.c */
s32 wait_cld_code(s32 status, s32 *value); /* CLD_* and si_status of a status as wait(2) */
/* p has just become a zombie: tells the parent. Reaps p at once if nobody will wait. */
void process_notify_exit(struct process *p);
/* SIGCHLD to `to` of a stop, unless it does not want any, and wakes its waits. */
void process_send_stop(struct process *to, const struct sig_info *si);
void process_notify_stop(struct process *p, s32 cld_code); /* CLD_STOPPED, CLD_CONTINUED */
void process_reap(struct process *p);

/* core/sigstop.c */
void sigstop_begin(struct process *p, s32 signo);
void sigstop_wait(struct task *t);	     /* current, in signal_deliver */
void sigstop_continue(struct process *p);    /* SIGCONT was sent */
void sigstop_leave_tracer(struct task *t);   /* if its process is stopped, t is to be again */
void sigstop_thread_gone(struct process *p); /* the others may be all that was waited for */

#endif
