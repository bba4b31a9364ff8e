/* SPDX-License-Identifier: Apache-2.0
 * File systems made of const tables.
 */
#include "fs/dev.h"
#include "fs/fs_internal.h"
#include "fs/pseudo.h"

#define CURSOR_FIXED   2	 /* + index in children */
#define CURSOR_DYNAMIC 0x10000ll /* + what next() counts by */
#define STORE_MAX      PAGE_SIZE

static const struct inode_ops pseudo_inode_ops, pseudo_magic_ops;
static const struct file_ops pseudo_file_ops, pseudo_dir_ops;

static const struct pseudo_fs *fs_of(const struct super *s)
{
	return s->priv;
}

/* -- inodes -- */

s32 pseudo_parse_id(const char *name, u32 len)
{
	u32 id = 0;

	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return -1;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		id = id * 10 + (u32)(name[i] - '0');
	}
	return (s32)id;
}

static bool pseudo_is(const struct inode *i) /* and not the root of a graft */
{
	return i->ops == &pseudo_inode_ops || i->ops == &pseudo_magic_ops;
}

/* The same number each time a node is looked up. */
static u64 node_ino(const struct pseudo_node *n)
{
	u64 words[4] = {(u64)n->def, (u32)n->pid, (u32)n->tid, (u32)n->fd};
	u64 h = 0xcbf29ce484222325ull;

	for (u32 i = 0; i < 4; i++)
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return (h >> 32) | 0x100000000ull;
}

static struct inode *node_inode(struct super *s, const struct pseudo_node *n)
{
	const struct pseudo_def *def = n->def;
	struct pseudo_node *copy = kalloc(sizeof(*copy));
	const struct inode_ops *ops = def->follow ? &pseudo_magic_ops : &pseudo_inode_ops;
	struct inode *i = copy ? inode_new(s, ops, def->mode) : NULL;

	if (!i) {
		kfree(copy);
		return NULL;
	}
	*copy = *n;
	i->priv = copy;
	i->ino = def == fs_of(s)->root ? 1 : node_ino(n);
	i->rdev = dev_encode(def->major, def->minor);
	if (S_ISDIR(def->mode)) {
		i->nlink = 2;
		i->fops = &pseudo_dir_ops;
	} else {
		i->fops = def->fops ? def->fops : &pseudo_file_ops;
	}
	if (fs_of(s)->refresh)
		fs_of(s)->refresh(i, copy);
	return i;
}

/* The i-th fixed entry of a directory, NULL after the last. */
static const struct pseudo_def *fixed_at(const struct pseudo_def *dir, s64 i)
{
	const struct pseudo_def *d = dir->children;

	for (; d && d->name; d++)
		if (i-- == 0)
			return d;
	for (d = dir->more; d && d->name; d++)
		if (i-- == 0)
			return d;
	return NULL;
}

static const struct pseudo_def *fixed_child(const struct pseudo_def *dir, const char *name, u32 len)
{
	const struct pseudo_def *d;

	for (s64 i = 0; (d = fixed_at(dir, i)); i++)
		if (strlen(d->name) == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}

static int pseudo_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	const struct pseudo_node *n = pseudo_of(dir);
	struct pseudo_node child = *n;
	int r = 0;

	child.def = fixed_child(n->def, name, len);
	if (!child.def)
		r = n->def->lookup ? n->def->lookup(n, name, len, &child) : -ENOENT;
	if (r)
		return r;
	if (child.def->graft) {
		*out = child.def->graft(dir->super);
		return *out ? 0 : -ENOMEM;
	}
	*out = node_inode(dir->super, &child);
	return *out ? 0 : -ENOMEM;
}

static bool pseudo_revalidate(struct dentry *d)
{
	struct inode *i = d->inode;

	if (!i)
		return false; /* it may be there by now */
	if (!pseudo_is(i) || !fs_of(i->super)->refresh)
		return true;
	return fs_of(i->super)->refresh(i, pseudo_of(i));
}

