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

struct tmpfs_entry *tmpfs_dir_add_entry(struct tmpfs_dir *d, const char *name, u32 len)
{
	struct tmpfs_entry *e = kalloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	e->len = len;
	e->hash = entry_hash(name, len);
	e->cookie = d->next_cookie++;
	e->inode = NULL;
	e->nid = 0;
	list_add_tail(&d->entries, &e->link);
	if (d->buckets) {
		struct tmpfs_entry **b = &d->buckets[e->hash & (d->nbuckets - 1)];

		e->hash_next = *b;
		*b = e;
	}
	d->count++;
	dir_rehash(d);
	return e;
}

int tmpfs_dir_add(struct tmpfs_dir *d, const char *name, u32 len, struct inode *i)
{
	struct tmpfs_entry *e = tmpfs_dir_add_entry(d, name, len);

	if (!e)
		return -ENOMEM;
	e->inode = i;
	e->type = (u8)(i->mode >> 12);
	inode_get(i);
	return 0;
}

static void entry_free(struct tmpfs_entry *e)
{
	list_del(&e->link);
	if (e->inode)
		inode_put(e->inode);
	kfree(e);
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
	d->count--;
	entry_free(e);
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
		struct list *below = e->inode ? &tmpfs_node(e->inode)->dir.entries : NULL;

		while (below && S_ISDIR(e->inode->mode) && !list_empty(below)) {
			struct list *moved = below->next;

			list_del(moved);
			list_add_tail(&d->entries, moved);
		}
		if (e->inode)
			notify_unmounted(e->inode);
		entry_free(e);
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
	struct tmpfs_entry *e;

	if (imagefs_unlisted(dir))
		return imagefs_lookup(dir, name, len, out);
	e = tmpfs_dir_find(&tmpfs_node(dir)->dir, name, len);
	if (!e)
		return -ENOENT;
	if (!e->inode)
		return imagefs_inode(dir->super, e->nid, out);
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int dir_new(struct inode *dir, struct dentry *d, u32 mode, struct inode **out)
{
	int r = imagefs_list(dir);
	struct inode *i = r ? NULL : tmpfs_inode(dir->super, mode);

	if (!i)
		return r ? r : -ENOMEM;
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
	r = imagefs_list(dir);
	if (!r)
		r = tmpfs_dir_add(&tmpfs_node(dir)->dir, d->name, d->len, i);
	if (r)
		return r;
	imagefs_pin(i);
	node->linkable = false;
	i->nlink++;
	inode_touch(i, TOUCH_C);
	dir_changed(dir);
	return 0;
}

/* The entry of d, for a change; NULL: there is none. One that is there has its inode. */
static int entry_of(struct inode *dir, const struct dentry *d, struct tmpfs_entry **out)
{
	int r = imagefs_list(dir);
	struct tmpfs_entry *e = r ? NULL : tmpfs_dir_find(&tmpfs_node(dir)->dir, d->name, d->len);

	if (e && !e->inode) {
		r = d->inode ? 0 : -ENOENT;
		e->inode = d->inode;
		if (e->inode)
			inode_get(e->inode);
	}
	*out = e;
	return r;
}

static bool dir_is_empty(const struct inode *dir)
{
	struct erofs_name first;

	if (imagefs_unlisted(dir))
		return !erofs_next(&tmpfs_super(dir->super)->image->fs,
			&tmpfs_node(dir)->image->node, 0, &first);
	return !tmpfs_node(dir)->dir.count;
}

/* One name less. */
static void lose_name(struct inode *i)
{
	imagefs_pin(i);
	if (!--i->nlink)
		imagefs_unpin(i);
	inode_touch(i, TOUCH_C);
}

static int dir_unlink(struct inode *dir, struct dentry *d)
{
	struct tmpfs_entry *e;
	int r = entry_of(dir, d, &e);

	if (r || !e)
		return r ? r : -ENOENT;
	lose_name(d->inode);
	tmpfs_dir_remove(&tmpfs_node(dir)->dir, e);
	dir_changed(dir);
	return 0;
}

static int dir_rmdir(struct inode *dir, struct dentry *d)
{
	int r;

	if (!dir_is_empty(d->inode))
		return -ENOTEMPTY;
	r = imagefs_list(dir);
	if (r)
		return r;
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
	oe->type = (u8)(oe->inode->mode >> 12);
	ne->type = (u8)(i->mode >> 12);
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
			if (!dir_is_empty(ne->inode))
				return -ENOTEMPTY;
			ne->inode->nlink--;
			ndir->nlink--;
		}
		lose_name(ne->inode);
		inode_get(oe->inode);
		inode_put(ne->inode);
		ne->inode = oe->inode;
		ne->type = oe->type;
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
	struct tmpfs_entry *oe, *ne;
	int r = entry_of(odir, od, &oe);

	if (!r)
		r = entry_of(ndir, nd, &ne);
	if (r || !oe)
		return r ? r : -ENOENT;
	imagefs_pin(od->inode);
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
	if (imagefs_unlisted(f->inode))
		return imagefs_readdir(f, emit, arg);
	for (l = dir_at(d, (u64)f->pos); l != &d->entries; l = l->next) {
		struct tmpfs_entry *e = list_entry(l, struct tmpfs_entry, link);

		if (!emit(arg, e->name, e->len, e->inode ? e->inode->ino : e->nid, e->type,
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
