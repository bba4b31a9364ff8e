/* SPDX-License-Identifier: Apache-2.0
 * Terminals: the host's, inherited as a descriptor (fs/tty_host.c), and pairs of pseudo-terminals
 * (fs/pty.c). Sessions, the foreground group and job control (fs/tty_job.c) and the requests of
 * tty_ioctl(2) (fs/tty.c) are the same for both.
 */
#ifndef FS_TTY_H
#define FS_TTY_H

#include <asm/termbits.h>

#include "fs/vfs.h"

struct tty;

struct tty_size { /* struct winsize */
	u16 rows, cols, xpixel, ypixel;
};

/* What a kind of terminal does itself. f is the open file through which it is asked. 0 or -errno.
 */
struct tty_ops {
	long (*get_mode)(struct tty *t, struct file *f, struct termios *mode);
	/* how: 0 at once, 1 when the output is through, 2 and drops the input (TCSETS, W, F). */
	long (*set_mode)(struct tty *t, struct file *f, const struct termios *mode, u32 how);
	long (*get_size)(struct tty *t, struct file *f, struct tty_size *size);
	long (*set_size)(struct tty *t, struct file *f, const struct tty_size *size);
	long (*queued)(struct tty *t, struct file *f, bool output, u32 *bytes);
	long (*flush)(struct tty *t, struct file *f, u32 queue); /* TCIFLUSH… */
	long (*drain)(struct tty *t, struct file *f);
	long (*flow)(struct tty *t, struct file *f, u32 what); /* TCOOFF…; may be absent */
	/* open(2) of /dev/tty: f becomes another file of the terminal. */
	int (*open)(struct tty *t, struct file *f);
};

struct tty {
	const struct tty_ops *ops;
	u64 rdev;
	s32 session;	       /* whose controlling terminal it is; 0: nobody's */
	s32 pgrp;	       /* in the foreground */
	struct termios locked; /* bits of the modes that stay as they are (TIOCSLCKTRMIOS) */
};

/* -- fs/tty_host.c -- */
/* The program's controlling terminal is f, which it inherits (fs_boot, for boot_block.tty_fd). */
int tty_boot(struct task *init, struct file *f);
/* file_ops.ioctl of a file of the host that is a terminal. */
long tty_host_ioctl(struct file *f, u32 cmd, u64 arg);
/* The inode of the terminal that is kern->console. */
struct inode *tty_host_inode(const struct tty *t);

/* -- fs/tty_job.c -- */
/* For reads and writes of a terminal, each time before they take or put anything. 0, or what the
 * call returns: -EIO, -ERESTARTSYS (the caller's group was stopped). t may be NULL. */
int tty_check_read(struct tty *t);
int tty_check_write(struct tty *t, struct file *f);
/* The same for changing it. */
int tty_check_change(struct tty *t);
/* A session leader without a terminal that opens one that is nobody's gets it (open(2)). */
void tty_opened(struct tty *t, struct file *f);
/* To the group in the foreground. */
void tty_signal(struct tty *t, s32 signo);
/* The terminal goes away: its session hears of it and loses it. */
void tty_hangup(struct tty *t);

/* The requests about sessions and groups. master: asked from the other end of a pair. */
long tty_get_pgrp(struct tty *t, bool master, u64 arg);
long tty_set_pgrp(struct tty *t, u64 arg);
long tty_get_session(struct tty *t, bool master, u64 arg);
long tty_take(struct tty *t, struct file *f, u64 arg);
long tty_leave(struct tty *t);

/* -- fs/tty.c -- */
/* Requests that all terminals know; -ENOTTY: not one of them. */
long tty_ioctl(struct tty *t, struct file *f, bool master, u32 cmd, u64 arg);
/* The name of a terminal with this device number: "/dev/pts/3". Its length, as kfmt. */
int tty_path(u64 rdev, char *buf, size_t n);
/* open(2) of /dev/tty: f becomes the caller's terminal. */
int tty_open_current(struct file *f);

#endif
