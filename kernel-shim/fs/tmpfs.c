/* SPDX-License-Identifier: Apache-2.0
 * tmpfs: file systems and inodes in guest memory; files without a name (memfd, shared anonymous
 * memory) and their seals.
 */
#include "fs/tmpfs_internal.h"

#include <linux/mman.h>
#include <linux/magic.h>

#define SEALS_ALL                                                                                  \
	((u32)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |    \
		F_SEAL_EXEC))
#define NEW_INO (1ull << 40)
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

static s64 link_readlink(struct inode *i, char *buf, size_t n)
{
	size_t len = min_u64(i->size, n);

	memcpy(buf, tmpfs_node(i)->target, len);
	return (s64)len;
}

static const struct inode_ops link_inode_ops = {
	.readlink = link_readlink,
	.setattr = tmpfs_setattr,
	.release = tmpfs_release,
};

/* FIFOs, sockets, devices: attributes are all that is here. */
static const struct inode_ops special_inode_ops = {
	.setattr = tmpfs_setattr,
	.release = tmpfs_release,
};

void tmpfs_release(struct inode *i)
{
	struct tmpfs_node *node = tmpfs_node(i);

	if (S_ISREG(i->mode))
		tmpfs_pages_drop(i, 0, ~(u64)0);
	else if (S_ISDIR(i->mode))
		tmpfs_dir_free(&node->dir);
	else if (S_ISLNK(i->mode))
		kfree(node->target);
	tmpfs_xattrs_free(node);
	if (node->image)
		imagefs_release(i);
	kfree(node);
}

static const struct inode_ops *ops_for(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return &tmpfs_file_inode_ops;
	case S_IFDIR:
		return &tmpfs_dir_inode_ops;
	case S_IFLNK:
		return &link_inode_ops;
	default:
		return &special_inode_ops;
	}
}

struct inode *tmpfs_inode(struct super *s, u32 mode)
{
	struct tmpfs_node *node = kzalloc(sizeof(*node));
	struct inode *i = node ? inode_new(s, ops_for(mode), mode) : NULL;

	if (!i) {
		kfree(node);
		return NULL;
	}
	if (tmpfs_super(s)->image)
		i->ino |= NEW_INO; /* not a nid of the image's */
	list_init(&node->xattrs);
	node->seals = F_SEAL_SEAL; /* only memfds can be sealed */
	i->priv = node;
	if (S_ISREG(mode)) {
		i->fops = &tmpfs_file_ops;
	} else if (S_ISDIR(mode)) {
		i->fops = &tmpfs_dir_ops;
		i->nlink = 2;
		i->size = 40;
		tmpfs_dir_init(&node->dir);
	}
	return i;
}

bool tmpfs_is(const struct inode *i)
{
	return i->ops == &tmpfs_file_inode_ops;
}

/* -- supers -- */

static int tmpfs_statfs(struct super *s, struct inode *i, struct chan_statfs *out)
{
	struct tmpfs_super *t = tmpfs_super(s);
	u64 avail = pages_free_count();

	*out = (struct chan_statfs){
		.type = t->image ? OVERLAYFS_SUPER_MAGIC : TMPFS_MAGIC,
		.bsize = PAGE_SIZE,
		.frsize = PAGE_SIZE,
		.blocks = t->max_pages ? t->max_pages : pages_total(),
		.namelen = NAME_LEN_MAX,
		.files = pages_total(),
		.ffree = avail,
	};
	if (t->max_pages)
		avail = min_u64(avail, t->max_pages - t->used_pages);
	out->bfree = out->bavail = avail;
	return 0;
}

static void tmpfs_destroy(struct super *s)
{
	if (tmpfs_super(s)->image)
		kfree(tmpfs_super(s)->image);
	kfree(s->priv);
}

static void tmpfs_unmounted(struct super *s)
{
	struct inode *root = s->root;

	s->root = NULL;
	tmpfs_tree_free(root);
	if (tmpfs_super(s)->image)
		imagefs_unpin_all(s);
	inode_put(root);
}

static const struct super_ops tmpfs_super_ops = {
	.unmounted = tmpfs_unmounted,
	.statfs = tmpfs_statfs,
	.destroy = tmpfs_destroy,
};

/* Half of the memory, as tmpfs(5): full, it leaves programs room to clean it up. */
static u64 default_size(u64 size_limit)
{
	return size_limit ? size_limit : pages_total() / 2 * PAGE_SIZE;
}

static struct super *tmpfs_super_new(u64 size_limit)
{
	struct tmpfs_super *t = kzalloc(sizeof(*t));
	struct super *s = t ? super_new(&tmpfs_super_ops, "tmpfs") : NULL;

	if (!s) {
		kfree(t);
		return NULL;
	}
	t->max_pages = round_up(size_limit, PAGE_SIZE) / PAGE_SIZE;
	s->priv = t;
	s->cache_negative = true;
	return s;
}

struct super *tmpfs_mount(u64 size_limit, u32 mode, u32 uid, u32 gid)
{
	struct super *s = tmpfs_super_new(default_size(size_limit));

