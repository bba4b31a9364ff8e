/* SPDX-License-Identifier: Apache-2.0
 * inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).
 */
#include "fs/anon.h"
#include "fs/fs_internal.h"
#include "fs/notify.h"
#include "sys/sys.h"

#define KNOWN_BITS                                                                                 \
	((u32)(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |              \
		IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR |        \
		IN_ONESHOT))

static long make(u32 flags)
{
	if (flags & ~(u32)(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	return anon_install(inotify_make(O_RDONLY | (flags & IN_NONBLOCK)), flags & IN_CLOEXEC);
}

long sys_inotify_init(struct task *t, const u64 *a)
{
	return make(0);
}

long sys_inotify_init1(struct task *t, const u64 *a)
{
	return make((u32)a[0]);
}

static long watch_path(struct file *f, const u64 *a)
{
	u32 mask = (u32)a[2];
	u32 lookup = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
		     (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
	struct path p;
	long r;

	if (((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)) || !file_is_inotify(f))
		return -EINVAL;
	r = path_lookup_user(AT_FDCWD, a[1], lookup, &p);
	if (r)
		return r;
	r = inode_permission(p.dentry->inode, MAY_READ);
	if (!r)
		r = inotify_watch(f, p.dentry->inode, mask);
	path_put(&p);
	return r;
}

long sys_inotify_add_watch(struct task *t, const u64 *a)
{
	u32 mask = (u32)a[2];

	return (mask & ~KNOWN_BITS) || !mask ? -EINVAL : fd_call(a, watch_path);
}

static long unwatch(struct file *f, const u64 *a)
{
	return file_is_inotify(f) ? inotify_unwatch(f, (s32)a[1]) : -EINVAL;
}

long sys_inotify_rm_watch(struct task *t, const u64 *a)
{
	return fd_call(a, unwatch);
}
