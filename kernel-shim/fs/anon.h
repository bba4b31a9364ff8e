/* SPDX-License-Identifier: Apache-2.0
 * Files without a name in any directory: pipes, eventfds, epolls, timers. And the state of this
 * half of fs/ (kernel.io_state).
 */
#ifndef FS_ANON_H
#define FS_ANON_H

#include "fs/vfs.h"

struct io_state {
	u64 last_ino;		  /* of anonymous inodes */
	struct super *anon_super; /* of pipes: so that /proc/self/fd/N can open them again */
	struct mount *anon_mount; /* likewise; in no tree */
	struct super *shm;	  /* /dev/shm */
	struct list ptys;	  /* struct pty (fs/pty.c) */
};
/* Made at first use; NULL when memory is out. */
struct io_state *io_state(void);

/* An anonymous file with one reference, or err_ptr(-ENOMEM). name is static,
 * "anon_inode:[eventfd]". */
struct file *anon_file(const struct file_ops *ops, const char *name, u32 flags, void *priv);
/* file_ops.getattr of such files. */
int anon_getattr(struct file *f, struct kstat *st);
/* The descriptor for a new anonymous file that is given away (also when it fails); f may be an
 * error. */
long anon_install(struct file *f, bool cloexec);

/* An inode that no directory holds, of mode, owned by current. Or NULL. */
struct inode *anon_inode_new(u32 mode);
bool anon_inode_is(const struct inode *i);
/* A path to a file without a name, for stat(2) and, if it is a pipe, for opening it once more. */
int anon_file_path(struct file *f, struct path *out);

#endif
