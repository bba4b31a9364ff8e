/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of a name or a handle, and changing that: attributes, link targets, access, the
 * file system below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

static int64_t put_attr(struct request *rq, const struct chan_attr *a)
{
	memcpy(rq->out, a, sizeof(*a));
	rq->msg->out_len = sizeof(*a);
	return 0;
}

int64_t getattr_op(struct request *rq)
{
	struct chan_attr attr;
	int r;

	if (rq->msg->in_len) {
		struct leaf leaf;
		char name[256];

		text_name(name, rq->in, rq->msg->in_len);
		r = leaf_stat(rq, rq->h, name, &leaf);
		if (r)
			return r;
		attr_from_leaf(&attr, &leaf);
	} else {
		struct statx stx;

		r = host_statx(rq->h->fd, "", &stx);
		if (r)
			return r;
		attr_from_handle(rq->s, &attr, rq->h, &stx);
	}
	return put_attr(rq, &attr);
}

int64_t readlink_op(struct request *rq)
{
	char name[256];
	ssize_t n;

	text_name(name, rq->in, rq->msg->in_len);
	if (*name && rq->h->kind != HANDLE_DIR)
		return -ENOTDIR;
	if (!*name && rq->h->kind != HANDLE_NODE)
		return -EINVAL;
	n = readlinkat(rq->h->fd, name, (char *)rq->out, CHAN_DATA_SIZE);
	if (n < 0)
		return -errno;
	rq->msg->out_len = (uint32_t)n;
	return n;
}

int64_t access_op(struct request *rq)
{
	uint8_t rights = rq->h->rights;
	int fd = rq->h->fd, mode = (int)rq->msg->a[1];
	char name[256];

	text_name(name, rq->in, rq->msg->in_len);
	if (*name) {
		struct leaf leaf;
		int r = leaf_stat(rq, rq->h, name, &leaf);

		if (r)
			return r;
		rights = leaf.rights;
	}
	/* A question is not an attempt: no denial is told. */
	if ((mode & W_OK) && !(rights & RIGHT_WRITE))
		return rq->h->grant == GRANT_INHERITED ? -EACCES : -EROFS;
	/* Not glibc's faccessat: where the call is missing that one falls back on guesses. */
	if (syscall(SYS_faccessat2, fd, name, mode,
		    AT_EACCESS | AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH)))
		return -errno;
	return 0;
}

int64_t statfs_op(struct request *rq)
{
	struct chan_statfs out;
	struct statfs st;

	if (fstatfs(rq->h->fd, &st))
		return -errno;
	out = (struct chan_statfs){
		.type = (uint64_t)st.f_type,
		.bsize = (uint64_t)st.f_bsize,
		.blocks = st.f_blocks,
		.bfree = st.f_bfree,
		.bavail = st.f_bavail,
		.files = st.f_files,
		.ffree = st.f_ffree,
		.namelen = (uint64_t)st.f_namelen,
		.frsize = (uint64_t)st.f_frsize,
		.flags = (uint64_t)st.f_flags,
	};
	memcpy(rq->out, &out, sizeof(out));
	rq->msg->out_len = sizeof(out);
	return 0;
}

/* -- SETATTR: everything is done to one descriptor, so that the parts meet the same file -- */

static int set_size(struct request *rq, int fd, bool is_open, mode_t mode, uint64_t size)
{
	int wfd = fd, r = 0;

	if (!S_ISREG(mode))
		return S_ISDIR(mode) ? -EISDIR : -EINVAL;
	if (!is_open) {
		wfd = host_reopen(rq->s, fd, O_WRONLY | O_NONBLOCK);
		if (wfd < 0)
			return wfd;
	}
	if (ftruncate(wfd, (off_t)size))
		r = -errno;
	if (wfd != fd)
		close(wfd);
	return r;
}

/* The same for an O_PATH descriptor, which fchmod(2) does not take, and for an open one. */
static int set_mode(struct request *rq, int fd, mode_t type, mode_t mode)
{
	char number[16];

	if (S_ISLNK(type))
		return -EOPNOTSUPP;
	snprintf(number, sizeof(number), "%d", fd);
	return fchmodat(rq->s->proc_fd, number, mode, 0) ? -errno : 0;
}

