/* SPDX-License-Identifier: Apache-2.0
 * The terminal: the host's, inherited as a descriptor. Its line discipline is the host's; sessions
 * and the foreground group are ours. Pseudo-terminals will be further struct tty with other
 * operations.
 */
#ifndef FS_TTY_H
#define FS_TTY_H

#include "fs/vfs.h"

struct tty {
	struct file *file; /* a reference: what /dev/tty opens again */
	s32 session;	   /* whose controlling terminal it is; 0: nobody's */
	s32 pgrp;	   /* in the foreground */
};

/* The program's controlling terminal is f, which it inherits (fs_boot, for boot_block.tty_fd). */
int tty_boot(struct task *init, struct file *f);

/* For reads and writes of a file that is a terminal (hostfs_is_tty), each time before they go to
 * the host; t is kern->console. 0, or what the call returns: -EIO, -ERESTARTSYS (the caller's group
 * was stopped). */
int tty_check_read(struct tty *t);
int tty_check_write(struct tty *t);

/* The name of a terminal with this device number: "/dev/pts/3". Its length, as kfmt. */
int tty_path(u64 rdev, char *buf, size_t n);

/* file_ops.ioctl of such files. */
long tty_ioctl(struct file *f, u32 cmd, u64 arg);
/* open(2) of /dev/tty: f becomes the caller's terminal. */
int tty_open_current(struct file *f);

#endif
