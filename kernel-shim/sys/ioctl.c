/* SPDX-License-Identifier: Apache-2.0
 * ioctl(2): what works on every file, then what the file knows.
 */
#include <asm/ioctls.h>
#include <linux/fs.h>

#include "fs/fasync.h"
#include "fs/fs_internal.h"
#include "sys/sys.h"

static long set_nonblock(struct file *f, u64 arg)
{
	u32 on;

	if (get_user_u32(&on, arg))
		return -EFAULT;
	f->flags = on ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK;
	return 0;
}

static long set_async(struct file *f, s32 fd, u64 arg)
{
	u32 on;

	if (get_user_u32(&on, arg))
		return -EFAULT;
	return !on == !(f->flags & FASYNC) ? 0 : fasync_set(f, on, fd);
}

static long bytes_left(struct file *f, u64 arg)
{
	struct kstat st;
	int r = file_getattr(f, &st);

	if (r)
		return r;
	return put_user_u32(arg, (u32)(st.size - (u64)file_tell(f)));
}

static long any_file(struct file *f, s32 fd, u32 cmd, u64 arg)
{
	u32 type = f->inode ? f->inode->mode & S_IFMT : 0;

	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return files_set_cloexec(current->files, fd, cmd == FIOCLEX);
	case FIONBIO:
		return set_nonblock(f, arg);
	case FIOASYNC:
		return set_async(f, fd, arg);
	case FIGETBSZ:
		if (type == S_IFREG || type == S_IFDIR)
			return put_user_u32(arg, (u32)PAGE_SIZE);
		break;
	case FIONREAD:
		if (type == S_IFREG)
			return bytes_left(f, arg);
		break;
	}
	return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

long sys_ioctl(struct task *t, const u64 *a)
{
	struct file *f = fd_get((s32)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = any_file(f, (s32)a[0], (u32)a[1], a[2]);
	file_put(f);
	return r;
}
