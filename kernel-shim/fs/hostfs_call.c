/* SPDX-License-Identifier: Apache-2.0
 * One request on the channel, and how an inode is named to the host.
 */
#include "fs/hostfs_internal.h"

#define GIVE_UP 64u /* names of the cache */

bool host_made_room(s64 r)
{
	return r == -ENFILE && dcache_shrink(GIVE_UP);
}

/* What was refused for want of a descriptor has written nothing, nor does what giving some up asks
 * for: the data of the request is still there. */
s64 host_call(struct chan_msg *m)
{
	do
		plat_channel(m);
	while (host_made_room(m->result));
	return m->result;
}

s64 host_call_name(struct chan_msg *m, const char *name, u32 len)
{
	memcpy(plat_chan_data(), name, len);
	m->in_len = len;
	return host_call(m);
}

s64 host_call_ref(struct chan_msg *m, const struct host_ref *r)
{
	m->a[0] = r->handle;
	return host_call_name(m, r->name, r->len);
}

/* Two components, each followed by NUL. */
s64 host_call_names(struct chan_msg *m, const char *a, u32 alen, const char *b, u32 blen)
{
	u8 *data = plat_chan_data();

	memcpy(data, a, alen);
	data[alen] = 0;
	memcpy(data + alen + 1, b, blen);
	data[alen + 1 + blen] = 0;
	m->in_len = alen + blen + 2;
	return host_call(m);
}

void host_forget(u32 handle)
{
	struct chan_msg m = {.op = CHAN_OP_FORGET, .a = {handle}};

	if (handle)
		host_call(&m);
}

u64 host_deadline(void)
{
	return clock_mono_ns() + HOST_BELIEVE_NS;
}

int host_ref_dentry(const struct dentry *d, struct host_ref *r)
{
	const struct inode *dir = d->parent ? d->parent->inode : NULL;

	if (!dir || dir->ops != &host_dir_inode_ops)
		return -ENOENT;
	*r = (struct host_ref){host_inode(dir)->handle, d->len, d->name};
	return 0;
}

int host_ref(const struct inode *i, bool prefer_open, struct host_ref *r)
{
	const struct host_inode *h = host_inode(i);
	const struct dentry *d = inode_alias(i);
	bool opened = !list_empty(&h->open);

	if (h->handle) {
		*r = (struct host_ref){h->handle, 0, ""};
		return 0;
	}
	if (!(opened && prefer_open) && d && !host_ref_dentry(d, r))
		return 0;
	if (!opened)
		return -ENOENT;
	*r = (struct host_ref){list_entry(h->open.next, struct host_file, link)->handle, 0, ""};
	return 0;
}
