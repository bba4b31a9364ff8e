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

struct tmpfs_options {
	u64 size;
	u32 mode, uid, gid;
	bool has_size;
};
/* 0: as much as there is. -EINVAL: more is used already. */
int tmpfs_resize(struct super *s, u64 size);

#endif
