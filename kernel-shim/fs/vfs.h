/* SPDX-License-Identifier: Apache-2.0
 * The virtual file system: inodes, dentries (a cache of names), mounts, open files, descriptor
 * tables. Every file system is an ops table.
 *
 * References: inode, dentry, file and mount are counted (x_get, x_put). A dentry holds its inode
 * and its parent; a file holds its path; a path is (mount, dentry).
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include "abi/channel.h"
#include "core/types.h"
#include "core/wait.h"

struct inode;
struct dentry;
struct file;
struct mount;
struct super;
struct task;
struct uio;
struct cred;
struct tty;
struct process;
struct socket;
struct watch;

/* Attributes as stat(2) sees them. */
struct kstat {
	u64 ino, dev, rdev, size, blocks;
	u32 mode, nlink, uid, gid, blksize;
	u32 attributes;
	s64 atime, mtime, ctime, btime;
	u32 atime_ns, mtime_ns, ctime_ns, btime_ns;
	bool has_btime;
};

struct setattr {
	u32 valid; /* CHAN_SET_* */
	u32 mode, uid, gid;
	u64 size;
	s64 atime, mtime;
	u32 atime_ns, mtime_ns;
};

struct super { /* a mounted file system's own state */
	const struct super_ops *ops;
	const char *type; /* "tmpfs", "proc", "devtmpfs", "host" */
	u32 refs;
	u64 dev; /* st_dev */
	bool readonly;
	u32 nmounts;
	bool remote; /* the host refuses writes itself, and says which flag would allow them */
	bool cache_negative; /* a name that was not found stays so until it is made through us */
	struct inode *root;
	void *priv;
};
struct super_ops {
	/* Sizes of a page and names of 255 bytes are there already. */
	int (*statfs)(struct super *s, struct inode *i, struct chan_statfs *out);
	void (*destroy)(struct super *s);
	/* It is mounted nowhere any more: lets go of all that its names hold. Optional. */
	void (*unmounted)(struct super *s);
};
/* A super with one reference and a device number of its own. */
struct super *super_new(const struct super_ops *ops, const char *type);

struct inode {
	const struct inode_ops *ops;
	const struct file_ops *fops; /* for open files of this inode */
	struct super *super;
	u32 refs;
	u32 mode; /* type and permission bits; fresh after ops->getattr */
	u32 uid, gid;
	u64 ino;
	u64 size; /* valid for regular files after getattr */
	u32 nlink;
	u64 blocks;
	u64 rdev;
	s64 atime, mtime, ctime, btime;
	u32 atime_ns, mtime_ns, ctime_ns, btime_ns;
	struct list aliases; /* dentries of this inode, by alias_link */
	void *priv;
	void *locks;	       /* struct lock_state (POSIX, flock) or NULL */
	struct pipe *fifo;     /* FIFO opened inside, or NULL */
	struct socket *bound;  /* local socket that has this name, or NULL */
	struct watch *watches; /* fs/notify.h */
};

struct inode_ops {
	/* Directories. lookup: *out is a new reference, or -ENOENT. dentry gives the name. Ops that
	 * are absent mean -EPERM/-ENOTDIR/-EROFS as fits; vfs checks permissions and types before
	 * calling. */
	int (*lookup)(struct inode *dir, const char *name, u32 len, struct inode **out);
	/* Instead of lookup, when a name is not cached or no longer believed: looks up as many
	 * components of `rest` (a relative path) as it likes and caches them; *out is the first's
	 * dentry, a new reference, negative if it is not there. Optional. */
	int (*walk)(struct dentry *dir, const char *rest, struct dentry **out);
	/* Creates and opens a regular file in one step (O_EXCL in f->flags); sets f->priv.
	 * Optional. */
	int (*create_open)(
		struct inode *dir, struct dentry *d, struct file *f, u32 mode, struct inode **out);
	int (*create)(struct inode *dir, struct dentry *d, u32 mode, u64 rdev,
		struct inode **out); /* mknod: S_IFREG FIFO SOCK CHR BLK */
	int (*mkdir)(struct inode *dir, struct dentry *d, u32 mode, struct inode **out);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target, struct inode **out);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *inode);
	int (*unlink)(struct inode *dir, struct dentry *d); /* d->inode is what goes */
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
		u32 flags);
	int (*tmpfile)(struct inode *dir, u32 mode, struct inode **out);
	/* Any inode. */
	int (*getattr)(struct inode *i, struct kstat *st); /* refreshes the inode's fields too */
	int (*setattr)(struct inode *i, const struct setattr *a);
	s64 (*readlink)(struct inode *i, char *buf, size_t n);
	/* Magic links (/proc/self/fd/N, exe, cwd): the path itself, with references. Optional. */
	int (*follow)(struct inode *i, struct mount **mnt, struct dentry **d);
	int (*open)(struct inode *i, struct file *f); /* may set f->ops, f->priv */
	/* Is a cached dentry still right? false: drop it and look up again. Optional. */
	bool (*revalidate)(struct dentry *d);
	s64 (*getxattr)(struct inode *i, const char *name, void *buf, size_t n);
	s64 (*listxattr)(struct inode *i, char *buf, size_t n);
	int (*setxattr)(struct inode *i, const char *name, const void *value, size_t n, u32 flags);
	int (*removexattr)(struct inode *i, const char *name);
	int (*access)(struct inode *i,
		u32 mask); /* access(2), after the attributes allowed it. Optional. */
	void (*release)(struct inode *i); /* last reference */
	/* Frame for page `index` of a mapping: RAM (a reference is taken) or window page. -EIO past
	 * the end. */
	int (*map_page)(struct inode *i, struct file *f, u64 index, bool write, u64 *pa);
};

