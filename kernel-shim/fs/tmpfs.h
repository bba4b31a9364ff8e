/* SPDX-License-Identifier: Apache-2.0
 * Files in memory, for the rest of fs/.
 */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "fs/vfs.h"

/* An inode that no directory holds: a directory, an empty file, or a link to target. NULL: no
 * memory. */
struct inode *tmpfs_unlinked(u32 mode, const char *target);
bool tmpfs_is(const struct inode *i); /* a file of a tmpfs, a memfd: it can be sealed */
struct file *tmpfs_memfd(const char *name, bool sealable, bool noexec);
long tmpfs_seals(const struct inode *i);
long tmpfs_add_seals(struct file *f, u32 seals);

#endif
