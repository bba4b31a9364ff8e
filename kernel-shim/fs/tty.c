/* SPDX-License-Identifier: Apache-2.0
 * The requests of tty_ioctl(2), and the names of terminals.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>

#include "core/cred.h"
#include "core/task.h"
#include "fs/pty.h"
#include "fs/tty.h"
#include "mm/mm.h"

_Static_assert(offsetof(struct termios2, c_ispeed) == 36, "termios2 begins like termios");

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

static long get_mode(struct tty *t, struct file *f, u64 arg, bool two)
{
	union {
		struct termios2 two;
		struct termios one;
	} mode;
	long r = t->ops->get_mode(t, f, &mode.one);

	if (r)
		return r;
	mode.two.c_ispeed = mode.two.c_ospeed = baud(mode.two.c_cflag);
	return copy_to_user(arg, &mode, two ? sizeof(mode.two) : sizeof(mode.one));
}

static void keep(u32 *new, u32 old, u32 locked)
{
	*new = (*new & ~locked) | (old & locked);
}

/* All modes are set through this: what is locked stays as it was. */
static long change_mode(struct tty *t, struct file *f, struct termios *mode, u32 how)
{
	const struct termios *l = &t->locked;
	struct termios old;
	long r = t->ops->get_mode(t, f, &old);

	if (r)
		return r;
	keep(&mode->c_iflag, old.c_iflag, l->c_iflag);
	keep(&mode->c_oflag, old.c_oflag, l->c_oflag);
	keep(&mode->c_cflag, old.c_cflag, l->c_cflag);
	keep(&mode->c_lflag, old.c_lflag, l->c_lflag);
	if (l->c_line)
		mode->c_line = old.c_line;
	for (u32 i = 0; i < NCCS; i++) {
		if (l->c_cc[i])
			mode->c_cc[i] = old.c_cc[i];
	}
	return t->ops->set_mode(t, f, mode, how);
}

static long set_locked(struct tty *t, u64 arg)
{
	struct termios locked;

	if (!cred_has(&current->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&locked, arg, sizeof(locked)))
		return -EFAULT;
	t->locked = locked;
	return 0;
}

static long set_mode(struct tty *t, struct file *f, u64 arg, u32 how, bool two)
{
	union {
		struct termios2 two;
		struct termios one;
	} mode;
	long r = tty_check_change(t);

	if (r)
		return r;
	if (copy_from_user(&mode, arg, two ? sizeof(mode.two) : sizeof(mode.one)))
		return -EFAULT;
	return change_mode(t, f, &mode.one, how);
}

/* System V's form: the lower half of each mode, and of the characters the first eight. */
struct termio { /* asm-generic/termios.h */
	u16 iflag, oflag, cflag, lflag;
	u8 line, cc[8];
};
_Static_assert(sizeof(struct termio) == 18, "termio");

static long get_termio(struct tty *t, struct file *f, u64 arg)
{
	struct termio old = {0};
	struct termios mode;
	long r = t->ops->get_mode(t, f, &mode);

	if (r)
		return r;
	old.iflag = (u16)mode.c_iflag;
	old.oflag = (u16)mode.c_oflag;
	old.cflag = (u16)mode.c_cflag;
	old.lflag = (u16)mode.c_lflag;
	old.line = mode.c_line;
	memcpy(old.cc, mode.c_cc, sizeof(old.cc));
	return copy_to_user(arg, &old, sizeof(old));
}

static u32 low_half(u32 old, u16 new)
{
	return (old & 0xffff0000u) | new;
}

static long set_termio(struct tty *t, struct file *f, u64 arg, u32 how)
{
	struct termios mode;
	struct termio new;
	long r = tty_check_change(t);

	if (!r)
		r = t->ops->get_mode(t, f, &mode);
	if (r)
		return r;
	if (copy_from_user(&new, arg, sizeof(new)))
		return -EFAULT;
	mode.c_iflag = low_half(mode.c_iflag, new.iflag);
	mode.c_oflag = low_half(mode.c_oflag, new.oflag);
	mode.c_cflag = low_half(mode.c_cflag, new.cflag);
	mode.c_lflag = low_half(mode.c_lflag, new.lflag);
	mode.c_line = new.line;
	memcpy(mode.c_cc, new.cc, sizeof(new.cc));
	return change_mode(t, f, &mode, how);
}

static long get_size(struct tty *t, struct file *f, u64 arg)
{
	struct tty_size size;
	long r = t->ops->get_size(t, f, &size);

	return r ? r : copy_to_user(arg, &size, sizeof(size));
}

static long set_size(struct tty *t, struct file *f, u64 arg)
{
	struct tty_size size;

	return copy_from_user(&size, arg, sizeof(size)) ? -EFAULT : t->ops->set_size(t, f, &size);
}

static long queue_size(struct tty *t, struct file *f, bool output, u64 arg)
{
	u32 n;
	long r = t->ops->queued(t, f, output, &n);

	return r ? r : put_user_u32(arg, n);
}

static long flush(struct tty *t, struct file *f, u64 arg)
{
	long r = tty_check_change(t);

	if (r)
		return r;
	return arg <= TCIOFLUSH ? t->ops->flush(t, f, (u32)arg) : -EINVAL;
}

static long drain(struct tty *t, struct file *f)
{
	long r = tty_check_change(t);

	return r ? r : t->ops->drain(t, f);
}

static long flow(struct tty *t, struct file *f, u64 arg)
{
	long r = tty_check_change(t);

	if (r || !t->ops->flow)
		return r ? r : -ENOTTY;
	return arg <= TCION ? t->ops->flow(t, f, (u32)arg) : -EINVAL;
}

static long mode_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TCGETS:
		return get_mode(t, f, arg, false);
	case (u32)TCGETS2:
		return get_mode(t, f, arg, true);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_mode(t, f, arg, cmd - TCSETS, false);
	case (u32)TCSETS2:
	case (u32)TCSETSW2:
	case (u32)TCSETSF2:
		return set_mode(t, f, arg, cmd - (u32)TCSETS2, true);
	case TCGETA:
		return get_termio(t, f, arg);
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termio(t, f, arg, cmd - TCSETA);
	case TIOCGLCKTRMIOS:
		return copy_to_user(arg, &t->locked, sizeof(t->locked));
	case TIOCSLCKTRMIOS:
		return set_locked(t, arg);
	case TIOCGWINSZ:
		return get_size(t, f, arg);
	case TIOCSWINSZ:
		return set_size(t, f, arg);
	default:
		return -ENOTTY;
	}
}

static long queue_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case FIONREAD:
		return queue_size(t, f, false, arg);
	case TIOCOUTQ:
		return queue_size(t, f, true, arg);
	case TCFLSH:
		return flush(t, f, arg);
	case TCXONC:
		return flow(t, f, arg);
	case TCSBRK: /* a break means nothing here: what is left is the waiting */
	case TCSBRKP:
		return drain(t, f);
	case TIOCSTI: /* typing into the user's terminal is the way out of a sandbox */
		return -EIO;
	default:
		return mode_ioctl(t, f, cmd, arg);
	}
}

long tty_ioctl(struct tty *t, struct file *f, bool master, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TIOCGPGRP:
		return tty_get_pgrp(t, master, arg);
	case TIOCSPGRP:
		return tty_set_pgrp(t, arg);
	case TIOCGSID:
		return tty_get_session(t, master, arg);
	case TIOCSCTTY:
		return tty_take(t, f, arg);
	case TIOCNOTTY:
		return tty_leave(t);
	default:
		return queue_ioctl(t, f, cmd, arg);
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

	return t ? t->ops->open(t, f) : -ENXIO;
}
