/* SPDX-License-Identifier: Apache-2.0
 * What became of an image, for the host: at the end of the sandbox all that was added, changed or
 * removed goes to a file as a tar archive, removed names as layers of images say it (".wh.NAME").
 * GNU tar, with pax headers for attributes.
 */
#include "fs/keep.h"
#include "fs/tmpfs_internal.h"

#define BLOCK	  512u
#define LINK_SETS 1024u
#define VALUE_MAX 65536u /* of an attribute: the longest that setxattr takes */

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
	struct kept_link *links[LINK_SETS]; /* by inode number */
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
		v = binary ? (u64)((s64)v >> 8) : v >> 3; /* times before 1970 are negative */
	}
	if (binary)
		field[0] |= (char)0x80;
}

struct tar_piece {
	char offset[12], size[12];
};
struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
	char link[100], magic[8], uname[32], gname[32], major[8], minor[8], unused[41];
	struct tar_piece pieces[4]; /* type 'S': where the file's data is, without its holes */
	char more_pieces, real_size[12], rest[17];
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "a block");
/* Further pieces. */
struct tar_pieces {
	struct tar_piece pieces[21];
	char more, rest[7];
};
_Static_assert(sizeof(struct tar_pieces) == BLOCK, "a block");

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

static const char xattr_key[] = " SCHILY.xattr.";

/* Of "LENGTH KEY=VALUE\n", LENGTH counting itself: *digits of it. */
static size_t record_size(const char *name, size_t n, size_t *digits)
{
	size_t len = sizeof(xattr_key) - 1 + strlen(name) + 1 + n + 1;
	char text[24];

	*digits = 1;
	while (kfmt(text, sizeof(text), "%llu", (unsigned long long)(len + *digits)) > (int)*digits)
		++*digits;
	return len + *digits;
}

static void put_record(struct keep *k, const char *name, const void *value, size_t n)
{
	char text[24];
	size_t digits, len = record_size(name, n, &digits);

	kfmt(text, sizeof(text), "%llu", (unsigned long long)len);
	put(k, text, digits);
	put(k, xattr_key, sizeof(xattr_key) - 1);
	put(k, name, strlen(name));
	put(k, "=", 1);
	put(k, value, n);
	put(k, "\n", 1);
}

/* All records, or only how long they are. */
static size_t each_record(
	struct keep *k, struct inode *i, const char *names, size_t n, u8 *value, bool write)
{
	size_t total = 0, digits;

	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		s64 len = i->ops->getxattr(i, name, value, VALUE_MAX);

		if (len < 0) {
			k->error = (int)len;
			return 0;
		}
		total += record_size(name, (size_t)len, &digits);
		if (write)
			put_record(k, name, value, (size_t)len);
	}
	return total;
}

/* One header for all attributes: readers take no second one. */
static void put_attributes(struct keep *k, struct inode *i)
{
	struct tar_header h = {.name = "././@PaxHeader"};
	s64 n = i->ops->listxattr ? i->ops->listxattr(i, NULL, 0) : 0;
	char *names = n > 0 ? kalloc((size_t)n) : NULL;
	u8 *value = names ? kalloc(VALUE_MAX) : NULL;

	if (value && i->ops->listxattr(i, names, (size_t)n) == n) {
		put_header(k, &h, 'x', each_record(k, i, names, (size_t)n, value, false));
		each_record(k, i, names, (size_t)n, value, true);
		pad(k);
	} else if (n) {
		k->error = -ENOMEM;
	}
	kfree(names);
	kfree(value);
}

/* -- content, without its holes -- */

static bool has_page(const struct inode *i, u64 index)
{
	return imagefs_shows(i, index) || tmpfs_page(&tmpfs_node(i)->pages, index);
}

/* The first run of pages at or after *from: [*from, *to). False: there is none. */
static bool next_run(const struct inode *i, u64 *from, u64 *to)
{
	u64 end = round_up(i->size, PAGE_SIZE) / PAGE_SIZE;

	if (!has_page(i, *from))
		*from = tmpfs_pages_next(&tmpfs_node(i)->pages, *from, false);
	if (*from >= end)
		return false;
	for (*to = *from + 1; *to < end && has_page(i, *to);)
		++*to;
	return true;
}

static u64 run_bytes(const struct inode *i, u64 from, u64 to)
{
	return min_u64(to * PAGE_SIZE, i->size) - from * PAGE_SIZE;
}

/* As many pieces as there is room for, from *at on. True: there are more. */
static bool fill_pieces(const struct inode *i, u64 *at, struct tar_piece *pieces, u32 room)
{
	u64 to;

	for (; next_run(i, at, &to); *at = to, room--, pieces++) {
		if (!room)
			return true;
		number(pieces->offset, sizeof(pieces->offset), *at * PAGE_SIZE);
		number(pieces->size, sizeof(pieces->size), run_bytes(i, *at, to));
	}
	return false;
}

