/* SPDX-License-Identifier: Apache-2.0
 * Queues of POSIX messages (mq_overview(7)). A message for a receiver that waits goes to him
 * directly, and the room that it leaves to the sender that has waited longest.
 */
#include "core/siginfo.h"

#include "fs/vfs.h"
#include "ipc/mqueue.h"
#include "net/netlink.h"
#include "net/socket.h"

#define NOTIFY_WOKENUP 1
#define NOTIFY_REMOVED 2

/* On the stack of who waits. A sender's message is taken, a receiver gets one. */
struct mq_wait {
	struct list link;
	struct task *task;
	struct mq_msg *msg;
	bool done;
};

/* -- messages -- */

void mq_msg_free(struct mq_msg *m)
{
	ipc_free(m, sizeof(*m) + m->size);
}

struct mq_msg *mq_msg_load(u64 utext, u64 size, u32 prio)
{
	struct mq_msg *m = ipc_alloc(sizeof(*m) + size);

	if (!m)
		return err_ptr(-ENOMEM);
	list_init(&m->link);
	m->prio = prio;
	m->size = size;
	if (copy_from_user(m->text, utext, size)) {
		mq_msg_free(m);
		return err_ptr(-EFAULT);
	}
	return m;
}

static void insert(struct mqueue *q, struct mq_msg *m)
{
	struct list *at = q->msgs.prev;

	while (at != &q->msgs && list_entry(at, struct mq_msg, link)->prio < m->prio)
		at = at->prev;
	list_add(at, &m->link);
	q->cur++;
	q->bytes += m->size;
}

/* -- telling that a message came to an empty queue -- */

static void send_cookie(struct mqueue *q, u8 what)
{
	struct mq_notify_state *n = &q->notify;

	n->cookie[MQ_COOKIE - 1] = what;
	netlink_deliver(n->sock, n->cookie, MQ_COOKIE);
	socket_put(n->sock);
	n->sock = NULL;
}

static void forget_owner(struct mqueue *q)
{
	process_put(q->notify.owner);
	q->notify.owner = NULL;
}

void mq_unnotify(struct mqueue *q)
{
	if (!q->notify.owner)
		return;
	if (q->notify.how == SIGEV_THREAD)
		send_cookie(q, NOTIFY_REMOVED);
	forget_owner(q);
}

static void send_signal(const struct mq_notify_state *n)
{
	struct sig_info si;

	if (!n->signo || n->owner->zombie)
		return;
	signal_simple(&si, n->signo, SI_MESGQ);
	si.rt.pid = current->proc->pid;
	si.rt.uid = current->cred.uid;
	si.rt.value = n->value;
	signal_send_process(n->owner, &si);
}

/* Once: then somebody may ask again. */
static void notify(struct mqueue *q)
{
	if (q->notify.owner && q->cur == 1) {
		if (q->notify.how == SIGEV_SIGNAL)
			send_signal(&q->notify);
		else if (q->notify.how == SIGEV_THREAD)
			send_cookie(q, NOTIFY_WOKENUP);
		forget_owner(q);
	}
	waitq_wake(&q->poll, POLL_IN | POLL_RDNORM);
}

/* -- sending and receiving -- */

static struct mq_wait *first(struct list *waiters)
{
	return list_empty(waiters) ? NULL : list_entry(waiters->next, struct mq_wait, link);
}

static void finish(struct mq_wait *w)
{
	list_del(&w->link);
	w->done = true;
	sched_wake(w->task);
}

static int wait_in(struct list *waiters, struct mq_wait *w, u64 deadline)
{
	int r;

	w->task = current;
	w->done = false;
	list_add_tail(waiters, &w->link);
	do {
		r = task_wait(deadline);
	} while (!r && !w->done);
	list_del(&w->link);
	if (w->done)
		return 0;
	return r == -EINTR ? -ERESTARTSYS : r;
}

int mq_send(struct mqueue *q, struct mq_msg *m, bool nonblock, u64 deadline)
{
	struct mq_wait own = {.msg = m}, *w;

	if (q->cur == q->maxmsg)
		return nonblock ? -EAGAIN : wait_in(&q->senders, &own, deadline);
	w = first(&q->receivers);
	if (w) {
		w->msg = m;
		finish(w);
		return 0;
	}
	insert(q, m);
	notify(q);
	return 0;
}

struct mq_msg *mq_receive(struct mqueue *q, bool nonblock, u64 deadline)
{
	struct mq_wait own = {0}, *w;
	struct mq_msg *m;

	if (!q->cur) {
		int r = nonblock ? -EAGAIN : wait_in(&q->receivers, &own, deadline);

		return r ? err_ptr(r) : own.msg;
	}
	m = list_entry(q->msgs.next, struct mq_msg, link);
	list_del(&m->link);
	q->cur--;
	q->bytes -= m->size;
	w = first(&q->senders);
	if (w) {
		insert(q, w->msg);
		finish(w);
	} else {
		waitq_wake(&q->poll, POLL_OUT | POLL_WRNORM);
	}
	return m;
}

void mq_free(struct mqueue *q)
{
	mq_unnotify(q);
	list_for_each_safe(pos, tmp, &q->msgs) mq_msg_free(list_entry(pos, struct mq_msg, link));
	list_del(&q->link);
	ipc_state()->nmqueues--;
	ipc_free(q, sizeof(*q) + strlen(q->name) + 1);
}