	if (!s)
		return NULL;
	s->root = tmpfs_inode(s, S_IFDIR | (mode & 07777));
	if (!s->root) {
		super_put(s);
		return NULL;
	}
	s->root->uid = uid;
	s->root->gid = gid;
	return s;
}

struct super *imagefs_mount(u32 handle, u64 size_limit)
{
	struct super *s = tmpfs_super_new(default_size(size_limit));
	int r = s ? imagefs_begin(s, handle) : -ENOMEM;

	if (!r)
		return s;
	if (s)
		super_put(s);
	return err_ptr(r);
}

int tmpfs_resize(struct super *s, u64 size)
{
	struct tmpfs_super *t = tmpfs_super(s);
	u64 pages = round_up(size, PAGE_SIZE) / PAGE_SIZE;

	if (pages && pages < t->used_pages)
		return -EINVAL;
	t->max_pages = pages;
	return 0;
}

/* -- files without a name -- */

static struct super *anon_super(void)
{
	struct fs_state *fs = fs_state();

	if (!fs->anon)
		fs->anon = tmpfs_super_new(0);
	return fs->anon;
}

struct inode *tmpfs_unlinked(u32 mode, const char *target)
{
	struct inode *i = anon_super() ? tmpfs_inode(anon_super(), mode) : NULL;

	if (i && S_ISLNK(mode)) {
		tmpfs_node(i)->target = kstrndup(target, strlen(target));
		if (!tmpfs_node(i)->target) {
			inode_put(i);
			return NULL;
		}
		i->size = strlen(target);
	}
	return i;
}

/* A detached mount gives such files a path, so that /proc/self/fd/N can open them once more. */
static struct mount *anon_mount(void)
{
	struct fs_state *fs = fs_state();
	struct super *s = anon_super();
	struct mount *m;

	if (fs->anon_mount || !s)
		return fs->anon_mount;
	if (!s->root)
		s->root = tmpfs_inode(s, S_IFDIR | 0755);
	m = s->root ? kzalloc(sizeof(*m)) : NULL;
	if (!m)
		return NULL;
	m->root = dentry_new(NULL, "", 0, s->root);
	m->super = s;
	m->refs = 1;
	fs->anon_mount = m->root ? m : NULL;
	return fs->anon_mount;
}

static struct file *anon_open(const char *name, u32 mode, u32 seals)
{
	struct path p = {.mnt = anon_mount()};
	struct inode *i = p.mnt ? tmpfs_inode(p.mnt->super, S_IFREG | mode) : NULL;
	struct file *f = NULL;

	if (!i)
		return err_ptr(-ENOMEM);
	i->nlink = 0;
	i->uid = fs_cred()->fsuid;
	i->gid = fs_cred()->fsgid;
	tmpfs_node(i)->seals = seals;
	p.dentry = dentry_new(p.mnt->root, name, (u32)strlen(name), i);
	inode_put(i);
	if (p.dentry) {
		dentry_unhash(p.dentry);
		f = file_from_path(&p, O_RDWR);
		dentry_put(p.dentry);
	}
	return f ? f : err_ptr(-ENOMEM);
}

struct file *tmpfs_anon_file(const char *name, u64 size)
{
	struct file *f = anon_open(*name == '/' ? name + 1 : name, 0777, F_SEAL_SEAL);

	if (!is_err(f))
		f->inode->size = size;
	return f;
}

struct file *tmpfs_memfd(const char *name, bool sealable, bool noexec)
{
	u32 seals = sealable ? 0 : F_SEAL_SEAL;

	return anon_open(name, noexec ? 0666 : 0777, seals | (noexec ? F_SEAL_EXEC : 0));
}

/* -- seals -- */

long tmpfs_seals(const struct inode *i)
{
	return tmpfs_is(i) ? (long)tmpfs_node(i)->seals : -EINVAL;
}

static bool mapped_writable(const struct mm *mm, const struct inode *i)
{
	for (u32 n = 0; mm && n < mm->nvmas; n++) {
		const struct vma *v = mm->vmas[n];

		if (v->file && v->file->inode == i && (v->flags & MAP_SHARED) &&
			(v->maxprot & PROT_WRITE))
			return true;
	}
	return false;
}

static bool anybody_maps_writable(const struct inode *i)
{
	list_for_each(l, &kern->tasks)
	{
		if (mapped_writable(list_entry(l, struct task, all_link)->mm, i))
			return true;
	}
	return false;
}

long tmpfs_add_seals(struct file *f, u32 seals)
{
	struct inode *i = f->inode;
	struct tmpfs_node *node;

	if (!i || !tmpfs_is(i))
		return -EINVAL;
	node = tmpfs_node(i);
	if (!file_writable(f))
		return -EPERM;
	if (seals & ~SEALS_ALL)
		return -EINVAL;
	if (node->seals & F_SEAL_SEAL)
		return -EPERM;
	if ((seals & F_SEAL_WRITE) && !(node->seals & F_SEAL_WRITE) && anybody_maps_writable(i))
		return -EBUSY;
	if ((seals & F_SEAL_EXEC) && (i->mode & 0111))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	node->seals |= seals;
	return 0;
}
