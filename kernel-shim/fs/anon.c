/* SPDX-License-Identifier: Apache-2.0
 * Files without a name in any directory.
 */
#include <asm/errno.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/anon.h"

#define ANON_DEV 0xe /* Linux's anon_inodefs and pipefs have small unnamed device numbers, too */

static int anon_inode_getattr(struct inode *i, struct kstat *st)
{
	memset(st, 0, sizeof(*st));
	st->ino = i->ino;
	st->dev = ANON_DEV;
	st->mode = i->mode;
	st->nlink = 1;
	st->uid = i->uid;
	st->gid = i->gid;
	st->blksize = PAGE_SIZE;
	st->atime = i->atime;
	st->mtime = i->mtime;
	st->ctime = i->ctime;
	st->atime_ns = i->atime_ns;
	st->mtime_ns = i->mtime_ns;
	st->ctime_ns = i->ctime_ns;
	return 0;
}

static int anon_inode_setattr(struct inode *i, const struct setattr *a)
{
	if (a->valid & CHAN_SET_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & CHAN_SET_UID)
		i->uid = a->uid;
	if (a->valid & CHAN_SET_GID)
		i->gid = a->gid;
	return 0;
}

static const struct inode_ops anon_inode_ops = {
	.getattr = anon_inode_getattr,
	.setattr = anon_inode_setattr,
};
static const struct super_ops anon_super_ops;

struct io_state *io_state(void)
{
	if (!kern->io_state)
		kern->io_state = kzalloc(sizeof(struct io_state));
	return kern->io_state;
}

u64 anon_ino_next(void)
{
	struct io_state *s = io_state();

	return s ? ++s->last_ino : 1;
}

struct file *anon_file(const struct file_ops *ops, const char *name, u32 flags, void *priv)
{
	struct file *f = file_new(ops, flags);

	if (!f)
		return err_ptr(-ENOMEM);
	if (is_err(f))
		return f;
	f->priv = priv;
	f->anon_name = name;
	f->anon_ino = anon_ino_next();
	return f;
}

int anon_getattr(struct file *f, struct kstat *st)
{
	memset(st, 0, sizeof(*st));
	st->ino = f->anon_ino;
	st->dev = ANON_DEV;
	st->mode = 0600; /* no type bits: as Linux's anon_inodefs */
	st->nlink = 1;
	st->blksize = PAGE_SIZE;
	return 0;
}

long anon_install(struct file *f, bool cloexec)
{
	if (is_err(f))
		return ptr_err(f);
	return fd_install(f, cloexec, 0);
}

/* The super and the mount that anonymous inodes pretend to be in. */
static struct io_state *anon_fs(void)
{
	struct io_state *s = io_state();

	if (!s || s->anon_mount)
		return s;
	s->anon_super = kzalloc(sizeof(*s->anon_super));
	s->anon_mount = kzalloc(sizeof(*s->anon_mount));
	if (!s->anon_super || !s->anon_mount) {
		kfree(s->anon_super);
		kfree(s->anon_mount);
		s->anon_super = NULL;
		s->anon_mount = NULL;
		return NULL;
	}
	s->anon_super->ops = &anon_super_ops;
	s->anon_super->type = "pipefs";
	s->anon_super->refs = 1;
	s->anon_super->dev = ANON_DEV;
	s->anon_mount->refs = 1;
	s->anon_mount->super = s->anon_super;
	list_init(&s->anon_mount->link);
	return s;
}

struct inode *anon_inode_new(u32 mode)
{
	struct io_state *s = anon_fs();
	struct inode *i = s ? inode_new(s->anon_super, &anon_inode_ops, mode) : NULL;
	u64 now = clock_real_ns();

	if (!i || is_err(i))
		return NULL;
	i->ino = anon_ino_next();
	i->uid = current->cred.fsuid;
	i->gid = current->cred.fsgid;
	i->nlink = 1;
	i->atime = i->mtime = i->ctime = (s64)(now / NSEC_PER_SEC);
	i->atime_ns = i->mtime_ns = i->ctime_ns = (u32)(now % NSEC_PER_SEC);
	return i;
}

bool anon_inode_is(const struct inode *i)
{
	return i->ops == &anon_inode_ops;
}

int anon_path(struct inode *i, struct path *out)
{
	struct io_state *s = anon_fs();
	struct dentry *d;

	if (!s)
		return -ENOMEM;
	d = dentry_new(NULL, "", 0, i);
	if (!d || is_err(d))
		return -ENOMEM;
	out->mnt = s->anon_mount;
	out->mnt->refs++;
	out->dentry = d;
	return 0;
}
