/* SPDX-License-Identifier: Apache-2.0
 * Paths: references, text in both directions, and the directories that a task walks from.
 */
#include "fs/fs_internal.h"

void path_get(const struct path *p)
{
	p->mnt->refs++;
	dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mnt);
	p->mnt = NULL;
	p->dentry = NULL;
}

char *getname(u64 upath, bool empty_ok)
{
	char *name = kalloc(PATH_LEN_MAX);
	s64 len;

	if (!name)
		return err_ptr(-ENOMEM);
	len = strncpy_from_user(name, upath, PATH_LEN_MAX);
	if (len == 0 && !empty_ok)
		len = -ENOENT;
	if (len < 0) {
		kfree(name);
		return err_ptr(len);
	}
	return name;
}

int path_lookup_user(s32 dfd, u64 upath, u32 flags, struct path *out)
{
	char *name = getname(upath, flags & LOOKUP_EMPTY);
	int r;

	if (is_err(name))
		return (int)ptr_err(name);
	r = path_lookup(dfd, name, flags, out);
	kfree(name);
	return r;
}

/* Puts "/name" in front of what buf[*at] starts with. */
static int prepend(char *buf, size_t *at, const char *name, size_t len)
{
	if (*at < len + 1)
		return -ENAMETOOLONG;
	*at -= len;
	memcpy(buf + *at, name, len);
	buf[--*at] = '/';
	return 0;
}

s64 path_string(const struct path *p, char *buf, size_t n)
{
	static const char deleted[] = " (deleted)";
	const struct path *root = current && current->fs ? &current->fs->root : NULL;
	const struct dentry *d = p->dentry;
	const struct mount *m = p->mnt;
	size_t at = n, len;

	if (n < 2)
		return -ENAMETOOLONG;
	buf[--at] = 0;
	if (d->unhashed) {
		len = sizeof(deleted) - 1;
		if (at < len)
			return -ENAMETOOLONG;
		at -= len;
		memcpy(buf + at, deleted, len);
	}
	for (;;) {
		if (root && root->dentry && d == root->dentry && m == root->mnt)
			break;
		if (d == m->root) {
			if (!m->parent)
				break;
			d = m->mountpoint;
			m = m->parent;
			continue;
		}
		if (!d->parent)
			break;
		if (prepend(buf, &at, d->name, d->len))
			return -ENAMETOOLONG;
		d = d->parent;
	}
	if (buf[at] != '/') {
		if (!at)
			return -ENAMETOOLONG;
		buf[--at] = '/';
	}
	len = n - at - 1;
	memmove(buf, buf + at, len + 1);
	return (s64)len;
}

struct fs_ctx *fs_ctx_copy(struct fs_ctx *f)
{
	struct fs_ctx *c = kalloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = *f;
	c->refs = 1;
	path_get(&c->root);
	path_get(&c->cwd);
	return c;
}

void fs_ctx_put(struct fs_ctx *f)
{
	if (--f->refs)
		return;
	if (f->root.dentry)
		path_put(&f->root);
	if (f->cwd.dentry)
		path_put(&f->cwd);
	kfree(f);
}
