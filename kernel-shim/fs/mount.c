/* SPDX-License-Identifier: Apache-2.0
 * Mounts: where the root of one file system, or a directory or file of it, covers a place in
 * another. There is one tree of them. Those of the boot block are locked: what they cover was not
 * granted.
 */
#include "fs/fs_internal.h"

struct mount *mount_covering(const struct path *p)
{
	if (!p->dentry->mounted)
		return NULL;
	list_for_each(l, &p->mnt->children)
	{
		struct mount *m = list_entry(l, struct mount, child_link);

		if (m->mountpoint == p->dentry)
			return m;
	}
	return NULL;
}

struct mount *mount_new(struct super *s, struct dentry *root, u32 flags, const char *source)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (m)
		m->source = kstrndup(source, strlen(source));
	if (!m || !m->source) {
		kfree(m);
		return NULL;
	}
	super_get(s);
	s->nmounts++;
	m->super = s;
	m->root = dentry_get(root);
	m->flags = flags;
	m->refs = 1;
	m->id = fs_state()->next_mount_id++;
	list_init(&m->children);
	list_init(&m->child_link);
	list_init(&m->link);
	return m;
}

/* -- the tree -- */

static void join(struct mount *m, struct mount *parent, struct dentry *at)
{
	m->parent = parent;
	m->mountpoint = dentry_get(at);
	at->mounted++;
	list_add_tail(&parent->children, &m->child_link);
}

static void part(struct mount *m)
{
	struct dentry *at = m->mountpoint;

	list_del(&m->child_link);
	m->parent = NULL;
	m->mountpoint = NULL;
	at->mounted--;
	dentry_put(at);
}

/* The mount after m in the tree below top, parents first; not what is below m unless `into`. NULL:
 * m was the last. */
static struct mount *next_below(struct mount *m, const struct mount *top, bool into)
{
	if (into && !list_empty(&m->children))
		return list_entry(m->children.next, struct mount, child_link);
	for (; m != top; m = m->parent) {
		if (m->child_link.next != &m->parent->children)
			return list_entry(m->child_link.next, struct mount, child_link);
	}
	return NULL;
}

static void set_attached(struct mount *top, bool on)
{
	for (struct mount *m = top; m; m = next_below(m, top, true)) {
		m->attached = on;
		list_del(&m->link);
		if (on)
			list_add_tail(&kern->mounts, &m->link);
	}
}

static bool have_room(struct mount *top)
{
	u32 n = 0;

	list_for_each(l, &kern->mounts) n++;
	for (struct mount *m = top; m; m = next_below(m, top, true))
		n++;
	return n <= MOUNTS_MAX;
}

int mount_attach(struct mount *m, const struct path *at)
{
	if (!have_room(m))
		return -ENOSPC;
	join(m, at->mnt, at->dentry);
	set_attached(m, true);
	return 0;
}

/* Below it all stays as it is, for those who are still in there: what a lock covers stays covered.
 */
void mount_detach(struct mount *m)
{
	set_attached(m, false);
	part(m);
	mount_put(m);
}

void mount_move(struct mount *m, const struct path *at)
{
	part(m);
	join(m, at->mnt, at->dentry);
}

/* -- the end of one -- */

static void super_unmounted(struct mount *m)
{
	struct super *s = m->super;
	struct dentry *top = m->root;

	while (top->parent)
		top = top->parent;
	dentry_get(top);
	dentry_put(m->root);
	if (dentry_forget_below(top) && s->ops->unmounted)
		s->ops->unmounted(s);
	dentry_put(top);
}

static void mount_free(struct mount *m)
{
	struct super *s = m->super;

	if (--s->nmounts)
		dentry_put(m->root);
	else
		super_unmounted(m);
	super_put(s);
	kfree(m->source);
	kfree(m);
}

/* A loop, not recursion: mounts are stacked as high as somebody likes. */
void mount_put(struct mount *m)
{
	struct mount *gone;

	if (--m->refs)
		return;
	m->next_gone = NULL;
	for (gone = m; gone;) {
		m = gone;
		gone = m->next_gone;
		while (!list_empty(&m->children)) {
			struct mount *c = list_entry(m->children.next, struct mount, child_link);

			part(c);
			if (--c->refs)
				continue;
			c->next_gone = gone;
			gone = c;
		}
		mount_free(m);
	}
}

/* -- copies -- */

static bool shows_locked(const struct path *p)
{
	list_for_each(l, &p->mnt->children)
	{
		struct mount *m = list_entry(l, struct mount, child_link);

		if ((m->flags & MOUNT_LOCKED) && dentry_is_below(m->mountpoint, p->dentry))
			return true;
	}
	return false;
}

static struct mount *copy_one(struct mount *m, struct dentry *root, u32 flags)
{
	m->copy = mount_new(m->super, root, flags, m->source);
	return m->copy;
}

static bool copy_below(const struct path *p)
{
	struct mount *m = next_below(p->mnt, p->mnt, true);

	while (m) {
		bool wanted = m->parent != p->mnt || dentry_is_below(m->mountpoint, p->dentry);

		if (wanted && !copy_one(m, m->root, m->flags))
			return false;
		if (wanted)
			join(m->copy, m->parent->copy, m->mountpoint);
		m = next_below(m, p->mnt, wanted);
	}
	return true;
}

int mount_copy(const struct path *p, bool deep, struct mount **out)
{
	if (!deep && shows_locked(p))
		return -EINVAL;
	*out = copy_one(p->mnt, p->dentry, p->mnt->flags & ~MOUNT_LOCKED);
	if (!*out)
		return -ENOMEM;
	if (!deep || copy_below(p))
		return 0;
	mount_put(*out);
	return -ENOMEM;
}

/* -- who uses it -- */

/* By more than the tree and a path of the caller's. */
bool mount_busy(const struct mount *m)
{
	return m->refs > 2 || !list_empty(&m->children);
}

static bool table_writes(struct files *fs, const struct mount *m)
{
	bool found = false;

	for (s32 fd = 0; !found && files_each(fs, &fd); fd++) {
		struct file *f = files_lookup(fs, fd);

		found = f->path.dentry && f->path.mnt == m && file_writable(f) &&
			!(f->flags & O_PATH);
		file_put(f);
	}
	return found;
}

bool mount_written(const struct mount *m)
{
	list_for_each(l, &kern->tasks)
	{
		struct task *t = list_entry(l, struct task, all_link);

		if (t->files && table_writes(t->files, m))
			return true;
	}
	return false;
}

/* -- boot -- */

int vfs_mount(struct super *s, const struct path *at, u32 flags, const char *source)
{
	struct dentry *root = dentry_new(NULL, "", 0, s->root);
	struct mount *m;

	if (!root)
		return -ENOMEM;
	m = mount_new(s, root, flags | MOUNT_RELATIME | MOUNT_LOCKED | MOUNT_LOCKED_FLAGS, source);
	dentry_put(root);
	if (!m)
		return -ENOMEM;
	super_put(s); /* the caller's reference */
	if (!at)
		kern->root_mount = m;
	else
		join(m, at->mnt, at->dentry);
	set_attached(m, true);
	return 0;
}
