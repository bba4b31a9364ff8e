/* SPDX-License-Identifier: Apache-2.0
 * Making names and taking them away: mkdir, mknod, symlink, link, unlink, rmdir. Which error wins
 * when several apply follows Linux: what the path says, what is there, a read-only mount, rights.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"

/* A place where a name may be made: the parent in n->path, the negative dentry in *out. */
static int create_start(struct namei *n, s32 dfd, const char *name, bool dir, struct dentry **out)
{
	struct dentry *d;
	int r = namei_start(n, dfd, name, 0);

	if (!r)
		r = namei_parent(n);
	if (r)
		return r;
	if (n->kind != LAST_NAME)
		return -EEXIST;
	r = namei_last_dentry(n, &d);
	if (r)
		return r;
	if (d->inode)
		r = -EEXIST;
	else if (n->trailing && !dir)
		r = -ENOENT;
	else
		r = mount_writable(n->path.mnt);
	if (r == -EROFS)
		denial_tell(n, "--rw");
	if (r)
		dentry_put(d);
	else
		*out = d;
	return r;
}

/* What is to be made, and the call of the parent that makes it. */
struct making {
	int (*make)(
		struct inode *dir, struct dentry *d, const struct making *m, struct inode **made);
	bool is_dir;
	u32 mode;
	u64 rdev;
	const char *target;
};

static int create(s32 dfd, const char *name, const struct making *m)
{
	struct inode *made = NULL;
	struct dentry *d = NULL;
	struct namei n;
	int r = create_start(&n, dfd, name, m->is_dir, &d);

	if (r)
		goto out;
	r = may_create(n.path.dentry);
	if (!r)
		r = m->make(n.path.dentry->inode, d, m, &made);
	if (!r) {
		dentry_instantiate(d, made);
		notify_name(n.path.dentry, d, IN_CREATE);
		inode_put(made);
	}
	dentry_put(d);
out:
	namei_end(&n);
	return r;
}

static int make_dir(
	struct inode *dir, struct dentry *d, const struct making *m, struct inode **made)
{
	return dir->ops->mkdir ? dir->ops->mkdir(dir, d, m->mode, made) : -EPERM;
}

int vfs_mkdir(s32 dfd, const char *name, u32 mode)
{
	struct making m = {.make = make_dir,
		.is_dir = true,
		.mode = mode & (S_ISVTX | 0777) & ~current->fs->umask};

	return create(dfd, name, &m);
}

static int mknod_type(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

static int make_node(
	struct inode *dir, struct dentry *d, const struct making *m, struct inode **made)
{
	if ((S_ISCHR(m->mode) || S_ISBLK(m->mode)) && !fs_has(CAP_MKNOD))
		return -EPERM;
	return dir->ops->create ? dir->ops->create(dir, d, m->mode, m->rdev, made) : -EPERM;
}

int vfs_mknod(s32 dfd, const char *name, u32 mode, u64 rdev)
{
	struct making m = {.make = make_node, .rdev = rdev};
	int r;

	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	r = mknod_type(mode);
	m.mode = mode & ~(current->fs->umask & 0777);
	return r ? r : create(dfd, name, &m);
}

static int make_symlink(
	struct inode *dir, struct dentry *d, const struct making *m, struct inode **made)
{
	return dir->ops->symlink ? dir->ops->symlink(dir, d, m->target, made) : -EPERM;
}

int vfs_symlink(const char *target, s32 dfd, const char *name)
{
	struct making m = {.make = make_symlink, .target = target};

	return create(dfd, name, &m);
}

/* As fs.protected_hardlinks=1, what distributions ship: no link to another's file unless it could
 * be read and written anyway, and is an ordinary file. */
static int may_link(struct inode *i)
{
	if (inode_owned(i))
		return 0;
	if (!S_ISREG(i->mode) || (i->mode & S_ISUID) ||
		(i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return -EPERM;
	return inode_permission(i, MAY_READ | MAY_WRITE) ? -EPERM : 0;
}

static int link_to(struct namei *n, struct dentry *d, const struct path *old)
{
	struct inode *dir = n->path.dentry->inode, *i = old->dentry->inode;
	int r;

	if (old->mnt != n->path.mnt)
		return -EXDEV;
	r = may_link(i);
	if (!r)
		r = may_create(n->path.dentry);
	if (r)
		return r;
	if (!dir->ops->link || S_ISDIR(i->mode))
		return -EPERM;
	r = dir->ops->link(dir, d, i);
	if (r)
		return r;
	if (!d->inode)
		dentry_instantiate(d, i);
	notify_inode(i, IN_ATTRIB);
	notify_name(n->path.dentry, d, IN_CREATE);
	return 0;
}

int vfs_link(s32 odfd, const char *old, s32 ndfd, const char *name, u32 flags)
{
	u32 lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct dentry *d = NULL;
	struct path from;
	struct namei n;
	int r;

	if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	if (!*old && (flags & AT_EMPTY_PATH) && !fs_has(CAP_DAC_READ_SEARCH))
		return -ENOENT;
	r = path_lookup(odfd, old, lookup, &from);
	if (r)
		return r;
	r = create_start(&n, ndfd, name, false, &d);
	if (!r) {
		r = link_to(&n, d, &from);
		dentry_put(d);
	}
	namei_end(&n);
	path_put(&from);
	return r;
}

/* The name to be taken away: parent in n->path, dentry (perhaps negative) in *out. */
static int remove_start(struct namei *n, s32 dfd, const char *name, bool dir, struct dentry **out)
{
	int r = namei_start(n, dfd, name, 0);

	if (!r)
		r = namei_parent(n);
	if (r)
		return r;
	if (n->kind != LAST_NAME) {
		if (!dir)
			return -EISDIR;
		return n->kind == LAST_DOT ? -EINVAL : n->kind == LAST_NONE ? -EBUSY : -ENOTEMPTY;
	}
	r = mount_writable(n->path.mnt);
	return r ? r : namei_last_dentry(n, out);
}

static int remove_from(struct inode *dir, struct dentry *d, bool want_dir)
{
	int (*op)(struct inode * dir, struct dentry * d) =
		want_dir ? dir->ops->rmdir : dir->ops->unlink;

	return op ? op(dir, d) : -EPERM;
}

int vfs_remove(s32 dfd, const char *name, bool want_dir)
{
	struct dentry *d = NULL;
	struct inode *dir;
	struct namei n;
	int r = remove_start(&n, dfd, name, want_dir, &d);

	if (r)
		goto out;
	dir = n.path.dentry->inode;
	if (d->inode && n.trailing && !want_dir)
		r = S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
	else
		r = may_delete(n.path.dentry, d, want_dir);
	if (!r && d->mounted)
		r = -EBUSY;
	if (!r)
		r = remove_from(dir, d, want_dir);
	if (!r) {
		if (!want_dir)
			notify_inode(d->inode, IN_ATTRIB);
		dentry_unhash(d);
		notify_removed(n.path.dentry, d);
	}
	dentry_put(d);
out:
	namei_end(&n);
	return r;
}
