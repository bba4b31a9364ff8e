/* SPDX-License-Identifier: Apache-2.0
 * Descriptors: open, close, dup.
 */
#include "fs/fs_internal.h"
#include "fs/tmpfs.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#include <linux/close_range.h>
#include <linux/memfd.h>
#include <linux/openat2.h>

#define TMPFILE	   ((u32)__O_TMPFILE)
#define TMPFILE_IS ((u32)(__O_TMPFILE | O_DIRECTORY))
#define OPEN_VALID                                                                                 \
	((u32)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |         \
		O_SYNC | O_DSYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW |    \
		O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE))
#define PATH_VALID ((u32)(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC))

static int open_check(const struct open_request *rq)
{
	u32 flags = rq->flags;

	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return -EINVAL;
	if (flags & TMPFILE) {
		if ((flags & (TMPFILE_IS | O_CREAT)) != TMPFILE_IS)
			return -EINVAL;
		if (!(flags & (O_WRONLY | O_RDWR)))
			return -EINVAL;
	}
	return 0;
}

static long open_name(s32 dfd, u64 uname, struct open_request *rq, bool cloexec)
{
	struct file *f;
	char *name;
	long r = open_check(rq);

	if (r)
		return r;
	name = getname(uname, false);
	if (is_err(name))
		return ptr_err(name);
	r = fd_room(); /* before anything is made */
	if (!r) {
		f = file_open_request(dfd, name, rq);
		r = is_err(f) ? ptr_err(f) : fd_install(f, cloexec, 0);
	}
	kfree(name);
	return r;
}

static long do_open(s32 dfd, u64 uname, u32 flags, u32 mode)
{
	struct open_request rq = {.flags = flags & OPEN_VALID, .mode = mode & 07777};

	if (flags & O_PATH)
		rq.flags &= PATH_VALID;
	else
		rq.flags |= O_LARGEFILE;
	return open_name(dfd, uname, &rq, flags & O_CLOEXEC);
}

long sys_open(struct task *t, const u64 *a)
{
	return do_open(AT_FDCWD, a[0], (u32)a[1], (u32)a[2]);
}

long sys_openat(struct task *t, const u64 *a)
{
	return do_open((s32)a[0], a[1], (u32)a[2], (u32)a[3]);
}

long sys_creat(struct task *t, const u64 *a)
{
	return do_open(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (u32)a[1]);
}

static int resolve_flags(u64 resolve, u32 flags, u32 *lookup)
{
	static const struct {
		u32 resolve, lookup;
	} map[] = {
		{RESOLVE_NO_XDEV, LOOKUP_NO_XDEV},
		{RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGICLINKS},
		{RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS},
		{RESOLVE_BENEATH, LOOKUP_BENEATH},
		{RESOLVE_IN_ROOT, LOOKUP_IN_ROOT},
		{RESOLVE_CACHED, LOOKUP_CACHED},
	};

	if (resolve & ~0x3full)
		return -EINVAL;
	if ((resolve & RESOLVE_BENEATH) && (resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if ((resolve & RESOLVE_CACHED) && (flags & (O_TRUNC | O_CREAT | TMPFILE)))
		return -EAGAIN;
	for (u32 i = 0; i < ARRAY_SIZE(map); i++) {
		if (resolve & map[i].resolve)
			*lookup |= map[i].lookup;
	}
	return 0;
}

long sys_openat2(struct task *t, const u64 *a)
{
	struct open_request rq = {0};
	struct open_how how;
	int r = copy_struct_from_user(&how, sizeof(how), sizeof(how), a[2], a[3]);

	if (r)
		return r;
	if (how.flags & ~(u64)OPEN_VALID)
		return -EINVAL;
	rq.flags = (u32)how.flags;
	rq.mode = (u32)how.mode;
	if (how.mode & ~07777ull)
		return -EINVAL;
	if (how.mode && !(rq.flags & (O_CREAT | TMPFILE)))
		return -EINVAL;
	if ((rq.flags & O_PATH) && (rq.flags & ~PATH_VALID))
		return -EINVAL;
	r = resolve_flags(how.resolve, rq.flags, &rq.lookup);
	if (r)
		return r;
	if (!(rq.flags & O_PATH))
		rq.flags |= O_LARGEFILE;
	return open_name((s32)a[0], a[1], &rq, rq.flags & O_CLOEXEC);
}

long sys_close(struct task *t, const u64 *a)
{
	return files_close(t->files, (s32)a[0]);
}

long sys_close_range(struct task *t, const u64 *a)
{
	u32 first = (u32)a[0], last = (u32)a[1], flags = (u32)a[2];
	s32 fd = (s32)first;

	if ((flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		int r = files_unshare(t);

		if (r)
			return r;
	}
	for (; fd >= 0 && files_each(t->files, &fd) && (u32)fd <= last; fd++) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			files_set_cloexec(t->files, fd, true);
		else
			files_close(t->files, fd);
	}
	return 0;
}

long sys_dup(struct task *t, const u64 *a)
{
	struct file *f = fd_get_any((s32)a[0]);

	return f ? fd_install(f, false, 0) : -EBADF;
}

static long dup_to(struct task *t, s32 from, s32 to, bool cloexec)
{
	struct file *f;
	int r;

	if ((u32)to >= files_limit())
		return -EBADF;
	f = fd_get_any(from);
	if (!f)
		return -EBADF;
	r = fd_install_at(t->files, to, f, cloexec);
	return r ? r : to;
}

long sys_dup2(struct task *t, const u64 *a)
{
	if ((s32)a[0] == (s32)a[1]) {
		struct file *f = fd_get_any((s32)a[0]);

		if (!f)
			return -EBADF;
		file_put(f);
		return (s32)a[0];
	}
	return dup_to(t, (s32)a[0], (s32)a[1], false);
}

long sys_dup3(struct task *t, const u64 *a)
{
	if ((u32)a[2] & ~(u32)O_CLOEXEC)
		return -EINVAL;
	if ((s32)a[0] == (s32)a[1])
		return -EINVAL;
	return dup_to(t, (s32)a[0], (s32)a[1], (u32)a[2] & O_CLOEXEC);
}

#define MFD_NAME_MAX 249u
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC	0x0010U
#endif

long sys_memfd_create(struct task *t, const u64 *a)
{
	static const char prefix[] = "memfd:";
	u32 flags = (u32)a[1];
	char name[sizeof(prefix) + MFD_NAME_MAX + 1];
	struct file *f;
	s64 len;

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	memcpy(name, prefix, sizeof(prefix));
	len = strncpy_from_user(name + sizeof(prefix) - 1, a[0], MFD_NAME_MAX + 1);
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	f = tmpfs_memfd(
		name, flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL), flags & MFD_NOEXEC_SEAL);
	if (is_err(f))
		return ptr_err(f);
	f->flags |= O_LARGEFILE;
	return fd_install(f, flags & MFD_CLOEXEC, 0);
}
