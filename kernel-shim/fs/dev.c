/* SPDX-License-Identifier: Apache-2.0
 * Character devices. Where they are opened from does not matter: a device node that a program sees
 * in a directory of the host is the shim's device, never the host's.
 */
#include "core/random.h"
#include "fs/dev.h"
#include "fs/fs_internal.h"
#include "fs/pty.h"
#include "fs/tty.h"

#include <linux/random.h>

#define MAJOR_MEM 1u
#define MAJOR_TTY 5u
#define CHUNK	  256u
#define POOL_BITS 256u /* /proc/sys/kernel/random/poolsize */
#define ALL_READY (POLL_IN | POLL_RDNORM | POLL_OUT | POLL_WRNORM)

static s64 read_nothing(struct file *f, struct uio *u, s64 *pos)
{
	return 0;
}

static s64 read_zeroes(struct file *f, struct uio *u, s64 *pos)
{
	return uio_zero(u, u->left);
}

static s64 read_random(struct file *f, struct uio *u, s64 *pos)
{
	u8 chunk[CHUNK];
	s64 done = 0;

	while (u->left) {
		size_t want = min_u64(u->left, sizeof(chunk));
		s64 n;

		random_bytes(chunk, want);
		n = uio_put(u, chunk, want);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < want || signal_pending(current))
			break;
	}
	memset(chunk, 0, sizeof(chunk));
	return done;
}

static s64 write_nowhere(struct file *f, struct uio *u, s64 *pos)
{
	size_t n = u->left;

	uio_advance(u, n);
	return (s64)n;
}

static s64 write_full(struct file *f, struct uio *u, s64 *pos)
{
	return -ENOSPC;
}

static s64 seek_nowhere(struct file *f, s64 off, int whence)
{
	f->pos = 0;
	return 0;
}

static u32 poll_random(struct file *f, struct waitq **q)
{
	return ALL_READY;
}

static long ioctl_random(struct file *f, u32 cmd, u64 arg)
{
	return cmd == RNDGETENTCNT ? put_user_u32(arg, POOL_BITS) : -EINVAL;
}

/* mm makes a mapping of a file without pages anonymous memory. */
static int mmap_zero(struct file *f, u32 prot, u32 flags)
{
	return 0;
}

static const struct file_ops null_ops = {
	.read = read_nothing,
	.write = write_nowhere,
	.seek = seek_nowhere,
};
static const struct file_ops zero_ops = {
	.read = read_zeroes,
	.write = write_nowhere,
	.seek = seek_nowhere,
	.mmap = mmap_zero,
};
static const struct file_ops full_ops = {
	.read = read_zeroes,
	.write = write_full,
	.seek = seek_nowhere,
};
static const struct file_ops random_ops = {
	.read = read_random,
	.write = write_nowhere,
	.seek = seek_nowhere,
	.poll = poll_random,
	.ioctl = ioctl_random,
};

static const struct {
	u64 rdev;
	const struct file_ops *ops;
} devices[] = {
	{MAJOR_MEM << 8 | 3, &null_ops},
	{MAJOR_MEM << 8 | 5, &zero_ops},
	{MAJOR_MEM << 8 | 7, &full_ops},
	{MAJOR_MEM << 8 | 8, &random_ops},
	{MAJOR_MEM << 8 | 9, &random_ops},
};

int dev_open(struct inode *i, struct file *f)
{
	for (u32 d = 0; d < ARRAY_SIZE(devices); d++) {
		if (devices[d].rdev == i->rdev) {
			f->ops = devices[d].ops;
			return 0;
		}
	}
	if (i->rdev == (MAJOR_TTY << 8 | 0))
		return tty_open_current(f);
	if (i->rdev == (MAJOR_TTY << 8 | 2))
		return pty_open_master(f);
	if (i->rdev >> 8 == PTS_MAJOR)
		return pty_open_slave(f, (u32)i->rdev & 0xff);
	return -ENXIO;
}
