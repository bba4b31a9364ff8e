/* SPDX-License-Identifier: Apache-2.0
 * rename(2), the call with the most rules. The order of the checks is Linux's.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"

struct rename {
	struct namei from, to;
	struct dentry *old, *new;
	u32 flags;
};

static bool is_dir(const struct dentry *d)
{
	return d->inode && S_ISDIR(d->inode->mode);
}

static int rename_parents(struct rename *r, s32 odfd, const char *old, s32 ndfd, const char *name)
{
	int err = namei_start(&r->from, odfd, old, 0);

	if (!err)
		err = namei_parent(&r->from);
	if (!err)
		err = namei_start(&r->to, ndfd, name, 0);
	if (!err)
		err = namei_parent(&r->to);
	if (err)
		return err;
	if (r->from.path.mnt != r->to.path.mnt)
		return -EXDEV;
	if (r->from.kind != LAST_NAME)
		return -EBUSY;
	if (r->to.kind != LAST_NAME)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	return mount_writable(r->from.path.mnt);
}

/* What is there, and whether the two names can mean what they say. */
static int rename_names(struct rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;
	int err = namei_last_dentry(&r->from, &r->old);

	if (!err && !r->old->inode)
		err = -ENOENT;
	if (!err)
		err = namei_last_dentry(&r->to, &r->new);
	if (err)
		return err;
	if ((r->flags & RENAME_NOREPLACE) && r->new->inode)
		return -EEXIST;
	if (exchange) {
		if (!r->new->inode)
			return -ENOENT;
		if (!is_dir(r->new) && r->to.trailing)
			return -ENOTDIR;
	}
	if (!is_dir(r->old) && (r->from.trailing || (!exchange && r->to.trailing)))
		return -ENOTDIR;
	if (dentry_is_below(r->to.path.dentry, r->old))
		return -EINVAL; /* into itself */
	if (dentry_is_below(r->from.path.dentry, r->new))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int rename_allowed(struct rename *r)
{
	struct dentry *odir = r->from.path.dentry, *ndir = r->to.path.dentry;
	bool exchange = r->flags & RENAME_EXCHANGE;
	bool new_is_dir = is_dir(exchange ? r->new : r->old);
	int err = may_delete(odir, r->old, is_dir(r->old));

	if (err)
		return err;
	err = r->new->inode ? may_delete(ndir, r->new, new_is_dir) : may_create(ndir);
	if (err)
		return err;
	if (!odir->inode->ops->rename)
		return -EPERM;
	/* ".." of a directory that moves is written. */
	if (odir != ndir && is_dir(r->old))
		err = inode_permission(r->old->inode, MAY_WRITE);
	if (!err && odir != ndir && exchange && new_is_dir)
		err = inode_permission(r->new->inode, MAY_WRITE);
	if (err)
		return err;
	return r->old->mounted || r->new->mounted ? -EBUSY : 0;
}

static int rename_do(struct rename *r)
{
	struct inode *odir = r->from.path.dentry->inode, *ndir = r->to.path.dentry->inode;
	int err;

	if (r->old->inode == r->new->inode)
		return 0; /* two names of one file: nothing happens */
	err = rename_allowed(r);
	if (!err)
		err = odir->ops->rename(odir, r->old, ndir, r->new, r->flags);
	if (err)
		return err;
	notify_rename(
		r->from.path.dentry, r->old, r->to.path.dentry, r->new, r->flags & RENAME_EXCHANGE);
	if (r->flags & RENAME_EXCHANGE)
		dentry_exchange(r->old, r->new);
	else
		dentry_move(r->old, r->new);
	return 0;
}

static int rename_flags(u32 flags)
{
	if (flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL; /* whiteouts too: no file system here has them */
	return flags == (RENAME_NOREPLACE | RENAME_EXCHANGE) ? -EINVAL : 0;
}

int vfs_rename(s32 odfd, const char *old, s32 ndfd, const char *name, u32 flags)
{
	struct rename *r;
	int err = rename_flags(flags);

	if (err)
		return err;
	r = kzalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->flags = flags;
	err = rename_parents(r, odfd, old, ndfd, name);
	if (!err)
		err = rename_names(r);
	if (!err)
		err = rename_do(r);
	if (r->old)
		dentry_put(r->old);
	if (r->new)
		dentry_put(r->new);
	namei_end(&r->from);
	namei_end(&r->to);
	kfree(r);
	return err;
}
