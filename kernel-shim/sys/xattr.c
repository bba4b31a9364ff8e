/* SPDX-License-Identifier: Apache-2.0
 * Extended attributes.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"
#include "sys/sys.h"

#include <linux/limits.h>
#include <linux/xattr.h>

struct target {
	struct path path; /* dentry NULL: a file without a path */
	struct inode *inode;
};

static int target_name(u64 uname, bool follow, struct target *t)
{
	int r = path_lookup_user(AT_FDCWD, uname, follow ? LOOKUP_FOLLOW : 0, &t->path);

	if (!r) {
		t->inode = t->path.dentry->inode;
		inode_get(t->inode);
	}
	return r;
}

static int target_fd(s32 fd, struct target *t)
{
	struct file *f = fd_get(fd);
	int r = 0;

	memset(t, 0, sizeof(*t));
	if (!f)
		return -EBADF;
	if (!f->inode) {
		r = -EOPNOTSUPP;
	} else {
		t->inode = f->inode;
		inode_get(t->inode);
		t->path = f->path;
		if (t->path.dentry)
			path_get(&t->path);
	}
	file_put(f);
	return r;
}

static void target_put(struct target *t)
{
	if (t->path.dentry)
		path_put(&t->path);
	inode_put(t->inode);
}

static bool starts_with(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix)) && name[strlen(prefix)];
}

/* May the caller read or write an attribute of this name? */
static int allowed(struct inode *i, const char *name, bool write)
{
	if (starts_with(name, XATTR_SECURITY_PREFIX))
		return write && !fs_has(CAP_SYS_ADMIN) ? -EPERM : 0;
	if (starts_with(name, XATTR_TRUSTED_PREFIX)) {
		if (!fs_has(CAP_SYS_ADMIN))
			return write ? -EPERM : -ENODATA;
		return 0;
	}
	if (!starts_with(name, XATTR_USER_PREFIX))
		return -EOPNOTSUPP;
	if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(i->mode) && (i->mode & S_ISVTX) && !inode_owned(i))
		return -EPERM;
	return inode_permission(i, write ? MAY_WRITE : MAY_READ);
}

static int get_attr_name(char *name, u64 uname)
{
	s64 len = strncpy_from_user(name, uname, XATTR_NAME_MAX + 1);

	if (len == -ENAMETOOLONG || len == 0)
		return -ERANGE;
	return len < 0 ? (int)len : 0;
}

/* The four verbs: a[1] and on are the call's, after its path or descriptor. */

/* The value, or with no name the list of names. size 0: how long it is. */
static s64 fetch(struct inode *i, const char *name, u64 ubuf, u64 size)
{
	void *buf = size ? kalloc(size) : NULL;
	s64 r;

	if (size && !buf)
		return -ENOMEM;
	r = name ? i->ops->getxattr(i, name, buf, size) : i->ops->listxattr(i, buf, size);
	if (r > 0 && size && copy_to_user(ubuf, buf, (size_t)r))
		r = -EFAULT;
	kfree(buf);
	return r;
}

static s64 get_attr(struct target *t, const u64 *a)
{
	char name[XATTR_NAME_MAX + 1];
	s64 r = get_attr_name(name, a[1]);

	if (!r)
		r = allowed(t->inode, name, false);
	if (!r && !t->inode->ops->getxattr)
		r = -EOPNOTSUPP;
	return r ? r : fetch(t->inode, name, a[2], min_u64(a[3], XATTR_SIZE_MAX));
}

static s64 list_attr(struct target *t, const u64 *a)
{
	if (!t->inode->ops->listxattr)
		return 0;
	return fetch(t->inode, NULL, a[1], min_u64(a[2], XATTR_LIST_MAX));
}

/* Rights to change are the mount's, then the attribute's. No value: it is removed. */
static int change(const struct target *t, const char *name, const void *value, u64 size, u32 flags)
{
	const struct inode_ops *ops = t->inode->ops;
	int r = t->path.dentry ? mount_writable(t->path.mnt) : 0;

	if (!r)
		r = allowed(t->inode, name, true);
	if (r)
		return r;
	if (!ops->setxattr) /* who has one has both */
		return -EOPNOTSUPP;
	r = value ? ops->setxattr(t->inode, name, value, size, flags)
		  : ops->removexattr(t->inode, name);
	if (!r && t->path.dentry)
		notify_dentry(t->path.dentry, IN_ATTRIB);
	return r;
}

static s64 set_attr(struct target *t, const u64 *a)
{
	char name[XATTR_NAME_MAX + 1];
	u32 flags = (u32)a[4];
	void *buf;
	s64 r;

	if (flags & ~(u32)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	r = get_attr_name(name, a[1]);
	if (r)
		return r;
	if (a[3] > XATTR_SIZE_MAX)
		return -E2BIG;
	buf = kalloc(a[3] + 1);
	if (!buf)
		return -ENOMEM;
	r = copy_from_user(buf, a[2], a[3]);
	if (!r)
		r = change(t, name, buf, a[3], flags);
	kfree(buf);
	return r;
}

static s64 remove_attr(struct target *t, const u64 *a)
{
	char name[XATTR_NAME_MAX + 1];
	s64 r = get_attr_name(name, a[1]);

	return r ? r : change(t, name, NULL, 0, 0);
}

/* -- the twelve calls: by path, by path without following, by descriptor -- */

enum how { BY_PATH, BY_LINK, BY_FD };

static long call(const u64 *a, enum how how, s64 (*verb)(struct target *t, const u64 *a))
{
	struct target t;
	long r = how == BY_FD ? target_fd((s32)a[0], &t) : target_name(a[0], how == BY_PATH, &t);

	if (r)
		return r;
	r = verb(&t, a);
	target_put(&t);
	return r;
}

#define XATTR_CALLS(verb)                                                                          \
	long sys_##verb##xattr(struct task *t, const u64 *a)                                       \
	{                                                                                          \
		return call(a, BY_PATH, verb##_attr);                                              \
	}                                                                                          \
	long sys_l##verb##xattr(struct task *t, const u64 *a)                                      \
	{                                                                                          \
		return call(a, BY_LINK, verb##_attr);                                              \
	}                                                                                          \
	long sys_f##verb##xattr(struct task *t, const u64 *a)                                      \
	{                                                                                          \
		return call(a, BY_FD, verb##_attr);                                                \
	}
XATTR_CALLS(get)
XATTR_CALLS(list)
XATTR_CALLS(set)
XATTR_CALLS(remove)
