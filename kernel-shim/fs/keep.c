/* SPDX-License-Identifier: Apache-2.0
 * What became of an image, for the host: at the end of the sandbox all that was added, changed or
 * removed goes to a file as a tar archive, removed names as layers of images say it (".wh.NAME").
 * GNU tar, with pax headers for attributes.
 */
#include "fs/keep.h"
#include "fs/tmpfs_internal.h"

#define BLOCK	  512u
#define LINK_SETS 64u

/* A file with several names that is in the archive already. */
struct kept_link {
	struct kept_link *next;
	const struct inode *inode;
	char path[];
};

/* A directory that is being walked. */
struct level {
	struct level *up;
	struct inode *dir; /* a reference */
	u64 pos;	   /* where the image's listing goes on */
	struct list *at;   /* the last entry of ours; NULL: none yet */
	u32 path_len;
	bool all; /* it is not where the image has it: everything below is news */
};

struct keep {
	u32 handle;
	u64 at;	  /* bytes that the file has */
	u64 page; /* frame of the next ones */
	u32 fill;
	int error;
	struct kept_link *links;
	u32 path_len;
	char path[PATH_LEN_MAX];
};

/* -- the archive -- */

static void flush(struct keep *k)
{
	struct chan_msg m = {.op = CHAN_OP_WRITE, .nseg = 1, .seg = {{k->page, k->fill}}};
	s64 r;

	m.a[0] = k->handle;
	m.a[1] = k->at;
	m.a[2] = k->fill;
	plat_channel(&m);
	r = m.result;
	if (r != (s64)k->fill && !k->error)
		k->error = r < 0 ? (int)r : -ENOSPC;
	k->at += k->fill;
	k->fill = 0;
}

static void put(struct keep *k, const void *src, size_t n)
{
	const u8 *p = src;

	while (n && !k->error) {
		size_t part = min_u64(n, PAGE_SIZE - k->fill);

		if (p)
			memcpy((u8 *)phys_ptr(k->page) + k->fill, p, part);
		else
			memset((u8 *)phys_ptr(k->page) + k->fill, 0, part);
		k->fill += (u32)part;
		p = p ? p + part : NULL;
		n -= part;
		if (k->fill == PAGE_SIZE)
			flush(k);
	}
}

static void pad(struct keep *k)
{
	put(k, NULL, round_up(k->fill, BLOCK) - k->fill);
}

/* Octal digits and a NUL; what does not fit is binary, with the highest bit set. */
static void number(char *field, u32 width, u64 v)
{
	bool binary = v >> (3 * (width - 1));

	for (u32 i = width - 1 + binary; i > 0; i--) {
		field[i - 1] = binary ? (char)v : (char)('0' + (v & 7));
		v >>= binary ? 8 : 3;
	}
	if (binary)
		field[0] = (char)0x80;
}

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
	char link[100], magic[8], uname[32], gname[32], major[8], minor[8], rest[167];
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "a block");

static void put_header(struct keep *k, struct tar_header *h, char type, u64 size)
{
	u32 sum = 0;

	h->type = type;
	number(h->size, sizeof(h->size), size);
	memcpy(h->magic, "ustar  ", 8);
	memset(h->sum, ' ', sizeof(h->sum));
	for (u32 i = 0; i < BLOCK; i++)
		sum += ((const u8 *)h)[i];
	number(h->sum, 7, sum);
	put(k, h, BLOCK);
}

/* A name that is too long for the field goes before, as a member of its own. */
static void put_long(struct keep *k, char *field, char type, const char *text, size_t len)
{
	struct tar_header h = {.name = "././@LongLink"};

	memcpy(field, text, min_u64(len, 100));
	if (len <= 100)
		return;
	put_header(k, &h, type, len + 1);
	put(k, text, len);
	put(k, NULL, 1);
	pad(k);
}

/* "LENGTH KEY=VALUE\n", LENGTH counting itself. */
static void put_attribute(struct keep *k, const char *name, const void *value, size_t n)
{
	static const char key[] = " SCHILY.xattr.";
	struct tar_header h = {.name = "././@PaxHeader"};
	size_t len = sizeof(key) - 1 + strlen(name) + 1 + n + 1, digits = 1;
	char number_text[24];

	while (kfmt(number_text, sizeof(number_text), "%llu", (unsigned long long)(len + digits)) >
		(s64)digits)
		digits++;
	put_header(k, &h, 'x', len + digits);
	put(k, number_text, digits);
	put(k, key, sizeof(key) - 1);
	put(k, name, strlen(name));
	put(k, "=", 1);
	put(k, value, n);
	put(k, "\n", 1);
	pad(k);
}

