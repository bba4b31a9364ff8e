/* SPDX-License-Identifier: Apache-2.0
 * Listing directories.
 */
#include "fs/fs_internal.h"
#include "fs/notify.h"
#include "sys/sys.h"

struct listing {
	u64 ubuf;
	size_t left;
	size_t used;
	bool old; /* getdents: the type is the record's last byte */
	int err;
};
/* struct linux_dirent64, and struct linux_dirent without its type */
struct record_head {
	u64 ino;
	u64 off;
	u16 reclen;
} __attribute__((packed));

static bool emit_record(void *arg, const char *name, u32 len, u64 ino, u8 type, u64 next_pos)
{
	struct listing *l = arg;
	const size_t head = sizeof(struct record_head);
	u8 buf[round_up(sizeof(struct record_head) + NAME_LEN_MAX + 2, 8)];
	size_t size = round_up(head + len + 2, 8);
	struct record_head h = {ino, next_pos, (u16)size};

	if (size > l->left) {
		if (!l->used)
			l->err = -EINVAL;
		return false;
	}
	memset(buf, 0, size);
	memcpy(buf, &h, head);
	if (l->old) {
		memcpy(buf + head, name, len);
		buf[size - 1] = type;
	} else {
		buf[head] = type;
		memcpy(buf + head + 1, name, len);
	}
	if (copy_to_user(l->ubuf + l->used, buf, size)) {
		l->err = -EFAULT;
		return false;
	}
	l->used += size;
	l->left -= size;
	return true;
}

static long list(s32 fd, struct listing *l)
{
	struct file *f = fd_get(fd);
	int r;

	if (!f)
		return -EBADF;
	if (!f->ops->readdir)
		r = -ENOTDIR;
	else if (!f->inode->nlink)
		r = -ENOENT;
	else
		r = f->ops->readdir(f, emit_record, l);
	if (f->ops->readdir && f->inode->nlink)
		notify_file(f, IN_ACCESS);
	file_put(f);
	if (l->used)
		return (long)l->used;
	return r ? r : l->err;
}

long sys_getdents(struct task *t, const u64 *a)
{
	struct listing l = {.ubuf = a[1], .left = (u32)a[2], .old = true};

	return list((s32)a[0], &l);
}

long sys_getdents64(struct task *t, const u64 *a)
{
	struct listing l = {.ubuf = a[1], .left = (u32)a[2]};

	return list((s32)a[0], &l);
}