static int pseudo_getattr(struct inode *i, struct kstat *st)
{
	if (fs_of(i->super)->refresh)
		fs_of(i->super)->refresh(i, pseudo_of(i));
	inode_fill_stat(i, st);
	if (S_ISREG(i->mode) || S_ISDIR(i->mode))
		st->blksize = 1024;
	return 0;
}

static s64 pseudo_readlink(struct inode *i, char *buf, size_t size)
{
	const struct pseudo_node *n = pseudo_of(i);
	size_t len;

	if (n->def->readlink)
		return n->def->readlink(n, buf, size);
	if (!n->def->target)
		return -EINVAL;
	len = min_u64(strlen(n->def->target), size);
	memcpy(buf, n->def->target, len);
	return (s64)len;
}

static int pseudo_follow(struct inode *i, struct mount **mnt, struct dentry **d)
{
	const struct pseudo_node *n = pseudo_of(i);
	struct path p;
	int r = n->def->follow(n, &p);

	if (r)
		return r;
	*mnt = p.mnt;
	*d = p.dentry;
	return 0;
}

/* Cutting and touching change nothing, and may: shells do it to any file that they write to. */
static int pseudo_setattr(struct inode *i, const struct setattr *a)
{
	const u32 harmless = CHAN_SET_SIZE | CHAN_SET_ATIME | CHAN_SET_MTIME | CHAN_SET_ATIME_NOW |
			     CHAN_SET_MTIME_NOW;

	const u32 access = CHAN_SET_MODE | CHAN_SET_UID | CHAN_SET_GID;
	const struct pseudo_fs *fs = fs_of(i->super);

	if (a->valid & ~(harmless | access))
		return -EPERM;
	if (!(a->valid & access))
		return 0;
	return fs->set_access && fs->set_access(i, pseudo_of(i), a) ? 0 : -EPERM;
}

static int pseudo_open(struct inode *i, struct file *f)
{
	const struct pseudo_node *n = pseudo_of(i);

	if (S_ISCHR(i->mode))
		return dev_open(i, f);
	return n->def->open ? n->def->open(n) : 0;
}

static void pseudo_inode_release(struct inode *i)
{
	kfree(i->priv);
}

static const struct inode_ops pseudo_inode_ops = {
	.lookup = pseudo_lookup,
	.revalidate = pseudo_revalidate,
	.getattr = pseudo_getattr,
	.setattr = pseudo_setattr,
	.readlink = pseudo_readlink,
	.open = pseudo_open,
	.release = pseudo_inode_release,
};
static const struct inode_ops pseudo_magic_ops = {
	.revalidate = pseudo_revalidate,
	.getattr = pseudo_getattr,
	.readlink = pseudo_readlink,
	.follow = pseudo_follow,
	.release = pseudo_inode_release,
};

/* -- directories -- */

static u8 dirent_type(u32 mode)
{
	return (u8)((mode & S_IFMT) >> 12); /* DT_* are the type bits of the mode */
}

static bool emit_fixed(struct file *f, dir_emit emit, void *arg)
{
	const struct pseudo_node *n = pseudo_of(f->inode);
	struct pseudo_node child = *n;

	while ((child.def = fixed_at(n->def, f->pos - CURSOR_FIXED))) {
		const struct pseudo_def *d = child.def;

		if (!emit(arg, d->name, (u32)strlen(d->name), node_ino(&child),
			    dirent_type(d->mode), (u64)f->pos + 1))
			return false;
		f->pos++;
	}
	return true;
}

