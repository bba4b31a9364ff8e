/* SPDX-License-Identifier: Apache-2.0
 * Directories in memory: the entries, and what changes them.
 */
#include "fs/notify.h"
#include "fs/tmpfs_internal.h"

#define FIRST_COOKIE 2u /* 0 and 1 are "." and ".." */
#define HASH_FROM    16u
#define DIRENT_BYTES 20u /* what one name adds to st_size, as on Linux */

/* -- the table -- */

static u32 entry_hash(const char *name, u32 len)
{
	u32 h = 2166136261u;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619u;
	return h;
}

void tmpfs_dir_init(struct tmpfs_dir *d)
{
	list_init(&d->entries);
	d->next_cookie = FIRST_COOKIE;
}

struct tmpfs_entry *tmpfs_dir_find(struct tmpfs_dir *d, const char *name, u32 len)
{
	u32 hash = entry_hash(name, len);

	if (d->buckets) {
		struct tmpfs_entry *e = d->buckets[hash & (d->nbuckets - 1)];

		while (e && (e->hash != hash || e->len != len || memcmp(e->name, name, len)))
			e = e->hash_next;
		return e;
	}
	list_for_each(l, &d->entries)
	{
		struct tmpfs_entry *e = list_entry(l, struct tmpfs_entry, link);

		if (e->hash == hash && e->len == len && !memcmp(e->name, name, len))
			return e;
	}
	return NULL;
}

/* Without memory for a larger table the old one serves, only slower. */
static void dir_rehash(struct tmpfs_dir *d)
{
	u32 n = d->nbuckets ? d->nbuckets * 4 : HASH_FROM * 4;
	struct tmpfs_entry **b;

	if (d->count < HASH_FROM || (d->buckets && d->count < d->nbuckets * 2))
		return;
	b = kzalloc(n * sizeof(*b));
	if (!b)
		return;
	list_for_each(l, &d->entries)
	{
		struct tmpfs_entry *e = list_entry(l, struct tmpfs_entry, link);

		e->hash_next = b[e->hash & (n - 1)];
		b[e->hash & (n - 1)] = e;
	}
	kfree(d->buckets);
	d->buckets = b;
	d->nbuckets = n;
}

int tmpfs_dir_add(struct tmpfs_dir *d, const char *name, u32 len, struct inode *i)
{
	struct tmpfs_entry *e = kalloc(sizeof(*e) + len + 1);

	if (!e)
		return -ENOMEM;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	e->len = len;
	e->hash = entry_hash(name, len);
	e->cookie = d->next_cookie++;
	e->inode = i;
	inode_get(i);
	list_add_tail(&d->entries, &e->link);
	if (d->buckets) {
		struct tmpfs_entry **b = &d->buckets[e->hash & (d->nbuckets - 1)];

		e->hash_next = *b;
		*b = e;
	}
	d->count++;
	dir_rehash(d);
	return 0;
}

void tmpfs_dir_remove(struct tmpfs_dir *d, struct tmpfs_entry *e)
{
	if (d->buckets) {
		struct tmpfs_entry **p = &d->buckets[e->hash & (d->nbuckets - 1)];

		while (*p != e)
			p = &(*p)->hash_next;
		*p = e->hash_next;
	}
	if (d->hint == e)
		d->hint = NULL;
	list_del(&e->link);
	d->count--;
	inode_put(e->inode);
	kfree(e);
}

void tmpfs_dir_free(struct tmpfs_dir *d)
{
	while (!list_empty(&d->entries))
		tmpfs_dir_remove(d, list_entry(d->entries.next, struct tmpfs_entry, link));
	kfree(d->buckets);
}

/* Empties a whole tree that has lost its last mount. A loop: it may be as deep as memory allows. */
void tmpfs_tree_free(struct inode *root)
{
	struct tmpfs_dir *d = &tmpfs_node(root)->dir;

	kfree(d->buckets);
	d->buckets = NULL;
	d->hint = NULL;
	while (!list_empty(&d->entries)) {
		struct tmpfs_entry *e = list_entry(d->entries.next, struct tmpfs_entry, link);
		struct list *below = &tmpfs_node(e->inode)->dir.entries;

		while (S_ISDIR(e->inode->mode) && !list_empty(below)) {
			struct list *moved = below->next;

			list_del(moved);
			list_add_tail(&d->entries, moved);
		}
		list_del(&e->link);
		notify_unmounted(e->inode);
		inode_put(e->inode);
		kfree(e);
	}
	d->count = 0;
	notify_unmounted(root);
}

