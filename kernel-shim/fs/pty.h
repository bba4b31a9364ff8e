/* SPDX-License-Identifier: Apache-2.0
 * Pseudo-terminals: /dev/ptmx and /dev/pts (pty(7)).
 */
#ifndef FS_PTY_H
#define FS_PTY_H

#include "fs/vfs.h"

#define PTS_MAJOR 136u /* minors below 256 */

/* open(2) of /dev/ptmx: f becomes the master of a new pair. */
int pty_open_master(struct file *f);
/* open(2) of /dev/pts/N. */
int pty_open_slave(struct file *f, u32 index);

/* Names: owner and permissions of the one with this number; false: there is none. */
struct pty_name {
	u32 uid, gid, mode;
};
bool pty_name(u32 index, struct pty_name *out);
/* chmod(2), chown(2) of it. */
void pty_set_name(u32 index, const struct pty_name *name);
/* The first number >= *index that is taken: true and *index. */
bool pty_next(u32 *index);

#endif
