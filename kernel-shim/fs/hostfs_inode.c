/* SPDX-License-Identifier: Apache-2.0
 * Inodes of the host's files: one for each file that the host tells apart, so that hard links and
 * several mounts of one file share mappings and locks; their attributes.
 */
#include "fs/hostfs_internal.h"

static struct list *bucket(u64 dev, u64 ino)
{
	return &host_state()->inodes[(ino ^ (ino >> 17) ^ dev) % HOST_BUCKETS];
}

static u64 our_device(struct super *s, u64 host)
{
	struct host_super *h = s->priv;
	struct host_device *d;

	for (d = h->devices; d; d = d->next) {
		if (d->host == host)
			return d->ours;
	}
	d = kalloc(sizeof(*d));
	if (!d)
		return s->dev;
	d->host = host;
	d->ours = h->devices ? dev_encode(0, fs_state()->next_dev++) : s->dev;
	d->next = h->devices;
	h->devices = d;
	return d->ours;
}

bool host_is_same(const struct inode *i, const struct chan_attr *a)
{
	/* The time of birth tells a number that was given to a new file. */
	return i->ino == a->ino && host_inode(i)->host_dev == a->dev &&
	       !((i->mode ^ a->mode) & S_IFMT) && i->btime == a->btime &&
	       i->btime_ns == a->btime_ns;
}

void host_inode_update(struct inode *i, const struct chan_attr *a)
{
	struct host_inode *h = host_inode(i);

	if (h->target && (i->ctime != a->ctime || i->ctime_ns != a->ctime_ns)) {
		kfree(h->target);
		h->target = NULL;
	}
	i->mode = a->mode;
	i->nlink = a->nlink;
	i->uid = a->uid;
	i->gid = a->gid;
	i->size = a->size;
	i->blocks = a->blocks;
	i->rdev = a->rdev;
	i->atime = a->atime;
	i->mtime = a->mtime;
	i->ctime = a->ctime;
	i->btime = a->btime;
	i->atime_ns = a->atime_ns;
	i->mtime_ns = a->mtime_ns;
	i->ctime_ns = a->ctime_ns;
	i->btime_ns = a->btime_ns;
	h->attr_until = host_deadline();
}

void host_inode_stale(struct inode *i)
{
	host_inode(i)->attr_until = 0;
}

static struct inode *find(struct super *s, const struct chan_attr *a)
{
	list_for_each(l, bucket(a->dev, a->ino))
	{
		struct host_inode *h = list_entry(l, struct host_inode, hash_link);

		if (h->inode->super == s && host_is_same(h->inode, a))
			return h->inode;
	}
	return NULL;
}

static const struct inode_ops *host_ops_for(u32 mode)
{
	if (S_ISDIR(mode))
		return &host_dir_inode_ops;
	return S_ISREG(mode) ? &host_leaf_inode_ops : &host_special_inode_ops;
}

static struct inode *host_inode_new(struct super *s, const struct chan_attr *a)
{
	bool dir = S_ISDIR(a->mode);
	struct host_inode *h = kzalloc(sizeof(*h));
	struct inode *i = h ? inode_new(s, host_ops_for(a->mode), a->mode) : NULL;

	if (!i) {
		kfree(h);
		return NULL;
	}
	h->inode = i;
	h->host_dev = a->dev;
	list_init(&h->open);
	i->ino = a->ino;
	i->priv = h;
	i->fops = dir ? &host_dir_ops : &host_file_ops;
	list_add(bucket(a->dev, a->ino), &h->hash_link);
	return i;
}

struct inode *host_inode_get(struct super *s, const struct chan_attr *a, u32 handle)
{
	struct inode *i = host_state() ? find(s, a) : NULL;

	if (i)
		inode_get(i);
	else
		i = host_state() ? host_inode_new(s, a) : NULL;
	if (!i) {
		host_forget(handle);
		return NULL;
	}
	host_inode_update(i, a);
	if (host_inode(i)->handle)
		host_forget(handle);
	else
		host_inode(i)->handle = handle;
	return i;
}

void host_inode_release(struct inode *i)
{
	struct host_inode *h = host_inode(i);

	host_unmap(i);
	host_forget(h->handle);
	host_forget(h->tmp_handle);
	list_del(&h->hash_link);
	kfree(h->target);
	kfree(h);
}

/* -- attributes -- */

static int refresh(struct inode *i)
{
	struct chan_msg m = {.op = CHAN_OP_GETATTR};
	struct chan_attr a;
	struct host_ref ref;
	int r = host_ref(i, true, &ref);

	if (!r)
		r = (int)host_call_ref(&m, &ref);
	if (r < 0)
		return r;
	memcpy(&a, plat_chan_data(), sizeof(a));
	if (!host_is_same(i, &a)) { /* another file has the name now */
		struct dentry *d = inode_alias(i);

		if (d)
			d->valid_until = 0;
		return -ESTALE;
	}
	host_inode_update(i, &a);
	return 0;
}

