/* SPDX-License-Identifier: Apache-2.0
 * signalfd(2): takes pending signals of whoever reads.
 */
#include "core/siginfo.h"
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/eventfd.h"
#include "mm/mm.h"

struct signalfd {
	sigmask mask;
};

static const struct file_ops signalfd_ops;

/* Which member of siginfo_t's union a signal uses (Linux siginfo_layout). */
enum layout {
	LAYOUT_KILL,
	LAYOUT_TIMER,
	LAYOUT_RT,
	LAYOUT_CHLD,
	LAYOUT_FAULT,
	LAYOUT_POLL,
	LAYOUT_SYS
};

/* What the kernel itself says of a signal: codes up to the last one. All others are a poll's, as
 * F_SETSIG lets any signal tell of one. */
static const struct {
	s32 last;
	enum layout layout;
} kinds[] = {
	[SIGILL] = {NSIGILL, LAYOUT_FAULT},
	[SIGFPE] = {NSIGFPE, LAYOUT_FAULT},
	[SIGSEGV] = {NSIGSEGV, LAYOUT_FAULT},
	[SIGBUS] = {NSIGBUS, LAYOUT_FAULT},
	[SIGTRAP] = {NSIGTRAP, LAYOUT_FAULT},
	[SIGCHLD] = {NSIGCHLD, LAYOUT_CHLD},
	[SIGPOLL] = {NSIGPOLL, LAYOUT_POLL},
	[SIGSYS] = {NSIGSYS, LAYOUT_SYS},
};

static enum layout layout_of(const struct sig_info *si)
{
	if (si->code == SI_TIMER)
		return LAYOUT_TIMER;
	if (si->code == SI_SIGIO)
		return LAYOUT_POLL;
	if (si->code < 0)
		return LAYOUT_RT;
	if (si->code == SI_USER || si->code >= SI_KERNEL)
		return LAYOUT_KILL;
	if ((u32)si->signo < ARRAY_SIZE(kinds) && si->code <= kinds[si->signo].last)
		return kinds[si->signo].layout;
	return si->code <= NSIGPOLL ? LAYOUT_POLL : LAYOUT_KILL;
}

static void info_convert(struct signalfd_siginfo *o, const struct sig_info *si)
{
	memset(o, 0, sizeof(*o));
	o->ssi_signo = (u32)si->signo;
	o->ssi_errno = si->err;
	o->ssi_code = si->code;
	switch (layout_of(si)) {
	case LAYOUT_TIMER:
		o->ssi_tid = (u32)si->timer.tid;
		o->ssi_overrun = (u32)si->timer.overrun;
		o->ssi_ptr = si->timer.value;
		o->ssi_int = (s32)si->timer.value;
		break;
	case LAYOUT_RT:
		o->ssi_ptr = si->rt.value;
		o->ssi_int = (s32)si->rt.value;
		__attribute__((fallthrough));
	case LAYOUT_KILL:
		o->ssi_pid = (u32)si->rt.pid;
		o->ssi_uid = si->rt.uid;
		break;
	case LAYOUT_CHLD:
		o->ssi_pid = (u32)si->chld.pid;
		o->ssi_uid = si->chld.uid;
		o->ssi_status = si->chld.status;
		o->ssi_utime = (u64)si->chld.utime;
		o->ssi_stime = (u64)si->chld.stime;
		break;
	case LAYOUT_FAULT:
		o->ssi_addr = si->fault.addr;
		break;
	case LAYOUT_POLL:
		o->ssi_band = (u32)si->poll.band;
		o->ssi_fd = si->poll.fd;
		break;
	case LAYOUT_SYS:
		o->ssi_call_addr = si->sys.call_addr;
		o->ssi_syscall = si->sys.nr;
		o->ssi_arch = si->sys.arch;
		break;
	}
}

static bool any_pending(const struct signalfd *s)
{
	return signal_pending_set(current) & s->mask;
}

static s64 signalfd_read(struct file *f, struct uio *u, s64 *pos)
{
	struct signalfd *s = f->priv;
	struct signalfd_siginfo out;
	struct sig_info si;
	s64 done = 0;

	if (u->left < sizeof(out))
		return -EINVAL;
	while (u->left >= sizeof(out)) {
		if (!signal_dequeue(current, s->mask, &si)) {
			if (done)
				break;
			if (f->flags & O_NONBLOCK)
				return -EAGAIN;
			if (waitq_wait(signal_waitq(current), any_pending(s), TIME_NEVER))
				return -ERESTARTSYS;
			continue;
		}
		info_convert(&out, &si);
		if (uio_put(u, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (s64)sizeof(out);
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct waitq **q)
{
	if (q)
		*q = signal_waitq(current);
	return any_pending(f->priv) ? POLL_IN | POLL_RDNORM : 0;
}

static void signalfd_release(struct file *f)
{
	kfree(f->priv);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.getattr = anon_getattr,
	.release = signalfd_release,
};

bool file_is_signalfd(struct file *f)
{
	return f->ops == &signalfd_ops;
}

void signalfd_set_mask(struct file *f, u64 mask)
{
	struct signalfd *s = f->priv;

	s->mask = mask;
	waitq_wake(signal_waitq(current), 0);
}

struct file *signalfd_make(u64 mask, u32 flags)
{
	struct signalfd *s = kzalloc(sizeof(*s));
	struct file *f;

	if (!s)
		return err_ptr(-ENOMEM);
	s->mask = mask;
	f = anon_file(&signalfd_ops, "anon_inode:[signalfd]", flags, s);
	if (is_err(f))
		kfree(s);
	return f;
}
