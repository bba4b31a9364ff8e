/* SPDX-License-Identifier: Apache-2.0
 * From file to file inside the kernel: sendfile(2), copy_file_range(2). Through a buffer of our
 * own.
 */
#include "fs/fs_internal.h"
#include "sys/sys.h"

#define COPY_ORDER 4u /* 64 KiB in one piece: one request each way for a host file */
#define COPY_MAX   0x7ffff000ull

struct copy_buf {
	u64 pa;
	u32 order;
	size_t size;
};

static int buf_get(struct copy_buf *b)
{
	for (b->order = COPY_ORDER;; b->order--) {
		b->pa = pages_alloc_contig(b->order);
		b->size = PAGE_SIZE << b->order;
		if (b->pa || !b->order)
			return b->pa ? 0 : -ENOMEM;
	}
}

/* One bufferful. What the target did not take is not counted as read. */
static s64 copy_some(
	const struct copy_buf *b, struct file *in, s64 *ipos, struct file *out, s64 *opos, size_t n)
{
	s64 from = *ipos, got, done = 0;
	struct uio u;

	uio_kernel(&u, phys_ptr(b->pa), min_u64(n, b->size));
	got = vfs_read(in, &u, &from);
	if (got <= 0)
		return got;
	while (done < got) {
		s64 r;

		uio_kernel(&u, (u8 *)phys_ptr(b->pa) + done, (size_t)(got - done));
		r = vfs_write(out, &u, opos);
		if (r <= 0) {
			if (!done)
				return r;
			break;
		}
		done += r;
	}
	*ipos += done;
	return done;
}

static s64 copy_all(struct file *in, s64 *ipos, struct file *out, s64 *opos, u64 n)
{
	struct copy_buf b;
	s64 done = 0, r = buf_get(&b);

	if (r)
		return r;
	while ((u64)done < n) {
		size_t want = min_u64(n - (u64)done, b.size);

		r = copy_some(&b, in, ipos, out, opos, want);
		if (r <= 0)
			break;
		done += r;
		if ((size_t)r < want || signal_pending(current))
			break;
	}
	pages_free_contig(b.pa, b.order);
	return done ? done : r;
}

static long do_sendfile(struct file *out, struct file *in, const u64 *a)
{
	u64 uoff = a[2], n = a[3];
	s64 pos, r;

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (uoff && !in->ops->seek)
		return -ESPIPE;
	if (uoff && copy_from_user(&pos, uoff, sizeof(pos)))
		return -EFAULT;
	if (!in->ops->seek || !in->ops->read || !out->ops->write || (out->flags & O_APPEND))
		return -EINVAL;
	if (!uoff)
		pos = file_tell(in);
	if (pos < 0 || (s64)n < 0)
		return -EINVAL;
	r = copy_all(in, &pos, out, NULL, min_u64(n, COPY_MAX));
	if (r > 0) {
		if (!uoff)
			file_move(in, pos);
		else if (copy_to_user(uoff, &pos, sizeof(pos)))
			return -EFAULT;
	}
	return r;
}

long sys_sendfile(struct task *t, const u64 *a)
{
	return fd_call_two(a, 1, do_sendfile);
}

static int copy_kinds(const struct file *in, const struct file *out)
{
	u32 imode = in->inode ? in->inode->mode : 0, omode = out->inode ? out->inode->mode : 0;

	if (S_ISDIR(imode) || S_ISDIR(omode))
		return -EISDIR;
	if (!S_ISREG(imode) || !S_ISREG(omode))
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND))
		return -EBADF;
	return 0;
}

static int copy_pos(struct file *f, u64 uoff, s64 *pos)
{
	if (uoff)
		return copy_from_user(pos, uoff, sizeof(*pos)) ? -EFAULT : 0;
	*pos = file_tell(f);
	return 0;
}

static int copy_pos_back(struct file *f, u64 uoff, s64 pos)
{
	if (uoff)
		return copy_to_user(uoff, &pos, sizeof(pos));
	file_move(f, pos);
	return 0;
}

static long do_copy(struct file *in, struct file *out, const u64 *a)
{
	u64 uin = a[1], uout = a[3], n = a[4];
	s64 ipos, opos, iend, oend, r;

	if ((u32)a[5])
		return -EINVAL;
	if (copy_pos(in, uin, &ipos) || copy_pos(out, uout, &opos))
		return -EFAULT;
	r = copy_kinds(in, out);
	if (r)
		return r;
	if (ipos < 0 || opos < 0 || (s64)n < 0)
		return -EINVAL;
	if (__builtin_add_overflow(ipos, n, &iend) || __builtin_add_overflow(opos, n, &oend))
		return -EOVERFLOW;
	if (in->inode == out->inode && ipos < oend && opos < iend)
		return -EINVAL;
	r = copy_all(in, &ipos, out, &opos, min_u64(n, COPY_MAX));
	if (r > 0 && (copy_pos_back(in, uin, ipos) || copy_pos_back(out, uout, opos)))
		return -EFAULT;
	return r;
}

long sys_copy_file_range(struct task *t, const u64 *a)
{
	return fd_call_two(a, 2, do_copy);
}
