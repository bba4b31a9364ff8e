/* SPDX-License-Identifier: Apache-2.0
 * The first program's files: the mounts of the boot block, its directories and its descriptors.
 */
#include "fs/fs_internal.h"
#include "fs/keep.h"
#include "fs/tmpfs.h"
#include "fs/tty.h"

static const char *text(u32 offset)
{
	return (const char *)kern->boot + offset;
}

/* -- mountpoints -- */

/* A name that stands in the cache alone, for a mountpoint that the file system below lacks and
 * cannot be given: walks find it, listings of its directory do not. Never dropped. */
static int stand_in(struct dentry *dir, const char *name, u32 len, u32 mode, const char *target,
	struct dentry **out)
{
	struct inode *i = tmpfs_unlinked(mode, target);

	if (!i)
		return -ENOMEM;
	*out = dentry_new(dir, name, len, i);
	inode_put(i);
	if (!*out)
		return -ENOMEM;
	dentry_get(*out);
	return 0;
}

static int make(struct inode *dir, struct dentry *d, u32 mode, const char *target)
{
	const struct inode before = *dir;
	struct inode *made = NULL;
	int r = -EPERM;

	if (S_ISLNK(mode) && dir->ops->symlink)
		r = dir->ops->symlink(dir, d, target, &made);
	else if (S_ISDIR(mode) && dir->ops->mkdir)
		r = dir->ops->mkdir(dir, d, mode & 07777, &made);
	else if (S_ISREG(mode) && dir->ops->create)
		r = dir->ops->create(dir, d, mode, 0, &made);
	if (r)
		return r;
	if (!dir->super->remote) {
		made->uid = made->gid = 0; /* the sandbox's, not the program's */
		dir->mtime = before.mtime; /* nor is it a change of an image's directory */
		dir->mtime_ns = before.mtime_ns;
		dir->ctime = before.ctime;
		dir->ctime_ns = before.ctime_ns;
	}
	dentry_instantiate(d, made);
	inode_put(made);
	return 0;
}

/* The child `name` of at, made as `mode` says if it is missing; at moves to it. */
static int child_or_make(struct path *at, const char *name, u32 len, u32 mode, const char *target)
{
	struct namei n = {.path = *at, .root = *at, .kernel = true, .last = name, .last_len = len};
	struct dentry *d;
	int r;

	path_get(&n.root);
	r = namei_last_dentry(&n, &d);
	if (!r && !d->inode) {
		struct dentry *dir = at->dentry;

		r = make(dir->inode, d, mode, target);
		if (r) {
			dentry_unhash(d);
			dentry_put(d);
			r = stand_in(dir, name, len, mode, target, &d);
		}
	}
	if (!r) {
		if (!S_ISLNK(d->inode->mode))
			r = namei_enter(&n, d);
		dentry_put(d);
	}
	*at = n.path;
	n.path.dentry = NULL;
	namei_end(&n);
	return r;
}

/* Walks an absolute path, making what is missing: directories, and at the end what `mode` says. */
static int path_make(const char *path, u32 mode, const char *target, struct path *out)
{
	struct path at = {.mnt = kern->root_mount, .dentry = kern->root_mount->root};
	const char *p = path;
	int r = 0;

	path_get(&at);
	while (!r) {
		const char *end;

		while (*p == '/')
			p++;
		if (!*p)
			break;
		for (end = p; *end && *end != '/';)
			end++;
		if (!S_ISDIR(at.dentry->inode->mode))
			r = -ENOTDIR;
		else
			r = child_or_make(
				&at, p, (u32)(end - p), *end ? S_IFDIR | 0755 : mode, target);
		p = end;
	}
	if (r)
		path_put(&at);
	else
		*out = at;
	return r;
}

/* As path_make, but a path that is already there may lead through links. */
static int mountpoint(const char *path, u32 mode, struct path *out)
{
	int r = path_lookup_kernel(path, LOOKUP_FOLLOW, out);

	return r ? path_make(path, mode, NULL, out) : 0;
}

/* -- mounts -- */

