/* SPDX-License-Identifier: Apache-2.0
 * Inodes and supers: made, counted, released; attributes where the file system has no more to say.
 */
#include "fs/fs_internal.h"

int fs_init(void)
{
	struct fs_state *fs;

	if (kern->fs_state)
		return 0;
	fs = kzalloc(sizeof(*fs));
	if (!fs)
		return -ENOMEM;
	for (u32 i = 0; i < DCACHE_BUCKETS; i++)
		list_init(&fs->dentry_hash[i]);
	list_init(&fs->dentry_lru);
	list_init(&fs->lock_waits);
	fs->next_dev = 20; /* away from small numbers that mean something elsewhere */
	fs->next_mount_id = 20;
	fs->next_ino = 1;
	kern->fs_state = fs;
	return 0;
}

u64 dev_encode(u32 major, u32 minor)
{
	return (minor & 0xff) | ((u64)(major & 0xfff) << 8) | ((u64)(minor & ~0xffu) << 12);
}

struct super *super_new(const struct super_ops *ops, const char *type)
{
	struct super *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->type = type;
	s->refs = 1;
	s->dev = dev_encode(0, fs_state()->next_dev++);
	return s;
}

void super_get(struct super *s)
{
	s->refs++;
}

void super_put(struct super *s)
{
	if (--s->refs)
		return;
	if (s->ops && s->ops->destroy)
		s->ops->destroy(s);
	kfree(s);
}

void inode_set_access(struct inode *i, const struct setattr *a)
{
	if (a->valid & CHAN_SET_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & CHAN_SET_UID)
		i->uid = a->uid;
	if (a->valid & CHAN_SET_GID)
		i->gid = a->gid;
}

void inode_touch(struct inode *i, u32 which)
{
	u64 now = clock_real_ns();
	s64 sec = (s64)(now / NSEC_PER_SEC);
	u32 ns = (u32)(now % NSEC_PER_SEC);

	if (which & TOUCH_A) {
		i->atime = sec;
		i->atime_ns = ns;
	}
	if (which & TOUCH_M) {
		i->mtime = sec;
		i->mtime_ns = ns;
	}
	if (which & TOUCH_C) {
		i->ctime = sec;
		i->ctime_ns = ns;
	}
}

struct inode *inode_new(struct super *s, const struct inode_ops *ops, u32 mode)
{
	struct inode *i = kzalloc(sizeof(*i));

	if (!i)
		return NULL;
	i->ops = ops;
	i->super = s;
	super_get(s);
	i->refs = 1;
	i->mode = mode;
	i->nlink = 1;
	i->ino = fs_state()->next_ino++;
	list_init(&i->aliases);
	inode_touch(i, TOUCH_A | TOUCH_M | TOUCH_C);
	i->btime = i->mtime;
	i->btime_ns = i->mtime_ns;
	return i;
}

void inode_get(struct inode *i)
{
	assert_locked();
	i->refs++;
}

void inode_put(struct inode *i)
{
	struct super *s = i->super;

	assert_locked();
	if (--i->refs)
		return;
	if (i->locks)
		locks_free(i);
	if (i->ops->release)
		i->ops->release(i);
	kfree(i);
	super_put(s);
}

void inode_fill_stat(const struct inode *i, struct kstat *st)
{
	*st = (struct kstat){
		.ino = i->ino,
		.dev = i->super->dev,
		.rdev = i->rdev,
		.size = i->size,
		.blocks = i->blocks,
		.mode = i->mode,
		.nlink = i->nlink,
		.uid = i->uid,
		.gid = i->gid,
		.blksize = (u32)PAGE_SIZE,
		.atime = i->atime,
		.mtime = i->mtime,
		.ctime = i->ctime,
		.btime = i->btime,
		.atime_ns = i->atime_ns,
		.mtime_ns = i->mtime_ns,
		.ctime_ns = i->ctime_ns,
		.btime_ns = i->btime_ns,
	};
	st->has_btime = i->btime || i->btime_ns;
}

static int inode_getattr(struct inode *i, struct kstat *st)
{
	if (i->ops->getattr) {
		memset(st, 0, sizeof(*st));
		return i->ops->getattr(i, st);
	}
	inode_fill_stat(i, st);
	return 0;
}

int vfs_getattr(const struct path *p, struct kstat *st)
{
	if (!p->dentry->inode)
		return -ENOENT;
	return inode_getattr(p->dentry->inode, st);
}

int file_getattr(struct file *f, struct kstat *st)
{
	if (f->ops && f->ops->getattr) {
		memset(st, 0, sizeof(*st));
		return f->ops->getattr(f, st);
	}
	if (f->inode)
		return inode_getattr(f->inode, st);
	/* As Linux's anonymous inodes look. */
	*st = (struct kstat){
		.ino = f->anon_ino,
		.dev = dev_encode(0, 15),
		.mode = 0600,
		.nlink = 1,
		.blksize = (u32)PAGE_SIZE,
	};
	return 0;
}
