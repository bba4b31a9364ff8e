/* SPDX-License-Identifier: Apache-2.0
 * System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). A message for somebody who
 * waits for it goes to him directly.
 */
#include "fs/seqbuf.h"
#include "ipc/ipc_internal.h"
#include "sys/sys.h"

struct msg {
	struct list link;
	s64 type;
	u64 size;
	u8 text[];
};

struct msg_queue {
	struct ipc_object perm;
	s64 stime, rtime, ctime;
	u64 cbytes, qnum, qbytes;
	s32 lspid, lrpid;
	struct list msgs;
	struct list receivers; /* struct receiver */
	struct list senders;   /* struct sender */
};

enum want { WANT_ANY, WANT_TYPE, WANT_OTHER, WANT_UP_TO, WANT_INDEX };
/* On the stacks of those who wait. */
struct receiver {
	struct list link;
	struct task *task;
	enum want want;
	s64 type;
	u64 max;
	struct msg *got; /* or err_ptr; err_ptr(-EAGAIN): look again */
};
struct sender {
	struct list link;
	struct task *task;
	bool removed; /* the queue is gone */
};

static struct msg_queue *msg_find(s32 id)
{
	struct ipc_object *p = ipc_find(IPC_MSG_IDS, id);

	return p ? container_of(p, struct msg_queue, perm) : NULL;
}

/* -- messages -- */

static void msg_free(struct msg *m)
{
	ipc_free(m, sizeof(*m) + m->size);
}

static struct msg *msg_load(s64 type, u64 utext, u64 size)
{
	struct msg *m = ipc_alloc(sizeof(*m) + size);

	if (!m)
		return err_ptr(-ENOMEM);
	list_init(&m->link);
	m->type = type;
	m->size = size;
	if (copy_from_user(m->text, utext, size)) {
		msg_free(m);
		return err_ptr(-EFAULT);
	}
	return m;
}

static void count_msg(struct msg_queue *q, const struct msg *m, bool more)
{
	struct ipc_state *st = ipc_state();
	u64 one = more ? 1 : ~0ull, bytes = more ? m->size : 0 - m->size;

	q->qnum += one;
	q->cbytes += bytes;
	st->msgs += one;
	st->msg_bytes += bytes;
}

/* -- queues -- */

static long msg_make(s32 key, u32 flags, u64 size)
{
	struct msg_queue *q = ipc_alloc(sizeof(*q));
	long id;

	if (!q)
		return -ENOMEM;
	list_init(&q->msgs);
	list_init(&q->receivers);
	list_init(&q->senders);
	q->ctime = ipc_now();
	q->qbytes = IPC_MSGMNB;
	id = ipc_add(IPC_MSG_IDS, &q->perm, key, flags, IPC_MSGMNI);
	if (id < 0)
		ipc_free(q, sizeof(*q));
	return id;
}

long sys_msgget(struct task *t, const u64 *a)
{
	static const struct ipc_maker maker = {IPC_MSG_IDS, IPC_MSGMNI, msg_make, NULL};

	return ipc_get(&maker, (s32)a[0], (u32)a[1], 0);
}

static void give(struct receiver *r, struct msg *m)
{
	list_del(&r->link);
	r->got = m;
	sched_wake(r->task);
}

static void dismiss_receivers(struct msg_queue *q, long err)
{
	list_for_each_safe(pos, tmp, &q->receivers)
		give(list_entry(pos, struct receiver, link), err_ptr(err));
}

/* Senders look for themselves whether there is room now. */
static void wake_senders(struct msg_queue *q, bool removed)
{
	list_for_each_safe(pos, tmp, &q->senders)
	{
		struct sender *s = list_entry(pos, struct sender, link);

		if (removed) {
			list_del(&s->link);
			s->removed = true;
		}
		sched_wake(s->task);
	}
}

static void msg_destroy(struct msg_queue *q)
{
	dismiss_receivers(q, -EIDRM);
	wake_senders(q, true);
	list_for_each_safe(pos, tmp, &q->msgs)
	{
		struct msg *m = list_entry(pos, struct msg, link);

		count_msg(q, m, false);
		msg_free(m);
	}
	ipc_remove(IPC_MSG_IDS, &q->perm);
	ipc_free(q, sizeof(*q));
}

/* -- sending -- */

static bool wanted(const struct receiver *r, const struct msg *m)
{
	switch (r->want) {
	case WANT_TYPE:
		return m->type == r->type;
	case WANT_OTHER:
		return m->type != r->type;
	case WANT_UP_TO:
		return m->type <= r->type;
	default:
		return true;
	}
}

/* To the first who waits for such a message; those for whom it is too long hear so. */
static bool hand_over(struct msg_queue *q, struct msg *m)
{
	list_for_each_safe(pos, tmp, &q->receivers)
	{
		struct receiver *r = list_entry(pos, struct receiver, link);

		if (!wanted(r, m))
			continue;
		if (r->max < m->size) {
			give(r, err_ptr(-E2BIG));
			continue;
		}
		q->lrpid = r->task->proc->pid;
		q->rtime = ipc_now();
		give(r, m);
		return true;
	}
	return false;
}

