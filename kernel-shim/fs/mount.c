/* SPDX-License-Identifier: Apache-2.0
 * Mounts: where one file system's root covers a directory of another. There is one namespace, built
 * at boot and never undone.
 */
#include "fs/fs_internal.h"

int vfs_mount(struct super *s, const struct path *at, u32 flags, const char *source)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->root = dentry_new(NULL, "", 0, s->root);
	m->source = kstrndup(source, strlen(source));
	if (!m->root || !m->source) {
		if (m->root)
			dentry_put(m->root);
		kfree(m->source);
		kfree(m);
		return -ENOMEM;
	}
	m->super = s; /* the caller's reference */
	m->flags = flags;
	m->refs = 1;
	m->id = fs_state()->next_mount_id++;
	if (at) {
		m->parent = at->mnt;
		m->parent->refs++;
		m->mountpoint = dentry_get(at->dentry);
		at->dentry->mounted = m;
	} else {
		kern->root_mount = m;
	}
	list_add_tail(&kern->mounts, &m->link);
	return 0;
}
