/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of the VFS core, tmpfs and hostfs; not for other folders.
 *
 * One kernel lock is held everywhere. Nothing that works on names blocks, so a change of a
 * directory is atomic; only reads and writes of streams, locks and FIFO opens put the caller to
 * sleep.
 */
#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/vfs.h"
#include "mm/mm.h"

#define NAME_LEN_MAX   255u
#define PATH_LEN_MAX   4096u
#define SYMLINK_MAX    40u
#define DCACHE_BUCKETS 1024u
#define DCACHE_MAX     8192u /* unused dentries kept */
#define HOST_BUCKETS   256u

struct host_state;

struct fs_state {
	struct list dentry_hash[DCACHE_BUCKETS];
	struct list dentry_lru; /* unused dentries, longest unused first */
	u32 nlru;
	u32 next_dev;
	s32 next_mount_id;
	u64 next_ino;
	struct list lock_waits; /* who waits for whose record lock */
	struct super *anon;	/* memfds and shared anonymous memory */
	struct mount *anon_mount;
	struct host_state *host;
	u32 notify_cookie, ninotify;
	u64 notify_bytes; /* that events take, of all queues */
};
static inline struct fs_state *fs_state(void)
{
	return kern->fs_state;
}

/* -- dcache.c -- */
/* The cached dentry of a name, a new reference, or NULL. Says nothing of how fresh it is. */
struct dentry *dentry_cached(struct dentry *parent, const char *name, u32 len);
void dentry_instantiate(struct dentry *d, struct inode *inode); /* negative becomes positive */
/* rename: d takes the place of `target`, which is unhashed. */
void dentry_move(struct dentry *d, struct dentry *target);
void dentry_exchange(struct dentry *a, struct dentry *b);
/* d is p or below it, in one file system. */
bool dentry_is_below(const struct dentry *d, const struct dentry *p);
/* A name of the inode that is still there, or NULL. No reference. */
struct dentry *inode_alias(const struct inode *i);

/* Forgets the unused names below d; false: somebody uses one. */
bool dentry_forget_below(struct dentry *d);

/* -- mount.c: the tree of mounts -- */
#define MOUNTS_MAX 4096u
void mount_put(struct mount *m);
/* What is mounted right on p, or NULL. No reference. */
struct mount *mount_covering(const struct path *p);
/* A mount of what `root` names, in no tree; takes a reference on the super. NULL: no memory. */
struct mount *mount_new(struct super *s, struct dentry *root, u32 flags, const char *source);
/* Another one of p, with all below it if `deep`. -EINVAL: one would show what a lock covers. */
int mount_copy(const struct path *p, bool deep, struct mount **out);
/* Puts m, the tree's reference with it, where `at` is. */
int mount_attach(struct mount *m, const struct path *at);
void mount_detach(struct mount *m); /* with all below */
void mount_move(struct mount *m, const struct path *at);
bool mount_busy(const struct mount *m);
bool mount_written(const struct mount *m); /* some file on it is open for writing */

/* -- fstype.c -- */
/* A super for mount(2), with a reference. err_ptr(-ENODEV): no such type. */
struct super *fstype_mount(const char *type, const char *options, u32 flags);
int fstype_remount(struct super *s, const char *options);

/* -- inode.c -- */
u64 dev_encode(u32 major, u32 minor); /* as in struct stat */
void super_get(struct super *s);
void super_put(struct super *s);
#define TOUCH_A 1u
#define TOUCH_M 2u
#define TOUCH_C 4u
void inode_touch(struct inode *i, u32 which);

/* -- perm.c -- */
const struct cred *fs_cred(void);
bool fs_has(u32 cap); /* a capability, of whoever works on files now */
bool fs_in_group(u32 gid);
bool inode_owned(const struct inode *i); /* by the caller, or he is root */
int mount_writable(const struct mount *m);
/* May a name be made in, or taken out of, dir? */
int may_create(const struct dentry *dir);
int may_delete(const struct dentry *dir, const struct dentry *victim, bool want_dir);
/* Owner, group and set-group-ID bit of a new inode in dir. */
void inode_inherit(struct inode *i, const struct inode *dir);

/* -- namei.c: the walk, one component at a time -- */
/* LOOKUP_* of the AT_* that calls take. */
static inline u32 lookup_flags(u32 at)
{
	return (at & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (at & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}
enum last_kind { LAST_NONE, LAST_NAME, LAST_DOT, LAST_DOTDOT };
struct namei {
	struct path path; /* where we are; references */
	struct path root; /* ".." and "/" stop here; references */
	char *spliced;	  /* owned: a link's target and what followed the link */
	const char *rest; /* not walked yet */
	u32 flags;	  /* LOOKUP_* */
	u32 nlinks;
	const char *last;
	u32 last_len;
	enum last_kind kind;
	bool trailing; /* the last component is followed by a slash */
	bool kernel;   /* no permission checks */
};
int namei_start(struct namei *n, s32 dfd, const char *name, u32 flags);
void namei_end(struct namei *n);
/* Walks up to the last component, which it leaves in last… */
int namei_parent(struct namei *n);
/* Looks the last component up in path; negative dentries too. */
int namei_last_dentry(struct namei *n, struct dentry **out);
/* Goes from path to its child d, across mounts; or through the link d. */
int namei_enter(struct namei *n, struct dentry *d);
int namei_follow(struct namei *n, struct dentry *link);
/* All of it: path is the result. */
int namei_walk(struct namei *n);

/* -- denial.c -- */
/* The last component is not there, or may not be made, and the option ("--ro") would change that.
 */
void denial_tell(const struct namei *n, const char *option);

/* -- open.c -- */
struct open_request {
	u32 flags; /* O_* */
	u32 mode;
	u32 lookup; /* LOOKUP_* of openat2 */
};
struct file *file_open_request(s32 dfd, const char *name, const struct open_request *rq);

/* -- attr.c -- */
int vfs_setattr(const struct path *p, struct setattr *a);
int vfs_truncate(const struct path *p, struct file *f, u64 size);
int rlimit_fsize(u64 size); /* 0, or -EFBIG after SIGXFSZ */

/* -- change.c -- */
int vfs_remove(s32 dfd, const char *name, bool want_dir); /* unlink(2), rmdir(2) */
int vfs_link(s32 odfd, const char *old, s32 ndfd, const char *name, u32 flags);
int vfs_rename(s32 odfd, const char *old, s32 ndfd, const char *name, u32 flags);

/* -- file.c -- */
void inode_accessed(struct file *f); /* atime, as a relatime mount keeps it */
s64 file_seek_to(struct file *f, s64 off, int whence, s64 end); /* all but DATA and HOLE */
struct file *file_from_path(const struct path *p, u32 flags);	/* no checks, not opened yet */

/* -- files.c -- */
u32 files_limit(void); /* current's RLIMIT_NOFILE */
int fd_room(void);     /* 0: the next fd_install succeeds; -EMFILE, -ENOMEM */
int files_close(struct files *t, s32 fd);
struct file *files_take(struct files *t, s32 fd); /* the slot is free, the reference the caller's */
int files_set_cloexec(struct files *t, s32 fd, bool on);

/* -- locks.c -- */
long lock_flock(struct file *f, const u64 *a); /* flock(2) */
long lock_fcntl(struct file *f, s32 fd, u32 cmd, u64 arg);
void locks_drop_files(struct file *f, struct files *owner); /* a close(2) by owner */
void locks_drop_file(struct file *f);			    /* the description goes */
void locks_free(struct inode *i);

#endif
