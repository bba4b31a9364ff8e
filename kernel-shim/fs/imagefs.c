/* SPDX-License-Identifier: Apache-2.0
 * A tmpfs that begins as an image. Inodes come from the image when they are looked up and go again
 * when nobody uses them; one that was changed is pinned. A directory is the image's until a name in
 * it changes: then all its entries come into tmpfs. A file's pages show from the image where tmpfs
 * has none of its own.
 */
#include "fs/hostfs.h"
#include "fs/tmpfs_internal.h"

#define FIRST_POS  2u	  /* 0 and 1 are "." and ".." */
#define XATTR_SIZE 65536u /* more than the longest value that the format has room for */

static struct image *image_of(const struct inode *i)
{
	return tmpfs_super(i->super)->image;
}

static const struct erofs_node *node_of(const struct inode *i)
{
	return &tmpfs_node(i)->image->node;
}

/* -- inodes -- */

static struct list *bucket(struct image *im, u64 nid)
{
	return &im->inodes[nid % IMAGE_BUCKETS];
}

static struct inode *inode_cached(struct image *im, u64 nid)
{
	list_for_each(l, bucket(im, nid))
	{
		struct image_inode *x = list_entry(l, struct image_inode, hash_link);

		if (x->node.nid == nid)
			return x->inode;
	}
	return NULL;
}

static int take_target(struct inode *i, const struct image_inode *x)
{
	struct tmpfs_node *node = tmpfs_node(i);
	int r;

	if (!x->node.size || x->node.size >= PATH_LEN_MAX)
		return -EIO;
	node->target = kzalloc(x->node.size + 1);
	if (!node->target)
		return -ENOMEM;
	r = erofs_read(&image_of(i)->fs, &x->node, node->target, x->node.size, 0);
	return r || strlen(node->target) != x->node.size ? -EIO : 0;
}

static int take_xattrs(struct inode *i, const struct image_inode *x)
{
	u8 *value = x->node.xattr_size ? kalloc(XATTR_SIZE) : NULL;
	char name[256];
	s64 n;
	int r = 0;

	if (!x->node.xattr_size)
		return 0;
	if (!value)
		return -ENOMEM;
	for (u32 k = 0; !r; k++) {
		n = erofs_xattr(&image_of(i)->fs, &x->node, k, name, value, XATTR_SIZE);
		if (n < 0)
			break;
		r = tmpfs_setxattr(i, name, value, (size_t)n, 0);
	}
	kfree(value);
	return r ? r : n == -ENODATA ? 0 : (int)n;
}

/* After take_xattrs: the times are the image's. */
static void take_attributes(struct inode *i, const struct erofs_node *n)
{
	i->ino = n->nid;
	i->uid = n->uid;
	i->gid = n->gid;
	i->nlink = n->nlink;
	i->rdev = n->rdev;
	i->size = n->size;
	i->blocks = round_up(n->size, PAGE_SIZE) / 512;
	i->atime = i->mtime = i->ctime = i->btime = (s64)n->mtime;
	i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = n->mtime_ns;
}

static int inode_make(struct super *s, struct image_inode *x)
{
	struct inode *i = tmpfs_inode(s, x->node.mode);
	int r;

	if (!i)
		return -ENOMEM;
	x->inode = i;
	if (S_ISREG(i->mode))
		x->pages = round_up(x->node.size, PAGE_SIZE) / PAGE_SIZE;
	r = S_ISLNK(i->mode) ? take_target(i, x) : 0;
	if (!r)
		r = take_xattrs(i, x);
	if (r) {
		inode_put(i);
		return r;
	}
	take_attributes(i, &x->node);
	tmpfs_node(i)->image = x;
	list_add_tail(bucket(image_of(i), x->node.nid), &x->hash_link);
	return 0;
}

bool imagefs_cached(struct super *s, u64 nid)
{
	return inode_cached(tmpfs_super(s)->image, nid);
}

int imagefs_inode(struct super *s, u64 nid, struct inode **out)
{
	struct image *im = tmpfs_super(s)->image;
	struct image_inode *x;
	int r;

	*out = inode_cached(im, nid);
	if (*out) {
		inode_get(*out);
		return 0;
	}
	x = kzalloc(sizeof(*x));
	if (!x)
		return -ENOMEM;
	r = erofs_node(&im->fs, nid, &x->node);
	if (!r)
		r = inode_make(s, x);
	if (r)
		kfree(x);
	else
		*out = x->inode;
	return r;
}

void imagefs_release(struct inode *i)
{
	struct image_inode *x = tmpfs_node(i)->image;

	list_del(&x->hash_link);
	kfree(x);
}

void imagefs_pin(struct inode *i)
{
	struct image_inode *x = tmpfs_node(i)->image;

	if (!x || x->pinned || !i->nlink)
		return;
	x->pinned = true;
	inode_get(i);
}

void imagefs_unpin(struct inode *i)
{
	struct image_inode *x = tmpfs_node(i)->image;

	if (!x || !x->pinned)
		return;
	x->pinned = false;
	inode_put(i);
}

/* A directory that goes takes others along: the list is walked anew after each. */
static bool unpin_one(struct list *bucket)
{
	list_for_each(l, bucket)
	{
		struct image_inode *x = list_entry(l, struct image_inode, hash_link);

		if (x->pinned) {
			imagefs_unpin(x->inode);
			return true;
		}
	}
	return false;
}

