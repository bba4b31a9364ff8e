/* SPDX-License-Identifier: Apache-2.0
 * The walk from a path to a dentry. A link is followed by putting its target in front of what is
 * left of the path, so a link in the last place is no special case: its target has a last component
 * too.
 */
#include "fs/fs_internal.h"

static void path_set(struct path *p, struct mount *mnt, struct dentry *d)
{
	struct path old = *p;

	p->mnt = mnt;
	p->dentry = d;
	path_get(p);
	if (old.dentry)
		path_put(&old);
}

/* Takes over the references of `to`. */
static void path_move(struct path *p, const struct path *to)
{
	path_put(p);
	*p = *to;
}

static bool scoped(const struct namei *n)
{
	return n->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
}

/* Where a relative path starts. */
static int start_at(s32 dfd, const char *name, struct path *out)
{
	struct file *f;
	int r = 0;

	if (dfd == AT_FDCWD) {
		*out = current->fs->cwd;
		path_get(out);
		return 0;
	}
	f = fd_get_any(dfd);
	if (!f)
		return -EBADF;
	if (!f->path.dentry || (*name && !S_ISDIR(f->inode->mode)))
		r = -ENOTDIR;
	if (!r) {
		*out = f->path;
		path_get(out);
	}
	file_put(f);
	return r;
}

