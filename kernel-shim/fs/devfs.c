/* SPDX-License-Identifier: Apache-2.0
 * /dev.
 */
#include "fs/anon.h"
#include "fs/dev.h"
#include "fs/fs_internal.h"
#include "fs/pseudo.h"

#define TMPFS_MAGIC 0x01021994u /* what Linux's devtmpfs says, too */

/* POSIX shared memory and semaphores: a tmpfs of its own. */
static struct inode *shm_root(struct super *s)
{
	struct io_state *io = io_state();
	struct super *shm;

	if (!io)
		return NULL;
	if (!io->shm) {
		shm = tmpfs_mount(0, 01777, 0, 0);
		if (is_err(shm))
			return NULL;
		io->shm = shm;
	}
	inode_get(io->shm->root);
	return io->shm->root;
}

#define DEVICE(n, ma, mi)                                                                          \
	{                                                                                          \
		.name = n, .mode = S_IFCHR | 0666, .major = ma, .minor = mi                        \
	}
#define LINK(n, to)                                                                                \
	{                                                                                          \
		.name = n, .mode = S_IFLNK | 0777, .target = to                                    \
	}

/* ptmx and pts come with pseudo-terminals: until then opening ptmx is ENOENT. */
static const struct pseudo_def dev_entries[] = {
	DEVICE("null", 1, 3),
	DEVICE("zero", 1, 5),
	DEVICE("full", 1, 7),
	DEVICE("random", 1, 8),
	DEVICE("urandom", 1, 9),
	DEVICE("tty", 5, 0),
	LINK("fd", "/proc/self/fd"),
	LINK("stdin", "/proc/self/fd/0"),
	LINK("stdout", "/proc/self/fd/1"),
	LINK("stderr", "/proc/self/fd/2"),
	{.name = "shm", .mode = S_IFDIR | 01777, .graft = shm_root},
	{.name = NULL},
};
static const struct pseudo_def dev_root = {.mode = S_IFDIR | 0755, .children = dev_entries};
static const struct pseudo_fs devfs = {
	.type = "devtmpfs",
	.root = &dev_root,
	.magic = TMPFS_MAGIC,
};

struct super *devfs_mount(void)
{
	return pseudo_mount(&devfs);
}
