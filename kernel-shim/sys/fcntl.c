/* SPDX-License-Identifier: Apache-2.0
 * fcntl(2) and flock(2).
 */
#include "fs/fasync.h"
#include "fs/fs_internal.h"
#include "fs/pipe.h"
#include "fs/tmpfs.h"
#include "sys/sys.h"

#define SETFL_MASK ((u32)(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME))

static long dup_above(struct file *f, u64 lowest, bool cloexec)
{
	if (lowest >= files_limit())
		return -EINVAL;
	file_get(f);
	return fd_install(f, cloexec, (s32)lowest);
}

static long set_flags(struct file *f, s32 fd, u32 flags)
{
	if ((flags & O_NOATIME) && !(f->flags & O_NOATIME) && f->inode && !inode_owned(f->inode))
		return -EPERM;
	if (((flags ^ f->flags) & FASYNC) && f->ops->async) {
		int r = fasync_set(f, flags & FASYNC, fd);

		if (r)
			return r;
	}
	f->flags = (f->flags & ~SETFL_MASK) | (flags & SETFL_MASK);
	return 0;
}

static long owner_ex(struct file *f, bool set, u64 arg)
{
	struct f_owner_ex ex;

	if (!set) {
		fasync_owner(f, &ex.type, &ex.pid);
		return copy_to_user(arg, &ex, sizeof(ex));
	}
	if (copy_from_user(&ex, arg, sizeof(ex)))
		return -EFAULT;
	if (ex.type != F_OWNER_TID && ex.type != F_OWNER_PID && ex.type != F_OWNER_PGRP)
		return -EINVAL;
	return fasync_set_owner(f, ex.type, ex.pid);
}

/* What an O_PATH descriptor can do too. -ENOTTY: not one of these. */
static long fcntl_descriptor(struct task *t, struct file *f, s32 fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
		return dup_above(f, (u32)arg, false);
	case F_DUPFD_CLOEXEC:
		return dup_above(f, (u32)arg, true);
	case F_GETFD:
		return files_cloexec(t->files, fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		return files_set_cloexec(t->files, fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return (long)f->flags;
	default:
		return -ENOTTY;
	}
}

static long fcntl_file(struct file *f, s32 fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, fd, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_fcntl(f, fd, cmd, arg);
	case F_GETOWN:
		return fasync_owner_id(f);
	case F_SETOWN:
		return fasync_set_owner_id(f, (s32)arg);
	case F_GETOWN_EX:
	case F_SETOWN_EX:
		return owner_ex(f, cmd == F_SETOWN_EX, arg);
	case F_GETSIG:
		return fasync_signal(f);
	case F_SETSIG:
		return fasync_set_signal(f, arg);
	case F_GETLEASE:
		return F_UNLCK;
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return pipe_fcntl(f, cmd, arg);
	case F_ADD_SEALS:
		return tmpfs_add_seals(f, (u32)arg);
	case F_GET_SEALS:
		return f->inode ? tmpfs_seals(f->inode) : -EINVAL;
	default:
		return -EINVAL;
	}
}

long sys_fcntl(struct task *t, const u64 *a)
{
	s32 fd = (s32)a[0];
	struct file *f = fd_get_any(fd);
	long r;

	if (!f)
		return -EBADF;
	r = fcntl_descriptor(t, f, fd, (u32)a[1], a[2]);
	if (r == -ENOTTY)
		r = f->flags & O_PATH ? -EBADF : fcntl_file(f, fd, (u32)a[1], a[2]);
	file_put(f);
	return r;
}

long sys_flock(struct task *t, const u64 *a)
{
	return fd_call(a, lock_flock);
}
