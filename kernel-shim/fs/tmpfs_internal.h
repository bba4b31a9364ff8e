/* SPDX-License-Identifier: Apache-2.0
 * tmpfs: inodes whose contents are pages of guest RAM. A directory entry holds its inode; dentries
 * only cache.
 */
#ifndef FS_TMPFS_INTERNAL_H
#define FS_TMPFS_INTERNAL_H

#include "fs/erofs.h"
#include "fs/fs_internal.h"
#include "fs/tmpfs.h"

#define IMAGE_BUCKETS 256u

/* A tmpfs may begin as an image (imagefs.c): what nobody changed is read from there. */
struct image {
	struct erofs fs;
	struct list inodes[IMAGE_BUCKETS]; /* image_inode.hash_link, by nid */
};

struct tmpfs_super {
	u64 max_pages; /* 0: what the guest has (memory without a mount: memfd, shared mappings) */
	u64 used_pages;
	struct image *image; /* or NULL */
};

struct image_inode {
	struct inode *inode;
	struct list hash_link;
	struct erofs_node node;
	u64 pages;   /* of its content that show where tmpfs has no page of its own */
	bool pinned; /* changed: a reference keeps it */
	bool listed; /* a directory: its entries are in tmpfs_dir now, the image's are out of use */
};

struct tmpfs_entry {
	struct list link;	       /* tmpfs_dir.entries, by cookie */
	struct tmpfs_entry *hash_next; /* tmpfs_dir.buckets */
	struct inode *inode;	       /* a reference; NULL: the image's, by nid */
	u64 nid;
	u64 cookie;
	u32 hash;
	u32 len;
	u8 type; /* as in struct dirent */
	char name[];
};

/* Entries in the order they were made. Cookies only grow, so a listing neither repeats nor misses
 * what stays, whatever comes and goes meanwhile. */
struct tmpfs_dir {
	struct list entries;
	struct tmpfs_entry **buckets; /* NULL while there are few */
	u32 nbuckets;
	u32 count;
	u64 next_cookie;
	struct tmpfs_entry *hint; /* where the last listing stopped */
};

/* Page tree: 64 slots a node, as high as the largest index needs. */
struct tmpfs_pages {
	u64 *root;
	u32 height;
	u64 count;
};

struct tmpfs_node {
	union {
		struct tmpfs_dir dir;
		struct tmpfs_pages pages;
		char *target;
	};
	struct image_inode *image; /* where it began, or NULL */
	u32 seals;
	bool linkable; /* O_TMPFILE: has no name but may get one */
	struct list xattrs;
};

static inline struct tmpfs_node *tmpfs_node(const struct inode *i)
{
	return i->priv;
}
static inline struct tmpfs_super *tmpfs_super(const struct super *s)
{
	return s->priv;
}
struct inode *tmpfs_inode(struct super *s, u32 mode);

/* imagefs.c. The inode of a nid, a new reference. */
int imagefs_inode(struct super *s, u64 nid, struct inode **out);
bool imagefs_cached(struct super *s, u64 nid); /* it is in memory, as all are that changed */
void imagefs_release(struct inode *i);
/* The inode is about to be changed, so it stays. Nothing for other inodes. */
void imagefs_pin(struct inode *i);
void imagefs_unpin(struct inode *i); /* its last name is gone */
/* Whether page `index` of the file, not in tmpfs, is the image's and not a hole. */
bool imagefs_shows(const struct inode *i, u64 index);
/* Content that shows from there on, to memory of ours or the caller's. */
int imagefs_read(const struct inode *i, void *buf, size_t n, u64 off);
s64 imagefs_put(const struct inode *i, struct uio *u, u64 off, size_t n);
/* Its frame in the file window, or 0. */
u64 imagefs_frame(const struct inode *i, u64 index);
/* The directory is the image's still: look there. */
bool imagefs_unlisted(const struct inode *dir);
int imagefs_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);
int imagefs_readdir(struct file *f, dir_emit emit, void *arg);
/* The directory is about to be changed: its entries come into tmpfs_dir. 0, -ENOMEM, -EIO. */
int imagefs_list(struct inode *dir);
/* s becomes the image that this handle of the host's opens: its root, and all below. */
int imagefs_begin(struct super *s, u32 handle);
void imagefs_unpin_all(struct super *s);

/* tmpfs_dir.c */
extern const struct inode_ops tmpfs_dir_inode_ops;
extern const struct file_ops tmpfs_dir_ops;
void tmpfs_dir_init(struct tmpfs_dir *d);
void tmpfs_dir_free(struct tmpfs_dir *d);
void tmpfs_tree_free(struct inode *root);
struct tmpfs_entry *tmpfs_dir_find(struct tmpfs_dir *d, const char *name, u32 len);
int tmpfs_dir_add(struct tmpfs_dir *d, const char *name, u32 len, struct inode *i);
/* The same without an inode: nid is the image's. */
struct tmpfs_entry *tmpfs_dir_add_entry(struct tmpfs_dir *d, const char *name, u32 len);
void tmpfs_dir_remove(struct tmpfs_dir *d, struct tmpfs_entry *e);

/* tmpfs_pages.c: a page's frame, 0: a hole */
u64 tmpfs_page(const struct tmpfs_pages *p, u64 index);
/* Makes the page if it is a hole; 0 or -ENOSPC, -ENOMEM. fresh: not zeroed, the caller fills it. */
int tmpfs_page_make(struct inode *i, u64 index, bool zero, u64 *pa);
/* Frees the pages [from, to). */
void tmpfs_pages_drop(struct inode *i, u64 from, u64 to);
u64 tmpfs_pages_held(const struct tmpfs_pages *p, u64 from, u64 to); /* how many there are */
/* Whether n more could be made. */
bool tmpfs_has_room(const struct inode *i, u64 n);
/* First index >= from that is a page (or a hole); ~0: none. */
u64 tmpfs_pages_next(const struct tmpfs_pages *p, u64 from, bool hole);

/* tmpfs_file.c */
extern const struct inode_ops tmpfs_file_inode_ops;
extern const struct file_ops tmpfs_file_ops;
int tmpfs_setattr(struct inode *i, const struct setattr *a);

/* tmpfs_xattr.c */
s64 tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t n);
s64 tmpfs_listxattr(struct inode *i, char *buf, size_t n);
int tmpfs_setxattr(struct inode *i, const char *name, const void *value, size_t n, u32 flags);
int tmpfs_removexattr(struct inode *i, const char *name);
void tmpfs_xattrs_free(struct tmpfs_node *node);

/* tmpfs.c */
void tmpfs_release(struct inode *i);

#endif
