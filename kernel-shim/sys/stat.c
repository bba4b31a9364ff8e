/* SPDX-License-Identifier: Apache-2.0
 * Asking: attributes, file systems, access rights.
 */
#include "fs/fs_internal.h"
#include "sys/sys.h"

#include <asm/stat.h>
#include <asm/statfs.h>

#define ST_RDONLY      0x0001
#define ST_VALID       0x0020
#define ST_RELATIME    0x1000
#define ST_NOSYMFOLLOW 0x2000

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

/* -- attributes -- */

/* Attributes of (dfd, name); *mnt_id if it is wanted and known. */
static int get_attributes(s32 dfd, u64 uname, u32 flags, struct kstat *st, s32 *mnt_id)
{
	bool empty_ok = flags & AT_EMPTY_PATH;
	struct file *f = NULL;
	struct path p;
	char *name;
	int r;

	if (!uname && empty_ok)
		name = kstrndup("", 0);
	else
		name = getname(uname, empty_ok);
	if (!name)
		return -ENOMEM;
	if (is_err(name))
		return (int)ptr_err(name);
	if (!*name && dfd != AT_FDCWD) {
		f = fd_get_any(dfd);
		r = f ? file_getattr(f, st) : -EBADF;
		if (f && f->path.mnt && mnt_id)
			*mnt_id = f->path.mnt->id;
		if (f)
			file_put(f);
	} else {
		r = path_lookup(dfd, name, lookup_flags(flags), &p);
		if (!r) {
			r = vfs_getattr(&p, st);
			if (mnt_id)
				*mnt_id = p.mnt->id;
			path_put(&p);
		}
	}
	kfree(name);
	return r;
}

static long put_stat(u64 ustat, const struct kstat *k)
{
	struct stat st = {
		.st_dev = k->dev,
		.st_ino = k->ino,
		.st_nlink = k->nlink,
		.st_mode = k->mode,
		.st_uid = k->uid,
		.st_gid = k->gid,
		.st_rdev = k->rdev,
		.st_size = (long)k->size,
		.st_blksize = k->blksize,
		.st_blocks = (long)k->blocks,
		.st_atime = (u64)k->atime,
		.st_atime_nsec = k->atime_ns,
		.st_mtime = (u64)k->mtime,
		.st_mtime_nsec = k->mtime_ns,
		.st_ctime = (u64)k->ctime,
		.st_ctime_nsec = k->ctime_ns,
	};

	return copy_to_user(ustat, &st, sizeof(st));
}

static long do_stat(s32 dfd, u64 uname, u32 flags, u64 ustat)
{
	struct kstat k;
	int r = get_attributes(dfd, uname, flags, &k, NULL);

	return r ? r : put_stat(ustat, &k);
}

long sys_stat(struct task *t, const u64 *a)
{
	return do_stat(AT_FDCWD, a[0], 0, a[1]);
}

long sys_lstat(struct task *t, const u64 *a)
{
	return do_stat(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1]);
}

long sys_fstat(struct task *t, const u64 *a)
{
	struct file *f = fd_get_any((s32)a[0]);
	struct kstat k;
	int r;

	if (!f)
		return -EBADF;
	r = file_getattr(f, &k);
	file_put(f);
	return r ? r : put_stat(a[1], &k);
}

long sys_newfstatat(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[3];

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	return do_stat((s32)a[0], a[1], flags, a[2]);
}

static u32 dev_major(u64 dev)
{
	return (u32)(dev >> 8) & 0xfff;
}

static u32 dev_minor(u64 dev)
{
	return (u32)(dev & 0xff) | ((u32)(dev >> 12) & ~0xffu);
}

static struct statx_timestamp statx_time(s64 sec, u32 ns)
{
	return (struct statx_timestamp){.tv_sec = sec, .tv_nsec = ns};
}

static void fill_statx(struct statx *x, const struct kstat *k, s32 mnt_id)
{
	memset(x, 0, sizeof(*x));
	x->stx_mask = STATX_BASIC_STATS | (k->has_btime ? STATX_BTIME : 0);
	x->stx_blksize = k->blksize;
	x->stx_attributes = k->attributes;
	x->stx_nlink = k->nlink;
	x->stx_uid = k->uid;
	x->stx_gid = k->gid;
	x->stx_mode = (u16)k->mode;
	x->stx_ino = k->ino;
	x->stx_size = k->size;
	x->stx_blocks = k->blocks;
	x->stx_atime = statx_time(k->atime, k->atime_ns);
	x->stx_btime = statx_time(k->btime, k->btime_ns);
	x->stx_ctime = statx_time(k->ctime, k->ctime_ns);
	x->stx_mtime = statx_time(k->mtime, k->mtime_ns);
	x->stx_rdev_major = dev_major(k->rdev);
	x->stx_rdev_minor = dev_minor(k->rdev);
	x->stx_dev_major = dev_major(k->dev);
	x->stx_dev_minor = dev_minor(k->dev);
	if (mnt_id) {
		x->stx_mask |= STATX_MNT_ID;
		x->stx_mnt_id = (__u64)mnt_id;
	}
}

