/* SPDX-License-Identifier: Apache-2.0
 * Calls that make, move and remove names, and those about where a task stands.
 */
#include "fs/fs_internal.h"
#include "sys/sys.h"

/* One name, for a call that makes it (mode, rdev) or takes it away. */
static long one_name(s32 dfd, u64 uname, u32 mode, u32 rdev,
	int (*fn)(s32 dfd, const char *name, u32 mode, u64 rdev))
{
	char *name = getname(uname, false);
	long r;

	if (is_err(name))
		return ptr_err(name);
	r = fn(dfd, name, mode, rdev);
	kfree(name);
	return r;
}

static int make_dir(s32 dfd, const char *name, u32 mode, u64 rdev)
{
	return vfs_mkdir(dfd, name, mode);
}

static int remove_dir(s32 dfd, const char *name, u32 mode, u64 rdev)
{
	return vfs_remove(dfd, name, true);
}

static int remove_file(s32 dfd, const char *name, u32 mode, u64 rdev)
{
	return vfs_remove(dfd, name, false);
}

long sys_mkdir(struct task *t, const u64 *a)
{
	return one_name(AT_FDCWD, a[0], (u32)a[1], 0, make_dir);
}

long sys_mkdirat(struct task *t, const u64 *a)
{
	return one_name((s32)a[0], a[1], (u32)a[2], 0, make_dir);
}

long sys_mknod(struct task *t, const u64 *a)
{
	return one_name(AT_FDCWD, a[0], (u32)a[1] & 0xffff, (u32)a[2], vfs_mknod);
}

long sys_mknodat(struct task *t, const u64 *a)
{
	return one_name((s32)a[0], a[1], (u32)a[2] & 0xffff, (u32)a[3], vfs_mknod);
}

long sys_rmdir(struct task *t, const u64 *a)
{
	return one_name(AT_FDCWD, a[0], 0, 0, remove_dir);
}

long sys_unlink(struct task *t, const u64 *a)
{
	return one_name(AT_FDCWD, a[0], 0, 0, remove_file);
}

long sys_unlinkat(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[2];

	if (flags & ~(u32)AT_REMOVEDIR)
		return -EINVAL;
	return one_name((s32)a[0], a[1], 0, 0, flags ? remove_dir : remove_file);
}

/* Two names, the first of which may be empty if flags say so. */
static long two_names(s32 odfd, u64 uold, s32 ndfd, u64 unew, u32 flags,
	int (*fn)(s32 odfd, const char *old, s32 ndfd, const char *name, u32 flags))
{
	char *old = getname(uold, flags & AT_EMPTY_PATH), *name;
	long r;

	if (is_err(old))
		return ptr_err(old);
	name = getname(unew, false);
	r = is_err(name) ? ptr_err(name) : fn(odfd, old, ndfd, name, flags);
	if (!is_err(name))
		kfree(name);
	kfree(old);
	return r;
}

long sys_rename(struct task *t, const u64 *a)
{
	return two_names(AT_FDCWD, a[0], AT_FDCWD, a[1], 0, vfs_rename);
}

long sys_renameat(struct task *t, const u64 *a)
{
	return two_names((s32)a[0], a[1], (s32)a[2], a[3], 0, vfs_rename);
}

long sys_renameat2(struct task *t, const u64 *a)
{
	return two_names((s32)a[0], a[1], (s32)a[2], a[3], (u32)a[4], vfs_rename);
}

long sys_link(struct task *t, const u64 *a)
{
	return two_names(AT_FDCWD, a[0], AT_FDCWD, a[1], 0, vfs_link);
}

long sys_linkat(struct task *t, const u64 *a)
{
	return two_names((s32)a[0], a[1], (s32)a[2], a[3], (u32)a[4], vfs_link);
}

static int make_symlink(s32 odfd, const char *target, s32 dfd, const char *name, u32 flags)
{
	return vfs_symlink(target, dfd, name);
}

long sys_symlink(struct task *t, const u64 *a)
{
	return two_names(AT_FDCWD, a[0], AT_FDCWD, a[1], 0, make_symlink);
}

