/* SPDX-License-Identifier: Apache-2.0
 * POSIX message queues: mqueue.c has the queues and their messages, mqfs.c the names, mqfile.c
 * descriptors and calls.
 */
#ifndef IPC_MQUEUE_H
#define IPC_MQUEUE_H

#include "ipc/ipc_internal.h"

struct file;
struct inode;
struct socket;

#define MQ_COOKIE 32u /* bytes that SIGEV_THREAD sends, the last says what happened */

struct mq_attr_user { /* struct mq_attr */
	s64 flags, maxmsg, msgsize, curmsgs, reserved[4];
};
struct mq_msg {
	struct list link;
	u32 prio;
	u64 size;
	u8 text[];
};
struct mq_notify_state {
	struct process *owner; /* a reference; NULL: nobody asked */
	s32 how;	       /* SIGEV_* */
	s32 signo;
	u64 value;
	struct socket *sock; /* SIGEV_THREAD: a reference */
	u8 cookie[MQ_COOKIE];
};
struct mqueue {
	struct list link;    /* ipc_state.mqueues, while anybody has it open, too */
	struct inode *inode; /* the queue lives as long: its name and open files hold it */
	u64 maxmsg, msgsize, cur, bytes, claim;
	struct list msgs;    /* highest priority first, then longest waiting */
	struct list senders; /* struct mq_wait */
	struct list receivers;
	struct waitq poll;
	struct mq_notify_state notify;
	char name[];
};

struct mqueue *mq_find(const char *name);
void mq_unlink(struct mqueue *q);
/* A queue of that name, which is free; attr NULL: as /dev/mqueue makes them. Or err_ptr. */
struct mqueue *mq_create(const char *name, u32 mode, const struct mq_attr_user *attr);
struct inode *mq_inode(struct mqueue *q, u32 mode); /* NULL: no memory */
void mq_free(struct mqueue *q);
struct mq_msg *mq_msg_load(u64 utext, u64 size, u32 prio); /* or err_ptr */
void mq_msg_free(struct mq_msg *m);
/* deadline: CLOCK_MONOTONIC ns. 0: m is the queue's now; -EAGAIN, -ETIMEDOUT, -ERESTARTSYS. */
int mq_send(struct mqueue *q, struct mq_msg *m, bool nonblock, u64 deadline);
struct mq_msg *mq_receive(struct mqueue *q, bool nonblock, u64 deadline); /* or err_ptr */
/* Nobody is to be told any more. */
void mq_unnotify(struct mqueue *q);

#endif
