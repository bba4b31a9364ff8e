/* SPDX-License-Identifier: Apache-2.0
 * open(2): from a path and flags to an open file, made on the way if need be.
 */
#include "fs/dev.h"
#include "fs/fs_internal.h"
#include "fs/notify.h"
#include "fs/pipe.h"

/* What stays in f->flags, where F_GETFL sees it. */
#define NOT_KEPT  ((u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | O_FOR_EXEC))
#define PATH_KEPT ((u32)(O_PATH | O_DIRECTORY | O_NOFOLLOW))
#define TMPFILE	  ((u32)__O_TMPFILE)

static u32 access_mask(u32 flags)
{
	static const u32 mask[4] = {
		MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

	if (flags & O_FOR_EXEC)
		return MAY_EXEC;
	return mask[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* Files that are open doors to something else get their operations there. */
static int open_by_type(struct file *f)
{
	struct inode *i = f->inode;

	if (i->ops->open)
		return i->ops->open(i, f);
	switch (i->mode & S_IFMT) {
	case S_IFIFO:
		return fifo_open(i, f);
	case S_IFCHR:
		return dev_open(i, f);
	case S_IFBLK:
	case S_IFSOCK:
		return -ENXIO;
	default:
		return 0;
	}
}

static int may_open(const struct path *p, u32 flags)
{
	struct inode *i = p->dentry->inode;
	u32 mask = access_mask(flags);
	int r;

	switch (i->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (mask & MAY_WRITE)
			return -EISDIR;
		if (mask & MAY_EXEC)
			return -EACCES;
		break;
	case S_IFREG:
		break;
	default:
		if (mask & MAY_EXEC)
			return -EACCES;
	}
	r = inode_permission(i, mask);
	if (r)
		return r;
	if ((p->mnt->flags & MOUNT_NODEV) && (S_ISCHR(i->mode) || S_ISBLK(i->mode)))
		return -EACCES;
	if ((p->mnt->flags & MOUNT_NOEXEC) && (mask & MAY_EXEC))
		return -EACCES;
	if ((flags & O_NOATIME) && !inode_owned(i))
		return -EPERM;
	if ((mask & MAY_WRITE) && S_ISREG(i->mode))
		return mount_writable(p->mnt);
	return 0;
}

static struct file *open_file(const struct path *p, u32 flags)
{
	struct file *f = file_from_path(p, flags);
	int r;

	if (!f)
		return err_ptr(-ENOMEM);
	/* A remote file is cut by its own open, in the same call. */
	if ((flags & O_TRUNC) && S_ISREG(f->inode->mode) && !f->inode->super->remote) {
		r = vfs_truncate(p, NULL, 0);
		if (r)
			goto fail;
	}
	r = open_by_type(f);
	if (r)
		goto fail;
	if ((flags & O_TRUNC) && S_ISREG(f->inode->mode) && f->inode->super->remote)
		notify_dentry(p->dentry, IN_MODIFY);
	f->flags &= ~NOT_KEPT;
	return f;
fail:
	f->ops = NULL; /* was never open: nothing to release */
	file_put(f);
	return err_ptr(r);
}

static struct file *open_existing(const struct path *p, u32 flags)
{
	int r;

	if ((flags & O_DIRECTORY) && !S_ISDIR(p->dentry->inode->mode))
		return err_ptr(-ENOTDIR);
	r = may_open(p, flags);
	return r ? err_ptr(r) : open_file(p, flags);
}

static struct file *open_o_path(const struct path *p, u32 flags)
{
	struct file *f;

	if ((flags & O_DIRECTORY) && !S_ISDIR(p->dentry->inode->mode))
		return err_ptr(-ENOTDIR);
	f = file_from_path(p, flags & PATH_KEPT);
	if (!f)
		return err_ptr(-ENOMEM);
	f->ops = NULL;
	return f;
}

struct file *file_open_path(const struct path *p, u32 flags)
{
	if (flags & O_PATH)
		return open_o_path(p, flags);
	return open_existing(p, flags & ~(u32)O_CREAT);
}

/* -- creation -- */

static struct file *create_and_open(
	struct namei *n, struct dentry *d, const struct open_request *rq)
{
	struct inode *dir = n->path.dentry->inode, *made = NULL;
	struct path p = {.mnt = n->path.mnt, .dentry = d};
	u32 mode = rq->mode & 07777 & ~current->fs->umask;
	struct file *f;
	int r;

	if (dir->ops->create_open) {
		f = file_new(NULL, rq->flags);
		r = f ? dir->ops->create_open(dir, d, f, mode, &made) : -ENOMEM;
		if (r)
			goto fail;
		dentry_instantiate(d, made);
		notify_name(n->path.dentry, d, IN_CREATE);
		f->inode = made; /* create_open's reference */
		if (!f->ops)
			f->ops = made->fops;
		f->path = p;
		path_get(&f->path);
		f->flags &= ~NOT_KEPT;
		return f;
	}
	r = dir->ops->create ? dir->ops->create(dir, d, S_IFREG | mode, 0, &made) : -EACCES;
	if (r)
		return err_ptr(r);
	dentry_instantiate(d, made);
	notify_name(n->path.dentry, d, IN_CREATE);
	inode_put(made);
	/* The maker may use it as asked, whatever mode it got. */
	return open_file(&p, rq->flags & ~(u32)O_TRUNC);
fail:
	if (f) {
		f->ops = NULL;
		file_put(f);
	}
	return err_ptr(r);
}

static struct file *open_missing(struct namei *n, struct dentry *d, const struct open_request *rq)
{
	int r;

	if (n->path.dentry->unhashed)
		return err_ptr(-ENOENT);
	r = mount_writable(n->path.mnt);
	if (r)
		denial_tell(n, "--rw");
	else
		r = may_create(n->path.dentry);
	return r ? err_ptr(r) : create_and_open(n, d, rq);
}

/* The last component with O_CREAT. NULL: it was a link, go on from its target. */
static struct file *open_or_create(struct namei *n, const struct open_request *rq)
{
	struct file *f;
	struct dentry *d;
	int r;

	if (n->kind == LAST_DOTDOT || n->kind == LAST_DOT)
		return err_ptr(rq->flags & O_EXCL ? -EEXIST : -EISDIR);
	if (n->kind == LAST_NONE) { /* "/", or through a magic link to the thing itself */
		if (rq->flags & O_EXCL)
			return err_ptr(-EEXIST);
		return S_ISDIR(n->path.dentry->inode->mode) ? err_ptr(-EISDIR)
							    : open_existing(&n->path, rq->flags);
	}
	if (n->trailing)
		return err_ptr(-EISDIR);
	r = namei_last_dentry(n, &d);
	if (r)
		return err_ptr(r);
	if (!d->inode) {
		f = open_missing(n, d, rq);
	} else if (rq->flags & O_EXCL) {
		f = err_ptr(-EEXIST);
	} else if (S_ISLNK(d->inode->mode) && !(rq->flags & O_NOFOLLOW)) {
		r = namei_follow(n, d);
		f = r ? err_ptr(r) : NULL;
	} else {
		r = namei_enter(n, d);
		if (r)
			f = err_ptr(r);
		else if (S_ISDIR(d->inode->mode))
			f = err_ptr(-EISDIR);
		else
			f = open_existing(&n->path, rq->flags);
	}
	dentry_put(d);
	return f;
}

static struct file *open_tmpfile(const struct path *dirp, const struct open_request *rq)
{
	struct inode *dir = dirp->dentry->inode, *made = NULL;
	struct path p = {.mnt = dirp->mnt};
	struct file *f;
	char name[24];
	int r = mount_writable(dirp->mnt);

	if (!r)
		r = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (!r && !dir->ops->tmpfile)
		r = -EOPNOTSUPP;
	if (!r)
		r = dir->ops->tmpfile(
			dir, S_IFREG | (rq->mode & 07777 & ~current->fs->umask), &made);
	if (r)
		return err_ptr(r);
	kfmt(name, sizeof(name), "#%llu", (unsigned long long)made->ino);
	p.dentry = dentry_new(dirp->dentry, name, (u32)strlen(name), made);
	inode_put(made);
	if (!p.dentry)
		return err_ptr(-ENOMEM);
	dentry_unhash(p.dentry);
	f = open_file(&p, rq->flags & ~(u32)(O_TRUNC | O_CREAT | __O_TMPFILE));
	if (!is_err(f))
		f->flags |= TMPFILE | O_DIRECTORY;
	dentry_put(p.dentry);
	return f;
}

/* -- the call -- */

static struct file *open_walked(struct namei *n, const struct open_request *rq)
{
	struct file *f;
	int r;

	if ((rq->flags & O_CREAT) && !(rq->flags & O_PATH)) {
		do {
			r = namei_parent(n);
			f = r ? err_ptr(r) : open_or_create(n, rq);
		} while (!f);
		return f;
	}
	r = namei_walk(n);
	if (r)
		return err_ptr(r);
	if (rq->flags & O_PATH)
		return open_o_path(&n->path, rq->flags);
	if (rq->flags & TMPFILE)
		return open_tmpfile(&n->path, rq);
	return open_existing(&n->path, rq->flags);
}

struct file *file_open_request(s32 dfd, const char *name, const struct open_request *rq)
{
	u32 lookup = rq->lookup;
	struct namei n;
	struct file *f;
	int r;

	if (!(rq->flags & O_NOFOLLOW) && (rq->flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		lookup |= LOOKUP_FOLLOW;
	if (rq->flags & O_DIRECTORY)
		lookup |= LOOKUP_DIRECTORY;
	r = namei_start(&n, dfd, name, lookup);
	f = r ? err_ptr(r) : open_walked(&n, rq);
	namei_end(&n);
	if (!is_err(f) && !(rq->flags & O_PATH))
		notify_file(f, IN_OPEN);
	return f;
}

struct file *file_open(s32 dfd, const char *name, u32 flags, u32 mode)
{
	struct open_request rq = {.flags = flags, .mode = mode};

	return file_open_request(dfd, name, &rq);
}
