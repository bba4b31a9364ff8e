/* SPDX-License-Identifier: Apache-2.0
 *
 * From a directory handle and a name to what is there. One component at a time, relative to a
 * descriptor, never following a link and never upwards: whatever another process of the host does
 * to the tree meanwhile, a step leads from a directory to an entry of that directory.
 *
 * A directory that another process moves out of the grant stays reachable by the handles that the
 * guest has of it and of what is below, as it does for any Linux process that has it open.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define WALK_RETRIES 16

int host_statx(int fd, const char *name, struct statx *stx)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);

	if (statx(fd, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, stx))
		return -errno;
	return 0;
}

int host_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return errno == EMFILE ? -ENFILE : -errno;
	return fd;
}

static void attr_fill(struct chan_attr *a, const struct statx *x)
{
	*a = (struct chan_attr){
		.ino = x->stx_ino,
		.dev = makedev(x->stx_dev_major, x->stx_dev_minor),
		.size = x->stx_size,
		.blocks = x->stx_blocks,
		.rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor),
		.mode = x->stx_mode,
		.nlink = x->stx_nlink,
		.uid = x->stx_uid,
		.gid = x->stx_gid,
		.blksize = x->stx_blksize,
		.atime = x->stx_atime.tv_sec,
		.mtime = x->stx_mtime.tv_sec,
		.ctime = x->stx_ctime.tv_sec,
		.atime_ns = x->stx_atime.tv_nsec,
		.mtime_ns = x->stx_mtime.tv_nsec,
		.ctime_ns = x->stx_ctime.tv_nsec,
	};
	if (x->stx_mask & STATX_BTIME) {
		a->btime = x->stx_btime.tv_sec;
		a->btime_ns = x->stx_btime.tv_nsec;
	}
}

void attr_from_leaf(struct chan_attr *out, const struct leaf *leaf)
{
	attr_fill(out, &leaf->stx);
	if (!(leaf->rights & RIGHT_WRITE))
		out->flags |= CHAN_ATTR_READONLY;
}

void attr_from_handle(const struct service *s, struct chan_attr *out, const struct handle *h,
	const struct statx *stx)
{
	attr_fill(out, stx);
	if (h->grant < s->policy.count && s->policy.grant[h->grant].made) {
		out->dev = s->policy.grant[h->grant].shown_dev;
		out->ino = s->policy.grant[h->grant].shown_ino;
		out->btime = 0; /* the shim looks at that as well */
		out->btime_ns = 0;
	}
	if (h->grant != GRANT_INHERITED && !(h->rights & RIGHT_WRITE))
		out->flags |= CHAN_ATTR_READONLY;
	if (h->kind == HANDLE_STREAM)
		out->flags |= CHAN_ATTR_STREAM;
	if (h->flags & HANDLE_TTY)
		out->flags |= CHAN_ATTR_TTY;
}

int leaf_stat(struct request *rq, struct handle *dir, const char *name, struct leaf *leaf)
{
	int r;

	if (dir->kind != HANDLE_DIR)
		return -ENOTDIR;
	r = host_statx(dir->fd, name, &leaf->stx);
	if (r)
		return r;
	policy_leaf(rq->s, dir->grant, leaf);
	return leaf->rights ? 0 : policy_refuse(rq, dir, name);
}

/* Opens name in dir if it is a directory; *fd is -1 when it is something else. What is said in
 * *leaf is true of the descriptor, not of a name that may have changed hands. */
static int lookup(struct handle *dir, const char *name, struct leaf *leaf, int *fd)
{
	for (int i = 0; i < WALK_RETRIES; i++) {
		int r;

		*fd = host_openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0);
		if (*fd >= 0) {
			r = host_statx(*fd, "", &leaf->stx);
			if (r)
				close(*fd);
			return r;
		}
		if (*fd != -ENOTDIR && *fd != -ELOOP)
			return *fd;
		*fd = -1;
		r = host_statx(dir->fd, name, &leaf->stx);
		if (r || !S_ISDIR(leaf->stx.stx_mode))
			return r;
	}
	return -EAGAIN; /* somebody keeps swapping it */
}

static int walk_lookup(
	struct request *rq, struct handle *dir, const char *name, struct chan_walk_ent *ent)
{
	struct handle h = {.kind = HANDLE_DIR};
	struct leaf leaf;
	int64_t id;
	int r;

	if (dir->flags & HANDLE_INERT)
		return policy_refuse(rq, dir, name);
	r = lookup(dir, name, &leaf, &h.fd);
	if (r)
		return r;
	policy_leaf(rq->s, dir->grant, &leaf);
	if (!leaf.rights) {
		if (h.fd >= 0)
			close(h.fd);
		return policy_refuse(rq, dir, name);
	}
	attr_from_leaf(&ent->attr, &leaf);
	if (h.fd < 0)
		return 0;
	h.flags = policy_inert(rq->s, h.fd, &leaf.stx);
	h.rights = leaf.rights;
	h.grant = leaf.grant;
	h.path = text_join(dir->path, name);
	id = handle_add(rq->s, &h);
	if (id < 0)
		return (int)id;
	ent->handle = (uint32_t)id;
	return 0;
}

int walk_one(struct request *rq, struct handle *dir, const char *name, struct chan_walk_ent *ent)
{
	memset(ent, 0, sizeof(*ent));
	ent->err = walk_lookup(rq, dir, name, ent);
	if (ent->err)
		memset(&ent->attr, 0, sizeof(ent->attr));
	return ent->err;
}

int64_t walk_op(struct request *rq)
{
	const uint8_t *p = rq->in, *end = rq->in + rq->msg->in_len;
	struct handle *dir = rq->h;
	unsigned n = 0;

	while (p < end && n < CHAN_WALK_MAX) {
		const uint8_t *slash = memchr(p, '/', (size_t)(end - p));
		size_t len = (size_t)((slash ? slash : end) - p);
		struct chan_walk_ent ent = {.err = -ENAMETOOLONG};
		char name[256];

		if (len < sizeof(name)) {
			text_name(name, p, len);
			walk_one(rq, dir, name, &ent);
		}
		memcpy(rq->out + n * sizeof(ent), &ent, sizeof(ent));
		rq->msg->out_len += sizeof(ent);
		if (ent.err)
			break;
		n++;
		dir = ent.handle ? handle_get(rq->s, ent.handle) : NULL;
		if (!dir)
			break;
		p += len + 1;
	}
	return n;
}
