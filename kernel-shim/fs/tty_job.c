/* SPDX-License-Identifier: Apache-2.0
 * Whose a terminal is: sessions, the group in the foreground, and what others may do with it.
 */
#include "core/siginfo.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/fcntl.h>

#include "core/signal.h"
#include "core/task.h"
#include "fs/tty.h"
#include "mm/mm.h"

s32 tty_foreground_pgrp(struct tty *t)
{
	return t->pgrp;
}

/* -- job control -- */

static bool in_background(const struct tty *t)
{
	const struct process *p = current->proc;

	return p->tty == t && t->pgrp && p->pgrp != t->pgrp;
}

static bool ignores(s32 signo)
{
	return (current->blocked & sig_bit(signo)) || signal_is_ignored(current->proc, signo);
}

/* Stops the caller's whole group, unless it is orphaned: then nobody could continue it. */
static int stop_group(s32 signo)
{
	struct sig_info si;

	if (process_group_orphaned(current->proc->pgrp))
		return -EIO;
	signal_simple(&si, signo, SI_KERNEL);
	signal_send_pgrp(current->proc->pgrp, &si);
	return -ERESTARTSYS;
}

int tty_check_read(struct tty *t)
{
	if (!t || !in_background(t))
		return 0;
	return ignores(SIGTTIN) ? -EIO : stop_group(SIGTTIN);
}

/* Changing the terminal from the background (Linux tty_check_change). */
int tty_check_change(struct tty *t)
{
	if (!in_background(t) || ignores(SIGTTOU))
		return 0;
	return stop_group(SIGTTOU);
}

int tty_check_write(struct tty *t, struct file *f)
{
	struct termios mode;

	if (!t || !in_background(t))
		return 0;
	if (t->ops->get_mode(t, f, &mode) || !(mode.c_lflag & TOSTOP))
		return 0;
	return tty_check_change(t);
}

/* -- sessions -- */

long tty_get_pgrp(struct tty *t, bool master, u64 arg)
{
	if (!master && current->proc->tty != t)
		return -ENOTTY;
	return put_user_u32(arg, (u32)t->pgrp);
}

static bool group_known(s32 pgrp)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->pgrp == pgrp || p->pid == pgrp)
			return true;
	}
	return false;
}

long tty_set_pgrp(struct tty *t, u64 arg)
{
	s32 session = current->proc->session;
	u32 pgrp;
	int r = tty_check_change(t);

	if (r)
		return r == -EIO ? -ENOTTY : r;
	if (current->proc->tty != t || t->session != session)
		return -ENOTTY;
	if (get_user_u32(&pgrp, arg))
		return -EFAULT;
	if ((s32)pgrp < 0)
		return -EINVAL;
	if (!process_group_exists((s32)pgrp, session))
		return group_known((s32)pgrp) ? -EPERM : -ESRCH;
	t->pgrp = (s32)pgrp;
	return 0;
}

long tty_get_session(struct tty *t, bool master, u64 arg)
{
	if ((!master && current->proc->tty != t) || !t->session)
		return -ENOTTY;
	return put_user_u32(arg, (u32)t->session);
}

/* Takes the terminal from a session. False: nobody had it any more (its leader may be long gone).
 */
static bool session_loses_tty(struct tty *t, bool take)
{
	bool had = false;

	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->tty != t)
			continue;
		had = true;
		if (take)
			p->tty = NULL;
	}
	return had;
}

static void give(struct tty *t, struct process *p)
{
	t->session = p->session;
	t->pgrp = p->pgrp;
	p->tty = t;
}

long tty_take(struct tty *t, struct file *f, u64 arg)
{
	struct process *p = current->proc;
	bool admin = cred_has(&current->cred, CAP_SYS_ADMIN);
	bool leader = p->session == p->pid;

	if (leader && p->session == t->session && p->tty == t)
		return 0;
	if (!leader || p->tty)
		return -EPERM;
	if (session_loses_tty(t, false)) {
		if (arg != 1 || !admin)
			return -EPERM;
		session_loses_tty(t, true);
	}
	if (!file_readable(f) && !admin)
		return -EPERM;
	give(t, p);
	return 0;
}

void tty_opened(struct tty *t, struct file *f)
{
	struct process *p = current->proc;

	if (!(f->flags & O_NOCTTY) && file_readable(f) && p->session == p->pid && !p->tty &&
		!t->session)
		give(t, p);
}

/* -- the end -- */

void tty_signal(struct tty *t, s32 signo)
{
	struct sig_info si;

	if (t->pgrp <= 0)
		return;
	signal_simple(&si, signo, SI_KERNEL);
	signal_send_pgrp(t->pgrp, &si);
}

static void tell_foreground(struct tty *t)
{
	tty_signal(t, SIGHUP);
	tty_signal(t, SIGCONT);
}

static void set_free(struct tty *t)
{
	session_loses_tty(t, true);
	t->session = 0;
	t->pgrp = 0;
}

long tty_leave(struct tty *t)
{
	struct process *p = current->proc;

	if (p->tty != t)
		return -ENOTTY;
	if (p->session != p->pid) {
		p->tty = NULL;
		return 0;
	}
	tell_foreground(t);
	set_free(t);
	return 0;
}

/* Only the leader hears of it; the others do when it ends (__tty_hangup, drivers/tty/tty_io.c). */
void tty_hangup(struct tty *t)
{
	struct process *leader = t->session ? process_find(t->session) : NULL;
	struct sig_info si;

	if (leader && !leader->zombie && leader->tty == t) {
		signal_simple(&si, SIGHUP, SI_KERNEL);
		signal_send_process(leader, &si);
		signal_simple(&si, SIGCONT, SI_KERNEL);
		signal_send_process(leader, &si);
		leader->hung_up_pgrp = t->pgrp;
	}
	set_free(t);
}

/* The controlling process ends (disassociate_ctty). */
void tty_leader_exits(struct process *p)
{
	struct tty *t = p->tty, gone = {.pgrp = p->hung_up_pgrp};

	if (p->pid != p->session)
		return;
	if (!t) {
		tell_foreground(&gone);
		return;
	}
	tty_signal(t, SIGHUP);
	set_free(t);
}