static void put_attributes(struct keep *k, struct inode *i)
{
	char *names = kalloc(PAGE_SIZE), *value = kalloc(PAGE_SIZE * 16);
	s64 n = names && i->ops->listxattr ? i->ops->listxattr(i, names, PAGE_SIZE) : 0;

	for (char *name = names; value && n > 0 && name < names + n; name += strlen(name) + 1) {
		s64 len = i->ops->getxattr(i, name, value, PAGE_SIZE * 16);

		if (len >= 0)
			put_attribute(k, name, value, (size_t)len);
	}
	kfree(names);
	kfree(value);
}

static void put_content(struct keep *k, struct inode *i)
{
	for (u64 at = 0; at < i->size && !k->error; at += PAGE_SIZE) {
		u64 pa = tmpfs_page(&tmpfs_node(i)->pages, at / PAGE_SIZE), copy = 0;
		size_t n = min_u64(PAGE_SIZE, i->size - at);

		if (!pa && imagefs_shows(i, at / PAGE_SIZE)) {
			pa = copy = page_alloc_raw();
			if (!copy)
				k->error = -ENOMEM;
			else if (imagefs_read(i, phys_ptr(copy), n, at))
				k->error = -EIO;
		}
		put(k, pa ? phys_ptr(pa) : NULL, n);
		if (copy)
			page_put(copy);
	}
	pad(k);
}

/* -- members -- */

static const char *kept_as(const struct keep *k, const struct inode *i)
{
	for (const struct kept_link *l = k->links; l; l = l->next)
		if (l->inode == i)
			return l->path;
	return NULL;
}

static void remember(struct keep *k, const struct inode *i)
{
	struct kept_link *l = kalloc(sizeof(*l) + k->path_len + 1);

	if (!l) {
		k->error = -ENOMEM;
		return;
	}
	l->inode = i;
	l->next = k->links;
	memcpy(l->path, k->path, k->path_len + 1);
	k->links = l;
}

static char tar_type(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return '5';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFIFO:
		return '6';
	default:
		return '0';
	}
}

static void put_member(struct keep *k, struct inode *i)
{
	struct tar_header h = {0};
	const char *target = NULL;
	char type = tar_type(i->mode);

	if (S_ISSOCK(i->mode))
		return; /* archives have none, and who listened is gone */
	if (S_ISLNK(i->mode))
		target = tmpfs_node(i)->target;
	if (!S_ISDIR(i->mode) && i->nlink > 1) {
		const char *first = kept_as(k, i);

		if (first) {
			target = first;
			type = '1';
		} else {
			remember(k, i);
		}
	}
	if (type != '1')
		put_attributes(k, i);
	if (target)
		put_long(k, h.link, 'K', target, strlen(target));
	put_long(k, h.name, 'L', k->path, k->path_len);
	number(h.mode, sizeof(h.mode), i->mode & 07777);
	number(h.uid, sizeof(h.uid), i->uid);
	number(h.gid, sizeof(h.gid), i->gid);
	number(h.mtime, sizeof(h.mtime), (u64)i->mtime);
	number(h.major, sizeof(h.major), i->rdev >> 8 & 0xfff);
	number(h.minor, sizeof(h.minor), (i->rdev & 0xff) | (i->rdev >> 12 & 0xfff00));
	put_header(k, &h, type, type == '0' ? i->size : 0);
	if (type == '0')
		put_content(k, i);
}

/* An empty file of this name, in the directory that path names. */
static void put_mark(struct keep *k, const char *prefix, const char *name, u32 len)
{
	struct tar_header h = {0};
	u32 dir_len = k->path_len, n = (u32)strlen(prefix);

	if (dir_len + 1 + n + len >= sizeof(k->path)) {
		k->error = -ENAMETOOLONG;
		return;
	}
	if (dir_len)
		k->path[k->path_len++] = '/';
	memcpy(k->path + k->path_len, prefix, n);
	memcpy(k->path + k->path_len + n, name, len);
	k->path_len += n + len;
	put_long(k, h.name, 'L', k->path, k->path_len);
	put_header(k, &h, '0', 0);
	k->path_len = dir_len;
}

/* -- the walk -- */

static const struct erofs *erofs_of(const struct inode *i)
{
	return &tmpfs_super(i->super)->image->fs;
}

static struct level *level_new(struct keep *k, struct level *up, struct inode *dir, bool all)
{
	struct level *l = kzalloc(sizeof(*l));

	if (!l) {
		k->error = -ENOMEM;
		return up;
	}
	*l = (struct level){.up = up, .dir = dir, .path_len = k->path_len, .all = all};
	inode_get(dir);
	return l;
}

