/* SPDX-License-Identifier: Apache-2.0
 * hostfs: the guest end of the channel's file operations.
 *
 * A directory has a DIR handle of its own; anything else is named by its directory's handle and its
 * name, until it is opened: then it has FILE handles. Names and attributes are believed for
 * HOST_BELIEVE_NS after the host told them; what we change is known at once.
 */
#ifndef FS_HOSTFS_INTERNAL_H
#define FS_HOSTFS_INTERNAL_H

#include "fs/fs_internal.h"
#include "fs/hostfs.h"

#define HOST_BELIEVE_NS NSEC_PER_SEC

struct host_range { /* of the file window, free */
	struct list link;
	u64 off, len;
};
struct host_state {
	struct list inodes[HOST_BUCKETS];
	struct list streams;	   /* host_file.stream_link */
	struct list window;	   /* host_range, by off */
	struct super *stdio;	   /* of inherited descriptors */
	struct mount *stdio_mount; /* in no tree: gives them a path */
	u64 next_tag;
};
/* Made at first use; NULL: no memory. */
struct host_state *host_state(void);

/* A host file system below a grant has a device number of its own here too. */
struct host_device {
	u64 host, ours;
	struct host_device *next;
};
struct host_super {
	u32 handle; /* of the root */
	struct host_device *devices;
};

/* Pages [first, first + count) of the file lie at off in the window. */
struct host_extent {
	u64 first, count, off;
	bool writable;
};

struct host_inode {
	struct inode *inode;
	struct list hash_link;
	u64 host_dev;
	u32 handle;	  /* DIR, or NODE of a grant that is a file; 0: by name */
	u32 tmp_handle;	  /* O_TMPFILE: opened when it was made, for the open that follows */
	u64 attr_until;	  /* monotonic: attributes are believed until then */
	char *target;	  /* of a link, while attributes say that it did not change */
	struct list open; /* host_file.link */
	struct host_extent *extents; /* by first */
	u32 nextents;
};

struct host_file {
	struct list link; /* host_inode.open */
	u32 handle;
	u32 flags;	     /* O_* that it was opened with */
	u32 shares;	     /* further open files that duplicate it (hostfs_stream.c) */
	u32 dir_len, dir_at; /* what is left of the last READDIR */
	u8 *dir_buf;
	/* streams */
	bool stream, tty;
	u32 armed; /* events of a WATCH that has not fired */
	u64 tag;
	struct list stream_link;
	struct waitq wait;
};

static inline struct host_inode *host_inode(const struct inode *i)
{
	return i->priv;
}
static inline struct host_file *host_file(const struct file *f)
{
	return f->priv;
}

/* Where the host finds an inode: a handle, and a name below it or "". */
struct host_ref {
	u32 handle;
	u32 len;
	const char *name;
};
int host_ref(const struct inode *i, bool prefer_open, struct host_ref *r);
int host_ref_dentry(const struct dentry *d, struct host_ref *r);

/* hostfs_call.c */
s64 host_call(struct chan_msg *m);
s64 host_call_name(struct chan_msg *m, const char *name, u32 len); /* with a name as input */
s64 host_call_ref(struct chan_msg *m, const struct host_ref *r);   /* fills a[0] too */
s64 host_call_names(struct chan_msg *m, const char *a, u32 alen, const char *b, u32 blen);
void host_forget(u32 handle);
/* The host has no descriptor left, and some that only the cache of names held were given up. */
bool host_made_room(s64 r);
u64 host_deadline(void); /* now + HOST_BELIEVE_NS */

/* hostfs_inode.c */
extern const struct inode_ops host_dir_inode_ops, host_leaf_inode_ops, host_special_inode_ops;
struct inode *host_inode_get(struct super *s, const struct chan_attr *a, u32 handle);
void host_inode_update(struct inode *i, const struct chan_attr *a);
void host_inode_stale(struct inode *i); /* ask again before attributes are told */
bool host_is_same(const struct inode *i, const struct chan_attr *a);
int host_getattr(struct inode *i, struct kstat *st);
int host_setattr(struct inode *i, const struct setattr *a);
int host_setattr_ref(struct inode *i, const struct host_ref *r, const struct setattr *a);
s64 host_readlink(struct inode *i, char *buf, size_t n);
int host_access(struct inode *i, u32 mask);
s64 host_getxattr(struct inode *i, const char *name, void *buf, size_t n);
s64 host_listxattr(struct inode *i, char *buf, size_t n);
void host_inode_release(struct inode *i);

/* hostfs_walk.c, hostfs_change.c */
int host_walk(struct dentry *dir, const char *rest, struct dentry **out);
bool host_revalidate(struct dentry *d);
int host_create(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, struct inode **out);
int host_create_open(
	struct inode *dir, struct dentry *d, struct file *f, u32 mode, struct inode **out);
int host_mkdir(struct inode *dir, struct dentry *d, u32 mode, struct inode **out);
int host_symlink(struct inode *dir, struct dentry *d, const char *target, struct inode **out);
int host_link(struct inode *dir, struct dentry *d, struct inode *i);
int host_unlink(struct inode *dir, struct dentry *d);
int host_rmdir(struct inode *dir, struct dentry *d);
int host_rename(
	struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags);
int host_tmpfile(struct inode *dir, u32 mode, struct inode **out);

/* hostfs_file.c */
extern const struct file_ops host_file_ops, host_dir_ops;
int host_open(struct inode *i, struct file *f);
u32 host_open_flags(u32 flags);
int host_file_attach(
	struct file *f, struct inode *i, u32 handle); /* takes the handle, also on failure */
void host_file_release(struct file *f);
int host_readdir(struct file *f, dir_emit emit, void *arg);
s64 host_dir_seek(struct file *f, s64 off, int whence);
/* Moves bytes until the caller's buffers are done, the host moves fewer than asked, or (once) after
 * the first call. off CHAN_OFF_STREAM: the description's own position. */
s64 host_transfer(u32 handle, struct uio *u, u64 off, bool write, u64 flags, bool once);

/* hostfs_stream.c */
extern const struct inode_ops host_stdio_inode_ops;

/* hostfs_map.c */
int host_map_page(struct inode *i, struct file *f, u64 index, bool write, u64 *pa);
void host_unmap(struct inode *i);

#endif
