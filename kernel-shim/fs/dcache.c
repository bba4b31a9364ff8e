/* SPDX-License-Identifier: Apache-2.0
 * Dentries: names that were looked up, found by (parent, name). A dentry that nobody uses stays for
 * the next walk, on a list ordered by last use and bounded in length. A dentry holds its parent, so
 * the path of every dentry in use is complete.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"

static u32 name_hash(const struct dentry *parent, const char *name, u32 len)
{
	u64 h = ((u64)parent >> 5) * 0x9e3779b97f4a7c15ull;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ull;
	return (u32)(h ^ (h >> 32));
}

static struct list *bucket(u32 hash)
{
	return &fs_state()->dentry_hash[hash % DCACHE_BUCKETS];
}

static void dentry_rehash(struct dentry *d)
{
	d->hash = name_hash(d->parent, d->name, d->len);
	list_del(&d->hash_link);
	list_add(bucket(d->hash), &d->hash_link);
}

/* Takes what d holds and gives it back; returns the parent, whose reference the caller now has. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent;
	struct inode *inode = d->inode;

	list_del(&d->hash_link);
	list_del(&d->child_link);
	list_del(&d->alias_link);
	kfree(d->name);
	kfree(d);
	if (inode) {
		if (!inode->nlink)
			notify_gone(inode);
		inode_put(inode);
	}
	return parent;
}

/* Is d worth keeping with no user? */
static bool dentry_keep(const struct dentry *d)
{
	if (d->unhashed || !d->parent)
		return false;
	return d->inode || d->parent->inode->super->cache_negative;
}

static void lru_remove(struct dentry *d)
{
	list_del(&d->lru_link);
	fs_state()->nlru--;
}

/* A loop, not recursion: a long chain of parents may go at once. */
static void dentry_drop(struct dentry *d)
{
	while (d && --d->refs == 0) {
		if (dentry_keep(d)) {
			list_add_tail(&fs_state()->dentry_lru, &d->lru_link);
			fs_state()->nlru++;
			return;
		}
		d = dentry_free(d);
	}
}

u32 dcache_shrink(u32 n)
{
	struct fs_state *fs = fs_state();
	u32 done = 0;

	while (done < n && !list_empty(&fs->dentry_lru)) {
		struct dentry *d = list_entry(fs->dentry_lru.next, struct dentry, lru_link);

		lru_remove(d);
		dentry_drop(dentry_free(d));
		done++;
	}
	return done;
}

struct dentry *dentry_get(struct dentry *d)
{
	assert_locked();
	if (d->refs++ == 0)
		lru_remove(d);
	return d;
}

void dentry_put(struct dentry *d)
{
	assert_locked();
	dentry_drop(d);
	if (fs_state()->nlru > DCACHE_MAX)
		dcache_shrink(fs_state()->nlru - DCACHE_MAX);
}

struct dentry *dentry_cached(struct dentry *parent, const char *name, u32 len)
{
	u32 hash = name_hash(parent, name, len);

	list_for_each(l, bucket(hash))
	{
		struct dentry *d = list_entry(l, struct dentry, hash_link);

		if (d->hash == hash && d->parent == parent && d->len == len &&
			!memcmp(d->name, name, len))
			return dentry_get(d);
	}
	return NULL;
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	inode_get(inode);
	d->inode = inode;
	list_add(&inode->aliases, &d->alias_link);
}

struct dentry *dentry_new(struct dentry *parent, const char *name, u32 len, struct inode *inode)
{
	struct dentry *d = kzalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->name = kstrndup(name, len);
	if (!d->name) {
		kfree(d);
		return NULL;
	}
	d->refs = 1;
	d->len = len;
	list_init(&d->hash_link);
	list_init(&d->child_link);
	list_init(&d->lru_link);
	list_init(&d->alias_link);
	list_init(&d->children);
	if (parent) {
		d->parent = dentry_get(parent);
		list_add_tail(&parent->children, &d->child_link);
		dentry_rehash(d);
	}
	if (inode)
		dentry_instantiate(d, inode);
	return d;
}

void dentry_unhash(struct dentry *d)
{
	list_del(&d->hash_link);
	d->unhashed = true;
}

/* d gets the place of `at`: its parent and its name. */
static int dentry_replace(struct dentry *d, struct dentry *parent, const char *name, u32 len)
{
	char *copy = kstrndup(name, len);

	if (!copy)
		return -ENOMEM;
	kfree(d->name);
	d->name = copy;
	d->len = len;
	if (d->parent != parent) {
		struct dentry *old = d->parent;

		d->parent = dentry_get(parent);
		list_del(&d->child_link);
		list_add_tail(&parent->children, &d->child_link);
		dentry_put(old);
	}
	dentry_rehash(d);
	return 0;
}

void dentry_move(struct dentry *d, struct dentry *target)
{
	if (!target->unhashed)
		dentry_unhash(target);
	/* Without memory for the new name the cache forgets; the file system knows. */
	if (dentry_replace(d, target->parent, target->name, target->len))
		dentry_unhash(d);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	char *name = a->name;
	u32 len = a->len;
	struct dentry *parent = a->parent;

	a->name = b->name;
	a->len = b->len;
	b->name = name;
	b->len = len;
	if (parent != b->parent) {
		a->parent = b->parent;
		b->parent = parent;
		list_del(&a->child_link);
		list_del(&b->child_link);
		list_add_tail(&a->parent->children, &a->child_link);
		list_add_tail(&b->parent->children, &b->child_link);
	}
	dentry_rehash(a);
	dentry_rehash(b);
}

bool dentry_is_below(const struct dentry *d, const struct dentry *p)
{
	for (; d; d = d->parent) {
		if (d == p)
			return true;
	}
	return false;
}

struct dentry *inode_alias(const struct inode *i)
{
	list_for_each(l, &i->aliases)
	{
		struct dentry *d = list_entry(l, struct dentry, alias_link);

		if (!d->unhashed)
			return d;
	}
	return NULL;
}

/* The caller holds d. From the leaves up, each time from the top: a parent may go with its child.
 */
bool dentry_forget_below(struct dentry *d)
{
	for (;;) {
		struct dentry *at = d;

		while (!list_empty(&at->children))
			at = list_entry(at->children.next, struct dentry, child_link);
		if (at == d)
			return true;
		if (at->refs)
			return false;
		lru_remove(at);
		dentry_drop(dentry_free(at));
	}
}
