/* SPDX-License-Identifier: Apache-2.0
 * Writing back, allocating, advice.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"
#include "sys/sys.h"

#include <linux/falloc.h>

#define FALLOC_KNOWN                                                                               \
	((u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |             \
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE))
#define ADVICE_MAX 5

static long flush(struct file *f, bool data_only)
{
	u32 type = f->inode ? f->inode->mode & S_IFMT : 0;

	if (f->ops->fsync)
		return f->ops->fsync(f, data_only);
	return type == S_IFREG || type == S_IFDIR ? 0 : -EINVAL;
}

static long flush_all(struct file *f, const u64 *a)
{
	return flush(f, false);
}

static long flush_data(struct file *f, const u64 *a)
{
	return flush(f, true);
}

long sys_fsync(struct task *t, const u64 *a)
{
	return fd_call(a, flush_all);
}

long sys_fdatasync(struct task *t, const u64 *a)
{
	return fd_call(a, flush_data);
}

/* What a program wrote is with the host already. */
long sys_sync(struct task *t, const u64 *a)
{
	return 0;
}

static long nothing(struct file *f, const u64 *a)
{
	return 0;
}

long sys_syncfs(struct task *t, const u64 *a)
{
	return fd_call(a, nothing);
}

static int fallocate_check(const struct file *f, u32 mode, u64 off, u64 len)
{
	u32 type = f->inode ? f->inode->mode & S_IFMT : 0;

	if ((s64)off < 0 || (s64)len <= 0)
		return -EINVAL;
	if (mode & ~FALLOC_KNOWN)
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if ((mode & ~(u32)FALLOC_FL_KEEP_SIZE) && (f->flags & O_APPEND))
		return -EPERM;
	if (type == S_IFIFO)
		return -ESPIPE;
	if (type == S_IFDIR)
		return -EISDIR;
	if (type != S_IFREG)
		return -ENODEV;
	if ((s64)(off + len) < 0)
		return -EFBIG;
	return f->ops->fallocate ? 0 : -EOPNOTSUPP;
}

static long allocate(struct file *f, const u64 *a)
{
	u32 mode = (u32)a[1];
	long r = fallocate_check(f, mode, a[2], a[3]);

	if (!r && !(mode & FALLOC_FL_KEEP_SIZE))
		r = rlimit_fsize(a[2] + a[3]);
	if (!r)
		r = f->ops->fallocate(f, mode, a[2], a[3]);
	if (!r)
		notify_file(f, IN_MODIFY);
	return r;
}

long sys_fallocate(struct task *t, const u64 *a)
{
	return fd_call(a, allocate);
}

/* Caching is the host's. Only what makes the call wrong matters. */
static long advise(struct file *f, const u64 *a)
{
	if (f->inode && S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	return (s64)a[2] < 0 || (u32)a[3] > ADVICE_MAX ? -EINVAL : 0;
}

long sys_fadvise64(struct task *t, const u64 *a)
{
	return fd_call(a, advise);
}

static long read_ahead(struct file *f, const u64 *a)
{
	if (!file_readable(f))
		return -EBADF;
	return f->inode && S_ISREG(f->inode->mode) ? 0 : -EINVAL;
}

long sys_readahead(struct task *t, const u64 *a)
{
	return fd_call(a, read_ahead);
}

static long flush_range(struct file *f, const u64 *a)
{
	const u32 known =
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	u32 type = f->inode ? f->inode->mode & S_IFMT : S_IFIFO;

	if (((u32)a[3] & ~known) || (s64)a[1] < 0 || (s64)(a[1] + a[2]) < (s64)a[1])
		return -EINVAL;
	return type == S_IFREG || type == S_IFBLK || type == S_IFDIR || type == S_IFLNK ? 0
											: -ESPIPE;
}

long sys_sync_file_range(struct task *t, const u64 *a)
{
	return fd_call(a, flush_range);
}