static struct super *make_super(const struct boot_mount *b)
{
	switch (b->kind) {
	case BOOT_MOUNT_HOST:
		return hostfs_mount(b->handle, b->flags & BOOT_MOUNT_RO);
	case BOOT_MOUNT_IMAGE:
		return imagefs_mount(b->handle, b->size);
	case BOOT_MOUNT_TMPFS:
		return tmpfs_mount(b->size, b->mode, b->uid, b->gid);
	case BOOT_MOUNT_PROC:
		return procfs_mount();
	case BOOT_MOUNT_DEV:
		return devfs_mount();
	case BOOT_MOUNT_SYS:
		return sysfs_mount();
	default:
		return err_ptr(-EINVAL);
	}
}

static int mount_one(const struct boot_mount *b, bool root)
{
	struct path at;
	struct super *s;
	int r;

	if (b->kind == BOOT_MOUNT_LINK) {
		r = path_make(text(b->target), S_IFLNK | 0777, text(b->source), &at);
		if (!r)
			path_put(&at);
		return r;
	}
	s = make_super(b);
	if (!s)
		return -ENOMEM;
	if (is_err(s))
		return (int)ptr_err(s);
	if (root)
		return vfs_mount(s, NULL, 0, text(b->source));
	r = mountpoint(
		text(b->target), S_ISDIR(s->root->mode) ? S_IFDIR | 0755 : S_IFREG | 0644, &at);
	if (r)
		return r;
	r = vfs_mount(s, &at, 0, text(b->source));
	path_put(&at);
	return r;
}

/* Only now: mountpoints were made in them. */
static void make_readonly(const struct boot_mount *b)
{
	struct path at;

	if (!(b->flags & BOOT_MOUNT_RO) || b->kind == BOOT_MOUNT_LINK ||
		path_lookup_kernel(text(b->target), LOOKUP_FOLLOW, &at))
		return;
	at.mnt->flags |= MOUNT_RO;
	if (!at.mnt->super->remote)
		at.mnt->super->readonly = true;
	path_put(&at);
}

static int mount_all(void)
{
	const struct boot_block *b = kern->boot;
	const struct boot_mount *m = (const struct boot_mount *)text(b->mounts);

	for (u32 i = 0; i < b->nmounts; i++) {
		int r = mount_one(&m[i], i == 0);

		if (r) {
			klog(CHAN_LOG_FATAL, "cannot mount %s: error %d", text(m[i].target), -r);
			return r;
		}
	}
	for (u32 i = 0; i < b->nmounts; i++)
		make_readonly(&m[i]);
	return 0;
}

/* -- the program's own -- */

static int make_context(struct task *init)
{
	struct fs_ctx *c = kzalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->umask = kern->boot->umask & 0777;
	c->root.mnt = kern->root_mount;
	c->root.dentry = kern->root_mount->root;
	path_get(&c->root);
	if (path_lookup_kernel(text(kern->boot->cwd), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &c->cwd)) {
		c->cwd = c->root;
		path_get(&c->cwd);
	}
	init->fs = c;
	return 0;
}

/* Descriptors of one handle share the open file, as after dup(2). */
static struct file *stdio_file(struct task *init, const struct boot_fd *fds, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (fds[i].handle == fds[n].handle)
			return files_lookup(init->files, fds[i].fd);
	}
	return hostfs_inherited(fds[n].handle, fds[n].oflags);
}

static int make_descriptors(struct task *init)
{
	const struct boot_block *b = kern->boot;
	const struct boot_fd *fds = (const struct boot_fd *)text(b->fds);

	init->files = files_new();
	if (!init->files)
		return -ENOMEM;
	for (u32 i = 0; i < b->nfds; i++) {
		struct file *f = stdio_file(init, fds, i);
		int r;

		if (is_err(f))
			return (int)ptr_err(f);
		r = fd_install_at(init->files, fds[i].fd, f, false);
		if (r)
			return r;
	}
	return 0;
}

static int make_terminal(struct task *init)
{
	u32 fd = kern->boot->tty_fd;
	struct file *f = fd == ~0u ? NULL : files_lookup(init->files, (s32)fd);
	int r;

	if (!f)
		return 0;
	r = tty_boot(init, f);
	file_put(f);
	return r;
}

void fs_end(void)
{
	if (kern->boot->keep && kern->root_mount)
		imagefs_keep(kern->root_mount->super, kern->boot->keep);
}

int fs_boot(struct task *init)
{
	int r = fs_init();

	if (!r)
		r = mount_all();
	if (!r)
		r = make_context(init);
	if (!r)
		r = make_descriptors(init);
	if (!r)
		r = make_terminal(init);
	return r;
}
