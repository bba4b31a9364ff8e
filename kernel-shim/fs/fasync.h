/* SPDX-License-Identifier: Apache-2.0
 * Signals for what happens to a file: O_ASYNC, F_SETOWN, F_SETSIG (fcntl(2)), FIOASYNC, SIGURG.
 */
#ifndef FS_FASYNC_H
#define FS_FASYNC_H

#include "fs/vfs.h"

/* Of F_SETOWN_EX: F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP, and an id; 0: nobody. */
int fasync_set_owner(struct file *f, s32 type, s32 id); /* 0, -ESRCH, -ENOMEM */
int fasync_set_owner_id(struct file *f, s32 who);	/* F_SETOWN: below 0 a process group */
void fasync_owner(const struct file *f, s32 *type, s32 *id);
s32 fasync_owner_id(const struct file *f); /* F_GETOWN */
int fasync_set_signal(struct file *f, u64 signo);
s32 fasync_signal(const struct file *f);

/* Turns O_ASYNC on or off. -ENOTTY: not with this kind of file. */
int fasync_set(struct file *f, bool on, s32 fd);
/* Urgent data arrived: SIGURG to the owner, if there is one, also without O_ASYNC. */
void fasync_urgent(struct file *f);
void fasync_drop(struct file *f); /* the file's end */

#endif
