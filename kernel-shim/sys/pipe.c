/* SPDX-License-Identifier: Apache-2.0
 * pipe(2) and pipe2(2).
 */
#include "fs/fs_internal.h"
#include "mm/mm.h"
#include "sys/sys.h"

static long do_pipe(u64 ufds, u32 flags)
{
	struct file *ends[2];
	s32 fds[2];
	long r;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	r = pipe_make(ends, flags);
	if (r)
		return r;
	fds[0] = fd_install(ends[0], flags & O_CLOEXEC, 0);
	if (fds[0] < 0) {
		file_put(ends[1]);
		return fds[0];
	}
	fds[1] = fd_install(ends[1], flags & O_CLOEXEC, 0);
	if (fds[1] < 0) {
		files_close(current->files, fds[0]);
		return fds[1];
	}
	if (copy_to_user(ufds, fds, sizeof(fds))) {
		files_close(current->files, fds[0]);
		files_close(current->files, fds[1]);
		return -EFAULT;
	}
	return 0;
}

long sys_pipe(struct task *t, const u64 *a)
{
	return do_pipe(a[0], 0);
}

long sys_pipe2(struct task *t, const u64 *a)
{
	return do_pipe(a[0], (u32)a[1]);
}