struct dentry {
	u32 refs;
	struct dentry *parent; /* NULL for a file system's root */
	struct inode *inode;   /* NULL: negative */
	struct list hash_link, child_link, lru_link, alias_link;
	struct list children;
	u32 mounted;	 /* mounts that cover this directory, wherever it is seen */
	u64 valid_until; /* hostfs: monotonic ns until which attributes and name are believed */
	u32 hash;
	u32 len;
	bool unhashed; /* unlinked or replaced */
	char *name;
	void *priv;
};

struct mount {
	u32 refs;
	struct super *super;
	struct dentry *root;
	struct mount *parent;	   /* not counted: a mount that goes lets its children go */
	struct dentry *mountpoint; /* a reference */
	struct list children, child_link;
	struct list link; /* kernel.mounts */
	u32 flags;	  /* MOUNT_* */
	s32 id;
	bool attached; /* somewhere below the root */
	bool expiring; /* MNT_EXPIRE found it unused, and it was not used since */
	char *source;
	struct mount *copy;	 /* while its tree is copied */
	struct mount *next_gone; /* of those to be freed */
};
/* What a mount allows: flags as MS_* of mount(2) where there are such. */
#define MOUNT_RO	   0x1u
#define MOUNT_NOSUID	   0x2u
#define MOUNT_NODEV	   0x4u
#define MOUNT_NOEXEC	   0x8u
#define MOUNT_NOSYMFOLLOW  0x100u
#define MOUNT_NOATIME	   0x400u
#define MOUNT_NODIRATIME   0x800u
#define MOUNT_RELATIME	   0x200000u
#define MOUNT_OPTIONS	   0x200d0fu   /* all of these */
#define MOUNT_LOCKED	   0x80000000u /* what it covers stays covered */
#define MOUNT_LOCKED_FLAGS 0x40000000u /* granted so: no flag may be taken away */

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};
void path_get(const struct path *p);
void path_put(struct path *p);

struct file {
	const struct file_ops *ops;
	u32 refs;
	u32 flags;	     /* O_* as given: access mode, O_APPEND, O_NONBLOCK, O_PATH… */
	struct path path;    /* dentry NULL for anonymous files (pipe, eventfd) */
	struct inode *inode; /* a reference, or NULL */
	s64 pos;
	void *priv;
	const char *anon_name; /* "pipe:", "anon_inode:[eventpoll]" for /proc/self/fd */
	u64 anon_ino;
	struct list epoll_items; /* struct epitem watching this file */
	struct fasync *async;	 /* fs/fasync.h; NULL: nobody asked for signals */
};

#define POLL_IN	    0x001u
#define POLL_PRI    0x002u
#define POLL_OUT    0x004u
#define POLL_ERR    0x008u
#define POLL_HUP    0x010u
#define POLL_NVAL   0x020u
#define POLL_RDNORM 0x040u
#define POLL_RDBAND 0x080u
#define POLL_WRNORM 0x100u
#define POLL_WRBAND 0x200u
#define POLL_RDHUP  0x2000u

/* Takes a directory entry; false: no room, stop. */
typedef bool (*dir_emit)(void *arg, const char *name, u32 len, u64 ino, u8 type, u64 next_pos);

