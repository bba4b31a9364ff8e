/* SPDX-License-Identifier: Apache-2.0
 * Who may do what: permission bits, ownership, sticky directories, read-only mounts, and the
 * capabilities that override them. On the host's files the bits are asked too, then the host's own
 * answer counts.
 */
#include "core/cred.h"
#include "fs/fs_internal.h"

static const struct cred boot_cred = {.cap_effective = CAP_ALL}; /* before the first task */

const struct cred *fs_cred(void)
{
	return current ? &current->cred : &boot_cred;
}

bool fs_has(u32 cap)
{
	return cred_has(fs_cred(), cap);
}

bool fs_in_group(u32 gid)
{
	const struct cred *c = fs_cred();

	if (c->fsgid == gid)
		return true;
	for (u32 i = 0; i < c->ngroups; i++) {
		if (c->groups[i] == gid)
			return true;
	}
	return false;
}

bool inode_owned(const struct inode *i)
{
	return fs_cred()->fsuid == i->uid || fs_has(CAP_FOWNER);
}

static bool inode_allows(const struct inode *i, u32 mask)
{
	u32 bits = i->mode;

	if (fs_cred()->fsuid == i->uid)
		bits >>= 6;
	else if (fs_in_group(i->gid))
		bits >>= 3;
	if ((mask & ~bits & 7) == 0)
		return true;
	if ((S_ISDIR(i->mode) ? !(mask & MAY_WRITE) : !(mask & (MAY_WRITE | MAY_EXEC))) &&
		fs_has(CAP_DAC_READ_SEARCH))
		return true;
	return (!(mask & MAY_EXEC) || S_ISDIR(i->mode) || (i->mode & 0111)) &&
	       fs_has(CAP_DAC_OVERRIDE);
}

int inode_permission(struct inode *i, u32 mask)
{
	if (mask & MAY_WRITE) {
		u32 type = i->mode & S_IFMT;

		if (i->super->readonly && i->super->remote)
			mask &= ~MAY_WRITE; /* the host refuses, and tells the user why */
		else if (i->super->readonly &&
			 (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
			return -EROFS;
	}
	return inode_allows(i, mask) ? 0 : -EACCES;
}

int mount_writable(const struct mount *m)
{
	if (m->super->remote && m->super->readonly)
		return 0; /* the host refuses, and tells the user why */
	return (m->flags & MOUNT_RO) || m->super->readonly ? -EROFS : 0;
}

int may_create(const struct dentry *dir)
{
	if (dir->unhashed)
		return -ENOENT; /* removed while somebody is in it */
	return inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
}

static bool sticky_forbids(const struct inode *dir, const struct inode *victim)
{
	u32 uid = fs_cred()->fsuid;

	return (dir->mode & S_ISVTX) && uid != victim->uid && uid != dir->uid &&
	       !fs_has(CAP_FOWNER);
}

int may_delete(const struct dentry *dir, const struct dentry *victim, bool want_dir)
{
	int r;

	if (!victim->inode)
		return -ENOENT;
	r = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
	if (r)
		return r;
	if (sticky_forbids(dir->inode, victim->inode))
		return -EPERM;
	if (want_dir && !S_ISDIR(victim->inode->mode))
		return -ENOTDIR;
	if (!want_dir && S_ISDIR(victim->inode->mode))
		return -EISDIR;
	return dir->unhashed ? -ENOENT : 0;
}

void inode_inherit(struct inode *i, const struct inode *dir)
{
	i->uid = fs_cred()->fsuid;
	i->gid = fs_cred()->fsgid;
	if (!(dir->mode & S_ISGID))
		return;
	i->gid = dir->gid;
	if (S_ISDIR(i->mode))
		i->mode |= S_ISGID;
	else if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !fs_has(CAP_FSETID) &&
		 !fs_in_group(i->gid))
		i->mode &= ~(u32)S_ISGID;
}