/* The directory's contents changed. */
static void dir_changed(struct inode *dir)
{
	dir->size = (u64)(tmpfs_node(dir)->dir.count + 2) * DIRENT_BYTES;
	inode_touch(dir, TOUCH_M | TOUCH_C);
}

/* -- operations -- */

static int dir_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct tmpfs_entry *e = tmpfs_dir_find(&tmpfs_node(dir)->dir, name, len);

	if (!e)
		return -ENOENT;
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int dir_new(struct inode *dir, struct dentry *d, u32 mode, struct inode **out)
{
	struct inode *i = tmpfs_inode(dir->super, mode);
	int r;

	if (!i)
		return -ENOMEM;
	inode_inherit(i, dir);
	r = tmpfs_dir_add(&tmpfs_node(dir)->dir, d->name, d->len, i);
	if (r) {
		inode_put(i);
		return r;
	}
	dir_changed(dir);
	*out = i;
	return 0;
}

static int dir_create(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, struct inode **out)
{
	int r = dir_new(dir, d, mode, out);

	if (!r && (S_ISCHR(mode) || S_ISBLK(mode)))
		(*out)->rdev = rdev;
	return r;
}

static int dir_mkdir(struct inode *dir, struct dentry *d, u32 mode, struct inode **out)
{
	int r = dir_new(dir, d, S_IFDIR | mode, out);

	if (!r)
		dir->nlink++;
	return r;
}

static int dir_symlink(struct inode *dir, struct dentry *d, const char *target, struct inode **out)
{
	char *copy = kstrndup(target, strlen(target));
	int r = copy ? dir_new(dir, d, S_IFLNK | 0777, out) : -ENOMEM;

	if (r) {
		kfree(copy);
		return r;
	}
	tmpfs_node(*out)->target = copy;
	(*out)->size = strlen(copy);
	return 0;
}

static int dir_link(struct inode *dir, struct dentry *d, struct inode *i)
{
	struct tmpfs_node *node = tmpfs_node(i);
	int r;

	if (!i->nlink && !node->linkable)
		return -ENOENT; /* the last name is gone: no way back */
	r = tmpfs_dir_add(&tmpfs_node(dir)->dir, d->name, d->len, i);
	if (r)
		return r;
	node->linkable = false;
	i->nlink++;
	inode_touch(i, TOUCH_C);
	dir_changed(dir);
	return 0;
}

static struct tmpfs_entry *entry_of(struct inode *dir, const struct dentry *d)
{
	return tmpfs_dir_find(&tmpfs_node(dir)->dir, d->name, d->len);
}

static int dir_unlink(struct inode *dir, struct dentry *d)
{
	struct tmpfs_entry *e = entry_of(dir, d);

	if (!e)
		return -ENOENT;
	d->inode->nlink--;
	inode_touch(d->inode, TOUCH_C);
	tmpfs_dir_remove(&tmpfs_node(dir)->dir, e);
	dir_changed(dir);
	return 0;
}

static int dir_rmdir(struct inode *dir, struct dentry *d)
{
	if (tmpfs_node(d->inode)->dir.count)
		return -ENOTEMPTY;
	d->inode->nlink--; /* for its own "." */
	dir->nlink--;
	return dir_unlink(dir, d);
}

static void exchange(
	struct inode *odir, struct tmpfs_entry *oe, struct inode *ndir, struct tmpfs_entry *ne)
{
	struct inode *i = oe->inode;

	oe->inode = ne->inode;
	ne->inode = i;
	if (odir == ndir)
		return;
	if (S_ISDIR(oe->inode->mode)) {
		odir->nlink++;
		ndir->nlink--;
	}
	if (S_ISDIR(ne->inode->mode)) {
		ndir->nlink++;
		odir->nlink--;
	}
}