static int set_times(int fd, const struct chan_setattr *sa)
{
	struct timespec ts[2] = {
		{.tv_sec = sa->atime, .tv_nsec = sa->atime_ns},
		{.tv_sec = sa->mtime, .tv_nsec = sa->mtime_ns},
	};

	if (sa->valid & CHAN_SET_ATIME_NOW)
		ts[0].tv_nsec = UTIME_NOW;
	else if (!(sa->valid & CHAN_SET_ATIME))
		ts[0].tv_nsec = UTIME_OMIT;
	if (sa->valid & CHAN_SET_MTIME_NOW)
		ts[1].tv_nsec = UTIME_NOW;
	else if (!(sa->valid & CHAN_SET_MTIME))
		ts[1].tv_nsec = UTIME_OMIT;
	return utimensat(fd, "", ts, AT_EMPTY_PATH) ? -errno : 0;
}

/* Size and owner before mode and times, for those change these. */
static int set_all(
	struct request *rq, int fd, bool is_open, mode_t mode, const struct chan_setattr *sa)
{
	const uint32_t times =
		CHAN_SET_ATIME | CHAN_SET_MTIME | CHAN_SET_ATIME_NOW | CHAN_SET_MTIME_NOW;
	int r = 0;

	if (sa->valid & CHAN_SET_SIZE)
		r = set_size(rq, fd, is_open, mode, sa->size);
	if (!r && (sa->valid & (CHAN_SET_UID | CHAN_SET_GID))) {
		uid_t uid = sa->valid & CHAN_SET_UID ? sa->uid : (uid_t)-1;
		gid_t gid = sa->valid & CHAN_SET_GID ? sa->gid : (gid_t)-1;

		r = fchownat(fd, "", uid, gid, AT_EMPTY_PATH) ? -errno : 0;
	}
	if (!r && (sa->valid & CHAN_SET_MODE))
		r = set_mode(rq, fd, mode, sa->mode);
	if (!r && (sa->valid & times))
		r = set_times(fd, sa);
	return r;
}

/* Of a stream nothing is changed: a terminal or /dev/null is the host's, and others use it too.
 * What it is already it may be told to be, and to have been used just now. */
static int set_stream(const struct statx *stx, const struct chan_setattr *sa)
{
	if (sa->valid & CHAN_SET_SIZE)
		return -EINVAL;
	if (((sa->valid & CHAN_SET_UID) && sa->uid != stx->stx_uid) ||
		((sa->valid & CHAN_SET_GID) && sa->gid != stx->stx_gid) ||
		((sa->valid & CHAN_SET_MODE) && sa->mode != (stx->stx_mode & 07777u)) ||
		(sa->valid & (CHAN_SET_ATIME | CHAN_SET_MTIME)))
		return -EPERM;
	return 0;
}

static int64_t setattr_fd(
	struct request *rq, int fd, const char *name, const struct chan_setattr *sa)
{
	bool is_open = !*name && rq->h->kind != HANDLE_DIR && rq->h->kind != HANDLE_NODE;
	struct chan_attr attr;
	struct leaf leaf;
	int r;

	r = host_statx(fd, "", &leaf.stx);
	if (r)
		return r;
	if (*name) {
		policy_leaf(rq->s, rq->h->grant, &leaf);
		if (!leaf.rights)
			return policy_refuse(rq, rq->h, name);
	} else {
		leaf.grant = rq->h->grant;
		leaf.rights = rq->h->rights;
	}
	if (sa->valid) {
		r = policy_mutate(rq, rq->h, name, leaf.rights, leaf.grant);
		if (!r && !*name && rq->h->kind == HANDLE_STREAM)
			r = set_stream(&leaf.stx, sa);
		else if (!r)
			r = set_all(rq, fd, is_open, leaf.stx.stx_mode, sa);
		if (!r)
			r = host_statx(fd, "", &leaf.stx);
		if (r)
			return r;
	}
	if (*name)
		attr_from_leaf(&attr, &leaf);
	else
		attr_from_handle(rq->s, &attr, rq->h, &leaf.stx);
	return put_attr(rq, &attr);
}

int64_t setattr_op(struct request *rq)
{
	struct chan_setattr sa;
	char name[256];
	int64_t r;
	int fd;

	memcpy(&sa, rq->in, sizeof(sa));
	text_name(name, rq->in + sizeof(sa), rq->msg->in_len - sizeof(sa));
	if (!*name)
		return setattr_fd(rq, rq->h->fd, name, &sa);
	if (rq->h->kind != HANDLE_DIR)
		return -ENOTDIR;
	fd = host_openat(rq->h->fd, name, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	r = setattr_fd(rq, fd, name, &sa);
	close(fd);
	return r;
}
