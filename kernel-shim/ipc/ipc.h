/* SPDX-License-Identifier: Apache-2.0
 * System V IPC and POSIX message queues: what other folders call. A sandbox is one IPC namespace;
 * its state hangs off kernel.ipc_state and is made at first use.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include "core/types.h"

struct super;
struct task;
struct seqbuf;
struct pseudo_node;

/* Limits of Linux's defaults; /proc/sys/kernel shows them. */
#define IPC_SHMMNI     4096
#define IPC_SEMMNI     32000
#define IPC_SEMMSL     32000
#define IPC_SEMMNS     1024000000
#define IPC_SEMOPM     500
#define IPC_MSGMNI     32000
#define IPC_MSGMAX     8192
#define IPC_MSGMNB     16384
#define IPC_SHMMAX     (~0ull - (1ull << 24)) /* SHMALL too */
#define MQ_QUEUES_MAX  256		      /* of the whole sandbox */
#define MQ_MSG_MAX     10
#define MQ_MSGSIZE_MAX 8192

/* A new task: shares the undo list (CLONE_SYSVSEM) or begins without. 0 or -ENOMEM. */
int ipc_task_clone(struct task *t, struct task *child, bool share);
/* A task ends: the last one of its list undoes its semaphore operations. */
void ipc_task_exit(struct task *t);

/* The file system of POSIX message queues, or NULL when memory is out. No reference. */
struct super *mq_super(void);

/* /proc/sysvipc */
int ipc_show_shm(struct seqbuf *s, const struct pseudo_node *n);
int ipc_show_sem(struct seqbuf *s, const struct pseudo_node *n);
int ipc_show_msg(struct seqbuf *s, const struct pseudo_node *n);

#endif