long sys_statx(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[2], mask = (u32)a[3];
	struct statx x;
	struct kstat k;
	s32 mnt_id = 0;
	int r;

	if (mask & STATX__RESERVED)
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (flags &
		~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	r = get_attributes((s32)a[0], a[1], flags, &k, &mnt_id);
	if (r)
		return r;
	fill_statx(&x, &k, mnt_id);
	return copy_to_user(a[4], &x, sizeof(x));
}

/* -- file systems -- */

/* ST_*: RO, NOSUID, NODEV and NOEXEC are the bits of mount(2). */
static long statfs_flags(u32 mount)
{
	const u32 same = MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC | MOUNT_NOATIME |
			 MOUNT_NODIRATIME;
	long flags = mount & same;

	if (mount & MOUNT_RELATIME)
		flags |= ST_RELATIME;
	return mount & MOUNT_NOSYMFOLLOW ? flags | ST_NOSYMFOLLOW : flags;
}

static long put_statfs(const struct path *p, struct inode *i, u64 ubuf)
{
	struct super *s = i->super;
	struct chan_statfs c = {.bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_LEN_MAX};
	struct statfs out;
	int r = s->ops && s->ops->statfs ? s->ops->statfs(s, i, &c) : 0;

	if (r < 0)
		return r;
	memset(&out, 0, sizeof(out));
	out.f_type = (long)c.type;
	out.f_bsize = (long)c.bsize;
	out.f_blocks = (long)c.blocks;
	out.f_bfree = (long)c.bfree;
	out.f_bavail = (long)c.bavail;
	out.f_files = (long)c.files;
	out.f_ffree = (long)c.ffree;
	out.f_namelen = (long)c.namelen;
	out.f_frsize = (long)c.frsize;
	out.f_fsid.val[0] = (int)s->dev;
	out.f_flags = ST_VALID | (p->mnt ? statfs_flags(p->mnt->flags) : ST_RELATIME);
	if (s->readonly)
		out.f_flags |= ST_RDONLY;
	return copy_to_user(ubuf, &out, sizeof(out));
}

long sys_statfs(struct task *t, const u64 *a)
{
	struct path p;
	long r = path_lookup_user(AT_FDCWD, a[0], LOOKUP_FOLLOW, &p);

	if (r)
		return r;
	r = put_statfs(&p, p.dentry->inode, a[1]);
	path_put(&p);
	return r;
}

long sys_fstatfs(struct task *t, const u64 *a)
{
	struct file *f = fd_get_any((s32)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = f->inode ? put_statfs(&f->path, f->inode, a[1]) : -ENOSYS;
	file_put(f);
	return r;
}

/* -- access -- */

static int path_access(const struct path *p, u32 mode)
{
	struct inode *i = p->dentry->inode;
	u32 type = i->mode & S_IFMT;
	int r;

	if (!mode)
		return 0;
	r = inode_permission(i, mode);
	if (r)
		return r;
	if ((mode & MAY_WRITE) && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
		r = mount_writable(p->mnt);
	if (!r && (mode & MAY_EXEC) && S_ISREG(i->mode) && (p->mnt->flags & MOUNT_NOEXEC))
		r = -EACCES;
	if (!r && i->ops->access)
		r = i->ops->access(i, mode);
	return r;
}

static long do_access(struct task *t, s32 dfd, u64 uname, u32 mode, u32 flags)
{
	struct cred *c = &t->cred;
	u32 fsuid = c->fsuid, fsgid = c->fsgid;
	struct path p;
	long r;

	if (mode & ~7u)
		return -EINVAL;
	if (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!(flags & AT_EACCESS)) { /* the question is asked for the real ids */
		c->fsuid = c->uid;
		c->fsgid = c->gid;
	}
	r = path_lookup_user(dfd, uname, lookup_flags(flags), &p);
	if (!r) {
		r = path_access(&p, mode);
		path_put(&p);
	}
	c->fsuid = fsuid;
	c->fsgid = fsgid;
	return r;
}

long sys_access(struct task *t, const u64 *a)
{
	return do_access(t, AT_FDCWD, a[0], (u32)a[1], 0);
}

long sys_faccessat(struct task *t, const u64 *a)
{
	return do_access(t, (s32)a[0], a[1], (u32)a[2], 0);
}

long sys_faccessat2(struct task *t, const u64 *a)
{
	return do_access(t, (s32)a[0], a[1], (u32)a[2], (u32)a[3]);
}
