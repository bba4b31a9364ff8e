/* SPDX-License-Identifier: Apache-2.0
 * Who watches what happens to files (inotify(7)). What the sandbox itself does is told; what others
 * do to the host's files is not seen. As long as nobody watches, a hook costs one test.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include <linux/inotify.h>

#include "core/task.h"
#include "fs/vfs.h"

/* inotify's numbers are the events here too. */
struct watch {
	struct watch *next; /* inode.watches */
	struct list link;   /* inotify.watches */
	struct inotify *group;
	struct inode *inode; /* a reference */
	s32 wd;
	u32 mask; /* IN_ALL_EVENTS, IN_EXCL_UNLINK, IN_ONESHOT */
};

/* -- notify.c; the hooks below are what others call -- */
void notify_dentry_do(struct dentry *d, u32 events, bool by_file);
void notify_inode_do(struct inode *i, u32 events);
void notify_name_do(struct dentry *dir, const struct dentry *d, u32 events, u32 cookie);
void notify_gone_do(struct inode *i);
void notify_unmounted_do(struct inode *i);
void notify_removed_do(struct dentry *dir, struct dentry *d);
void notify_rename_do(struct dentry *odir, struct dentry *old, struct dentry *ndir,
	struct dentry *new, bool exchange);

/* Something happened to what d names: its directory hears of it, and who watches itself. */
static inline void notify_dentry(struct dentry *d, u32 events)
{
	if (kern->nwatches)
		notify_dentry_do(d, events, false);
}
/* The same through an open file. */
static inline void notify_file(struct file *f, u32 events)
{
	if (kern->nwatches && f->path.dentry && f->inode)
		notify_dentry_do(f->path.dentry, events, true);
}
/* Only those who watch the inode itself. */
static inline void notify_inode(struct inode *i, u32 events)
{
	if (kern->nwatches)
		notify_inode_do(i, events);
}
/* The name d, of an inode that is still there, came to dir or went. */
static inline void notify_name(struct dentry *dir, const struct dentry *d, u32 events)
{
	if (kern->nwatches)
		notify_name_do(dir, d, events, 0);
}
/* The last name and the last open file of an inode without links are gone. */
static inline void notify_gone(struct inode *i)
{
	if (kern->nwatches && i->watches)
		notify_gone_do(i);
}
/* The inode's file system is mounted nowhere any more. */
static inline void notify_unmounted(struct inode *i)
{
	if (kern->nwatches && i->watches)
		notify_unmounted_do(i);
}
/* The name d was taken out of dir; the caller has a reference to d. */
static inline void notify_removed(struct dentry *dir, struct dentry *d)
{
	if (kern->nwatches)
		notify_removed_do(dir, d);
}
/* Before the dentries move. */
static inline void notify_rename(struct dentry *odir, struct dentry *old, struct dentry *ndir,
	struct dentry *new, bool exchange)
{
	if (kern->nwatches)
		notify_rename_do(odir, old, ndir, new, exchange);
}

/* -- inotify.c -- */
struct file *inotify_make(u32 flags); /* or err_ptr */
bool file_is_inotify(const struct file *f);
/* The watch descriptor, or -errno. */
long inotify_watch(struct file *f, struct inode *i, u32 mask);
int inotify_unwatch(struct file *f, s32 wd);
/* Queues an event of w; may end w. */
void inotify_event(struct watch *w, u32 events, u32 cookie, const char *name);
/* w's inode is gone: the last event. */
void inotify_ignored(struct watch *w);

#endif
