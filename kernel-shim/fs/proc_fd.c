/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID/fd and /proc/PID/fdinfo.
 */
#include <linux/fcntl.h>

#include "fs/anon.h"
#include "fs/pidfd.h"
#include "fs/proc_internal.h"
#include "fs/tty.h"

static const struct pseudo_def fd_link, fdinfo_file;

/* The file behind a node: a reference, or NULL. */
static struct file *node_file(const struct pseudo_node *n, s32 fd)
{
	struct task *t = proc_task(n);

	return t && t->files ? files_lookup(t->files, fd) : NULL;
}

bool proc_is_fd(const struct pseudo_node *n)
{
	return n->def == &fd_link || n->def == &fdinfo_file;
}

/* A link's permissions say how the file is open. */
bool proc_fd_refresh(struct inode *i, const struct pseudo_node *n)
{
	struct file *f = node_file(n, n->fd);

	if (!f)
		return false;
	if (n->def == &fd_link) {
		i->mode = S_IFLNK;
		if (!(f->flags & O_PATH)) {
			i->mode |= file_readable(f) ? 0500 : 0;
			i->mode |= file_writable(f) ? 0300 : 0;
		}
	}
	file_put(f);
	return true;
}

/* -- links -- */

static s64 file_name(struct file *f, char *buf, size_t n)
{
	if (hostfs_is_tty(f))
		return tty_path(f->inode->rdev, buf, n);
	if (!f->anon_name)
		return f->path.dentry ? path_string(&f->path, buf, n) : -ENOENT;
	if (f->anon_name[strlen(f->anon_name) - 1] == ':') /* "pipe:", "socket:" */
		return kfmt(buf, n, "%s[%llu]", f->anon_name, (unsigned long long)f->anon_ino);
	return kfmt(buf, n, "%s", f->anon_name);
}

static s64 fd_readlink(const struct pseudo_node *n, char *buf, size_t size)
{
	int denied = proc_may_look(n);
	struct file *f = denied ? NULL : node_file(n, n->fd);
	char *text;
	s64 len;

	if (!f)
		return denied ? denied : -ENOENT;
	text = kalloc(PAGE_SIZE);
	len = text ? file_name(f, text, PAGE_SIZE) : -ENOMEM;
	if (len > 0) {
		len = (s64)min_u64((u64)len, size);
		memcpy(buf, text, (size_t)len);
	}
	kfree(text);
	file_put(f);
	return len;
}

static int fd_follow(const struct pseudo_node *n, struct path *out)
{
	int r = proc_may_look(n);
	struct file *f = r ? NULL : node_file(n, n->fd);

	if (!f)
		return r ? r : -ENOENT;
	if (f->path.dentry) {
		*out = f->path;
		path_get(out);
	} else {
		r = anon_file_path(f, out);
	}
	file_put(f);
	return r;
}

/* -- fdinfo -- */

/* -1: it has been waited for (pidfd_show_fdinfo). */
static void show_process(struct seqbuf *s, struct file *f)
{
	const struct process *p = pidfd_process(f);
	s32 pid = p && process_find(p->pid) == p ? p->pid : -1;

	if (p)
		seq_printf(s, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static int show_fdinfo(struct seqbuf *s, const struct pseudo_node *n)
{
	struct task *t = proc_task(n);
	struct file *f = node_file(n, n->fd);
	u32 flags;

	if (!f)
		return -ENOENT;
	flags = f->flags | O_LARGEFILE;
	if (files_cloexec(t->files, n->fd))
		flags |= O_CLOEXEC;
	seq_printf(s, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n", (long long)f->pos,
		flags, f->path.mnt ? f->path.mnt->id : 0,
		(unsigned long long)(f->inode ? f->inode->ino : f->anon_ino));
	show_process(s, f);
	file_put(f);
	return 0;
}

/* -- the directories -- */

static int child(const struct pseudo_def *def, const struct pseudo_node *dir, const char *name,
	u32 len, struct pseudo_node *out)
{
	s32 fd = pseudo_parse_id(name, len);
	struct file *f = fd < 0 ? NULL : node_file(dir, fd);
	int r = proc_may_look(dir);

	if (f)
		file_put(f);
	if (!f || r)
		return r ? r : -ENOENT;
	out->def = def;
	out->fd = fd;
	return 0;
}

static bool next(const struct pseudo_def *def, const struct pseudo_node *dir, u64 *cursor,
	struct pseudo_dirent *out)
{
	struct task *t = proc_task(dir);
	s32 fd = (s32)*cursor;

	if (!t || !t->files || proc_may_look(dir) || !files_each(t->files, &fd))
		return false;
	*cursor = (u64)fd;
	proc_dirent(out, def, fd);
	out->node.fd = fd;
	return true;
}

static const struct pseudo_def fd_link = {
	.mode = S_IFLNK | 0700,
	.readlink = fd_readlink,
	.follow = fd_follow,
};
static const struct pseudo_def fdinfo_file = {.mode = S_IFREG | 0444, .show = show_fdinfo};

int proc_fd_child(const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	return child(&fd_link, dir, name, len, out);
}

bool proc_fd_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	return next(&fd_link, dir, cursor, out);
}

int proc_fdinfo_child(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	return child(&fdinfo_file, dir, name, len, out);
}

bool proc_fdinfo_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	return next(&fdinfo_file, dir, cursor, out);
}
