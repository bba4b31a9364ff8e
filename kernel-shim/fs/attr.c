/* SPDX-License-Identifier: Apache-2.0
 * Changing attributes: who may, what changes along, and sizes.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"

#include <linux/resource.h>
#include <asm/signal.h>

#define SET_TIMES (CHAN_SET_ATIME | CHAN_SET_MTIME | CHAN_SET_ATIME_NOW | CHAN_SET_MTIME_NOW)

static int owner_allowed(const struct inode *i, const struct setattr *a)
{
	const struct cred *c = fs_cred();

	if (fs_has(CAP_CHOWN))
		return 0;
	if ((a->valid & CHAN_SET_UID) && (c->fsuid != i->uid || a->uid != i->uid))
		return -EPERM;
	if ((a->valid & CHAN_SET_GID) &&
		(c->fsuid != i->uid || (a->gid != i->gid && !fs_in_group(a->gid))))
		return -EPERM;
	return 0;
}

/* Times given need the owner; "now" needs the owner or the right to write. */
static int times_allowed(struct inode *i, const struct setattr *a)
{
	u32 now = CHAN_SET_ATIME_NOW | CHAN_SET_MTIME_NOW;

	if (inode_owned(i))
		return 0;
	if ((a->valid & SET_TIMES) != now)
		return -EPERM;
	return inode_permission(i, MAY_WRITE);
}

/* chown(2) of anything but a directory takes set-user-ID, and set-group-ID if it can be executed.
 */
static void drop_setid(const struct inode *i, struct setattr *a)
{
	u32 drop = 0;

	if (S_ISDIR(i->mode) || (a->valid & CHAN_SET_MODE))
		return;
	if (i->mode & S_ISUID)
		drop |= S_ISUID;
	if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		drop |= S_ISGID;
	if (!drop)
		return;
	a->valid |= CHAN_SET_MODE;
	a->mode = i->mode & ~drop & 07777;
}

static int setattr_allowed(struct inode *i, struct setattr *a)
{
	int r;

	if (a->valid & (CHAN_SET_UID | CHAN_SET_GID)) {
		r = owner_allowed(i, a);
		if (r)
			return r;
		drop_setid(i, a);
	} else if (a->valid & CHAN_SET_MODE) {
		u32 gid = i->gid;

		if (!inode_owned(i))
			return -EPERM;
		if (!fs_has(CAP_FSETID) && !fs_in_group(gid))
			a->mode &= ~(u32)S_ISGID;
	}
	return a->valid & SET_TIMES ? times_allowed(i, a) : 0;
}

/* One of the times alone looks like a read or a write (fsnotify_change). */
static u32 attr_events(u32 valid)
{
	bool atime = valid & (CHAN_SET_ATIME | CHAN_SET_ATIME_NOW);
	bool mtime = valid & (CHAN_SET_MTIME | CHAN_SET_MTIME_NOW);
	u32 events = valid & (CHAN_SET_MODE | CHAN_SET_UID | CHAN_SET_GID) ? IN_ATTRIB : 0;

	if (atime && mtime)
		return IN_ATTRIB;
	return events | (atime ? IN_ACCESS : mtime ? IN_MODIFY : 0);
}

int vfs_setattr(const struct path *p, struct setattr *a)
{
	struct inode *i = p->dentry->inode;
	int r = mount_writable(p->mnt);

	/* Read-only comes before the caller's rights; where the host says it (mount_writable),
	 * nothing else may be said here. */
	if (!r && !(i->super->remote && i->super->readonly))
		r = setattr_allowed(i, a);
	if (r)
		return r;
	if (!i->ops->setattr)
		return -EPERM;
	r = i->ops->setattr(i, a);
	if (!r)
		notify_dentry(p->dentry, attr_events(a->valid));
	return r;
}

int rlimit_fsize(u64 size)
{
	struct sig_info si;

	if (!current || size <= current->proc->rlimits[RLIMIT_FSIZE][0])
		return 0;
	signal_simple(&si, SIGXFSZ, 0);
	signal_send_task(current, &si);
	return -EFBIG;
}

int vfs_truncate(const struct path *p, struct file *f, u64 size)
{
	struct inode *i = f ? f->inode : p->dentry->inode;
	struct setattr a = {.valid = CHAN_SET_SIZE, .size = size};
	int r;

	if (size > i->size) {
		r = rlimit_fsize(size);
		if (r)
			return r;
	}
	if (f && f->ops->truncate)
		r = f->ops->truncate(f, size);
	else
		r = i->ops->setattr ? i->ops->setattr(i, &a) : -EINVAL;
	if (!r)
		notify_dentry(p->dentry, IN_MODIFY);
	return r;
}