struct file_ops {
	/* pos points at the position to use and update; NULL for streams. Bytes or -errno. Blocking
	 * calls block inside, unless f->flags has O_NONBLOCK. A return shorter than asked is fine.
	 */
	s64 (*read)(struct file *f, struct uio *u, s64 *pos);
	s64 (*write)(struct file *f, struct uio *u, s64 *pos);
	s64 (*seek)(struct file *f, s64 off, int whence);
	/* Calls emit for each entry from f->pos on until it returns false; updates f->pos. */
	int (*readdir)(struct file *f, dir_emit emit, void *arg);
	/* Events ready now; if q is not NULL, *q is set to the queue that is woken when that
	 * changes (may stay NULL: always ready). */
	u32 (*poll)(struct file *f, struct waitq **q);
	long (*ioctl)(struct file *f, u32 cmd, u64 arg);
	int (*fsync)(struct file *f, bool data_only);
	int (*fallocate)(struct file *f, u32 mode, u64 off, u64 len);
	int (*truncate)(struct file *f, u64 size);
	int (*flush)(struct file *f);	 /* each close(2) */
	void (*release)(struct file *f); /* last reference */
	bool async;			 /* O_ASYNC works: poll always gives a queue */
	int (*getattr)(
		struct file *f, struct kstat *st); /* where there is no inode, or fd-specific */
	int (*mmap)(struct file *f, u32 prot,
		u32 flags); /* 0 or why not; absent: allowed if map_page is */
	void (*mapped)(struct file *f, bool more); /* one mapping more or less. Optional. */
};

/* -- path walking (fs/namei.c) -- */
#define LOOKUP_FOLLOW	     1u	 /* follow a link in the last component */
#define LOOKUP_DIRECTORY     2u	 /* -ENOTDIR unless a directory */
#define LOOKUP_EMPTY	     4u	 /* AT_EMPTY_PATH */
#define LOOKUP_NO_SYMLINKS   16u /* openat2 */
#define LOOKUP_BENEATH	     32u
#define LOOKUP_IN_ROOT	     64u
#define LOOKUP_NO_MAGICLINKS 128u
#define LOOKUP_NO_XDEV	     256u
#define LOOKUP_CACHED	     512u
#define LOOKUP_NO_USE	     1024u /* no use of the mount, as MNT_EXPIRE sees it */
/* name is a kernel copy; dfd AT_FDCWD or a descriptor. On 0 *out holds references. */
int path_lookup(s32 dfd, const char *name, u32 flags, struct path *out);
int path_lookup_kernel(
	const char *name, u32 flags, struct path *out); /* from the root, as the kernel */
/* Copies a user path: kalloc'ed, or err_ptr(-ENOENT for empty unless allowed, -ENAMETOOLONG,
 * -EFAULT). */
char *getname(u64 upath, bool empty_ok);
/* path_lookup of a user path, which may be empty if flags say so. */
int path_lookup_user(s32 dfd, u64 upath, u32 flags, struct path *out);
/* Absolute path as seen from the root of fs; "(deleted)" is appended when unlinked. Length or
 * -errno. */
s64 path_string(const struct path *p, char *buf, size_t n);
/* inotify(7): limits, shown in /proc/sys/fs/inotify; of the whole sandbox */
#define INOTIFY_QUEUE_MAX     16384
#define INOTIFY_INSTANCES_MAX 128
#define INOTIFY_WATCHES_MAX   65536
#define MAY_EXEC	      1u
#define MAY_WRITE	      2u
#define MAY_READ	      4u
int inode_permission(struct inode *i, u32 mask); /* by current's fs ids */

/* -- dentries, inodes -- */
/* One reference, nlink 1, owner 0:0, times now, an inode number of its own. */
struct inode *inode_new(struct super *s, const struct inode_ops *ops, u32 mode);
void inode_fill_stat(
	const struct inode *i, struct kstat *st); /* what getattr does where it is absent */
void inode_get(struct inode *i);
void inode_put(struct inode *i);
/* Mode, owner and group as a says, for file systems that keep them only in memory. */
void inode_set_access(struct inode *i, const struct setattr *a);
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* Cached under its parent (NULL: the root of a file system); takes references of its own on parent
 * and inode. One reference. NULL: memory is out. */
struct dentry *dentry_new(struct dentry *parent, const char *name, u32 len, struct inode *inode);
void dentry_unhash(struct dentry *d);
int vfs_getattr(const struct path *p, struct kstat *st);
int file_getattr(struct file *f, struct kstat *st);

/* -- changing names (fs/change.c): rights and rules of Linux, current's ids; p is a path as
 * path_lookup takes it. Also for bind(2) of local sockets, which looks the socket up again with
 * path_lookup. -- */
int vfs_mknod(s32 dfd, const char *name, u32 mode, u64 rdev);
int vfs_mkdir(s32 dfd, const char *name, u32 mode);
int vfs_symlink(const char *target, s32 dfd, const char *name);

/* -- open files and descriptors -- */
struct file *file_new(const struct file_ops *ops, u32 flags); /* anonymous; one reference */
struct file *file_open(
	s32 dfd, const char *name, u32 flags, u32 mode);      /* open(2) inside; or err_ptr */
