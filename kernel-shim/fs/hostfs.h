/* SPDX-License-Identifier: Apache-2.0
 * The host's files, for the rest of fs/. The channel's handles stay inside hostfs*.c.
 */
#ifndef FS_HOSTFS_H
#define FS_HOSTFS_H

#include "fs/vfs.h"

/* LOCK_SH, LOCK_EX, LOCK_UN against other processes of the host; -EAGAIN rather than wait. */
int hostfs_flock(struct file *f, u32 op);

/* The whole file of a handle in the file window, for good: *off, *size. -ENOMEM: no room. */
int hostfs_map_handle(u32 handle, u64 *off, u64 *size);

#endif
