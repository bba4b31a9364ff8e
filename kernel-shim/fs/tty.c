/* SPDX-License-Identifier: Apache-2.0
 * The terminal: job control, and the requests of tty_ioctl(2).
 */
#include "core/siginfo.h"
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/termbits.h>

#include "core/signal.h"
#include "core/task.h"
#include "fs/tty.h"
#include "mm/mm.h"

#define PTS_MAJOR     136u	  /* minors below 256 */
#define DRAIN_POLL_NS 10000000ull /* the host does not say when its output is through */

struct user_winsize {
	u16 rows, cols, xpixel, ypixel;
};
_Static_assert(sizeof(struct termios) == 36, "kernel termios, as in CHAN_TTY_GETS");
_Static_assert(offsetof(struct termios2, c_ispeed) == 36, "termios2 begins like termios");

/* -- the host's end -- */

/* One operation; *inout goes in for the setting ones and comes out for the getting ones. */
static long host_tty(struct file *f, u32 op, u32 how, void *inout, u32 len)
{
	bool set = op == CHAN_TTY_SETS || op == CHAN_TTY_SETWINSZ;
	struct chan_msg m = {
		.op = CHAN_OP_TTY,
		.a = {hostfs_handle(f), op, how},
		.in_len = set ? len : 0,
	};

	if (set)
		memcpy(plat_chan_data(), inout, len);
	plat_channel(&m);
	if (m.result < 0)
		return m.result;
	if (!set && len) {
		if (m.out_len < len)
			return -EIO;
		memcpy(inout, plat_chan_data(), len);
	}
	return 0;
}

/* The same for operations that wait until the output is through: the host says EAGAIN. */
static long host_tty_drained(struct file *f, u32 op, u32 how, void *in, u32 len)
{
	for (;;) {
		long r = host_tty(f, op, how, in, len);

		if (r != -EAGAIN)
			return r;
		if (task_wait(clock_mono_ns() + DRAIN_POLL_NS) == -EINTR)
			return -ERESTARTSYS;
	}
}

/* -- job control -- */

static struct tty *tty_new(struct file *f)
{
	struct tty *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	file_get(f);
	t->file = f;
	return t;
}

/* All inherited terminals are taken for one: a program seldom gets two. NULL when memory is out. */
static struct tty *file_tty(struct file *f)
{
	if (!kern->console)
		kern->console = tty_new(f);
	return kern->console;
}

int tty_boot(struct task *init, struct file *f)
{
	struct tty *t = file_tty(f);

	if (!t)
		return -ENOMEM;
	t->session = init->proc->session;
	t->pgrp = init->proc->pgrp;
	init->proc->tty = t;
	return 0;
}

s32 tty_foreground_pgrp(struct tty *t)
{
	return t->pgrp;
}

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
static int check_change(struct tty *t)
{
	if (!in_background(t) || ignores(SIGTTOU))
		return 0;
	return stop_group(SIGTTOU);
}

int tty_check_write(struct tty *t)
{
	struct termios mode;

	if (!t || !in_background(t))
		return 0;
	if (host_tty(t->file, CHAN_TTY_GETS, 0, &mode, sizeof(mode)) || !(mode.c_lflag & TOSTOP))
		return 0;
	return check_change(t);
}

/* -- sessions -- */

