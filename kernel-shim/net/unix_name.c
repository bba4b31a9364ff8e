/* SPDX-License-Identifier: Apache-2.0
 * Names of local sockets: in the file system, where the inode says who is bound to it; abstract, in
 * a table of our own, where every byte counts, zeroes too.
 */
#include <asm/errno.h>
#include <linux/stat.h>

#include "core/task.h"
#include "net/state.h"
#include "net/unix_internal.h"

#define AUTO_NAMES 0x100000u /* five hexadecimal digits */

int unix_addr_check(const struct sock_addr *a)
{
	if (a->len <= UNIX_PATH_AT || a->len > UNIX_ADDR_MAX || a->family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* A path ends at its first NUL; then it counts with one. */
static const char *addr_path(const struct sock_addr *a, char path[UNIX_ADDR_MAX])
{
	u32 n = a->len - UNIX_PATH_AT;

	memcpy(path, a->raw + UNIX_PATH_AT, n);
	path[n] = 0;
	return path;
}

/* -- abstract names -- */

static struct list *bucket(const void *raw, u32 len)
{
	const u8 *p = raw;
	u32 h = 2166136261u;

	for (u32 i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619u;
	return &net_state()->unix_names[h % UNIX_BUCKETS];
}

/* Each type of socket has names of its own. */
static struct socket *abstract_find(const void *raw, u32 len, u16 type)
{
	list_for_each(l, bucket(raw, len))
	{
		struct socket *s = &list_entry(l, struct unix_sock, name_link)->s;

		if (s->name->len == len && s->ops->type == type && !memcmp(s->name->raw, raw, len))
			return s;
	}
	return NULL;
}

static int abstract_bind(struct socket *s, const void *raw, u32 len)
{
	if (abstract_find(raw, len, s->ops->type))
		return -EADDRINUSE;
	s->name = sock_name_new(raw, len);
	if (!s->name)
		return -ENOMEM;
	list_add_tail(bucket(raw, len), &unix_of(s)->name_link);
	return 0;
}

int unix_autobind(struct socket *s)
{
	struct net_state *net = net_state();
	char raw[UNIX_PATH_AT + 7] = {AF_UNIX};

	if (s->name)
		return 0;
	for (u32 tries = 0; tries < AUTO_NAMES; tries++) {
		int r;

		kfmt(raw + UNIX_PATH_AT + 1, 6, "%05x", net->next_auto_name++ % AUTO_NAMES);
		r = abstract_bind(s, raw, UNIX_PATH_AT + 6);
		if (r != -EADDRINUSE)
			return r;
	}
	return -ENOSPC;
}

/* -- names in the file system -- */

static int path_bind(struct socket *s, const char *path)
{
	u32 mode = s->file && s->file->inode ? s->file->inode->mode : 0777;
	struct unix_sock *u = unix_of(s);
	u32 len = UNIX_PATH_AT + (u32)strlen(path) + 1;
	u8 raw[UNIX_ADDR_MAX + 1] = {AF_UNIX};
	int r;

	memcpy(raw + UNIX_PATH_AT, path, len - UNIX_PATH_AT);
	s->name = sock_name_new(raw, len);
	if (!s->name)
		return -ENOMEM;
	r = vfs_mknod(AT_FDCWD, path, S_IFSOCK | (mode & 0777), 0);
	if (!r)
		r = path_lookup(AT_FDCWD, path, 0, &u->path);
	if (r) {
		sock_name_put(s->name);
		s->name = NULL;
		return r == -EEXIST ? -EADDRINUSE : r;
	}
	u->path.dentry->inode->bound = s;
	return 0;
}

/* It has a name already: what would have been wrong with the new one comes first. */
static int path_in_vain(const char *path)
{
	struct path p;
	int r = path_lookup(AT_FDCWD, path, 0, &p);

	if (!r)
		path_put(&p);
	return !r ? -EADDRINUSE : r == -ENOENT ? -EINVAL : r;
}

int unix_bind(struct socket *s, const struct sock_addr *a)
{
	char path[UNIX_ADDR_MAX];
	int r;

	if (a->len == UNIX_PATH_AT && a->family == AF_UNIX)
		return unix_autobind(s);
	r = unix_addr_check(a);
	if (r)
		return r;
	if (a->raw[UNIX_PATH_AT]) {
		addr_path(a, path);
		return s->name ? path_in_vain(path) : path_bind(s, path);
	}
	return s->name ? -EINVAL : abstract_bind(s, a->raw, a->len);
}

/* A socket that somebody outside made: there is no way to him. */
static void say_denied(const char *name, const struct inode *i)
{
	if (kern->verbose && i->super->remote)
		klog(CHAN_LOG_VERBOSE, "%s: sockets of the host are not granted", name);
}

static struct socket *path_find(const char *name)
{
	struct socket *s = NULL;
	struct path p;
	int r = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &p);

	if (r)
		return err_ptr(r);
	r = inode_permission(p.dentry->inode, MAY_WRITE);
	if (!r && S_ISSOCK(p.dentry->inode->mode)) {
		s = p.dentry->inode->bound;
		if (!s)
			say_denied(name, p.dentry->inode);
	}
	path_put(&p);
	return r ? err_ptr(r) : s;
}

struct socket *unix_find(const struct sock_addr *a, u16 type)
{
	char path[UNIX_ADDR_MAX];
	struct socket *s;

	if (a->raw[UNIX_PATH_AT])
		s = path_find(addr_path(a, path));
	else
		s = abstract_find(a->raw, a->len, type);
	if (is_err(s))
		return s;
	if (!s)
		return err_ptr(-ECONNREFUSED);
	if (s->ops->type != type)
		return err_ptr(-EPROTOTYPE);
	socket_get(s);
	return s;
}

/* The name itself stays: it is where packets came from. */
void unix_unname(struct socket *s)
{
	struct unix_sock *u = unix_of(s);

	list_del(&u->name_link);
	if (!u->path.dentry)
		return;
	u->path.dentry->inode->bound = NULL;
	path_put(&u->path);
	u->path = (struct path){0};
}
