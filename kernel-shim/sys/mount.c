/* SPDX-License-Identifier: Apache-2.0
 * mount(2), umount2(2): on the sandbox's own tree of mounts, for who has CAP_SYS_ADMIN in there.
 * Nothing that was granted read-only becomes writable, and nothing that a grant covers is
 * uncovered.
 */
#include <linux/mount.h>

#include "fs/fs_internal.h"
#include "sys/sys.h"

#define MS_TYPE	   (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define MNT_FORCE  1u
#define MNT_DETACH 2u
#define MNT_EXPIRE 4u
#define MNT_NOLINK 8u /* UMOUNT_NOFOLLOW */

struct mount_call {
	const char *source, *type, *options; /* NULL: not given */
	u32 flags;			     /* MS_* */
};

static bool may_mount(void)
{
	return fs_has(CAP_SYS_ADMIN);
}

/* MOUNT_* of MS_*. */
static u32 options_of(u32 flags)
{
	u32 options = flags & MOUNT_OPTIONS & ~MOUNT_RELATIME;

	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		options |= MOUNT_RELATIME;
	if (flags & MS_STRICTATIME)
		options &= ~MOUNT_NOATIME;
	return options;
}

static bool is_mountpoint(const struct path *p)
{
	return p->mnt->attached && p->dentry == p->mnt->root;
}

/* Where a new mount on p goes: on top of what is there. */
static void to_top(struct path *p)
{
	struct mount *m;

	while ((m = mount_covering(p))) {
		struct path top = {.mnt = m, .dentry = m->root};

		path_get(&top);
		path_put(p);
		*p = top;
	}
}

/* m, in no tree, comes to p; takes m over. */
static long graft(struct mount *m, const struct path *p)
{
	int r = 0;

	if (!p->mnt->attached)
		r = -EINVAL;
	else if (S_ISDIR(m->root->inode->mode) != S_ISDIR(p->dentry->inode->mode))
		r = -ENOTDIR;
	else if (p->dentry->unhashed)
		r = -ENOENT;
	if (!r)
		r = mount_attach(m, p);
	if (r)
		mount_put(m);
	return r;
}

/* The source as a path, for what takes one. */
static long source_path(const struct mount_call *c, struct path *from)
{
	if (!c->source || !*c->source)
		return -EINVAL;
	return path_lookup(AT_FDCWD, c->source, LOOKUP_FOLLOW, from);
}

static long bind(const struct mount_call *c, struct path *p)
{
	struct path from;
	struct mount *m;
	long r = source_path(c, &from);

	if (r)
		return r;
	to_top(p);
	r = from.mnt->attached ? mount_copy(&from, c->flags & MS_REC, &m) : -EINVAL;
	if (!r)
		r = graft(m, p);
	path_put(&from);
	return r;
}

static long new_mount(const struct mount_call *c, struct path *p)
{
	struct dentry *root;
	struct mount *m;
	struct super *s;

	if (!c->type)
		return -EINVAL;
	s = fstype_mount(c->type, c->options ? c->options : "", c->flags);
	if (is_err(s))
		return ptr_err(s);
	root = dentry_new(NULL, "", 0, s->root);
	m = root ? mount_new(s, root, options_of(c->flags), c->source ? c->source : "none") : NULL;
	if (root)
		dentry_put(root);
	if (!m) {
		if (!s->nmounts && s->ops->unmounted)
			s->ops->unmounted(s);
		super_put(s);
		return -ENOMEM;
	}
	super_put(s); /* it is the mount's now */
	to_top(p);
	return graft(m, p);
}

static long move(const struct mount_call *c, struct path *p)
{
	struct path from;
	long r = source_path(c, &from);

	if (r)
		return r;
	to_top(p);
	if (!is_mountpoint(&from) || !p->mnt->attached || (from.mnt->flags & MOUNT_LOCKED) ||
		S_ISDIR(from.dentry->inode->mode) != S_ISDIR(p->dentry->inode->mode))
		r = -EINVAL;
	for (struct mount *m = p->mnt; m && !r; m = m->parent) {
		if (m == from.mnt)
			r = -ELOOP;
	}
	if (!r)
		mount_move(from.mnt, p);
	path_put(&from);
	return r;
}

/* Every mount is private here, and a slave of nobody. */
static long change_type(const struct mount_call *c, const struct path *p)
{
	u32 type = c->flags & ~(u32)(MS_REC | MS_SILENT);

	if (!is_mountpoint(p) || (type != MS_PRIVATE && type != MS_SLAVE))
		return -EINVAL;
	return 0;
}