int namei_start(struct namei *n, s32 dfd, const char *name, u32 flags)
{
	bool absolute = *name == '/';
	int r;

	memset(n, 0, sizeof(*n));
	n->flags = flags;
	n->rest = name;
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (absolute && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (!absolute || scoped(n)) {
		r = start_at(dfd, name, &n->path);
		if (r)
			return r;
	}
	n->root = scoped(n) ? n->path : current->fs->root;
	path_get(&n->root);
	if (absolute && !scoped(n)) {
		n->path = n->root;
		path_get(&n->path);
	}
	return 0;
}

/* From the root of everything, whoever asks. */
static void namei_start_kernel(struct namei *n, const char *name, u32 flags)
{
	memset(n, 0, sizeof(*n));
	n->flags = flags;
	n->rest = name;
	n->kernel = true;
	n->root.mnt = kern->root_mount;
	n->root.dentry = kern->root_mount->root;
	path_get(&n->root);
	n->path = n->root;
	path_get(&n->path);
}

void namei_end(struct namei *n)
{
	if (n->path.dentry) {
		if (!(n->flags & LOOKUP_NO_USE))
			n->path.mnt->expiring = false;
		path_put(&n->path);
	}
	if (n->root.dentry)
		path_put(&n->root);
	kfree(n->spliced);
	memset(n, 0, sizeof(*n));
}

/* Down through whatever is mounted on path. */
static int cross_mounts(struct namei *n)
{
	struct mount *m;

	while ((m = mount_covering(&n->path))) {
		if (n->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		path_set(&n->path, m, m->root);
	}
	return 0;
}

static int enter_dotdot(struct namei *n)
{
	for (;;) {
		struct mount *m = n->path.mnt;
		struct dentry *d = n->path.dentry;

		if (m == n->root.mnt && d == n->root.dentry) {
			if (n->flags & LOOKUP_BENEATH)
				return -EXDEV;
			return cross_mounts(n);
		}
		if (d != m->root) {
			path_set(&n->path, m, d->parent);
			return cross_mounts(n);
		}
		if (!m->parent)
			return cross_mounts(n);
		if (n->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		path_set(&n->path, m->parent, m->mountpoint);
	}
}

int namei_enter(struct namei *n, struct dentry *d)
{
	path_set(&n->path, n->path.mnt, d);
	return cross_mounts(n);
}

static int follow_magic(struct namei *n, struct inode *link)
{
	struct path to;
	int r;

	if (n->flags & LOOKUP_NO_MAGICLINKS)
		return -ELOOP;
	if (scoped(n))
		return -EXDEV;
	r = link->ops->follow(link, &to.mnt, &to.dentry);
	if (r)
		return r;
	if ((n->flags & LOOKUP_NO_XDEV) && to.mnt != n->path.mnt) {
		path_put(&to);
		return -EXDEV;
	}
	path_move(&n->path, &to);
	return 0;
}

/* The link's target, then what is left of the path. */
static char *splice(struct inode *link, const char *rest)
{
	size_t left = strlen(rest);
	char *buf = kalloc(PATH_LEN_MAX + left + 1);
	s64 len;

	if (!buf)
		return err_ptr(-ENOMEM);
	len = link->ops->readlink ? link->ops->readlink(link, buf, PATH_LEN_MAX) : -EINVAL;
	if (len == 0)
		len = -ENOENT;
	if (len >= (s64)PATH_LEN_MAX)
		len = -ENAMETOOLONG;
	if (len < 0) {
		kfree(buf);
		return err_ptr(len);
	}
	memcpy(buf + len, rest, left + 1);
	return buf;
}

int namei_follow(struct namei *n, struct dentry *link)
{
	char *spliced;

	if (n->flags & LOOKUP_NO_SYMLINKS)
		return -ELOOP;
	if (n->nlinks++ >= SYMLINK_MAX || (n->path.mnt->flags & MOUNT_NOSYMFOLLOW))
		return -ELOOP;
	if (link->inode->ops->follow)
		return follow_magic(n, link->inode);
	spliced = splice(link->inode, n->rest);
	if (is_err(spliced))
		return (int)ptr_err(spliced);
	kfree(n->spliced);
	n->spliced = spliced;
	n->rest = spliced;
	if (*spliced != '/')
		return 0;
	if (n->flags & LOOKUP_BENEATH)
		return -EXDEV;
	if ((n->flags & LOOKUP_NO_XDEV) && n->path.mnt != n->root.mnt)
		return -EXDEV;
	path_set(&n->path, n->root.mnt, n->root.dentry);
	return 0;
}

/* Is a cached dentry still what the file system would say? */
static bool still_valid(struct dentry *dir, struct dentry *d)
{
	struct inode *i = d->inode ? d->inode : dir->inode;

	return !i->ops->revalidate || i->ops->revalidate(d);
}

/* d is stale: out of the cache with it, unless something is mounted there. */
static bool discard(struct dentry *d)
{
	if (d->mounted)
		return false;
	dentry_unhash(d);
	dentry_put(d);
	return true;
}

static int lookup_in_fs(struct dentry *dir, const char *name, u32 len, struct dentry **out)
{
	struct inode *i = dir->inode, *child = NULL;
	char buf[NAME_LEN_MAX + 1];
	int r = -ENOENT;

	if (!i->ops->lookup)
		return -ENOTDIR;
	memcpy(buf, name, len); /* file systems like a NUL at the end */
	buf[len] = 0;
	if (!dir->unhashed)
		r = i->ops->lookup(i, buf, len, &child);
	if (r && r != -ENOENT)
		return r;
	*out = dentry_new(dir, buf, len, r ? NULL : child);
	if (!r)
		inode_put(child);
	return *out ? 0 : -ENOMEM;
}

static int lookup(struct namei *n, const char *name, u32 len, struct dentry **out)
{
	struct dentry *dir = n->path.dentry;
	struct dentry *d = dentry_cached(dir, name, len);

	if (d && still_valid(dir, d)) {
		*out = d;
		return 0;
	}
	if (n->flags & LOOKUP_CACHED) {
		if (d)
			dentry_put(d);
		return -EAGAIN;
	}
	if (dir->inode->ops->walk) {
		if (d)
			dentry_put(d);
		return dir->inode->ops->walk(dir, name, out);
	}
	if (d && !discard(d)) {
		*out = d;
		return 0;
	}
	return lookup_in_fs(dir, name, len, out);
}

/* Cuts the next component off rest. */
static void next_component(struct namei *n)
{
	const char *p = n->rest, *end;

	while (*p == '/')
		p++;
	for (end = p; *end && *end != '/';)
		end++;
	n->last = p;
	n->last_len = (u32)(end - p);
	n->rest = end;
	n->trailing = *end == '/';
	if (end == p)
		n->kind = LAST_NONE;
	else if (n->last_len == 1 && p[0] == '.')
		n->kind = LAST_DOT;
	else if (n->last_len == 2 && p[0] == '.' && p[1] == '.')
		n->kind = LAST_DOTDOT;
	else
		n->kind = LAST_NAME;
}

static bool is_last(const struct namei *n)
{
	const char *p = n->rest;

	while (*p == '/')
		p++;
	return !*p;
}

static int may_search(struct namei *n)
{
	struct inode *i = n->path.dentry->inode;

	if (!S_ISDIR(i->mode))
		return -ENOTDIR;
	return n->kernel ? 0 : inode_permission(i, MAY_EXEC);
}

static int missing(const struct namei *n)
{
	denial_tell(n, "--ro");
	return -ENOENT;
}

/* A component that is not the last. */
static int step(struct namei *n)
{
	struct dentry *d;
	int r;

	if (n->kind == LAST_DOT)
		return 0;
	if (n->kind == LAST_DOTDOT)
		return enter_dotdot(n);
	r = namei_last_dentry(n, &d);
	if (r)
		return r;
	if (!d->inode)
		r = missing(n);
	else if (S_ISLNK(d->inode->mode))
		r = namei_follow(n, d);
	else
		r = namei_enter(n, d);
	dentry_put(d);
	return r;
}

int namei_parent(struct namei *n)
{
	for (;;) {
		int r;

		next_component(n);
		if (n->kind == LAST_NONE)
			return 0;
		r = may_search(n);
		if (r)
			return r;
		if (is_last(n))
			return 0;
		r = step(n);
		if (r)
			return r;
	}
}

int namei_last_dentry(struct namei *n, struct dentry **out)
{
	if (n->last_len > NAME_LEN_MAX)
		return -ENAMETOOLONG;
	return lookup(n, n->last, n->last_len, out);
}

/* The last component, when it is not to be made or taken away. 1: it was a link, go on. */
static int walk_last(struct namei *n)
{
	struct dentry *d;
	int r;

	if (n->kind != LAST_NAME)
		return n->kind == LAST_DOTDOT ? enter_dotdot(n) : 0;
	r = namei_last_dentry(n, &d);
	if (r)
		return r;
	if (!d->inode) {
		r = missing(n);
	} else if (S_ISLNK(d->inode->mode) && ((n->flags & LOOKUP_FOLLOW) || n->trailing)) {
		r = namei_follow(n, d);
		if (!r)
			r = 1;
	} else {
		r = namei_enter(n, d);
	}
	dentry_put(d);
	return r;
}

int namei_walk(struct namei *n)
{
	bool want_dir = n->flags & LOOKUP_DIRECTORY;
	int r;

	do {
		r = namei_parent(n);
		if (r)
			return r;
		want_dir |= n->trailing;
		r = walk_last(n);
	} while (r > 0);
	if (!r && want_dir && !S_ISDIR(n->path.dentry->inode->mode))
		r = -ENOTDIR;
	return r;
}

/* r: how the walk started. */
static int lookup_end(struct namei *n, int r, struct path *out)
{
	if (!r)
		r = namei_walk(n);
	if (!r) {
		*out = n->path;
		path_get(out);
	}
	namei_end(n);
	return r;
}

int path_lookup(s32 dfd, const char *name, u32 flags, struct path *out)
{
	struct namei n;
	int r = namei_start(&n, dfd, name, flags);

	return lookup_end(&n, r, out);
}

int path_lookup_kernel(const char *name, u32 flags, struct path *out)
{
	struct namei n;

	namei_start_kernel(&n, name, flags);
	return lookup_end(&n, 0, out);
}
