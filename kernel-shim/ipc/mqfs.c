/* SPDX-License-Identifier: Apache-2.0
 * The file system of POSIX message queues: one directory, in which each queue is a file. mq_open(2)
 * works on it without a mount; /dev/mqueue and mount(2) show it.
 */
#include "fs/fs_internal.h"
#include "ipc/mqueue.h"

#define MAGIC	    0x19800202u
#define DIRENT_SIZE 20 /* st_size of the directory, for each name */

struct mqueue *mq_find(const char *name)
{
	struct ipc_state *st = ipc_state();

	list_for_each(pos, &st->mqueues)
	{
		struct mqueue *q = list_entry(pos, struct mqueue, link);

		if (q->inode->nlink && !strcmp(q->name, name))
			return q;
	}
	return NULL;
}

static void dir_changed(s64 bytes)
{
	struct inode *dir = ipc_state()->mq_super->root;

	dir->size += (u64)bytes;
	inode_touch(dir, TOUCH_A | TOUCH_M | TOUCH_C);
}

/* The cache may know the name, and would hold the queue. */
void mq_unlink(struct mqueue *q)
{
	struct dentry *d;

	while ((d = inode_alias(q->inode))) {
		dentry_get(d);
		dentry_unhash(d);
		dentry_put(d);
	}
	dir_changed(-DIRENT_SIZE);
	inode_touch(q->inode, TOUCH_C);
	q->inode->nlink = 0;
	inode_put(q->inode);
}

/* -- inodes -- */

static int set_access(struct inode *i, const struct setattr *a)
{
	inode_set_access(i, a);
	return 0;
}

/* Names come and go by mq_open(2) and mq_unlink(2), too. */
static bool revalidate(struct dentry *d)
{
	return d->inode && d->inode->nlink;
}

static int queue_open(struct inode *i, struct file *f)
{
	f->priv = i->priv;
	return 0;
}

static void queue_release(struct inode *i)
{
	mq_free(i->priv);
}

static const struct inode_ops queue_inode_ops = {
	.open = queue_open,
	.setattr = set_access,
	.revalidate = revalidate,
	.release = queue_release,
};

struct inode *mq_inode(struct mqueue *q, u32 mode)
{
	struct super *s = mq_super();
	struct inode *i = s ? inode_new(s, &queue_inode_ops, S_IFREG | mode) : NULL;

	if (!i)
		return NULL;
	i->uid = fs_cred()->fsuid;
	i->gid = fs_cred()->fsgid;
	i->priv = q;
	dir_changed(DIRENT_SIZE);
	return i;
}

/* -- the directory -- */

static int dir_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct mqueue *q = mq_find(name);

	if (!q)
		return -ENOENT;
	*out = q->inode;
	inode_get(*out);
	return 0;
}

static int dir_create(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, struct inode **out)
{
	struct mqueue *q = S_ISREG(mode) ? mq_create(d->name, mode & 07777, NULL) : err_ptr(-EPERM);

	if (is_err(q))
		return (int)ptr_err(q);
	*out = q->inode;
	inode_get(*out);
	return 0;
}

static int dir_unlink(struct inode *dir, struct dentry *d)
{
	mq_unlink(d->inode->priv);
	return 0;
}

static const struct inode_ops dir_inode_ops = {
	.lookup = dir_lookup,
	.create = dir_create,
	.unlink = dir_unlink,
	.setattr = set_access,
	.revalidate = revalidate,
};

/* By inode numbers, which only grow. */
static int dir_readdir(struct file *f, dir_emit emit, void *arg)
{
	if (!dir_emit_dots(f, emit, arg))
		return 0;
	list_for_each(pos, &ipc_state()->mqueues)
	{
		const struct mqueue *q = list_entry(pos, struct mqueue, link);
		u64 ino = q->inode->ino;

		if (!q->inode->nlink || ino < (u64)f->pos)
			continue;
		if (!emit(arg, q->name, (u32)strlen(q->name), ino, S_IFREG >> 12, ino + 1))
			break;
		f->pos = (s64)ino + 1;
	}
	return 0;
}

static const struct file_ops dir_ops = {
	.readdir = dir_readdir,
	.seek = file_seek_set,
};

/* -- mounting -- */

static int statfs(struct super *s, struct inode *i, struct chan_statfs *out)
{
	out->type = MAGIC;
	return 0;
}

static const struct super_ops super_ops = {.statfs = statfs};

struct super *mq_super(void)
{
	struct ipc_state *st = ipc_state();
	struct super *s;

	if (!st || st->mq_super)
		return st ? st->mq_super : NULL;
	s = super_new(&super_ops, "mqueue");
	if (!s)
		return NULL;
	s->root = inode_new(s, &dir_inode_ops, S_IFDIR | 01777);
	if (!s->root) {
		super_put(s);
		return NULL;
	}
	s->root->fops = &dir_ops;
	s->root->nlink = 2;
	s->root->size = 2 * DIRENT_SIZE;
	st->mq_super = s;
	return s;
}
