/* SPDX-License-Identifier: Apache-2.0
 * Changing attributes: mode, owner, times, size.
 */
#include "fs/anon.h"
#include "fs/fs_internal.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define UTIME_NOW                                                                                  \
	((1l << 30) - 1l) /* as in libc's <sys/stat.h>; the kernel's headers hide them             \
			   */
#define UTIME_OMIT ((1l << 30) - 2l)

/* The path of a name; an empty one is the descriptor's file, if flags say so. */
static int resolve(s32 dfd, u64 uname, u32 flags, struct path *out)
{
	return path_lookup_user(dfd, uname, lookup_flags(flags), out);
}

/* The path for a call on a descriptor. Pipes and sockets have none but an inode of their own; what
 * has neither cannot be changed. */
static int resolve_fd(s32 fd, struct path *out)
{
	struct file *f = fd_get(fd);
	int r = 0;

	if (!f)
		return -EBADF;
	if (f->path.dentry && f->inode) {
		*out = f->path;
		path_get(out);
	} else {
		r = f->inode ? anon_file_path(f, out) : -EINVAL;
	}
	file_put(f);
	return r;
}

/* Consumes p. */
static int set(struct path *p, struct setattr *a)
{
	int r = vfs_setattr(p, a);

	path_put(p);
	return r;
}

/* -- mode -- */

static long do_chmod(s32 dfd, u64 uname, u32 mode, u32 flags)
{
	struct setattr a = {.valid = CHAN_SET_MODE, .mode = mode & 07777};
	struct path p;
	int r = resolve(dfd, uname, flags, &p);

	if (r)
		return r;
	if (S_ISLNK(p.dentry->inode->mode)) {
		path_put(&p);
		return -EOPNOTSUPP;
	}
	return set(&p, &a);
}

long sys_chmod(struct task *t, const u64 *a)
{
	return do_chmod(AT_FDCWD, a[0], (u32)a[1], 0);
}

long sys_fchmodat(struct task *t, const u64 *a)
{
	return do_chmod((s32)a[0], a[1], (u32)a[2], 0);
}

