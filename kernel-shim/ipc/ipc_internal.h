/* SPDX-License-Identifier: Apache-2.0
 * Between the files of ipc/.
 *
 * Nothing here is counted: whoever sleeps on an object has an entry on its own stack, and an object
 * that goes takes its sleepers off and tells them. After a copy from or to the program, which may
 * sleep, an object is looked up again by its id.
 */
#ifndef IPC_INTERNAL_H
#define IPC_INTERNAL_H

#include <asm/errno.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/stat.h>

#include "core/task.h"
#include "ipc/ipc.h"
#include "mm/mm.h"

#define IPC_ID_SHIFT 15u /* id = sequence << 15 | index */
#define IPC_SEQ_MAX  0x10000u
#define PERM_BITS    0777u

struct ipc_object { /* first member of every object */
	s32 key, id;
	u32 uid, gid, cuid, cgid;
	u32 mode;
};

struct ipc_ids {
	struct ipc_object **slot; /* by index */
	u32 cap, in_use;
	s32 last; /* index that was given last */
	u32 seq;
};

enum ipc_kind { IPC_SHM_IDS, IPC_SEM_IDS, IPC_MSG_IDS, IPC_KINDS };
struct mqueue;
struct ipc_state {
	struct ipc_ids ids[IPC_KINDS];
	u64 charged; /* bytes of the shim's memory that objects and messages take */
	u64 shm_pages, sems, msg_bytes, msgs;
	struct list mqueues;
	u32 nmqueues;
	struct super *mq_super; /* mqfs.c */
};
/* NULL: memory is out. */
struct ipc_state *ipc_state(void);

/* Memory for objects and messages, zeroed head and all. NULL when it is out, or when IPC has its
 * share of the shim's memory already. */
void *ipc_alloc(size_t n);
void ipc_free(void *p, size_t n);

/* -- ids.c -- */
/* Objects of one kind; params are the caller's. */
struct ipc_maker {
	enum ipc_kind kind;
	u32 limit;
	long (*make)(s32 key, u32 flags, u64 size);	   /* a new id */
	int (*fits)(const struct ipc_object *p, u64 size); /* or why an old one does not do */
};
/* shmget, semget, msgget after their own checks. */
long ipc_get(const struct ipc_maker *m, s32 key, u32 flags, u64 size);
/* Gives p an id; owner and creator are current. The id, -ENOSPC or -ENOMEM. */
long ipc_add(enum ipc_kind kind, struct ipc_object *p, s32 key, u32 flags, u32 limit);
void ipc_remove(enum ipc_kind kind, struct ipc_object *p);
struct ipc_object *ipc_find(enum ipc_kind kind, s32 id);  /* NULL: EINVAL */
struct ipc_object *ipc_at(enum ipc_kind kind, s32 index); /* whatever its sequence */
s32 ipc_max_index(enum ipc_kind kind);			  /* 0 when there is none */
int ipc_may(const struct ipc_object *p, u32 want);	  /* bits as in a mode; 0 or -EACCES */
/* For IPC_SET, IPC_RMID: err_ptr(-EINVAL, -EPERM). */
struct ipc_object *ipc_find_owned(enum ipc_kind kind, s32 id);
/* For IPC_STAT, *_STAT and *_STAT_ANY. */
struct ipc_object *ipc_find_stat(enum ipc_kind kind, s32 id, bool by_index, bool any);
int ipc_set_perm(struct ipc_object *p, const struct ipc64_perm *in);
void ipc_fill_perm(struct ipc64_perm *out, const struct ipc_object *p);
s64 ipc_now(void); /* seconds of the wall clock */

#endif