static void emit_dynamic(struct file *f, dir_emit emit, void *arg)
{
	const struct pseudo_node *n = pseudo_of(f->inode);
	struct pseudo_dirent e;
	u64 cursor;

	if (f->pos < CURSOR_DYNAMIC)
		f->pos = CURSOR_DYNAMIC;
	cursor = (u64)(f->pos - CURSOR_DYNAMIC);
	for (;;) {
		e.node = *n;
		if (!n->def->next(n, &cursor, &e) ||
			!emit(arg, e.name, (u32)strlen(e.name), node_ino(&e.node), e.type,
				CURSOR_DYNAMIC + cursor + 1))
			return;
		f->pos = (s64)(CURSOR_DYNAMIC + ++cursor);
	}
}

static int pseudo_readdir(struct file *f, dir_emit emit, void *arg)
{
	const struct pseudo_node *n = pseudo_of(f->inode);

	if (fs_of(f->inode->super)->refresh && !fs_of(f->inode->super)->refresh(f->inode, n))
		return -ENOENT; /* the process is gone */
	if (dir_emit_dots(f, emit, arg) && emit_fixed(f, emit, arg) && n->def->next)
		emit_dynamic(f, emit, arg);
	return 0;
}

static const struct file_ops pseudo_dir_ops = {
	.readdir = pseudo_readdir,
	.seek = file_seek_set,
};

/* -- files -- */

/* The text is made when reading begins, so that what is read in pieces fits together. */
static int text_make(struct file *f)
{
	const struct pseudo_node *n = pseudo_of(f->inode);
	struct seqbuf *s = f->priv;
	int r;

	if (!s) {
		s = kalloc(sizeof(*s));
		if (!s)
			return -ENOMEM;
		seq_init(s);
		f->priv = s;
	}
	s->len = 0;
	s->failed = false;
	r = n->def->show(s, n);
	return r ? r : s->failed ? -ENOMEM : 0;
}

static s64 pseudo_read(struct file *f, struct uio *u, s64 *pos)
{
	const struct seqbuf *s;
	s64 n;

	if (!pseudo_of(f->inode)->def->show)
		return -EINVAL;
	if (!*pos || !f->priv) {
		int r = text_make(f);

		if (r)
			return r;
	}
	s = f->priv;
	if ((u64)*pos >= s->len || !u->left)
		return 0;
	n = uio_put(u, s->buf + *pos, min_u64(u->left, s->len - (u64)*pos));
	if (n > 0)
		*pos += n;
	return n;
}

static s64 pseudo_write(struct file *f, struct uio *u, s64 *pos)
{
	const struct pseudo_node *n = pseudo_of(f->inode);
	size_t len = min_u64(u->left, STORE_MAX - 1);
	char *text;
	s64 r;

	if (!n->def->store)
		return -EINVAL;
	text = kalloc(len + 1);
	if (!text)
		return -ENOMEM;
	r = uio_get(u, text, len);
	if (r >= 0) {
		text[r] = 0;
		len = (size_t)r;
		r = n->def->store(n, text, len);
		if (!r) {
			r = (s64)len;
			*pos += r;
		}
	}
	kfree(text);
	return r;
}

static void pseudo_release(struct file *f)
{
	if (!f->priv)
		return;
	seq_free(f->priv);
	kfree(f->priv);
}

static const struct file_ops pseudo_file_ops = {
	.read = pseudo_read,
	.write = pseudo_write,
	.seek = file_seek_set,
	.release = pseudo_release,
};

/* -- mounting -- */

static int pseudo_statfs(struct super *s, struct inode *i, struct chan_statfs *out)
{
	out->type = fs_of(s)->magic;
	return 0;
}

static const struct super_ops pseudo_super_ops = {.statfs = pseudo_statfs};

struct super *pseudo_mount(const struct pseudo_fs *fs)
{
	struct super *s = super_new(&pseudo_super_ops, fs->type);
	struct pseudo_node root = {.def = fs->root};

	if (!s)
		return err_ptr(-ENOMEM);
	s->priv = (void *)fs;
	s->root = node_inode(s, &root);
	if (!s->root) {
		super_put(s);
		return err_ptr(-ENOMEM);
	}
	return s;
}
