/* SPDX-License-Identifier: Apache-2.0
 * Between sem.c, which has the arrays and their operations, and semctl.c.
 */
#ifndef IPC_SEM_H
#define IPC_SEM_H

#include "ipc/ipc_internal.h"

#define SEM_VALUE_MAX 32767

struct sem {
	s32 val, pid;
};
struct sem_array {
	struct ipc_object perm;
	s64 otime, ctime;
	struct list waiters; /* struct sem_wait, longest waiting first */
	struct list undos;   /* struct sem_undo, by array_link */
	u32 nsems;
	struct sem sems[];
};
/* On the stack of who waits. */
struct sem_wait {
	struct list link;
	struct task *task;
	struct sembuf *ops;
	u32 nops;
	s32 pid;
	struct sem_undo *undo;
	const struct sembuf *blocking; /* the operation that cannot be done */
	int status;		       /* -EINTR until somebody decides */
};
struct sem_undo {
	struct list array_link, list_link;
	struct sem_array *array;
	int16_t adjust[];
};

/* After a change: does what waiters wait for, until nothing more can be done. */
void sem_update(struct sem_array *s);
/* A value was set from outside: nobody undoes what was before. */
void sem_forget_undo(struct sem_array *s, u32 num);
void sem_destroy(struct sem_array *s);
static inline struct sem_array *sem_find(s32 id)
{
	struct ipc_object *p = ipc_find(IPC_SEM_IDS, id);

	return p ? container_of(p, struct sem_array, perm) : NULL;
}

#endif
