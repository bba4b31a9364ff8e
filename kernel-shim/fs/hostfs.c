/* SPDX-License-Identifier: Apache-2.0
 * Mounts of the host's directories and files, and what all of hostfs hangs off.
 */
#include "fs/hostfs_internal.h"

static int host_statfs(struct super *s, struct inode *i, struct chan_statfs *out)
{
	struct host_super *h = s->priv;
	struct chan_msg m = {.op = CHAN_OP_STATFS, .a = {h->handle}};
	struct host_ref ref;
	s64 r;

	if (!host_ref(i, true, &ref)) /* its own handle, or its directory's */
		m.a[0] = ref.handle;
	r = host_call(&m);
	if (r < 0)
		return (int)r;
	memcpy(out, plat_chan_data(), sizeof(*out));
	return 0;
}

static const struct super_ops host_super_ops = {
	.statfs = host_statfs,
};

static struct super *host_super_new(u32 handle, bool readonly)
{
	struct host_super *h = kzalloc(sizeof(*h));
	struct super *s = h ? super_new(&host_super_ops, "host") : NULL;

	if (!s) {
		kfree(h);
		return NULL;
	}
	h->handle = handle;
	s->priv = h;
	s->remote = true;
	s->readonly = readonly;
	s->cache_negative = readonly;
	return s;
}

struct host_state *host_state(void)
{
	struct fs_state *fs = fs_state();
	struct host_state *s = fs->host;
	struct host_range *all;

	if (s)
		return s;
	s = kzalloc(sizeof(*s));
	all = kzalloc(sizeof(*all));
	if (!s || !all)
		goto fail;
	for (u32 i = 0; i < HOST_BUCKETS; i++)
		list_init(&s->inodes[i]);
	list_init(&s->streams);
	list_init(&s->window);
	all->len = kern->boot ? kern->boot->window_size : 0;
	list_add_tail(&s->window, &all->link);
	s->stdio = host_super_new(0, false);
	if (!s->stdio)
		goto fail;
	fs->host = s;
	return s;
fail:
	kfree(s);
	kfree(all);
	return NULL;
}

struct super *hostfs_mount(u32 handle, bool readonly)
{
	struct chan_msg m = {.op = CHAN_OP_GETATTR, .a = {handle}};
	struct chan_attr a;
	struct super *s;
	s64 r = host_call(&m);

	if (r < 0)
		return err_ptr(r);
	memcpy(&a, plat_chan_data(), sizeof(a));
	s = host_super_new(handle, readonly || (a.flags & CHAN_ATTR_READONLY));
	if (!s)
		return err_ptr(-ENOMEM);
	s->root = host_inode_get(s, &a, handle);
	return s->root ? s : err_ptr(-ENOMEM);
}