long sys_fchmodat2(struct task *t, const u64 *a)
{
	if ((u32)a[3] & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return do_chmod((s32)a[0], a[1], (u32)a[2], (u32)a[3]);
}

long sys_fchmod(struct task *t, const u64 *args)
{
	struct setattr a = {.valid = CHAN_SET_MODE, .mode = (u32)args[1] & 07777};
	struct path p;
	int r = resolve_fd((s32)args[0], &p);

	return r ? r : set(&p, &a);
}

/* -- owner -- */

static void owner(struct setattr *a, u32 uid, u32 gid)
{
	*a = (struct setattr){.uid = uid, .gid = gid};
	if (uid != ~0u)
		a->valid |= CHAN_SET_UID;
	if (gid != ~0u)
		a->valid |= CHAN_SET_GID;
}

static long do_chown(s32 dfd, u64 uname, u32 uid, u32 gid, u32 flags)
{
	struct setattr a;
	struct path p;
	int r;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = resolve(dfd, uname, flags, &p);
	if (r)
		return r;
	owner(&a, uid, gid);
	return set(&p, &a);
}

long sys_chown(struct task *t, const u64 *a)
{
	return do_chown(AT_FDCWD, a[0], (u32)a[1], (u32)a[2], 0);
}

long sys_lchown(struct task *t, const u64 *a)
{
	return do_chown(AT_FDCWD, a[0], (u32)a[1], (u32)a[2], AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(struct task *t, const u64 *a)
{
	return do_chown((s32)a[0], a[1], (u32)a[2], (u32)a[3], (u32)a[4]);
}

long sys_fchown(struct task *t, const u64 *args)
{
	struct setattr a;
	struct path p;
	int r = resolve_fd((s32)args[0], &p);

	if (r)
		return r;
	owner(&a, (u32)args[1], (u32)args[2]);
	return set(&p, &a);
}

/* -- times -- */

static int time_valid(const struct user_timespec *ts)
{
	if (ts->nsec == UTIME_NOW || ts->nsec == UTIME_OMIT)
		return 0;
	return ts->nsec < 0 || ts->nsec >= (s64)NSEC_PER_SEC ? -EINVAL : 0;
}

static int times_set(struct setattr *a, const struct user_timespec *ts)
{
	*a = (struct setattr){0};
	if (!ts) {
		a->valid = CHAN_SET_ATIME_NOW | CHAN_SET_MTIME_NOW;
		return 0;
	}
	if (time_valid(&ts[0]) || time_valid(&ts[1]))
		return -EINVAL;
	if (ts[0].nsec == UTIME_NOW)
		a->valid |= CHAN_SET_ATIME_NOW;
	else if (ts[0].nsec != UTIME_OMIT)
		a->valid |= CHAN_SET_ATIME;
	if (ts[1].nsec == UTIME_NOW)
		a->valid |= CHAN_SET_MTIME_NOW;
	else if (ts[1].nsec != UTIME_OMIT)
		a->valid |= CHAN_SET_MTIME;
	a->atime = ts[0].sec;
	a->atime_ns = a->valid & CHAN_SET_ATIME ? (u32)ts[0].nsec : 0;
	a->mtime = ts[1].sec;
	a->mtime_ns = a->valid & CHAN_SET_MTIME ? (u32)ts[1].nsec : 0;
	return 0;
}

/* No name: the descriptor's file. */
static long do_utimes(s32 dfd, u64 uname, const struct user_timespec *ts, u32 flags)
{
	struct setattr a;
	struct path p;
	int r = times_set(&a, ts);

	if (r)
		return r;
	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!uname && dfd != AT_FDCWD)
		r = flags ? -EINVAL : resolve_fd(dfd, &p);
	else
		r = resolve(dfd, uname, flags, &p);
	return r ? r : set(&p, &a);
}

long sys_utimensat(struct task *t, const u64 *a)
{
	struct user_timespec ts[2];

	if (!a[2])
		return do_utimes((s32)a[0], a[1], NULL, (u32)a[3]);
	if (copy_from_user(ts, a[2], sizeof(ts)))
		return -EFAULT;
	if (ts[0].nsec == UTIME_OMIT && ts[1].nsec == UTIME_OMIT)
		return 0;
	return do_utimes((s32)a[0], a[1], ts, (u32)a[3]);
}

static long utimes_of(s32 dfd, u64 uname, u64 utv)
{
	struct user_timeval tv[2];
	struct user_timespec ts[2];

	if (!utv)
		return do_utimes(dfd, uname, NULL, 0);
	if (copy_from_user(tv, utv, sizeof(tv)))
		return -EFAULT;
	for (u32 i = 0; i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		ts[i].sec = tv[i].sec;
		ts[i].nsec = tv[i].usec * 1000;
	}
	return do_utimes(dfd, uname, ts, 0);
}

long sys_utimes(struct task *t, const u64 *a)
{
	return utimes_of(AT_FDCWD, a[0], a[1]);
}

long sys_futimesat(struct task *t, const u64 *a)
{
	return utimes_of((s32)a[0], a[1], a[2]);
}

long sys_utime(struct task *t, const u64 *a)
{
	struct user_timespec ts[2] = {{0, 0}, {0, 0}};
	s64 buf[2]; /* struct utimbuf */

	if (!a[1])
		return do_utimes(AT_FDCWD, a[0], NULL, 0);
	if (copy_from_user(buf, a[1], sizeof(buf)))
		return -EFAULT;
	ts[0].sec = buf[0];
	ts[1].sec = buf[1];
	return do_utimes(AT_FDCWD, a[0], ts, 0);
}

/* -- size -- */

long sys_truncate(struct task *t, const u64 *a)
{
	struct inode *i;
	struct path p;
	int r;

	if ((s64)a[1] < 0)
		return -EINVAL;
	r = resolve(AT_FDCWD, a[0], 0, &p);
	if (r)
		return r;
	i = p.dentry->inode;
	if (S_ISDIR(i->mode))
		r = -EISDIR;
	else if (!S_ISREG(i->mode))
		r = -EINVAL;
	else
		r = mount_writable(p.mnt);
	if (!r)
		r = inode_permission(i, MAY_WRITE);
	if (!r)
		r = vfs_truncate(&p, NULL, a[1]);
	path_put(&p);
	return r;
}

static long cut(struct file *f, const u64 *a)
{
	if (!f->inode || !S_ISREG(f->inode->mode) || !file_writable(f))
		return -EINVAL;
	return vfs_truncate(&f->path, f, a[1]);
}

long sys_ftruncate(struct task *t, const u64 *a)
{
	return (s64)a[1] < 0 ? -EINVAL : fd_call(a, cut);
}
