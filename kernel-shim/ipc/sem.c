/* SPDX-License-Identifier: Apache-2.0
 * System V semaphores: semget(2), semop(2), and what is undone when a process ends. A call's
 * operations happen all at once or not at all.
 */
#include "ipc/sem.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define FAST_OPS 8u

struct sem_undo_list { /* task.sem_undo, shared by those that share it (CLONE_SYSVSEM) */
	u32 refs;
	struct list undos; /* struct sem_undo, by list_link */
};

static size_t array_bytes(u32 nsems)
{
	return sizeof(struct sem_array) + nsems * sizeof(struct sem);
}

static size_t undo_bytes(const struct sem_array *s)
{
	return sizeof(struct sem_undo) + s->nsems * sizeof(int16_t);
}

/* -- arrays -- */

static long sem_make(s32 key, u32 flags, u64 n)
{
	struct ipc_state *st = ipc_state();
	struct sem_array *s;
	long id;

	if (!n)
		return -EINVAL;
	if (st->sems + n > IPC_SEMMNS)
		return -ENOSPC;
	s = ipc_alloc(array_bytes((u32)n));
	if (!s)
		return -ENOMEM;
	list_init(&s->waiters);
	list_init(&s->undos);
	s->nsems = (u32)n;
	s->ctime = ipc_now();
	id = ipc_add(IPC_SEM_IDS, &s->perm, key, flags, IPC_SEMMNI);
	if (id < 0)
		ipc_free(s, array_bytes(s->nsems));
	else
		st->sems += n;
	return id;
}

static int sem_fits(const struct ipc_object *p, u64 n)
{
	return n > container_of(p, const struct sem_array, perm)->nsems ? -EINVAL : 0;
}

long sys_semget(struct task *t, const u64 *a)
{
	static const struct ipc_maker maker = {IPC_SEM_IDS, IPC_SEMMNI, sem_make, sem_fits};
	s32 n = (s32)a[1];

	if (n < 0 || n > IPC_SEMMSL)
		return -EINVAL;
	return ipc_get(&maker, (s32)a[0], (u32)a[2], (u64)n);
}

static void decide(struct sem_wait *w, int status)
{
	list_del(&w->link);
	w->status = status;
	sched_wake(w->task);
}

static void undo_free(struct sem_undo *u)
{
	list_del(&u->array_link);
	list_del(&u->list_link);
	ipc_free(u, undo_bytes(u->array));
}

void sem_destroy(struct sem_array *s)
{
	list_for_each_safe(pos, tmp, &s->waiters)
		decide(list_entry(pos, struct sem_wait, link), -EIDRM);
	list_for_each_safe(pos, tmp, &s->undos)
		undo_free(list_entry(pos, struct sem_undo, array_link));
	ipc_state()->sems -= s->nsems;
	ipc_remove(IPC_SEM_IDS, &s->perm);
	ipc_free(s, array_bytes(s->nsems));
}

/* -- operations -- */

/* One operation. 0; 1: would have to wait; -ERANGE. */
static int op_apply(struct sem_array *s, const struct sembuf *op, struct sem_undo *undo)
{
	struct sem *sem = &s->sems[op->sem_num];
	s32 val = sem->val + op->sem_op;

	if ((!op->sem_op && sem->val) || val < 0)
		return 1;
	if (val > SEM_VALUE_MAX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		s32 adjust = undo->adjust[op->sem_num] - op->sem_op;

		if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX)
			return -ERANGE;
		undo->adjust[op->sem_num] = (int16_t)adjust;
	}
	sem->val = val;
	return 0;
}

static void op_revert(struct sem_array *s, const struct sembuf *op, struct sem_undo *undo)
{
	s->sems[op->sem_num].val -= op->sem_op;
	if (op->sem_flg & SEM_UNDO)
		undo->adjust[op->sem_num] = (int16_t)(undo->adjust[op->sem_num] + op->sem_op);
}

/* All or nothing: 0, 1 (has to wait, for w->blocking), -EAGAIN (and may not), -ERANGE. */
static int ops_apply(struct sem_array *s, struct sem_wait *w)
{
	u32 n = 0;
	int r = 0;

	for (; n < w->nops; n++) {
		r = op_apply(s, &w->ops[n], w->undo);
		if (r)
			break;
	}
	if (r) {
		w->blocking = &w->ops[n];
		if (r == 1 && (w->ops[n].sem_flg & IPC_NOWAIT))
			r = -EAGAIN;
		while (n--)
			op_revert(s, &w->ops[n], w->undo);
		return r;
	}
	while (n--)
		s->sems[w->ops[n].sem_num].pid = w->pid;
	s->otime = ipc_now();
	return 0;
}

static bool alters(const struct sem_wait *w)
{
	for (u32 i = 0; i < w->nops; i++) {
		if (w->ops[i].sem_op)
			return true;
	}
	return false;
}

/* Goes on with the first waiter that can: those that wait for zero before those that change
 * something. False: nobody could. */
static bool update_one(struct sem_array *s, bool altering)
{
	list_for_each_safe(pos, tmp, &s->waiters)
	{
		struct sem_wait *w = list_entry(pos, struct sem_wait, link);
		int r = alters(w) == altering ? ops_apply(s, w) : 1;

		if (r > 0)
			continue;
		decide(w, r);
		return true;
	}
	return false;
}

