/* SPDX-License-Identifier: Apache-2.0
 * Looking up: one request for as many components as are known to be plain, whose answers fill the
 * cache of names.
 */
#include "fs/hostfs_internal.h"

struct walk {
	struct dentry *at; /* the directory whose children come next; a reference */
	u32 n;
	struct {
		const char *name;
		u32 len;
	} part[CHAN_WALK_MAX];
	struct chan_walk_ent ent[CHAN_WALK_MAX];
};

static bool plain(const char *name, u32 len)
{
	if (!len || len > NAME_LEN_MAX || (name[0] == '.' && len == 1))
		return false;
	return !(len == 2 && name[0] == '.' && name[1] == '.');
}

/* Splits rest into parts, and writes them as a path to the channel's data; its length. Stops where,
 * as far as the cache knows, another mount covers the host's tree: the host may have been told to
 * hide what lies below, and would call it a denial. */
static u32 split(struct walk *w, struct dentry *dir, const char *rest)
{
	char *data = (char *)plat_chan_data();
	struct dentry *d = dentry_get(dir);
	u32 at = 0;

	while (w->n < CHAN_WALK_MAX) {
		struct dentry *child;
		const char *end;
		u32 len;

		while (*rest == '/')
			rest++;
		for (end = rest; *end && *end != '/';)
			end++;
		len = (u32)(end - rest);
		if (!plain(rest, len) || at + len + 1 >= PATH_LEN_MAX)
			break;
		child = d ? dentry_cached(d, rest, len) : NULL;
		if (d)
			dentry_put(d);
		d = child;
		if (w->n && d && d->mounted)
			break;
		if (at)
			data[at++] = '/';
		memcpy(data + at, rest, len);
		at += len;
		w->part[w->n].name = rest;
		w->part[w->n++].len = len;
		rest = end;
	}
	if (d)
		dentry_put(d);
	return at;
}

/* The dentry that says name n was not found. */
static int enter_missing(struct walk *w, u32 n, struct dentry **out)
{
	struct dentry *dir = w->at;
	struct dentry *d = dentry_cached(dir, w->part[n].name, w->part[n].len);

	if (d && d->inode && !d->mounted) {
		dentry_unhash(d);
		dentry_put(d);
		d = NULL;
	}
	if (!d)
		d = dentry_new(dir, w->part[n].name, w->part[n].len, NULL);
	if (!d)
		return -ENOMEM;
	/* Where others may write, a missing name is asked for every time. */
	d->valid_until = dir->inode->super->readonly ? host_deadline() : 0;
	*out = d;
	return 0;
}

static int enter_found(struct walk *w, u32 n, struct dentry **out)
{
	const struct chan_walk_ent *e = &w->ent[n];
	struct dentry *dir = w->at;
	struct dentry *d = dentry_cached(dir, w->part[n].name, w->part[n].len);
	struct inode *i = host_inode_get(dir->inode->super, &e->attr, e->handle);

	if (!i) {
		if (d)
			dentry_put(d);
		return -ENOMEM;
	}
	if (d && d->inode != i && !d->mounted) {
		dentry_unhash(d);
		dentry_put(d);
		d = NULL;
	}
	if (!d)
		d = dentry_new(dir, w->part[n].name, w->part[n].len, i);
	inode_put(i);
	if (!d)
		return -ENOMEM;
	d->valid_until = host_deadline();
	*out = d;
	return 0;
}

/* Puts the answers into the cache. *first is the first one's dentry. */
static int enter(struct walk *w, u32 found, struct dentry **first)
{
	for (u32 n = 0; n < w->n && n <= found; n++) {
		struct dentry *d;
		int r = n < found ? 0 : w->ent[n].err;

		if (n == found && !r)
			break; /* it stopped at something that is no directory */
		if (r && r != -ENOENT) {
			if (!n)
				return r;
			break; /* told when that name is asked for by itself */
		}
		r = r ? enter_missing(w, n, &d) : enter_found(w, n, &d);
		if (r && !n)
			return r;
		if (r)
			break;
		if (!n)
			*first = dentry_get(d);
		dentry_put(w->at);
		w->at = d;
	}
	return 0;
}

/* Entries that the host did not write must not be taken for answers. */
static void forget_unused(struct walk *w, u32 from, u32 have)
{
	for (u32 n = from; n < have; n++) {
		if (!w->ent[n].err)
			host_forget(w->ent[n].handle);
	}
}

static int walk(struct dentry *dir, const char *rest, struct dentry **out)
{
	struct chan_msg m = {.op = CHAN_OP_WALK, .a = {host_inode(dir->inode)->handle}};
	struct walk *w = kzalloc(sizeof(*w));
	u32 have;
	s64 r;

	if (!w)
		return -ENOMEM;
	w->at = dentry_get(dir);
	m.in_len = split(w, dir, rest);
	r = host_call(&m);
	have = (u32)min_u64(m.out_len / sizeof(w->ent[0]), w->n);
	if (r >= 0) {
		memcpy(w->ent, plat_chan_data(), have * sizeof(w->ent[0]));
		*out = NULL;
		r = enter(w, (u32)min_u64(r, have), out);
		if (!r && !*out)
			r = -EIO; /* no answer at all */
		if (r)
			forget_unused(w, 1, have);
	}
	dentry_put(w->at);
	kfree(w);
	return (int)r;
}

/* Of the first name's own error: what came of those behind it is told when they are asked for. */
int host_walk(struct dentry *dir, const char *rest, struct dentry **out)
{
	int r;

	do
		r = walk(dir, rest, out);
	while (host_made_room(r));
	return r;
}

bool host_revalidate(struct dentry *d)
{
	return d->mounted || clock_mono_ns() < d->valid_until;
}