static long get_pgrp(struct tty *t, u64 arg)
{
	if (current->proc->tty != t)
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

static long set_pgrp(struct tty *t, u64 arg)
{
	s32 session = current->proc->session;
	u32 pgrp;
	int r = check_change(t);

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

static long get_session(struct tty *t, u64 arg)
{
	if (current->proc->tty != t || !t->session)
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

static long take_tty(struct tty *t, struct file *f, u64 arg)
{
	struct process *p = current->proc;
	bool root = cred_is_root(&current->cred);
	bool leader = p->session == p->pid;

	if (leader && p->session == t->session && p->tty == t)
		return 0;
	if (!leader || p->tty)
		return -EPERM;
	if (session_loses_tty(t, false)) {
		if (arg != 1 || !root)
			return -EPERM;
		session_loses_tty(t, true);
	}
	if (!file_readable(f) && !root)
		return -EPERM;
	t->session = p->session;
	t->pgrp = p->pgrp;
	p->tty = t;
	return 0;
}

static long leave_tty(struct tty *t)
{
	struct process *p = current->proc;
	struct sig_info si;

	if (p->tty != t)
		return -ENOTTY;
	if (p->session != p->pid) {
		p->tty = NULL;
		return 0;
	}
	if (t->pgrp > 0) {
		signal_simple(&si, SIGHUP, SI_KERNEL);
		signal_send_pgrp(t->pgrp, &si);
		signal_simple(&si, SIGCONT, SI_KERNEL);
		signal_send_pgrp(t->pgrp, &si);
	}
	session_loses_tty(t, true);
	t->session = 0;
	t->pgrp = 0;
	return 0;
}

/* -- modes -- */

/* Bits per second of the speeds that have a constant (asm/termbits.h). */
static u32 baud(u32 cflag)
{
	static const u32 low[] = {0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800,
		9600, 19200, 38400};
	static const u32 high[] = {0, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
		1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000};

	return cflag & CBAUDEX ? high[cflag & 0xf] : low[cflag & 0xf];
}

static long get_mode(struct file *f, u64 arg, bool two)
{
	struct termios2 mode;
	long r = host_tty(f, CHAN_TTY_GETS, 0, &mode, sizeof(struct termios));

	if (r)
		return r;
	mode.c_ispeed = mode.c_ospeed = baud(mode.c_cflag);
	return copy_to_user(arg, &mode, two ? sizeof(mode) : sizeof(struct termios));
}

static long set_mode(struct file *f, struct tty *t, u64 arg, u32 how, bool two)
{
	struct termios2 mode;
	long r = check_change(t);

	if (r)
		return r;
	if (copy_from_user(&mode, arg, two ? sizeof(mode) : sizeof(struct termios)))
		return -EFAULT;
	return host_tty_drained(f, CHAN_TTY_SETS, how, &mode, sizeof(struct termios));
}

static long winsize(struct file *f, u32 op, u64 arg)
{
	struct user_winsize ws;
	long r;

	if (op == CHAN_TTY_SETWINSZ && copy_from_user(&ws, arg, sizeof(ws)))
		return -EFAULT;
	r = host_tty(f, op, 0, &ws, sizeof(ws));
	if (!r && op == CHAN_TTY_GETWINSZ)
		r = copy_to_user(arg, &ws, sizeof(ws));
	return r;
}

static long queue_size(struct file *f, u32 op, u64 arg)
{
	u32 n;
	long r = host_tty(f, op, 0, &n, sizeof(n));

	return r ? r : put_user_u32(arg, n);
}

static long flush(struct file *f, struct tty *t, u64 arg)
{
	long r = check_change(t);

	if (r)
		return r;
	return arg <= TCIOFLUSH ? host_tty(f, CHAN_TTY_FLUSH, (u32)arg, NULL, 0) : -EINVAL;
}

static long drain(struct file *f, struct tty *t)
{
	long r = check_change(t);

	return r ? r : host_tty_drained(f, CHAN_TTY_DRAIN, 0, NULL, 0);
}

long tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty *t = file_tty(f);

	if (!t)
		return -ENOMEM;
	switch (cmd) {
	case TCGETS:
		return get_mode(f, arg, false);
	case (u32)TCGETS2:
		return get_mode(f, arg, true);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_mode(f, t, arg, cmd - TCSETS, false);
	case (u32)TCSETS2:
	case (u32)TCSETSW2:
	case (u32)TCSETSF2:
		return set_mode(f, t, arg, cmd - (u32)TCSETS2, true);
	case TIOCGWINSZ:
		return winsize(f, CHAN_TTY_GETWINSZ, arg);
	case TIOCSWINSZ:
		return winsize(f, CHAN_TTY_SETWINSZ, arg);
	case FIONREAD:
		return queue_size(f, CHAN_TTY_INQ, arg);
	case TIOCOUTQ:
		return queue_size(f, CHAN_TTY_OUTQ, arg);
	case TCFLSH:
		return flush(f, t, arg);
	case TCSBRK: /* a break means nothing here: what is left is the waiting */
	case TCSBRKP:
		return drain(f, t);
	case TIOCGPGRP:
		return get_pgrp(t, arg);
	case TIOCSPGRP:
		return set_pgrp(t, arg);
	case TIOCGSID:
		return get_session(t, arg);
	case TIOCSCTTY:
		return take_tty(t, f, arg);
	case TIOCNOTTY:
		return leave_tty(t);
	case TIOCSTI: /* typing into the user's terminal is the way out of a sandbox */
		return -EIO;
	default:
		return -ENOTTY;
	}
}

/* -- names -- */

int tty_path(u64 rdev, char *buf, size_t n)
{
	/* what is not a pseudo-terminal is a console to the sandbox */
	if (rdev >> 8 != PTS_MAJOR)
		return kfmt(buf, n, "/dev/console");
	return kfmt(buf, n, "/dev/pts/%u", (u32)(rdev & 0xff));
}

int tty_open_current(struct file *f)
{
	struct tty *t = current->proc->tty;
	struct inode *terminal;

	if (!t)
		return -ENXIO;
	terminal = t->file->inode;
	if (!terminal || !terminal->ops->open)
		return -ENXIO;
	/* the name stays /dev/tty, the rest is the terminal's */
	inode_get(terminal);
	inode_put(f->inode);
	f->inode = terminal;
	f->ops = terminal->fops;
	return terminal->ops->open(terminal, f);
}
