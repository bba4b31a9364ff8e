/* SPDX-License-Identifier: Apache-2.0
 * semctl(2).
 */
#include "fs/seqbuf.h"
#include "ipc/sem.h"
#include "sys/sys.h"

#define SEM_UNIT_BYTES 20 /* what Linux says that an undo structure takes */

static long sem_stat(s32 id, s32 cmd, u64 ubuf)
{
	struct ipc_object *p = ipc_find_stat(IPC_SEM_IDS, id, cmd != IPC_STAT, cmd == SEM_STAT_ANY);
	struct semid64_ds ds = {0};
	const struct sem_array *s;
	long r;

	if (is_err(p))
		return ptr_err(p);
	s = container_of(p, struct sem_array, perm);
	ipc_fill_perm(&ds.sem_perm, p);
	ds.sem_otime = s->otime;
	ds.sem_ctime = s->ctime;
	ds.sem_nsems = s->nsems;
	r = cmd == IPC_STAT ? 0 : p->id;
	return copy_to_user(ubuf, &ds, sizeof(ds)) ? -EFAULT : r;
}

static long sem_info(s32 cmd, u64 ubuf)
{
	const struct ipc_state *st = ipc_state();
	bool use = cmd == SEM_INFO;
	struct seminfo info = {
		.semmap = IPC_SEMMNS,
		.semmni = IPC_SEMMNI,
		.semmns = IPC_SEMMNS,
		.semmnu = IPC_SEMMNS,
		.semmsl = IPC_SEMMSL,
		.semopm = IPC_SEMOPM,
		.semume = IPC_SEMOPM,
		.semusz = use ? (s32)st->ids[IPC_SEM_IDS].in_use : SEM_UNIT_BYTES,
		.semvmx = SEM_VALUE_MAX,
		.semaem = use ? (s32)st->sems : SEM_VALUE_MAX,
	};

	return copy_to_user(ubuf, &info, sizeof(info)) ? -EFAULT : ipc_max_index(IPC_SEM_IDS);
}

static void set_value(struct sem_array *s, u32 num, s32 val)
{
	sem_forget_undo(s, num);
	s->sems[num].val = val;
	s->sems[num].pid = current->proc->pid;
	s->ctime = ipc_now();
}

static long set_one(s32 id, s32 num, s32 val)
{
	struct sem_array *s;
	int r;

	if (val > SEM_VALUE_MAX || val < 0)
		return -ERANGE;
	s = sem_find(id);
	if (!s || num < 0 || (u32)num >= s->nsems)
		return -EINVAL;
	r = ipc_may(&s->perm, 0222);
	if (r)
		return r;
	set_value(s, (u32)num, val);
	sem_update(s);
	return 0;
}

static long get_all(const struct sem_array *s, u64 ubuf)
{
	size_t bytes = s->nsems * sizeof(u16);
	u16 *vals = kalloc(bytes);
	long r;

	if (!vals)
		return -ENOMEM;
	for (u32 i = 0; i < s->nsems; i++)
		vals[i] = (u16)s->sems[i].val;
	r = copy_to_user(ubuf, vals, bytes);
	kfree(vals);
	return r;
}

static long apply_all(s32 id, const u16 *vals, u32 n)
{
	struct sem_array *s;

	for (u32 i = 0; i < n; i++) {
		if (vals[i] > SEM_VALUE_MAX)
			return -ERANGE;
	}
	s = sem_find(id); /* the copy may have slept */
	if (!s || s->nsems != n)
		return -EIDRM;
	for (u32 i = 0; i < n; i++)
		set_value(s, i, vals[i]);
	sem_update(s);
	return 0;
}

static long set_all(const struct sem_array *s, u64 ubuf)
{
	u32 n = s->nsems;
	s32 id = s->perm.id;
	u16 *vals = kalloc(n * sizeof(*vals));
	long r = -EFAULT;

	if (!vals)
		return -ENOMEM;
	if (!copy_from_user(vals, ubuf, n * sizeof(*vals)))
		r = apply_all(id, vals, n);
	kfree(vals);
	return r;
}

/* Who sleeps because of semaphore num: for it to be zero, or to grow. */
static long count_waiters(const struct sem_array *s, u32 num, bool zero)
{
	long n = 0;

	list_for_each(pos, &s->waiters)
	{
		const struct sembuf *op = list_entry(pos, struct sem_wait, link)->blocking;

		n += op->sem_num == num && (zero ? !op->sem_op : op->sem_op < 0);
	}
	return n;
}

static long sem_values(s32 id, s32 num, s32 cmd, u64 arg)
{
	struct sem_array *s = sem_find(id);
	int r;

	if (!s)
		return -EINVAL;
	r = ipc_may(&s->perm, cmd == SETALL ? 0222 : 0444);
	if (r)
		return r;
	if (cmd == GETALL)
		return get_all(s, arg);
	if (cmd == SETALL)
		return set_all(s, arg);
	if (num < 0 || (u32)num >= s->nsems)
		return -EINVAL;
	switch (cmd) {
	case GETVAL:
		return s->sems[num].val;
	case GETPID:
		return s->sems[num].pid;
	default:
		return count_waiters(s, (u32)num, cmd == GETZCNT);
	}
}

static long sem_change(s32 id, s32 cmd, u64 ubuf)
{
	struct semid64_ds ds;
	struct ipc_object *p;
	struct sem_array *s;
	int r;

	if (cmd == IPC_SET && copy_from_user(&ds, ubuf, sizeof(ds)))
		return -EFAULT;
	p = ipc_find_owned(IPC_SEM_IDS, id);
	if (is_err(p))
		return ptr_err(p);
	s = container_of(p, struct sem_array, perm);
	if (cmd == IPC_RMID) {
		sem_destroy(s);
		return 0;
	}
	r = ipc_set_perm(p, &ds.sem_perm);
	if (!r)
		s->ctime = ipc_now();
	return r;
}

long sys_semctl(struct task *t, const u64 *a)
{
	s32 id = (s32)a[0], num = (s32)a[1], cmd = (s32)a[2];

	if (id < 0)
		return -EINVAL;
	if (!ipc_state())
		return -ENOMEM;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return sem_info(cmd, a[3]);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return sem_stat(id, cmd, a[3]);
	case GETALL:
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETALL:
		return sem_values(id, num, cmd, a[3]);
	case SETVAL:
		return set_one(id, num, (s32)a[3]);
	case IPC_SET:
	case IPC_RMID:
		return sem_change(id, cmd, a[3]);
	default:
		return -EINVAL;
	}
}

int ipc_show_sem(struct seqbuf *out, const struct pseudo_node *n)
{
	typedef unsigned long long ull;

	seq_puts(out,
		"       key      semid perms      nsems   uid   gid  cuid  cgid      otime      "
		"ctime\n");
	for (s32 i = 0; i <= ipc_max_index(IPC_SEM_IDS); i++) {
		struct ipc_object *p = ipc_at(IPC_SEM_IDS, i);
		const struct sem_array *s = container_of(p, struct sem_array, perm);

		if (p)
			seq_printf(out, "%10d %10d  %4o %10u %5u %5u %5u %5u %10llu %10llu\n",
				p->key, p->id, p->mode, s->nsems, p->uid, p->gid, p->cuid, p->cgid,
				(ull)s->otime, (ull)s->ctime);
	}
	return 0;
}