void imagefs_unpin_all(struct super *s)
{
	struct image *im = tmpfs_super(s)->image;

	for (u32 b = 0; b < IMAGE_BUCKETS; b++) {
		while (unpin_one(&im->inodes[b]))
			;
	}
}

int imagefs_begin(struct super *s, u32 handle)
{
	struct tmpfs_super *t = s->priv;
	struct image *im = kzalloc(sizeof(*im));
	int r;

	if (!im)
		return -ENOMEM;
	t->image = im;
	s->type = "overlay"; /* as images look in containers */
	for (u32 b = 0; b < IMAGE_BUCKETS; b++)
		list_init(&im->inodes[b]);
	r = hostfs_map_handle(handle, &im->fs.window, &im->fs.size);
	if (!r)
		r = erofs_open(&im->fs);
	if (!r)
		r = imagefs_inode(s, im->fs.root, &s->root);
	return r || S_ISDIR(s->root->mode) ? r : -EIO;
}

/* -- content -- */

bool imagefs_shows(const struct inode *i, u64 index)
{
	const struct image_inode *x = tmpfs_node(i)->image;

	return x && index < x->pages &&
	       (x->node.layout != EROFS_CHUNKS ||
		       erofs_page(&image_of(i)->fs, &x->node, index)); /* else a hole */
}

int imagefs_read(const struct inode *i, void *buf, size_t n, u64 off)
{
	return erofs_read(&image_of(i)->fs, node_of(i), buf, n, off);
}

u64 imagefs_frame(const struct inode *i, u64 index)
{
	u64 at = imagefs_shows(i, index) ? erofs_page(&image_of(i)->fs, node_of(i), index) : 0;

	return at ? kern->boot->window_gpa + image_of(i)->fs.window + at : 0;
}

/* Right into the caller's memory; where that is itself a piece of a file, through a page of ours.
 */
s64 imagefs_put(const struct inode *i, struct uio *u, u64 off, size_t n)
{
	struct chan_seg seg[2];
	size_t bytes = 0;
	int nseg = uio_segs(u, true, n, seg, 2, &bytes), r = 0;
	s64 put;
	u64 pa;

	if (nseg < 0)
		return nseg;
	if (bytes) {
		for (int k = 0; k < nseg && !r; off += seg[k].len, k++)
			r = imagefs_read(i, phys_ptr(seg[k].gpa), seg[k].len, off);
		if (r)
			return r;
		uio_advance(u, bytes);
		return (s64)bytes;
	}
	pa = page_alloc_raw();
	if (!pa)
		return -ENOMEM;
	r = imagefs_read(i, phys_ptr(pa), n, off);
	put = r ? r : uio_put(u, phys_ptr(pa), n);
	page_put(pa);
	return put;
}

/* -- directories -- */

bool imagefs_unlisted(const struct inode *dir)
{
	const struct image_inode *x = tmpfs_node(dir)->image;

	return x && !x->listed;
}

int imagefs_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	u64 nid;
	int r = erofs_lookup(&image_of(dir)->fs, node_of(dir), name, len, &nid);

	return r ? r : imagefs_inode(dir->super, nid, out);
}

static u8 dirent_type(u8 erofs_type)
{
	static const u8 types[] = {[EROFS_FT_REG] = 8,
		[EROFS_FT_DIR] = 4,
		[EROFS_FT_CHR] = 2,
		[EROFS_FT_BLK] = 6,
		[EROFS_FT_FIFO] = 1,
		[EROFS_FT_SOCK] = 12,
		[EROFS_FT_LNK] = 10};

	return erofs_type < sizeof(types) ? types[erofs_type] : 0;
}

int imagefs_readdir(struct file *f, dir_emit emit, void *arg)
{
	const struct inode *dir = f->inode;
	struct erofs_name n;
	int r;

	while ((r = erofs_next(&image_of(dir)->fs, node_of(dir), (u64)f->pos - FIRST_POS, &n)) >
		0) {
		if (!emit(arg, n.name, n.len, n.nid, dirent_type(n.type), n.pos + 1 + FIRST_POS))
			break;
		f->pos = (s64)(n.pos + 1 + FIRST_POS);
	}
	inode_accessed(f);
	return r < 0 ? r : 0;
}

static void entries_drop(struct tmpfs_dir *d)
{
	tmpfs_dir_free(d);
	*d = (struct tmpfs_dir){0};
	tmpfs_dir_init(d);
}

/* Cookies are the image's positions, so that a listing under way goes on. */
int imagefs_list(struct inode *dir)
{
	struct image_inode *x = tmpfs_node(dir)->image;
	struct tmpfs_dir *d = &tmpfs_node(dir)->dir;
	struct erofs_name n;
	int r;

	if (!x || x->listed)
		return 0;
	for (u64 pos = 0; (r = erofs_next(&image_of(dir)->fs, &x->node, pos, &n)) > 0;
		pos = n.pos + 1) {
		struct tmpfs_entry *e = tmpfs_dir_add_entry(d, n.name, n.len);

		if (!e) {
			r = -ENOMEM;
			break;
		}
		e->nid = n.nid;
		e->type = dirent_type(n.type);
		e->cookie = n.pos + FIRST_POS;
	}
	if (r) {
		entries_drop(d);
		return r;
	}
	d->next_cookie = x->node.size + FIRST_POS;
	x->listed = true;
	imagefs_pin(dir);
	return 0;
}
