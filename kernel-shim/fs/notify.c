/* SPDX-License-Identifier: Apache-2.0
 * From what happens to files to those who watch them: a directory's watchers hear of its entries by
 * name, then who watches the entry itself.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"

#define SELF_EVENTS (IN_DELETE_SELF | IN_MOVE_SELF)

static u32 dir_bit(const struct inode *i)
{
	return S_ISDIR(i->mode) ? IN_ISDIR : 0;
}

/* unlinked: the event is about an entry that has lost its name. */
static void tell(struct inode *i, u32 events, u32 cookie, const char *name, bool unlinked)
{
	struct watch *w = i->watches, *next;

	for (; w; w = next) {
		next = w->next;
		if ((w->mask & events & IN_ALL_EVENTS) && !(unlinked && (w->mask & IN_EXCL_UNLINK)))
			inotify_event(w, events, cookie, name);
	}
}

void notify_inode_do(struct inode *i, u32 events)
{
	/* inotify has never told of itself that it is a directory */
	if (!(events & SELF_EVENTS))
		events |= dir_bit(i);
	tell(i, events, 0, NULL, false);
}

void notify_dentry_do(struct dentry *d, u32 events, bool by_file)
{
	struct inode *i = d->inode, *parent = d->parent ? d->parent->inode : NULL;
	bool unlinked = by_file && d->unhashed;

	events |= dir_bit(i);
	if (parent && parent->watches)
		tell(parent, events, 0, d->name, unlinked);
	tell(i, events, 0, NULL, unlinked);
}

void notify_name_do(struct dentry *dir, const struct dentry *d, u32 events, u32 cookie)
{
	tell(dir->inode, events | dir_bit(d->inode), cookie, d->name, false);
}

/* inode: which moved from the name `from` to the name `to`. */
static void moved(struct inode *i, struct dentry *odir, const struct dentry *from,
	struct dentry *ndir, const struct dentry *to, struct inode *replaced)
{
	u32 cookie = ++fs_state()->notify_cookie, dir = dir_bit(i);

	tell(odir->inode, IN_MOVED_FROM | dir, cookie, from->name, false);
	tell(ndir->inode, IN_MOVED_TO | dir, cookie, to->name, false);
	if (replaced)
		notify_inode_do(replaced, IN_ATTRIB);
	notify_inode_do(i, IN_MOVE_SELF);
}

void notify_rename_do(struct dentry *odir, struct dentry *old, struct dentry *ndir,
	struct dentry *new, bool exchange)
{
	moved(old->inode, odir, old, ndir, new, exchange ? NULL : new->inode);
	if (exchange)
		moved(new->inode, ndir, new, odir, old, NULL);
}

void notify_gone_do(struct inode *i)
{
	notify_inode_do(i, IN_DELETE_SELF);
	while (i->watches)
		inotify_ignored(i->watches);
}

/* Everybody hears of it, asked for or not; with no directory bit, as from fsnotify_sb_delete. */
void notify_unmounted_do(struct inode *i)
{
	while (i->watches) {
		struct watch *w = i->watches;
		bool ends = w->mask & IN_ONESHOT;

		inotify_event(w, IN_UNMOUNT, 0, NULL);
		if (!ends)
			inotify_ignored(w);
	}
}

/* Nobody but the caller, and cached names below that nobody uses, holds d. */
static bool unused(const struct dentry *d)
{
	u32 held = 1;

	list_for_each(pos, &d->children) held += !list_entry(pos, struct dentry, child_link)->refs;
	return d->refs == held;
}

void notify_removed_do(struct dentry *dir, struct dentry *d)
{
	if (!d->inode->nlink && unused(d))
		notify_gone(d->inode);
	notify_name_do(dir, d, IN_DELETE, 0);
}
