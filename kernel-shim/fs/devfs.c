/* SPDX-License-Identifier: Apache-2.0
 * /dev.
 */
#include "fs/anon.h"
#include "fs/dev.h"
#include "fs/fs_internal.h"
#include "fs/pseudo.h"
#include "fs/pty.h"
#include "fs/tty.h"
#include "ipc/ipc.h"

#define TMPFS_MAGIC 0x01021994u /* what Linux's devtmpfs says, too */

static struct inode *root_of(struct super *s)
{
	if (!s)
		return NULL;
	inode_get(s->root);
	return s->root;
}

/* POSIX shared memory and semaphores: a tmpfs of its own. */
static struct inode *shm_root(struct super *dev)
{
	struct io_state *io = io_state();

	if (io && !io->shm)
		io->shm = tmpfs_mount(0, 01777, 0, 0);
	return io ? root_of(io->shm) : NULL;
}

static struct inode *mqueue_root(struct super *dev)
{
	return root_of(mq_super());
}

/* The terminal has the name that it has outside; stat(2) of the name and of the descriptor agree,
 * as ttyname(3) wants it. */
static struct inode *terminal(struct super *s)
{
	struct inode *i = tty_host_inode(kern->console);

	inode_get(i);
	return i;
}

static const struct pseudo_def terminal_node = {.mode = S_IFCHR | 0620, .graft = terminal};

/* Its name if it is in the directory `dir` ("/dev/", "/dev/pts/"); or NULL. */
static const char *terminal_in(const char *dir, char *buf, size_t n)
{
	size_t len = strlen(dir);

	if (!kern->console)
		return NULL;
	tty_path(kern->console->rdev, buf, n);
	return strncmp(buf, dir, len) || strchr(buf + len, '/') ? NULL : buf + len;
}

static int terminal_lookup(const char *dir, const char *name, u32 len, struct pseudo_node *out)
{
	char buf[32];
	const char *there = terminal_in(dir, buf, sizeof(buf));

	if (!there || strlen(there) != len || memcmp(there, name, len))
		return -ENOENT;
	out->def = &terminal_node;
	return 0;
}

static bool terminal_next(const char *dir, const u64 *cursor, struct pseudo_dirent *out)
{
	char buf[32];
	const char *there = terminal_in(dir, buf, sizeof(buf));

	if (!there || *cursor)
		return false;
	kfmt(out->name, sizeof(out->name), "%s", there);
	out->type = S_IFCHR >> 12;
	out->node.def = &terminal_node;
	return true;
}

static int dev_lookup(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	return terminal_lookup("/dev/", name, len, out);
}

static bool dev_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	return terminal_next("/dev/", cursor, out);
}

/* -- /dev/pts: pseudo-terminals, and the terminal if that is its name -- */

static const struct pseudo_def pts_node = {.mode = S_IFCHR | 0620, .major = PTS_MAJOR};

static int pts_lookup(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	struct pty_name n;
	s32 index;

	if (!terminal_lookup("/dev/pts/", name, len, out))
		return 0;
	index = pseudo_parse_id(name, len);
	if (index < 0 || !pty_name((u32)index, &n))
		return -ENOENT;
	out->def = &pts_node;
	out->fd = index;
	return 0;
}

/* The terminal comes first, then what is counted from 1. */
static bool pts_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	u32 index = *cursor ? (u32)*cursor - 1 : 0;

	if (terminal_next("/dev/pts/", cursor, out))
		return true;
	if (!pty_next(&index))
		return false;
	*cursor = index + 1;
	kfmt(out->name, sizeof(out->name), "%u", index);
	out->type = S_IFCHR >> 12;
	out->node.def = &pts_node;
	out->node.fd = (s32)index;
	return true;
}

static bool dev_refresh(struct inode *i, const struct pseudo_node *n)
{
	struct pty_name name;

	if (n->def != &pts_node)
		return true;
	if (!pty_name((u32)n->fd, &name))
		return false;
	i->rdev = PTS_MAJOR << 8 | (u32)n->fd;
	i->uid = name.uid;
	i->gid = name.gid;
	i->mode = S_IFCHR | name.mode;
	return true;
}

static bool dev_set_access(struct inode *i, const struct pseudo_node *n, const struct setattr *a)
{
	if (n->def != &pts_node)
		return false;
	inode_set_access(i, a);
	pty_set_name((u32)n->fd, &(struct pty_name){i->uid, i->gid, i->mode & 07777});
	return true;
}

#define DEVICE(n, ma, mi)                                                                          \
	{                                                                                          \
		.name = n, .mode = S_IFCHR | 0666, .major = ma, .minor = mi                        \
	}
#define LINK(n, to)                                                                                \
	{                                                                                          \
		.name = n, .mode = S_IFLNK | 0777, .target = to                                    \
	}

static const struct pseudo_def dev_entries[] = {
	DEVICE("null", 1, 3),
	DEVICE("zero", 1, 5),
	DEVICE("full", 1, 7),
	DEVICE("random", 1, 8),
	DEVICE("urandom", 1, 9),
	DEVICE("tty", 5, 0),
	DEVICE("ptmx", 5, 2),
	LINK("fd", "/proc/self/fd"),
	LINK("stdin", "/proc/self/fd/0"),
	LINK("stdout", "/proc/self/fd/1"),
	LINK("stderr", "/proc/self/fd/2"),
	{.name = "pts", .mode = S_IFDIR | 0755, .lookup = pts_lookup, .next = pts_next},
	{.name = "mqueue", .mode = S_IFDIR | 01777, .graft = mqueue_root},
	{.name = "shm", .mode = S_IFDIR | 01777, .graft = shm_root},
	{.name = NULL},
};
static const struct pseudo_def dev_root = {
	.mode = S_IFDIR | 0755,
	.children = dev_entries,
	.lookup = dev_lookup,
	.next = dev_next,
};
static const struct pseudo_fs devfs = {
	.type = "devtmpfs",
	.root = &dev_root,
	.magic = TMPFS_MAGIC,
	.refresh = dev_refresh,
	.set_access = dev_set_access,
};

struct super *devfs_mount(void)
{
	return pseudo_mount(&devfs);
}
