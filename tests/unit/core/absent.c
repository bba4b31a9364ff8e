/* SPDX-License-Identifier: Apache-2.0
 * What the core calls and is not linked into the tests: weak, so that the real ones win where they
 * are. A system call without a handler answers ENOSYS; there are descriptor tables but no files.
 */
#include <stdlib.h>

#include "harness.h"
#include "fs/vfs.h"
#include "sys/sys.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define WEAK __attribute__((weak))

#define SYS(nr, name, status, args, note)                                                          \
	WEAK long sys_##name(struct task *t, const u64 *a)                                         \
	{                                                                                          \
		return -ENOSYS;                                                                    \
	}
#include "sys/table.h"
#undef SYS

struct files {
	u32 refs;
};

WEAK struct files *files_new(void)
{
	struct files *f = kzalloc(sizeof(*f));

	if (f)
		f->refs = 1;
	return f;
}

WEAK struct files *files_copy(struct files *f)
{
	return files_new();
}

WEAK void files_get(struct files *f)
{
	f->refs++;
}

WEAK void files_put(struct files *f)
{
	if (!--f->refs)
		kfree(f);
}

WEAK struct fs_ctx *fs_ctx_copy(struct fs_ctx *old)
{
	struct fs_ctx *f = kzalloc(sizeof(*f));

	if (f)
		f->refs = 1;
	return f;
}

WEAK void fs_ctx_put(struct fs_ctx *f)
{
	if (!--f->refs)
		kfree(f);
}

WEAK int fs_boot(struct task *t)
{
	t->files = files_new();
	t->fs = fs_ctx_copy(NULL);
	return t->files && t->fs ? 0 : -ENOMEM;
}

WEAK u32 files_size(const struct files *f)
{
	return 64;
}

WEAK struct file *fd_get(s32 fd)
{
	return NULL;
}

WEAK s32 fd_install(struct file *f, bool cloexec, s32 lowest)
{
	return -EMFILE;
}

WEAK void file_get(struct file *f)
{
}

WEAK void file_put(struct file *f)
{
}

WEAK void inode_get(struct inode *i)
{
}

WEAK void inode_put(struct inode *i)
{
}

WEAK void path_put(struct path *p)
{
}

WEAK int path_lookup_kernel(const char *name, u32 flags, struct path *out)
{
	return -ENOENT;
}

WEAK struct file *file_open_path(const struct path *p, u32 flags)
{
	return err_ptr(-ENOENT);
}

WEAK struct file *tmpfs_anon_file(const char *name, u64 size)
{
	return err_ptr(-ENOSYS);
}

WEAK u32 dcache_shrink(u32 n)
{
	return 0;
}

WEAK s64 file_read_kernel(struct file *f, void *buf, size_t n, u64 pos)
{
	return -EIO;
}

WEAK void hostfs_event(u64 tag, u32 events)
{
}

WEAK void tty_winch(struct tty *t)
{
}

WEAK long exec_load(struct task *t, struct file *f, const char *path, struct exec_args *args)
{
	return -ENOEXEC;
}