/* Until there is room. q may be gone after an error. */
static int wait_for_room(struct msg_queue *q, u64 size, bool nowait)
{
	struct sender s = {.task = current};

	for (;;) {
		int r = ipc_may(&q->perm, 0222);

		if (r)
			return r;
		if (size + q->cbytes <= q->qbytes && q->qnum + 1 <= q->qbytes)
			return 0;
		if (nowait)
			return -EAGAIN;
		list_add_tail(&q->senders, &s.link);
		r = task_wait(TIME_NEVER);
		if (s.removed)
			return -EIDRM;
		list_del(&s.link);
		if (r)
			return -ERESTARTNOHAND;
	}
}

static int msg_send(s32 id, struct msg *m, u32 flags)
{
	struct msg_queue *q = msg_find(id);
	int r = q ? wait_for_room(q, m->size, flags & IPC_NOWAIT) : -EINVAL;

	if (r)
		return r;
	q->lspid = current->proc->pid;
	q->stime = ipc_now();
	if (!hand_over(q, m)) {
		list_add_tail(&q->msgs, &m->link);
		count_msg(q, m, true);
	}
	return 0;
}

long sys_msgsnd(struct task *t, const u64 *a)
{
	u64 type;
	struct msg *m;
	int r;

	if (get_user_u64(&type, a[1]))
		return -EFAULT;
	if (a[2] > IPC_MSGMAX || (s32)a[0] < 0 || (s64)type < 1)
		return -EINVAL;
	m = msg_load((s64)type, a[1] + sizeof(type), a[2]);
	if (is_err(m))
		return ptr_err(m);
	r = msg_send((s32)a[0], m, (u32)a[3]);
	if (r)
		msg_free(m);
	return r;
}

/* -- receiving -- */

static void decode_type(struct receiver *r, s64 type, u32 flags)
{
	r->type = type;
	if (flags & MSG_COPY) {
		r->want = WANT_INDEX;
	} else if (!type) {
		r->want = WANT_ANY;
	} else if (type < 0) {
		r->want = WANT_UP_TO;
		r->type = type == INT64_MIN ? INT64_MAX : -type;
	} else {
		r->want = flags & MSG_EXCEPT ? WANT_OTHER : WANT_TYPE;
	}
}

/* The first that is wanted, of the lowest type where several types are. */
static struct msg *pick(const struct msg_queue *q, const struct receiver *r)
{
	struct receiver want = *r;
	struct msg *found = NULL;
	s64 n = 0;

	list_for_each(pos, &q->msgs)
	{
		struct msg *m = list_entry(pos, struct msg, link);

		if (!wanted(&want, m) || (r->want == WANT_INDEX && n++ != r->type))
			continue;
		found = m;
		if (r->want != WANT_UP_TO || m->type == 1)
			break;
		want.type = m->type - 1;
	}
	return found;
}

static struct msg *copy_msg(const struct msg *m)
{
	struct msg *copy = ipc_alloc(sizeof(*m) + m->size);

	if (!copy)
		return err_ptr(-ENOMEM);
	memcpy(copy, m, sizeof(*m) + m->size);
	list_init(&copy->link);
	return copy;
}

static void take(struct msg_queue *q, struct msg *m)
{
	list_del(&m->link);
	count_msg(q, m, false);
	q->rtime = ipc_now();
	q->lrpid = current->proc->pid;
	wake_senders(q, false);
}

static struct msg *msg_receive(s32 id, struct receiver *r, u64 size, u32 flags)
{
	long gone = -EINVAL;

	for (;; gone = -EIDRM) {
		struct msg_queue *q = msg_find(id); /* again after each sleep */
		int err = q ? ipc_may(&q->perm, 0444) : 0;
		struct msg *m;

		if (!q || err)
			return err_ptr(q ? err : gone);
		m = pick(q, r);
		if (m && size < m->size && !(flags & MSG_NOERROR))
			return err_ptr(-E2BIG);
		if (m && (flags & MSG_COPY))
			return copy_msg(m);
		if (m) {
			take(q, m);
			return m;
		}
		if (flags & IPC_NOWAIT)
			return err_ptr(-ENOMSG);
		r->got = err_ptr(-EAGAIN);
		list_add_tail(&q->receivers, &r->link);
		do {
			err = task_wait(TIME_NEVER);
		} while (!err && !list_empty(&r->link));
		list_del(&r->link);
		if (r->got != err_ptr(-EAGAIN))
			return r->got;
		if (err)
			return err_ptr(-ERESTARTNOHAND);
	}
}