void sem_update(struct sem_array *s)
{
	while (update_one(s, false) || update_one(s, true))
		;
}

void sem_forget_undo(struct sem_array *s, u32 num)
{
	list_for_each(pos, &s->undos) list_entry(pos, struct sem_undo, array_link)->adjust[num] = 0;
}

/* -- undo -- */

static struct sem_undo_list *undo_list(struct task *t)
{
	if (t->sem_undo)
		return t->sem_undo;
	t->sem_undo = kzalloc(sizeof(*t->sem_undo));
	if (t->sem_undo) {
		t->sem_undo->refs = 1;
		list_init(&t->sem_undo->undos);
	}
	return t->sem_undo;
}

static struct sem_undo *undo_get(struct task *t, struct sem_array *s)
{
	struct sem_undo_list *l = undo_list(t);
	struct sem_undo *u;

	if (!l)
		return NULL;
	list_for_each(pos, &l->undos)
	{
		u = list_entry(pos, struct sem_undo, list_link);
		if (u->array == s)
			return u;
	}
	u = ipc_alloc(undo_bytes(s));
	if (!u)
		return NULL;
	u->array = s;
	list_add(&s->undos, &u->array_link);
	list_add(&l->undos, &u->list_link);
	return u;
}

int ipc_task_clone(struct task *t, struct task *child, bool share)
{
	if (!share)
		return 0;
	child->sem_undo = undo_list(t);
	if (!child->sem_undo)
		return -ENOMEM;
	child->sem_undo->refs++;
	return 0;
}

static void undo_apply(struct sem_undo *u)
{
	struct sem_array *s = u->array;

	for (u32 i = 0; i < s->nsems; i++) {
		struct sem *sem = &s->sems[i];

		if (!u->adjust[i])
			continue;
		sem->val += u->adjust[i];
		if (sem->val < 0)
			sem->val = 0;
		if (sem->val > SEM_VALUE_MAX)
			sem->val = SEM_VALUE_MAX;
		sem->pid = current->proc->pid;
	}
	undo_free(u);
	s->otime = ipc_now();
	sem_update(s);
}

void ipc_task_exit(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	t->sem_undo = NULL;
	if (!l || --l->refs)
		return;
	while (!list_empty(&l->undos))
		undo_apply(list_entry(l->undos.next, struct sem_undo, list_link));
	kfree(l);
}

/* -- semop(2) -- */

static int op_wait(struct sem_array *s, struct sem_wait *w, u64 deadline)
{
	int r;

	w->status = -EINTR;
	w->task = current;
	list_add_tail(&s->waiters, &w->link);
	do {
		r = task_wait(deadline);
	} while (!r && w->status == -EINTR);
	list_del(&w->link); /* as whoever decided has; then s may be gone */
	if (w->status != -EINTR)
		return w->status;
	return r == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

static int semop_do(struct task *t, struct sem_array *s, struct sem_wait *w, u64 deadline)
{
	u32 max = 0;
	bool undo = false;
	int r;

	for (u32 i = 0; i < w->nops; i++) {
		max = (u32)max_u64(max, w->ops[i].sem_num);
		undo |= (w->ops[i].sem_flg & SEM_UNDO) != 0;
	}
	if (max >= s->nsems)
		return -EFBIG;
	r = ipc_may(&s->perm, alters(w) ? 0222 : 0444);
	if (r)
		return r;
	w->undo = undo ? undo_get(t, s) : NULL;
	if (undo && !w->undo)
		return -ENOMEM;
	w->pid = t->proc->pid;
	r = ops_apply(s, w);
	if (r > 0)
		return op_wait(s, w, deadline);
	if (!r && alters(w))
		sem_update(s);
	return r;
}

static long semop(struct task *t, const u64 *a, const struct user_timespec *timeout)
{
	struct sembuf fast[FAST_OPS];
	struct sem_wait w = {.ops = fast, .nops = (u32)a[2]};
	u64 bytes = w.nops * sizeof(*w.ops), ns, now, deadline = TIME_NEVER;
	struct sem_array *s;
	long r = -EFAULT;

	if (w.nops > IPC_SEMOPM)
		return -E2BIG;
	if (w.nops > FAST_OPS)
		w.ops = kalloc(bytes);
	if (!w.ops)
		return -ENOMEM;
	if (copy_from_user(w.ops, a[1], bytes))
		goto out;
	r = -EINVAL;
	if (!w.nops || (timeout && timespec_to_ns(timeout, &ns)))
		goto out;
	if (timeout) {
		now = clock_mono_ns();
		deadline = ns >= TIME_NEVER - now ? TIME_NEVER : now + ns;
	}
	s = sem_find((s32)a[0]);
	if (s)
		r = semop_do(t, s, &w, deadline);
out:
	if (w.ops != fast)
		kfree(w.ops);
	return r;
}

long sys_semop(struct task *t, const u64 *a)
{
	return semop(t, a, NULL);
}

long sys_semtimedop(struct task *t, const u64 *a)
{
	struct user_timespec ts;

	if (a[3] && copy_from_user(&ts, a[3], sizeof(ts)))
		return -EFAULT;
	return semop(t, a, a[3] ? &ts : NULL);
}