/* The names that the image has here and the directory has not. */
static void put_removed(struct keep *k, const struct level *l)
{
	const struct image_inode *x = tmpfs_node(l->dir)->image;
	struct erofs_name n;

	if (l->all || !x || !x->listed)
		return;
	for (u64 pos = 0; !k->error && erofs_next(erofs_of(l->dir), &x->node, pos, &n) > 0;
		pos = n.pos + 1)
		if (!tmpfs_dir_find(&tmpfs_node(l->dir)->dir, n.name, n.len))
			put_mark(k, ".wh.", n.name, n.len);
}

/* The next entry of l: its name, and its inode, a reference. */
static bool level_next(struct keep *k, struct level *l, struct erofs_name *n, struct inode **i)
{
	struct tmpfs_dir *d = &tmpfs_node(l->dir)->dir;
	struct tmpfs_entry *e;
	int r;

	if (imagefs_unlisted(l->dir)) {
		r = erofs_next(erofs_of(l->dir), &tmpfs_node(l->dir)->image->node, l->pos, n);
		if (r > 0) {
			l->pos = n->pos + 1;
			r = imagefs_inode(l->dir->super, n->nid, i);
			if (!r)
				return true;
		}
		k->error = k->error ? k->error : r;
		return false;
	}
	l->at = l->at ? l->at->next : d->entries.next;
	if (l->at == &d->entries)
		return false;
	e = list_entry(l->at, struct tmpfs_entry, link);
	n->len = e->len;
	memcpy(n->name, e->name, e->len + 1);
	*i = e->inode;
	if (e->inode)
		inode_get(e->inode);
	else
		k->error = imagefs_inode(l->dir->super, e->nid, i);
	return !k->error;
}

/* The same inode as the image has under this name. */
static bool is_where_it_was(
	const struct level *l, const struct erofs_name *n, const struct inode *i)
{
	const struct image_inode *dir = tmpfs_node(l->dir)->image, *x = tmpfs_node(i)->image;
	u64 nid;

	return !l->all && dir && x &&
	       !erofs_lookup(erofs_of(l->dir), &dir->node, n->name, n->len, &nid) &&
	       nid == x->node.nid;
}

/* Whatever changes an inode is a change of its ctime, which began as the image's only time. */
static bool has_changed(const struct inode *i)
{
	const struct image_inode *x = tmpfs_node(i)->image;

	return x->pinned && (i->ctime != (s64)x->node.mtime || i->ctime_ns != x->node.mtime_ns);
}

static struct level *visit(
	struct keep *k, struct level *l, const struct erofs_name *n, struct inode *i)
{
	bool same = is_where_it_was(l, n, i);
	const struct dentry *d = inode_alias(i);

	if (d && d->mounted)
		return l; /* nobody could change it, and it may have been made for the mount */
	k->path_len = l->path_len;
	if (k->path_len + 1 + n->len >= sizeof(k->path)) {
		k->error = -ENAMETOOLONG;
		return l;
	}
	if (k->path_len)
		k->path[k->path_len++] = '/';
	memcpy(k->path + k->path_len, n->name, n->len + 1);
	k->path_len += n->len;
	if (!same || has_changed(i))
		put_member(k, i);
	if (!S_ISDIR(i->mode))
		return l;
	if (!same)
		put_mark(k, ".wh..wh..opq", "", 0);
	l = level_new(k, l, i, !same);
	put_removed(k, l);
	return l;
}

static struct level *level_end(struct level *l)
{
	struct level *up = l->up;

	inode_put(l->dir);
	kfree(l);
	return up;
}

static void links_free(struct keep *k)
{
	while (k->links) {
		struct kept_link *l = k->links;

		k->links = l->next;
		kfree(l);
	}
}

static void walk(struct keep *k, struct inode *root)
{
	struct level *l = level_new(k, NULL, root, false);
	struct erofs_name n;
	struct inode *i;

	if (l)
		put_removed(k, l);
	while (l) {
		if (!k->error && level_next(k, l, &n, &i)) {
			l = visit(k, l, &n, i);
			inode_put(i);
		} else {
			l = level_end(l);
		}
	}
}

void imagefs_keep(struct super *s, u32 handle)
{
	struct keep *k = kzalloc(sizeof(*k));

	if (k) {
		k->handle = handle;
		k->page = page_alloc_raw();
	}
	if (!k || !k->page) {
		klog(CHAN_LOG_WARN, "the changes of the image are not kept: no memory (--mem)");
		return;
	}
	walk(k, s->root);
	put(k, NULL, 2 * BLOCK); /* without them the archive is not whole */
	if (k->fill)
		flush(k);
	if (k->error)
		klog(CHAN_LOG_WARN, "the changes of the image are not all kept: error %d",
			-k->error);
	links_free(k);
	page_put(k->page);
	kfree(k);
}