long sys_msgrcv(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[4];
	struct receiver r = {.task = t, .max = flags & MSG_NOERROR ? ~0ull : a[2]};
	struct msg *m;
	long n;

	if ((s32)a[0] < 0 || (s64)a[2] < 0)
		return -EINVAL;
	if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
		return -EINVAL;
	list_init(&r.link);
	decode_type(&r, (s64)a[3], flags);
	m = msg_receive((s32)a[0], &r, a[2], flags);
	if (is_err(m))
		return ptr_err(m);
	n = (long)min_u64(m->size, a[2]);
	if (put_user_u64(a[1], (u64)m->type) ||
		copy_to_user(a[1] + sizeof(m->type), m->text, (size_t)n))
		n = -EFAULT;
	msg_free(m);
	return n;
}

/* -- control -- */

static long msg_stat(s32 id, s32 cmd, u64 ubuf)
{
	struct ipc_object *p = ipc_find_stat(IPC_MSG_IDS, id, cmd != IPC_STAT, cmd == MSG_STAT_ANY);
	struct msqid64_ds ds = {0};
	const struct msg_queue *q;
	long r;

	if (is_err(p))
		return ptr_err(p);
	q = container_of(p, struct msg_queue, perm);
	ipc_fill_perm(&ds.msg_perm, p);
	ds.msg_stime = q->stime;
	ds.msg_rtime = q->rtime;
	ds.msg_ctime = q->ctime;
	ds.msg_cbytes = q->cbytes;
	ds.msg_qnum = q->qnum;
	ds.msg_qbytes = q->qbytes;
	ds.msg_lspid = q->lspid;
	ds.msg_lrpid = q->lrpid;
	r = cmd == IPC_STAT ? 0 : p->id;
	return copy_to_user(ubuf, &ds, sizeof(ds)) ? -EFAULT : r;
}

static long msg_info(s32 cmd, u64 ubuf)
{
	const struct ipc_state *st = ipc_state();
	bool use = cmd == MSG_INFO;
	struct msginfo info = {
		.msgpool =
			use ? (s32)st->ids[IPC_MSG_IDS].in_use : IPC_MSGMNI * (IPC_MSGMNB / 1024),
		.msgmap = use ? (s32)st->msgs : IPC_MSGMNB,
		.msgmax = IPC_MSGMAX,
		.msgmnb = IPC_MSGMNB,
		.msgmni = IPC_MSGMNI,
		.msgssz = 16,
		.msgtql = use ? (s32)st->msg_bytes : IPC_MSGMNB,
		.msgseg = 0xffff,
	};

	return copy_to_user(ubuf, &info, sizeof(info)) ? -EFAULT : ipc_max_index(IPC_MSG_IDS);
}

static int msg_set(struct msg_queue *q, const struct msqid64_ds *ds)
{
	int r;

	if (ds->msg_qbytes > IPC_MSGMNB && !cred_has(&current->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	r = ipc_set_perm(&q->perm, &ds->msg_perm);
	if (r)
		return r;
	q->qbytes = ds->msg_qbytes;
	q->ctime = ipc_now();
	dismiss_receivers(q, -EAGAIN); /* they may have lost the right */
	wake_senders(q, false);
	return 0;
}

static long msg_change(s32 id, s32 cmd, u64 ubuf)
{
	struct msqid64_ds ds;
	struct ipc_object *p;

	if (cmd == IPC_SET && copy_from_user(&ds, ubuf, sizeof(ds)))
		return -EFAULT;
	p = ipc_find_owned(IPC_MSG_IDS, id);
	if (is_err(p))
		return ptr_err(p);
	if (cmd == IPC_SET)
		return msg_set(container_of(p, struct msg_queue, perm), &ds);
	msg_destroy(container_of(p, struct msg_queue, perm));
	return 0;
}

long sys_msgctl(struct task *t, const u64 *a)
{
	s32 id = (s32)a[0], cmd = (s32)a[1];

	if (id < 0 || cmd < 0)
		return -EINVAL;
	if (!ipc_state())
		return -ENOMEM;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return msg_info(cmd, a[2]);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return msg_stat(id, cmd, a[2]);
	case IPC_SET:
	case IPC_RMID:
		return msg_change(id, cmd, a[2]);
	default:
		return -EINVAL;
	}
}

int ipc_show_msg(struct seqbuf *out, const struct pseudo_node *n)
{
	typedef unsigned long long ull;

	seq_puts(out, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  "
		      "cuid  cgid      stime      rtime      ctime\n");
	for (s32 i = 0; i <= ipc_max_index(IPC_MSG_IDS); i++) {
		struct ipc_object *p = ipc_at(IPC_MSG_IDS, i);
		const struct msg_queue *q = container_of(p, struct msg_queue, perm);

		if (p)
			seq_printf(out,
				"%10d %10d  %4o  %10llu %10llu %5d %5d %5u %5u %5u %5u %10llu "
				"%10llu %10llu\n",
				p->key, p->id, p->mode, (ull)q->cbytes, (ull)q->qnum, q->lspid,
				q->lrpid, p->uid, p->gid, p->cuid, p->cgid, (ull)q->stime,
				(ull)q->rtime, (ull)q->ctime);
	}
	return 0;
}
