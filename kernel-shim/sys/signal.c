/* SPDX-License-Identifier: Apache-2.0
 * System calls about signals.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/cred.h"
#include "core/signal.h"
#include "mm/mm.h"
#include "sys/signal.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define SIGSET_SIZE  8
#define SIGINFO_SIZE 128
/* What sa_flags may hold: others are cleared, so that programs can find out (sigaction(2)). */
#define SA_KNOWN                                                                                   \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |         \
		SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER)

static bool valid_signal(s32 signo) /* 0 asks only whether it could be sent */
{
	return signo >= 0 && signo <= NSIG_MAX;
}

long sys_rt_sigaction(struct task *t, const u64 *a)
{
	s32 signo = (s32)a[0];
	struct sig_action act, old;

	if (a[3] != SIGSET_SIZE)
		return -EINVAL;
	if (a[1] && copy_from_user(&act, a[1], sizeof(act)))
		return -EFAULT;
	if (signo < 1 || signo > NSIG_MAX || (a[1] && (sig_bit(signo) & SIG_KILL_STOP)))
		return -EINVAL;
	old = t->proc->sighand->action[signo - 1];
	if (a[1]) {
		act.flags &= SA_KNOWN;
		act.mask &= ~SIG_KILL_STOP;
		t->proc->sighand->action[signo - 1] = act;
		/* POSIX: ignoring a signal drops what is pending of it */
		if (signal_is_ignored(t->proc, signo))
			signal_flush_one(t->proc, signo);
	}
	if (a[2] && copy_to_user(a[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

long sys_rt_sigprocmask(struct task *t, const u64 *a)
{
	sigmask old = t->blocked, set;

	if (a[3] != SIGSET_SIZE)
		return -EINVAL;
	if (a[1]) {
		if (copy_from_user(&set, a[1], sizeof(set)))
			return -EFAULT;
		set &= ~SIG_KILL_STOP;
		switch ((s32)a[0]) {
		case SIG_BLOCK:
			set |= old;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(t, set);
	}
	if (a[2] && copy_to_user(a[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

long sys_rt_sigreturn(struct task *t, const u64 *a)
{
	struct sig_info si;

	if (sigframe_return(t)) {
		signal_simple(&si, SIGSEGV, SI_KERNEL);
		signal_force(t, &si);
	}
	return 0;
}

long sys_rt_sigpending(struct task *t, const u64 *a)
{
	sigmask set = signal_pending_set(t) & t->blocked;

	if (a[1] > SIGSET_SIZE)
		return -EINVAL;
	return copy_to_user(a[0], &set, a[1]);
}

static int put_siginfo(u64 uaddr, const struct sig_info *si)
{
	if (copy_to_user(uaddr, si, sizeof(*si)))
		return -EFAULT;
	return clear_user(uaddr + sizeof(*si), SIGINFO_SIZE - sizeof(*si));
}

/* Waits until one of `set` is pending for t. The signals are unblocked meanwhile so that t is
 * chosen and woken, and remembered in real_blocked so that their default action does not strike. */
static bool wait_for_signal(
	struct task *t, sigmask set, u64 deadline, struct sig_info *si, int *why)
{
	bool got = signal_dequeue(t, set, si);

	*why = -EAGAIN;
	if (got || !deadline)
		return got;
	t->real_blocked = t->blocked;
	t->blocked &= ~set;
	do {
		*why = task_wait(deadline);
		got = signal_dequeue(t, set, si);
	} while (!got && !*why);
	signal_set_blocked(t, t->real_blocked);
	t->real_blocked = 0;
	if (*why == -ETIMEDOUT)
		*why = -EAGAIN;
	return got;
}

long sys_rt_sigtimedwait(struct task *t, const u64 *a)
{
	u64 deadline = TIME_NEVER, ns;
	struct sig_info si;
	sigmask set;
	int r;

	if (a[3] != SIGSET_SIZE)
		return -EINVAL;
	if (copy_from_user(&set, a[0], sizeof(set)))
		return -EFAULT;
	if (a[2]) {
		r = timespec_get(a[2], &ns);
		if (r)
			return r;
		deadline = ns ? clock_mono_ns() + ns : 0;
		if (deadline < ns)
			deadline = TIME_NEVER;
	}
	if (!wait_for_signal(t, set & ~SIG_KILL_STOP, deadline, &si, &r))
		return r;
	if (a[1] && put_siginfo(a[1], &si))
		return -EFAULT;
	return si.signo;
}

long sys_rt_sigsuspend(struct task *t, const u64 *a)
{
	sigmask set;

	if (a[1] != SIGSET_SIZE)
		return -EINVAL;
	if (copy_from_user(&set, a[0], sizeof(set)))
		return -EFAULT;
	signal_set_temp_mask(t, set);
	while (!task_wait(TIME_NEVER))
		;
	return -ERESTARTNOHAND;
}

long sys_pause(struct task *t, const u64 *a)
{
	while (!task_wait(TIME_NEVER))
		;
	return -ERESTARTNOHAND;
}

long sys_restart_syscall(struct task *t, const u64 *a)
{
	return t->restart.fn ? t->restart.fn(t) : -EINTR;
}

long sys_sigaltstack(struct task *t, const u64 *a)
{
	struct altstack ss, old = {
				    .sp = t->altstack_sp,
				    .size = t->altstack_size,
				    .flags = (s32)(altstack_state(t, t->regs.rsp) |
						   (t->altstack_flags & (1u << 31))),
			    };
	int r;

	if (a[0]) {
		if (copy_from_user(&ss, a[0], sizeof(ss)))
			return -EFAULT;
		r = altstack_set(t, &ss, t->regs.rsp);
		if (r)
			return r;
	}
	if (a[1] && copy_to_user(a[1], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* -- sending -- */

void send_info(struct task *t, struct sig_info *si, s32 signo, s32 code)
{
	signal_simple(si, signo, code);
	si->rt.pid = t->proc->pid;
	si->rt.uid = t->cred.uid;
}

long send_checked(struct task *t, struct process *p, struct task *thread, const struct sig_info *si)
{
	if (!valid_signal(si->signo))
		return -EINVAL;
	if (cred_may_signal(t, p, si->signo))
		return -EPERM;
	if (!si->signo)
		return 0;
	return thread ? signal_send_task(thread, si) : signal_send_process(p, si);
}

/* kill_something_info: success if one of several got it. */
static long kill_group(struct task *t, s32 pgrp, const struct sig_info *si)
{
	bool any = false;
	long r = -ESRCH;

	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);
		long one;

		if (p->pgrp != pgrp)
			continue;
		one = send_checked(t, p, NULL, si);
		any |= !one;
		r = one;
	}
	return any ? 0 : r;
}

static long kill_everybody(struct task *t, const struct sig_info *si)
{
	bool any = false;
	long r = 0;

	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);
		long one;

		if (p == t->proc)
			continue;
		any = true;
		one = send_checked(t, p, NULL, si);
		if (one != -EPERM)
			r = one;
	}
	return any ? r : -ESRCH;
}

/* A process by its id or that of one of its threads. */
static struct process *process_of(s32 pid)
{
	struct process *p = process_find(pid);
	struct task *t;

	if (p)
		return p;
	t = task_find(pid);
	return t ? t->proc : NULL;
}

long sys_kill(struct task *t, const u64 *a)
{
	s32 pid = (s32)a[0], signo = (s32)a[1];
	struct process *p;
	struct sig_info si;

	send_info(t, &si, signo, SI_USER);
	if (pid > 0) {
		p = process_of(pid);
		if (!p) /* pid 1 is somebody, though nobody of ours: core/process.c */
			return pid == 1 ? (valid_signal(signo) ? -EPERM : -EINVAL) : -ESRCH;
		return send_checked(t, p, NULL, &si);
	}
	if (pid == -2147483647 - 1)
		return -ESRCH;
	if (pid == -1)
		return kill_everybody(t, &si);
	return kill_group(t, pid ? -pid : t->proc->pgrp, &si);
}

static long send_thread(struct task *t, s32 tgid, s32 tid, const struct sig_info *si)
{
	struct task *target = task_find(tid);

	if (!target || (tgid > 0 && target->proc->pid != tgid))
		return -ESRCH;
	return send_checked(t, target->proc, target, si);
}

long sys_tgkill(struct task *t, const u64 *a)
{
	s32 tgid = (s32)a[0], tid = (s32)a[1];
	struct sig_info si;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	send_info(t, &si, (s32)a[2], SI_TKILL);
	return send_thread(t, tgid, tid, &si);
}

long sys_tkill(struct task *t, const u64 *a)
{
	struct sig_info si;

	if ((s32)a[0] <= 0)
		return -EINVAL;
	send_info(t, &si, (s32)a[1], SI_TKILL);
	return send_thread(t, 0, (s32)a[0], &si);
}

/* The caller makes up siginfo: not one that claims to be from the kernel or kill(2), except to
 * itself. */
static int get_info(struct task *t, u64 uaddr, s32 signo, s32 pid, struct sig_info *si)
{
	if (copy_from_user(si, uaddr, sizeof(*si)))
		return -EFAULT;
	si->signo = signo;
	si->pad = 0;
	if ((si->code >= 0 || si->code == SI_TKILL) && t->tid != pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(struct task *t, const u64 *a)
{
	s32 pid = (s32)a[0];
	struct process *p;
	struct sig_info si;
	int r = get_info(t, a[2], (s32)a[1], pid, &si);

	if (r)
		return r;
	p = process_of(pid);
	return p ? send_checked(t, p, NULL, &si) : -ESRCH;
}

long sys_rt_tgsigqueueinfo(struct task *t, const u64 *a)
{
	s32 tgid = (s32)a[0], tid = (s32)a[1];
	struct sig_info si;
	int r;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	r = get_info(t, a[3], (s32)a[2], tid, &si);
	if (r)
		return r;
	return send_thread(t, tgid, tid, &si);
}