/* The inode of `od` goes to the place of `nd`, whose own inode, if any, loses a name. */
static int replace(struct inode *odir, struct tmpfs_entry *oe, struct inode *ndir,
	struct dentry *nd, struct tmpfs_entry *ne)
{
	bool is_dir = S_ISDIR(oe->inode->mode);
	int r = 0;

	if (ne) {
		if (S_ISDIR(ne->inode->mode)) {
			if (tmpfs_node(ne->inode)->dir.count)
				return -ENOTEMPTY;
			ne->inode->nlink--;
			ndir->nlink--;
		}
		ne->inode->nlink--;
		inode_touch(ne->inode, TOUCH_C);
		inode_get(oe->inode);
		inode_put(ne->inode);
		ne->inode = oe->inode;
	} else {
		r = tmpfs_dir_add(&tmpfs_node(ndir)->dir, nd->name, nd->len, oe->inode);
	}
	if (r)
		return r;
	if (is_dir) {
		odir->nlink--;
		ndir->nlink++;
	}
	tmpfs_dir_remove(&tmpfs_node(odir)->dir, oe);
	return 0;
}

static int dir_rename(
	struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags)
{
	struct tmpfs_entry *oe = entry_of(odir, od), *ne = entry_of(ndir, nd);
	int r = 0;

	if (!oe)
		return -ENOENT;
	if ((flags & RENAME_EXCHANGE) && ne)
		exchange(odir, oe, ndir, ne);
	else
		r = replace(odir, oe, ndir, nd, ne);
	if (r)
		return r;
	inode_touch(od->inode, TOUCH_C);
	if ((flags & RENAME_EXCHANGE) && nd->inode)
		inode_touch(nd->inode, TOUCH_C);
	dir_changed(odir);
	dir_changed(ndir);
	return 0;
}

static int dir_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	struct inode *i = tmpfs_inode(dir->super, mode);

	if (!i)
		return -ENOMEM;
	inode_inherit(i, dir);
	i->nlink = 0;
	tmpfs_node(i)->linkable = true;
	*out = i;
	return 0;
}

const struct inode_ops tmpfs_dir_inode_ops = {
	.lookup = dir_lookup,
	.create = dir_create,
	.mkdir = dir_mkdir,
	.symlink = dir_symlink,
	.link = dir_link,
	.unlink = dir_unlink,
	.rmdir = dir_rmdir,
	.rename = dir_rename,
	.tmpfile = dir_tmpfile,
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.listxattr = tmpfs_listxattr,
	.setxattr = tmpfs_setxattr,
	.removexattr = tmpfs_removexattr,
	.release = tmpfs_release,
};

/* -- listing -- */

/* The first entry whose cookie is at least pos, or the list's head. */
static struct list *dir_at(struct tmpfs_dir *d, u64 pos)
{
	struct list *l = d->entries.next;

	if (d->hint && d->hint->cookie <= pos)
		l = &d->hint->link;
	while (l != &d->entries && list_entry(l, struct tmpfs_entry, link)->cookie < pos)
		l = l->next;
	return l;
}

static int dir_readdir(struct file *f, dir_emit emit, void *arg)
{
	struct tmpfs_dir *d = &tmpfs_node(f->inode)->dir;
	struct list *l;

	if (!dir_emit_dots(f, emit, arg))
		return 0;
	for (l = dir_at(d, (u64)f->pos); l != &d->entries; l = l->next) {
		struct tmpfs_entry *e = list_entry(l, struct tmpfs_entry, link);

		if (!emit(arg, e->name, e->len, e->inode->ino, (u8)(e->inode->mode >> 12),
			    e->cookie + 1))
			break;
		f->pos = (s64)e->cookie + 1;
	}
	d->hint = l == &d->entries ? NULL : list_entry(l, struct tmpfs_entry, link);
	inode_accessed(f);
	return 0;
}

const struct file_ops tmpfs_dir_ops = {
	.seek = file_seek_set,
	.readdir = dir_readdir,
};
