/* SPDX-License-Identifier: Apache-2.0
 * Files without a name in any directory.
 */
#include <asm/errno.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/pipe.h"

static int anon_inode_setattr(struct inode *i, const struct setattr *a)
{
	inode_set_access(i, a);
	return 0;
}

/* Only pipes can be opened again (Linux no_open). */
static int anon_inode_open(struct inode *i, struct file *f)
{
	return S_ISFIFO(i->mode) ? fifo_open(i, f) : -ENXIO;
}

static const struct inode_ops anon_inode_ops = {
	.open = anon_inode_open,
	.setattr = anon_inode_setattr,
};
static const struct super_ops anon_super_ops;

/* The super and the mount that anonymous inodes pretend to be in. */
static int anon_fs_init(struct io_state *s)
{
	struct mount *m = kzalloc(sizeof(*m));

	s->anon_super = super_new(&anon_super_ops, "anonfs");
	if (!m || !s->anon_super) {
		kfree(m);
		kfree(s->anon_super);
		return -ENOMEM;
	}
	m->refs = 1;
	m->super = s->anon_super;
	list_init(&m->link);
	s->anon_mount = m;
	return 0;
}

struct io_state *io_state(void)
{
	struct io_state *s = kern->io_state;

	if (s)
		return s;
	s = kzalloc(sizeof(*s));
	if (s)
		list_init(&s->ptys);
	if (s && anon_fs_init(s)) {
		kfree(s);
		s = NULL;
	}
	kern->io_state = s;
	return s;
}

struct file *anon_file(const struct file_ops *ops, const char *name, u32 flags, void *priv)
{
	struct io_state *s = io_state();
	struct file *f = s ? file_new(ops, flags) : NULL;

	if (!f)
		return err_ptr(-ENOMEM);
	f->priv = priv;
	f->anon_name = name;
	f->anon_ino = ++s->last_ino;
	return f;
}

int anon_getattr(struct file *f, struct kstat *st)
{
	memset(st, 0, sizeof(*st));
	st->ino = f->anon_ino;
	st->dev = io_state()->anon_super->dev;
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

struct inode *anon_inode_new(u32 mode)
{
	struct io_state *s = io_state();
	struct inode *i = s ? inode_new(s->anon_super, &anon_inode_ops, mode) : NULL;

	if (!i)
		return NULL;
	i->ino = ++s->last_ino;
	i->uid = current->cred.fsuid;
	i->gid = current->cred.fsgid;
	return i;
}

bool anon_inode_is(const struct inode *i)
{
	return i->ops == &anon_inode_ops;
}

int anon_file_path(struct file *f, struct path *out)
{
	struct inode *i = f->inode;
	struct dentry *d;

	if (i) {
		inode_get(i);
	} else {
		i = anon_inode_new(0600);
		if (!i)
			return -ENOMEM;
		i->ino = f->anon_ino;
	}
	d = dentry_new(NULL, "", 0, i);
	inode_put(i);
	if (!d)
		return -ENOMEM;
	out->mnt = io_state()->anon_mount;
	out->mnt->refs++;
	out->dentry = d;
	return 0;
}