long sys_symlinkat(struct task *t, const u64 *a)
{
	return two_names(AT_FDCWD, a[0], (s32)a[1], a[2], 0, make_symlink);
}

static long readlink_path(const struct path *p, bool empty, u64 ubuf, u32 size)
{
	struct inode *i = p->dentry->inode;
	char *buf;
	s64 r;

	if (!S_ISLNK(i->mode) || !i->ops->readlink)
		return empty ? -ENOENT : -EINVAL;
	buf = kalloc(PATH_LEN_MAX);
	if (!buf)
		return -ENOMEM;
	r = i->ops->readlink(i, buf, min_u64(size, PATH_LEN_MAX));
	if (r > 0 && copy_to_user(ubuf, buf, (size_t)r))
		r = -EFAULT;
	kfree(buf);
	return r;
}

static long do_readlink(s32 dfd, u64 uname, u64 ubuf, s32 size)
{
	struct path p;
	char *name;
	long r;

	if (size <= 0)
		return -EINVAL;
	name = getname(uname, true);
	if (is_err(name))
		return ptr_err(name);
	r = path_lookup(dfd, name, LOOKUP_EMPTY, &p);
	if (!r) {
		r = readlink_path(&p, !*name, ubuf, (u32)size);
		path_put(&p);
	}
	kfree(name);
	return r;
}

long sys_readlink(struct task *t, const u64 *a)
{
	return do_readlink(AT_FDCWD, a[0], a[1], (s32)a[2]);
}

long sys_readlinkat(struct task *t, const u64 *a)
{
	return do_readlink((s32)a[0], a[1], a[2], (s32)a[3]);
}

/* -- where a task stands -- */

/* p replaces the path in the context; takes its references. */
static void set_path(struct path *where, const struct path *p)
{
	struct path old = *where;

	*where = *p;
	path_put(&old);
}

static long lookup_dir(u64 uname, struct path *p)
{
	long r = path_lookup_user(AT_FDCWD, uname, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, p);

	if (r)
		return r;
	r = inode_permission(p->dentry->inode, MAY_EXEC);
	if (r)
		path_put(p);
	return r;
}

long sys_chdir(struct task *t, const u64 *a)
{
	struct path p;
	long r = lookup_dir(a[0], &p);

	if (!r)
		set_path(&t->fs->cwd, &p);
	return r;
}

long sys_chroot(struct task *t, const u64 *a)
{
	struct path p;
	long r = lookup_dir(a[0], &p);

	if (r)
		return r;
	if (!cred_has(&t->cred, CAP_SYS_CHROOT)) {
		path_put(&p);
		return -EPERM;
	}
	set_path(&t->fs->root, &p);
	return 0;
}

long sys_fchdir(struct task *t, const u64 *a)
{
	struct file *f = fd_get_any((s32)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = f->path.dentry && S_ISDIR(f->inode->mode) ? 0 : -ENOTDIR;
	if (!r)
		r = inode_permission(f->inode, MAY_EXEC);
	if (!r) {
		struct path p = f->path;

		path_get(&p);
		set_path(&t->fs->cwd, &p);
	}
	file_put(f);
	return r;
}

long sys_getcwd(struct task *t, const u64 *a)
{
	char *buf;
	s64 len;

	if (t->fs->cwd.dentry->unhashed)
		return -ENOENT;
	buf = kalloc(PATH_LEN_MAX);
	if (!buf)
		return -ENOMEM;
	len = path_string(&t->fs->cwd, buf, PATH_LEN_MAX);
	if (len >= 0)
		len++; /* with the NUL */
	if (len > (s64)min_u64(a[1], PATH_LEN_MAX))
		len = -ERANGE;
	else if (len > 0 && copy_to_user(a[0], buf, (size_t)len))
		len = -EFAULT;
	kfree(buf);
	return len;
}

long sys_umask(struct task *t, const u64 *a)
{
	u32 old = t->fs->umask;

	t->fs->umask = (u32)a[0] & 0777;
	return old;
}