int host_getattr(struct inode *i, struct kstat *st)
{
	int r = 0;

	if (clock_mono_ns() >= host_inode(i)->attr_until)
		r = refresh(i);
	/* What was there a moment ago: removed or replaced between the walk and now. */
	if (r && r != -ESTALE && r != -ENOENT)
		return r;
	inode_fill_stat(i, st);
	st->dev = our_device(i->super, host_inode(i)->host_dev);
	return 0;
}

int host_setattr_ref(struct inode *i, const struct host_ref *ref, const struct setattr *a)
{
	struct chan_msg m = {.op = CHAN_OP_SETATTR, .a = {ref->handle}};
	struct chan_setattr s = {
		.valid = a->valid & CHAN_SET_ALL,
		.mode = a->mode & 07777,
		.uid = a->uid,
		.gid = a->gid,
		.size = a->size,
		.atime = a->atime,
		.mtime = a->mtime,
		.atime_ns = a->atime_ns,
		.mtime_ns = a->mtime_ns,
	};
	u64 old_size = i->size;
	struct chan_attr out;
	s64 r;

	memcpy(plat_chan_data(), &s, sizeof(s));
	memcpy(plat_chan_data() + sizeof(s), ref->name, ref->len);
	m.in_len = (u32)sizeof(s) + ref->len;
	r = host_call(&m);
	host_inode_stale(i);
	if (r < 0)
		return (int)r;
	memcpy(&out, plat_chan_data(), sizeof(out));
	if (host_is_same(i, &out))
		host_inode_update(i, &out);
	if ((a->valid & CHAN_SET_SIZE) && a->size < old_size)
		mm_file_truncated(i, a->size);
	return 0;
}

int host_setattr(struct inode *i, const struct setattr *a)
{
	struct host_ref ref;
	int r = host_ref(i, false, &ref);

	return r ? r : host_setattr_ref(i, &ref, a);
}

s64 host_readlink(struct inode *i, char *buf, size_t n)
{
	struct chan_msg m = {.op = CHAN_OP_READLINK};
	struct host_inode *h = host_inode(i);
	struct host_ref ref;
	s64 r;

	if (!h->target) {
		r = host_ref(i, false, &ref);
		if (!r)
			r = host_call_ref(&m, &ref);
		if (r < 0)
			return r;
		h->target = kstrndup((const char *)plat_chan_data(), min_u64(r, PATH_LEN_MAX));
		if (!h->target)
			return -ENOMEM;
	}
	r = (s64)min_u64(strlen(h->target), n);
	memcpy(buf, h->target, (size_t)r);
	return r;
}

int host_access(struct inode *i, u32 mask)
{
	struct chan_msg m = {.op = CHAN_OP_ACCESS, .a = {0, mask}};
	struct host_ref ref;
	int r = host_ref(i, false, &ref);

	return r ? r : (int)host_call_ref(&m, &ref);
}

static s64 xattr(struct inode *i, u32 op, const char *name, void *buf, size_t n)
{
	struct chan_msg m = {.op = CHAN_OP_XATTR, .a = {0, op}};
	struct host_ref ref;
	s64 r = host_ref(i, true, &ref);

	if (r)
		return r;
	m.a[0] = ref.handle;
	r = host_call_names(&m, ref.name, ref.len, name, (u32)strlen(name));
	if (r < 0 || !n)
		return r;
	if ((u64)r > n)
		return -ERANGE;
	memcpy(buf, plat_chan_data(), (size_t)r);
	return r;
}

s64 host_getxattr(struct inode *i, const char *name, void *buf, size_t n)
{
	return xattr(i, CHAN_XATTR_GET, name, buf, n);
}

s64 host_listxattr(struct inode *i, char *buf, size_t n)
{
	return xattr(i, CHAN_XATTR_LIST, "", buf, n);
}

const struct inode_ops host_leaf_inode_ops = {
	.getattr = host_getattr,
	.setattr = host_setattr,
	.open = host_open,
	.revalidate = host_revalidate,
	.getxattr = host_getxattr,
	.listxattr = host_listxattr,
	.access = host_access,
	.release = host_inode_release,
	.map_page = host_map_page,
};

/* Links; and FIFOs, sockets and devices, which are not the host's once they are opened. */
const struct inode_ops host_special_inode_ops = {
	.getattr = host_getattr,
	.setattr = host_setattr,
	.readlink = host_readlink,
	.revalidate = host_revalidate,
	.getxattr = host_getxattr,
	.listxattr = host_listxattr,
	.access = host_access,
	.release = host_inode_release,
};
