/* SPDX-License-Identifier: Apache-2.0
 * Making, moving and removing names on the host.
 */
#include "fs/hostfs_internal.h"

static u32 dir_handle(const struct inode *dir)
{
	return host_inode(dir)->handle;
}

/* The directory's times and the names in it are not what they were. */
static void changed(struct inode *dir)
{
	host_inode_stale(dir);
}

/* The new leaf's inode from the reply's attributes. */
static int made(struct inode *dir, struct dentry *d, s64 r, u32 handle, struct inode **out)
{
	struct chan_attr a;

	changed(dir);
	if (r < 0)
		return (int)r;
	memcpy(&a, plat_chan_data(), sizeof(a));
	*out = host_inode_get(dir->super, &a, handle);
	d->valid_until = host_deadline();
	return *out ? 0 : -ENOMEM;
}

int host_create(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, struct inode **out)
{
	struct chan_msg m = {.op = CHAN_OP_MKNOD, .a = {dir_handle(dir), mode}};

	return made(dir, d, host_call_name(&m, d->name, d->len), 0, out);
}

int host_mkdir(struct inode *dir, struct dentry *d, u32 mode, struct inode **out)
{
	struct chan_msg m = {.op = CHAN_OP_MKDIR, .a = {dir_handle(dir), mode & 07777}};
	s64 r = host_call_name(&m, d->name, d->len);
	struct chan_walk_ent e = {0};

	if (r >= 0)
		memcpy(&e, plat_chan_data(), sizeof(e));
	return made(dir, d, r, e.handle, out);
}

int host_symlink(struct inode *dir, struct dentry *d, const char *target, struct inode **out)
{
	struct chan_msg m = {.op = CHAN_OP_SYMLINK, .a = {dir_handle(dir)}};
	size_t len = strlen(target);
	u8 *data = plat_chan_data();

	memcpy(data, d->name, d->len);
	data[d->len] = 0;
	memcpy(data + d->len + 1, target, len);
	m.in_len = d->len + 1 + (u32)len;
	return made(dir, d, host_call(&m), 0, out);
}

int host_create_open(
	struct inode *dir, struct dentry *d, struct file *f, u32 mode, struct inode **out)
{
	u32 flags =
		host_open_flags(f->flags) | CHAN_O_CREAT | (f->flags & O_EXCL ? CHAN_O_EXCL : 0);
	struct chan_msg m = {.op = CHAN_OP_OPEN, .a = {dir_handle(dir), flags, mode & 07777}};
	s64 r = host_call_name(&m, d->name, d->len);
	int err = made(dir, d, r, 0, out);

	if (err) {
		if (r > 0)
			host_forget((u32)r);
		return err;
	}
	f->ops = &host_file_ops;
	err = host_file_attach(f, *out, (u32)r);
	if (err)
		inode_put(*out);
	return err;
}

/* Linux's flags for O_TMPFILE allow reading and writing alike: the open that follows takes its
 * pick. */
int host_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	struct chan_msg m = {.op = CHAN_OP_OPEN,
		.a = {dir_handle(dir), CHAN_O_TMPFILE | CHAN_O_READ | CHAN_O_WRITE, mode & 07777}};
	s64 r = host_call(&m);
	struct chan_attr a;

	if (r < 0)
		return (int)r;
	memcpy(&a, plat_chan_data(), sizeof(a));
	*out = host_inode_get(dir->super, &a, 0);
	if (!*out) {
		host_forget((u32)r);
		return -ENOMEM;
	}
	host_inode(*out)->tmp_handle = (u32)r;
	return 0;
}

int host_link(struct inode *dir, struct dentry *d, struct inode *i)
{
	struct chan_msg m = {.op = CHAN_OP_LINK};
	struct host_ref from;
	struct inode *same = NULL;
	int r;

	if (i->super != dir->super)
		return -EXDEV;
	r = host_ref(i, false, &from);
	if (r)
		return r;
	m.a[0] = from.handle;
	m.a[1] = dir_handle(dir);
	r = made(dir, d, host_call_names(&m, from.name, from.len, d->name, d->len), 0, &same);
	if (r)
		return r;
	dentry_instantiate(d, same);
	inode_put(same);
	return 0;
}

static int remove(struct inode *dir, struct dentry *d, u32 flags)
{
	struct chan_msg m = {.op = CHAN_OP_UNLINK, .a = {dir_handle(dir), flags}};
	int r = (int)host_call_name(&m, d->name, d->len);

	changed(dir);
	host_inode_stale(d->inode);
	d->valid_until = 0;
	return r;
}

int host_unlink(struct inode *dir, struct dentry *d)
{
	int r = remove(dir, d, 0);

	if (!r && d->inode->nlink)
		d->inode->nlink--; /* for those who ask when no handle is left to ask with */
	return r;
}

int host_rmdir(struct inode *dir, struct dentry *d)
{
	int r = remove(dir, d, CHAN_UNLINK_DIR);

	if (!r)
		d->inode->nlink = 0;
	return r;
}

int host_rename(
	struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags)
{
	struct chan_msg m = {
		.op = CHAN_OP_RENAME, .a = {dir_handle(odir), dir_handle(ndir), flags}};
	int r;

	if (ndir->super != odir->super)
		return -EXDEV;
	r = (int)host_call_names(&m, od->name, od->len, nd->name, nd->len);
	changed(odir);
	changed(ndir);
	host_inode_stale(od->inode);
	if (nd->inode)
		host_inode_stale(nd->inode);
	if (r) {
		od->valid_until = 0; /* what we believed may be why */
		nd->valid_until = 0;
		return r;
	}
	if (nd->inode && !(flags & RENAME_EXCHANGE) && nd->inode->nlink)
		nd->inode->nlink--;
	return 0;
}

const struct inode_ops host_dir_inode_ops = {
	.walk = host_walk,
	.create = host_create,
	.create_open = host_create_open,
	.mkdir = host_mkdir,
	.symlink = host_symlink,
	.link = host_link,
	.unlink = host_unlink,
	.rmdir = host_rmdir,
	.rename = host_rename,
	.tmpfile = host_tmpfile,
	.getattr = host_getattr,
	.setattr = host_setattr,
	.open = host_open,
	.revalidate = host_revalidate,
	.getxattr = host_getxattr,
	.listxattr = host_listxattr,
	.access = host_access,
	.release = host_inode_release,
};
