/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "images/flat/checksum.h"
#include "images/flat/image.h"

int image_bytes(const struct flat_image *f, void *buf, size_t n, uint64_t at)
{
	uint8_t *to = buf;

	if (at > f->end || n > f->end - at)
		return -EUCLEAN;
	while (n) {
		ssize_t got = pread(f->fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EUCLEAN;
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static bool super_good(const uint8_t block[EROFS_BLOCK], struct erofs_super *s)
{
	uint8_t copy[EROFS_BLOCK - EROFS_SUPER_OFFSET];

	memcpy(copy, block + EROFS_SUPER_OFFSET, sizeof copy);
	memcpy(s, copy, sizeof *s);
	memset(copy + offsetof(struct erofs_super, checksum), 0, sizeof s->checksum);
	if (s->magic != EROFS_MAGIC || s->blkszbits != 12)
		return false;
	return !(s->feature_compat & EROFS_COMPAT_CHECKSUM) ||
	       s->checksum == crc32c(~0u, copy, sizeof copy);
}

static int read_super(struct flat_image *f, uint64_t file_size, struct image_error *e)
{
	uint8_t block[EROFS_BLOCK];
	struct erofs_super s;
	int r;

	f->end = file_size;
	r = image_bytes(f, block, sizeof block, 0);
	if (r || !super_good(block, &s))
		return image_fail(e, r ? r : -EUCLEAN, "the flat image is none, or damaged");
	if (s.feature_incompat & ~EROFS_INCOMPAT_CHUNKS || s.extslots || s.extra_devices)
		return image_fail(e, -ENOTSUP,
			"the flat image has features (%#x) that are not known here",
			s.feature_incompat);
	f->end = (uint64_t)s.blocks * EROFS_BLOCK;
	f->base = (uint64_t)s.meta_blkaddr * EROFS_BLOCK;
	f->root = s.root_nid;
	if (f->end > file_size || f->base >= f->end)
		return image_fail(e, -EUCLEAN,
			"the flat image is cut off: %" PRIu64 " bytes of %" PRIu64, file_size,
			f->end);
	return 0;
}

static int check_root(const struct flat_image *f, struct image_error *e)
{
	struct image_inode root;
	int r = image_inode(f, f->root, &root);

	if (!r && !S_ISDIR(root.mode))
		r = -EUCLEAN;
	return r ? image_fail(e, r, "the flat image is damaged: its root is no directory") : 0;
}

int flat_map(int fd, struct flat_image **out, struct image_error *e)
{
	struct flat_image *f = calloc(1, sizeof *f);
	struct stat st;
	int r;

	if (!f)
		return image_fail(e, -ENOMEM, "out of memory for a flat image");
	f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (f->fd < 0 || fstat(f->fd, &st))
		r = image_fail(e, -errno, "reading the flat image: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = image_fail(e, -EINVAL, "the flat image is no regular file");
	else
		r = read_super(f, (uint64_t)st.st_size, e);
	if (!r)
		r = check_root(f, e);
	if (r)
		flat_unmap(f);
	else
		*out = f;
	return r;
}

void flat_unmap(struct flat_image *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static void take_extended(struct image_inode *out, const struct erofs_inode_extended *i)
{
	*out = (struct image_inode){
		.mode = i->mode,
		.nlink = i->nlink,
		.uid = i->uid,
		.gid = i->gid,
		.u = i->u,
		.size = i->size,
		.mtime = i->mtime,
		.mtime_ns = i->mtime_ns,
	};
}

static void take_compact(struct image_inode *out, const struct erofs_inode_compact *i)
{
	*out = (struct image_inode){
		.mode = i->mode,
		.nlink = i->nlink,
		.uid = i->uid,
		.gid = i->gid,
		.u = i->u,
		.size = i->size,
	};
}

/* Its whole blocks and its tail or table are where blocks of an image can be. Of a hostile size
 * nothing is multiplied before it was compared. */
static bool content_good(const struct flat_image *f, const struct image_inode *i)
{
	uint64_t whole = i->size / EROFS_BLOCK, rest = i->size % EROFS_BLOCK;
	uint64_t blocks = f->end / EROFS_BLOCK, chunk, table;

	switch (i->layout) {
	case EROFS_PLAIN:
		return !i->size || (i->u && i->u < blocks && whole + (rest != 0) <= blocks - i->u);
	case EROFS_INLINE:
		if (whole && (!i->u || i->u >= blocks || whole > blocks - i->u))
			return false;
		return !rest || (i->behind % EROFS_BLOCK + rest <= EROFS_BLOCK &&
					i->behind <= f->end && rest <= f->end - i->behind);
	case EROFS_CHUNKS:
		if (!S_ISREG(i->mode) || i->u & 0xffff & ~EROFS_CHUNK_BITS)
			return false;
		chunk = (uint64_t)EROFS_BLOCK << (i->u & EROFS_CHUNK_BITS);
		table = i->size / chunk + (i->size % chunk != 0);
		return i->behind <= f->end && table <= (f->end - i->behind) / 4;
	}
	return false;
}

static bool has_content(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode);
}

static bool inode_good(const struct flat_image *f, const struct image_inode *i)
{
	if (i->size > INT64_MAX || i->mtime_ns >= 1000000000)
		return false;
	if (!has_content(i->mode))
		return S_ISCHR(i->mode) || S_ISBLK(i->mode) || S_ISFIFO(i->mode) ||
		       S_ISSOCK(i->mode);
	return content_good(f, i);
}

int image_inode(const struct flat_image *f, uint64_t nid, struct image_inode *out)
{
	union {
		struct erofs_inode_compact compact;
		struct erofs_inode_extended extended;
	} raw;
	uint64_t at, size = sizeof raw.compact;
	uint16_t format, count;
	int r;

	if (nid > (f->end - f->base) / EROFS_SLOT)
		return -EUCLEAN;
	at = f->base + nid * EROFS_SLOT;
	r = image_bytes(f, &raw, size, at);
	format = raw.compact.format;
	if (!r && format & EROFS_EXTENDED) {
		size = sizeof raw.extended;
		r = image_bytes(f, &raw, size, at);
		/* It is read again; the same is to be said of the whole. */
		format = raw.compact.format;
	}
	if (r)
		return r;
	if (format & ~EROFS_FORMAT_KNOWN || (format & EROFS_EXTENDED) != (size == 64))
		return -EUCLEAN;
	if (format & EROFS_EXTENDED)
		take_extended(out, &raw.extended);
	else
		take_compact(out, &raw.compact);
	count = raw.compact.xattr_icount;
	out->layout = (enum erofs_layout)EROFS_LAYOUT(format);
	out->xattrs = at + size;
	out->xattr_size = count ? sizeof(struct erofs_xattr_header) + 4u * (count - 1u) : 0;
	out->behind = out->xattrs + out->xattr_size;
	return inode_good(f, out) ? 0 : -EUCLEAN;
}

static dev_t device(uint32_t u)
{
	return makedev(u >> 8 & 0xfff, (u & 0xff) | (u >> 12 & 0xfff00));
}

int flat_stat(const struct flat_image *f, uint64_t nid, struct flat_node *out)
{
	struct image_inode i;
	int r = image_inode(f, nid, &i);

	if (r)
		return r;
	*out = (struct flat_node){.nid = nid};
	out->st.st_ino = nid;
	out->st.st_mode = i.mode;
	out->st.st_nlink = i.nlink;
	out->st.st_uid = i.uid;
	out->st.st_gid = i.gid;
	out->st.st_size = has_content(i.mode) ? (off_t)i.size : 0;
	out->st.st_blksize = EROFS_BLOCK;
	out->st.st_blocks = (out->st.st_size + 511) / 512;
	out->st.st_mtim.tv_sec = (time_t)i.mtime;
	out->st.st_mtim.tv_nsec = i.mtime_ns;
	if (S_ISCHR(i.mode) || S_ISBLK(i.mode))
		out->st.st_rdev = device(i.u);
	return 0;
}

int flat_root(const struct flat_image *f, struct flat_node *out)
{
	return flat_stat(f, f->root, out);
}