struct file *file_open_path(const struct path *p, u32 flags); /* no creation, no follow */
/* In flags of the two above: the file will be executed. Needs the x bit, EACCES unless a regular
 * file. */
#define O_FOR_EXEC 040u
static inline bool file_readable(const struct file *f)
{
	return (f->flags & 3) == 0 || (f->flags & 3) == 2;
}
static inline bool file_writable(const struct file *f)
{
	return (f->flags & 3) == 1 || (f->flags & 3) == 2;
}
void file_get(struct file *f);
void file_put(struct file *f);
s64 file_read_kernel(struct file *f, void *buf, size_t n, u64 pos); /* loops until n or the end */

struct files;
struct files *files_new(void);
struct files *files_copy(struct files *f);
void files_get(struct files *f);
void files_put(struct files *f);   /* closes all at the last */
int files_unshare(struct task *t); /* it gets a table of its own: 0 or -ENOMEM */
void files_close_on_exec(struct files *f);
struct file *fd_get(s32 fd); /* current's; a reference, or NULL (EBADF); O_PATH files are refused */
struct file *fd_get_any(s32 fd); /* O_PATH allowed */
/* What a call does with the file of descriptor a[0]; with those of a[0] and a[other]. */
long fd_call(const u64 *a, long (*fn)(struct file *f, const u64 *a));
long fd_call_two(const u64 *a, u32 other, long (*fn)(struct file *f, struct file *g, const u64 *a));
struct file *files_lookup(struct files *fs, s32 fd);	  /* any table; a reference or NULL */
s32 fd_install(struct file *f, bool cloexec, s32 lowest); /* takes the reference; fd or -EMFILE */
int fd_install_at(struct files *fs, s32 fd, struct file *f, bool cloexec); /* boot */
/* What there is room for before the table grows: programs see it in select(2), /proc/PID/status. */
u32 files_size(const struct files *fs);
u32 files_each(struct files *fs, s32 *fd); /* next open fd >= *fd: 1 and *fd, or 0 */
bool files_cloexec(struct files *fs, s32 fd);
/* For readdir: "." and ".." at positions 0 and 1. False: no room. And seek for such directories. */
bool dir_emit_dots(struct file *f, dir_emit emit, void *arg);
s64 file_seek_set(struct file *f, s64 off, int whence);
/* The position, wherever it is kept: that of an inherited file is the host's. 0 for a file without.
 */
s64 file_tell(struct file *f);
void file_move(struct file *f, s64 pos); /* to a position that a transfer reached */
/* Reads and writes with the checks and signals of read(2) and write(2). pos NULL: the file's own
 * position. */
s64 vfs_read(struct file *f, struct uio *u, s64 *pos);
s64 vfs_write(struct file *f, struct uio *u, s64 *pos);

struct fs_ctx {
	u32 refs;
	u32 umask;
	struct path root, cwd;
};
struct fs_ctx *fs_ctx_copy(struct fs_ctx *f);
void fs_ctx_put(struct fs_ctx *f);

/* -- file systems (each makes a super with its root inode) -- */
struct super *tmpfs_mount(u64 size_limit, u32 mode, u32 uid, u32 gid);
struct super *hostfs_mount(u32 handle, bool readonly);
/* An image in a file of the host; what is changed stays in memory, up to a size as tmpfs_mount's.
 * Or err_ptr. */
struct super *imagefs_mount(u32 handle, u64 size_limit);
struct super *procfs_mount(void);
struct super *sysfs_mount(void);
struct super *devfs_mount(void);
/* At boot; at NULL: the root. */
int vfs_mount(struct super *s, const struct path *at, u32 flags, const char *source);
int fs_init(void);		/* kern->fs_state; fs_boot calls it, tests may before */
void fs_end(void);		/* the sandbox ends: hands out what the boot block asks for */
int fs_boot(struct task *init); /* mounts of the boot block, stdio descriptors, cwd */

/* An unnamed tmpfs file (shared anonymous memory, memfd). */
struct file *tmpfs_anon_file(const char *name, u64 size);
/* A host stream or file inherited as descriptor. */
struct file *hostfs_inherited(u32 handle, u32 oflags);
u32 hostfs_handle(struct file *f); /* channel handle of an open host file, 0: not one */
bool hostfs_is_tty(struct file *f);
/* For mm, when memory is short: drops cached names and with them cached inodes. Dropped. */
u32 dcache_shrink(u32 n);
/* Pipes, ends[0] reads. */
int pipe_make(struct file *ends[2], u32 flags);
/* A watched host file became ready (CHAN_EV_READY). */
void hostfs_event(u64 tag, u32 events);
/* The foreground group: whom signals of the host's terminal are for. */
s32 tty_foreground_pgrp(struct tty *t);
void tty_leader_exits(struct process *p); /* p, in its last moments */

#endif