static bool takes_locked(const struct mount *m, u32 options)
{
	const u32 kept = MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC;

	return (m->flags & MOUNT_LOCKED_FLAGS) && (m->flags & ~options & kept);
}

static long remount(const struct mount_call *c, const struct path *p)
{
	const u32 atime = MOUNT_NOATIME | MOUNT_NODIRATIME | MOUNT_RELATIME;
	struct mount *m = p->mnt;
	u32 options = options_of(c->flags);
	int r;

	if (!is_mountpoint(p))
		return -EINVAL;
	/* The default for remounting is what was. */
	if (!(c->flags & (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)))
		options = (options & ~atime) | (m->flags & atime);
	if (takes_locked(m, options))
		return -EPERM;
	if ((options & ~m->flags & MOUNT_RO) && mount_written(m))
		return -EBUSY;
	if (!(c->flags & MS_BIND)) {
		if ((m->flags & MOUNT_LOCKED_FLAGS) || strcmp(m->super->type, "tmpfs"))
			return -EPERM;
		r = fstype_remount(m->super, c->options ? c->options : "");
		if (r)
			return r;
		m->super->readonly = options & MOUNT_RO;
	}
	m->flags = (m->flags & ~MOUNT_OPTIONS) | options;
	return 0;
}

static long mount_at(struct mount_call *c, struct path *p)
{
	if ((c->flags & MS_MGC_MSK) == MS_MGC_VAL)
		c->flags &= ~(u32)MS_MGC_MSK;
	if (c->flags & (u32)MS_NOUSER)
		return -EINVAL;
	if (!may_mount())
		return -EPERM;
	if (c->flags & MS_REMOUNT)
		return remount(c, p);
	if (c->flags & MS_BIND)
		return bind(c, p);
	if (c->flags & MS_TYPE)
		return change_type(c, p);
	return c->flags & MS_MOVE ? move(c, p) : new_mount(c, p);
}

/* -- arguments -- */

/* A string of a page at most, NULL if there is none. */
static long copy_string(u64 uptr, char **out)
{
	s64 n;

	*out = NULL;
	if (!uptr)
		return 0;
	*out = kalloc(PATH_LEN_MAX);
	if (!*out)
		return -ENOMEM;
	n = strncpy_from_user(*out, uptr, PATH_LEN_MAX);
	if (n >= 0)
		return 0;
	kfree(*out);
	*out = NULL;
	return n == -ENAMETOOLONG ? -EINVAL : n;
}

long sys_mount(struct task *t, const u64 *a)
{
	char *source = NULL, *type = NULL, *options = NULL;
	struct path p;
	long r = copy_string(a[2], &type);

	if (!r)
		r = copy_string(a[0], &source);
	if (!r)
		r = copy_string(a[4], &options);
	if (!r)
		r = path_lookup_user(AT_FDCWD, a[1], LOOKUP_FOLLOW, &p);
	if (!r) {
		struct mount_call c = {source, type, options, (u32)a[3]};

		r = mount_at(&c, &p);
		path_put(&p);
	}
	kfree(type);
	kfree(source);
	kfree(options);
	return r;
}

/* -- umount2 -- */

static long expire(struct mount *m, u32 flags)
{
	if (m == current->fs->root.mnt || (flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	if (mount_busy(m))
		return -EBUSY;
	if (m->expiring)
		return 0;
	m->expiring = true;
	return -EAGAIN;
}

static long umount_at(const struct path *p, u32 flags)
{
	struct mount *m = p->mnt;
	long r = 0;

	if (!may_mount())
		return -EPERM;
	if (!is_mountpoint(p) || (m->flags & MOUNT_LOCKED) || !m->parent)
		return -EINVAL;
	if (flags & MNT_EXPIRE)
		r = expire(m, flags);
	else if (!(flags & MNT_DETACH) && mount_busy(m))
		r = -EBUSY;
	if (!r)
		mount_detach(m);
	return r;
}

long sys_umount2(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[1];
	struct path p;
	long r;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | MNT_NOLINK))
		return -EINVAL;
	r = path_lookup_user(
		AT_FDCWD, a[0], LOOKUP_NO_USE | (flags & MNT_NOLINK ? 0 : LOOKUP_FOLLOW), &p);
	if (r)
		return r;
	r = umount_at(&p, flags);
	path_put(&p);
	return r;
}