static void put_page(struct keep *k, const struct inode *i, u64 index)
{
	u64 pa = tmpfs_page(&tmpfs_node(i)->pages, index), copy = 0;
	size_t n = min_u64(PAGE_SIZE, i->size - index * PAGE_SIZE);

	if (!pa) {
		pa = copy = page_alloc_raw();
		if (!copy || imagefs_read(i, phys_ptr(copy), n, index * PAGE_SIZE))
			k->error = copy ? -EIO : -ENOMEM;
	}
	put(k, phys_ptr(pa), n);
	if (copy)
		page_put(copy);
}

/* A regular file, the rest of whose header is there: whole, or as pieces between holes. */
static void put_file(struct keep *k, const struct inode *i, struct tar_header *h)
{
	u64 bytes = 0, at = 0, to;
	bool more;

	for (; next_run(i, &at, &to); at = to)
		bytes += run_bytes(i, at, to);
	at = 0;
	if (bytes == i->size) {
		put_header(k, h, '0', bytes);
	} else {
		number(h->real_size, sizeof(h->real_size), i->size);
		more = fill_pieces(i, &at, h->pieces, 4);
		h->more_pieces = more;
		put_header(k, h, 'S', bytes);
		while (more) {
			struct tar_pieces p = {0};

			more = fill_pieces(i, &at, p.pieces, 21);
			p.more = more;
			put(k, &p, BLOCK);
		}
	}
	for (at = 0; !k->error && next_run(i, &at, &to);)
		while (at < to && !k->error)
			put_page(k, i, at++);
	pad(k);
}

/* -- members -- */

static const char *kept_as(const struct keep *k, const struct inode *i)
{
	for (const struct kept_link *l = k->links[i->ino % LINK_SETS]; l; l = l->next)
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
	l->next = k->links[i->ino % LINK_SETS];
	memcpy(l->path, k->path, k->path_len + 1);
	k->links[i->ino % LINK_SETS] = l;
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
	if (type == '0')
		put_file(k, i, &h);
	else
		put_header(k, &h, type, 0);
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
	int r;

	if (l->all || !x || !x->listed)
		return;
	for (u64 pos = 0; !k->error; pos = n.pos + 1) {
		r = erofs_next(erofs_of(l->dir), &x->node, pos, &n);
		if (r <= 0) {
			k->error = r;
			return;
		}
		if (!tmpfs_dir_find(&tmpfs_node(l->dir)->dir, n.name, n.len))
			put_mark(k, ".wh.", n.name, n.len);
	}
}

/* An inode of the image that nobody holds has not changed; below a directory something may have. */
static bool of_interest(const struct level *l, u64 nid, bool is_dir)
{
	return is_dir || l->all || imagefs_cached(l->dir->super, nid);
}

static bool next_of_image(struct keep *k, struct level *l, struct erofs_name *n, struct inode **i)
{
	int r;

	while ((r = erofs_next(erofs_of(l->dir), &tmpfs_node(l->dir)->image->node, l->pos, n)) >
		0) {
		l->pos = n->pos + 1;
		if (!of_interest(l, n->nid, n->type == EROFS_FT_DIR))
			continue;
		k->error = imagefs_inode(l->dir->super, n->nid, i);
		return !k->error;
	}
	k->error = r;
	return false;
}

/* The next entry of l: its name, and its inode, a reference. */
static bool level_next(struct keep *k, struct level *l, struct erofs_name *n, struct inode **i)
{
	struct tmpfs_dir *d = &tmpfs_node(l->dir)->dir;
	struct tmpfs_entry *e;

	if (imagefs_unlisted(l->dir))
		return next_of_image(k, l, n, i);
	do {
		l->at = l->at ? l->at->next : d->entries.next;
		if (l->at == &d->entries)
			return false;
		e = list_entry(l->at, struct tmpfs_entry, link);
	} while (!e->inode && !of_interest(l, e->nid, e->type == S_IFDIR >> 12));
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

	if (l->all || !dir || !x)
		return false;
	if (!dir->listed)
		return true;
	return !erofs_lookup(erofs_of(l->dir), &dir->node, n->name, n->len, &nid) &&
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
	if (n->len >= 4 && !memcmp(n->name, ".wh.", 4)) {
		klog(CHAN_LOG_WARN,
			"%s is not kept: names of layers that begin so mean what is removed",
			n->name);
		return l;
	}
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
	for (u32 set = 0; set < LINK_SETS; set++) {
		while (k->links[set]) {
			struct kept_link *l = k->links[set];

			k->links[set] = l->next;
			kfree(l);
		}
	}
}

/* Comes first, as archives of trees have it. */
static void put_root(struct keep *k, struct inode *root)
{
	if (!has_changed(root))
		return;
	k->path[0] = '.';
	k->path_len = 1;
	put_member(k, root);
	k->path_len = 0;
}

static void walk(struct keep *k, struct inode *root)
{
	struct level *l = level_new(k, NULL, root, false);
	struct erofs_name n;
	struct inode *i;

	put_root(k, root);
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
