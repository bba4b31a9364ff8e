/* SPDX-License-Identifier: Apache-2.0
 * A file with O_ASYNC waits on its own queue as a poller does, and signals its owner when woken.
 * The owner is kept as a number, not as a process: an id that was given again gets the signal.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/fcntl.h>

#include "core/siginfo.h"
#include "core/cred.h"
#include "core/signal.h"
#include "fs/fasync.h"
#include "fs/poll.h"

struct fasync {
	struct file *file;
	s32 type, id;  /* the owner */
	s32 signo;     /* F_SETSIG; 0: SIGIO, that tells nothing */
	s32 fd;	       /* as it was when O_ASYNC was set */
	u32 uid, euid; /* who named the owner, and may signal it or not */
	struct wait_entry wait;
};

/* si_code and si_band for what happened (Linux band_table, fs/fcntl.c). */
static const struct reason {
	u32 events;
	s32 code;
	u32 band;
} reasons[] = {
	{POLL_PRI, 5, POLL_PRI | POLL_RDBAND},
	{POLL_IN | POLL_RDNORM, 1, POLL_IN | POLL_RDNORM},
	{POLL_OUT | POLL_WRNORM, 2, POLL_OUT | POLL_WRNORM | POLL_WRBAND},
	{POLL_HUP, 6, POLL_HUP | POLL_ERR},
	{POLL_ERR, 4, POLL_ERR},
};

static bool may_signal(const struct fasync *a, const struct cred *c)
{
	return !a->euid || a->euid == c->suid || a->euid == c->uid || a->uid == c->suid ||
	       a->uid == c->uid;
}

static void send_one(const struct fasync *a, struct task *t, bool thread, const struct sig_info *si)
{
	struct sig_info plain;

	if (!may_signal(a, &t->cred))
		return;
	if ((thread ? signal_send_task(t, si) : signal_send_process(t->proc, si)) != -EAGAIN)
		return;
	/* no room in the queue: at least that something happened */
	signal_simple(&plain, SIGIO, SI_KERNEL);
	signal_send_process(t->proc, &plain);
}

static void send_process(const struct fasync *a, struct process *p, const struct sig_info *si)
{
	struct task *t = p ? process_task(p) : NULL;

	if (t)
		send_one(a, t, false, si);
}

static void send_owner(const struct fasync *a, const struct sig_info *si)
{
	struct task *t;

	switch (a->type) {
	case F_OWNER_TID:
		t = task_find(a->id);
		if (t)
			send_one(a, t, true, si);
		break;
	case F_OWNER_PID:
		send_process(a, process_find(a->id), si);
		break;
	default:
		list_for_each(pos, &kern->processes)
		{
			struct process *p = list_entry(pos, struct process, all_link);

			if (p->pgrp == a->id)
				send_process(a, p, si);
		}
	}
}

/* What a file open this way is told of: the end of a pipe for reading not of room for writing. */
static u32 wanted(const struct file *f)
{
	return (file_readable(f) ? POLL_IN | POLL_RDNORM | POLL_PRI | POLL_HUP : 0) |
	       (file_writable(f) ? POLL_OUT | POLL_WRNORM | POLL_ERR : 0);
}

static void file_event(struct wait_entry *e, u32 key)
{
	struct fasync *a = container_of(e, struct fasync, wait);
	u32 events = (key ? key : file_poll(a->file, NULL)) & wanted(a->file);
	struct sig_info si;

	for (u32 i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		const struct reason *r = &reasons[i];

		if (!(events & r->events) || !a->id)
			continue;
		if (!i && !a->signo)
			continue; /* SIGURG was that (Linux kill_fasync) */
		signal_simple(&si, a->signo ? a->signo : SIGIO, a->signo ? r->code : SI_KERNEL);
		if (a->signo) {
			si.poll.band = r->band;
			si.poll.fd = a->fd;
		}
		send_owner(a, &si);
		return;
	}
}

static struct fasync *fasync_of(struct file *f)
{
	if (!f->async) {
		f->async = kzalloc(sizeof(*f->async));
		if (f->async) {
			f->async->file = f;
			f->async->type = F_OWNER_PID;
			f->async->wait.fn = file_event;
		}
	}
	return f->async;
}

static bool owner_exists(s32 type, s32 id)
{
	if (type == F_OWNER_PGRP)
		return process_find(id) || process_group_exists(id, current->proc->session);
	return process_find(id) || task_find(id);
}

int fasync_set_owner(struct file *f, s32 type, s32 id)
{
	struct fasync *a;

	if (id && !owner_exists(type, id))
		return -ESRCH;
	a = fasync_of(f);
	if (!a)
		return -ENOMEM;
	a->type = type;
	a->id = id;
	a->uid = current->cred.uid;
	a->euid = current->cred.euid;
	return 0;
}

int fasync_set_owner_id(struct file *f, s32 who)
{
	if (who == -2147483647 - 1)
		return -EINVAL;
	return fasync_set_owner(f, who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who);
}

void fasync_owner(const struct file *f, s32 *type, s32 *id)
{
	*type = f->async ? f->async->type : F_OWNER_TID;
	*id = f->async ? f->async->id : 0;
}

s32 fasync_owner_id(const struct file *f)
{
	s32 type, id;

	fasync_owner(f, &type, &id);
	return type == F_OWNER_PGRP ? -id : id;
}

int fasync_set_signal(struct file *f, u64 signo)
{
	if (signo > NSIG_MAX)
		return -EINVAL;
	if (!fasync_of(f))
		return -ENOMEM;
	f->async->signo = (s32)signo;
	return 0;
}

s32 fasync_signal(const struct file *f)
{
	return f->async ? f->async->signo : 0;
}

int fasync_set(struct file *f, bool on, s32 fd)
{
	struct waitq *q = NULL;

	if (!f->ops->async)
		return -ENOTTY;
	if (on && !fasync_of(f))
		return -ENOMEM;
	if (on) {
		f->async->fd = fd;
		file_poll(f, &q);
		waitq_remove(&f->async->wait);
		waitq_add(q, &f->async->wait);
		f->flags |= FASYNC;
	} else {
		if (f->async)
			waitq_remove(&f->async->wait);
		f->flags &= ~(u32)FASYNC;
	}
	return 0;
}

void fasync_urgent(struct file *f)
{
	struct sig_info si;

	if (!f->async || !f->async->id)
		return;
	signal_simple(&si, SIGURG, SI_KERNEL);
	send_owner(f->async, &si);
}

void fasync_drop(struct file *f)
{
	if (!f->async)
		return;
	waitq_remove(&f->async->wait);
	kfree(f->async);
}
