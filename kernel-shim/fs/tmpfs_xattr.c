/* SPDX-License-Identifier: Apache-2.0
 * Extended attributes of files in memory.
 */
#include "fs/tmpfs_internal.h"

#include <linux/xattr.h>

struct tmpfs_xattr {
	struct list link;
	char *name;
	size_t len;
	u8 value[];
};

static struct tmpfs_xattr *xattr_find(const struct inode *i, const char *name)
{
	list_for_each(l, &tmpfs_node(i)->xattrs)
	{
		struct tmpfs_xattr *x = list_entry(l, struct tmpfs_xattr, link);

		if (!strcmp(x->name, name))
			return x;
	}
	return NULL;
}

static void xattr_free(struct tmpfs_xattr *x)
{
	list_del(&x->link);
	kfree(x->name);
	kfree(x);
}

void tmpfs_xattrs_free(struct tmpfs_node *node)
{
	list_for_each_safe(l, tmp, &node->xattrs)
		xattr_free(list_entry(l, struct tmpfs_xattr, link));
}

s64 tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t n)
{
	struct tmpfs_xattr *x = xattr_find(i, name);

	if (!x)
		return -ENODATA;
	if (n) {
		if (n < x->len)
			return -ERANGE;
		memcpy(buf, x->value, x->len);
	}
	return (s64)x->len;
}

s64 tmpfs_listxattr(struct inode *i, char *buf, size_t n)
{
	size_t at = 0;

	list_for_each(l, &tmpfs_node(i)->xattrs)
	{
		struct tmpfs_xattr *x = list_entry(l, struct tmpfs_xattr, link);
		size_t len = strlen(x->name) + 1;

		if (n) {
			if (at + len > n)
				return -ERANGE;
			memcpy(buf + at, x->name, len);
		}
		at += len;
	}
	return (s64)at;
}

int tmpfs_setxattr(struct inode *i, const char *name, const void *value, size_t n, u32 flags)
{
	struct tmpfs_xattr *old = xattr_find(i, name), *x;

	if (old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!old && (flags & XATTR_REPLACE))
		return -ENODATA;
	x = kalloc(sizeof(*x) + n);
	if (!x)
		return -ENOSPC;
	x->name = kstrndup(name, strlen(name));
	if (!x->name) {
		kfree(x);
		return -ENOSPC;
	}
	x->len = n;
	memcpy(x->value, value, n);
	list_add_tail(&tmpfs_node(i)->xattrs, &x->link);
	if (old)
		xattr_free(old);
	imagefs_pin(i);
	inode_touch(i, TOUCH_C);
	return 0;
}

int tmpfs_removexattr(struct inode *i, const char *name)
{
	struct tmpfs_xattr *x = xattr_find(i, name);

	if (!x)
		return -ENODATA;
	imagefs_pin(i);
	xattr_free(x);
	inode_touch(i, TOUCH_C);
	return 0;
}
