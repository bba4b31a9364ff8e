/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: regular files and directories only. A device, FIFO or socket of the host is refused even
 * where its directory is granted: opening one has effects of its own, and no flag asked for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

int host_reopen(struct service *s, int fd, int flags)
{
	char number[16];

	/* The one place that follows a link: the kernel's own, to a descriptor that we hold. */
	snprintf(number, sizeof(number), "%d", fd);
	return host_openat(s->proc_fd, number, (flags & ~(O_CREAT | O_EXCL)) | O_NOCTTY, 0);
}

/* O_NONBLOCK: if a FIFO was put there meanwhile, opening it must not wait. */
static int host_flags(uint64_t f)
{
	int flags = O_NONBLOCK | O_NOCTTY;

	if (f & CHAN_O_WRITE)
		flags |= f & CHAN_O_READ ? O_RDWR : O_WRONLY;
	if (f & CHAN_O_CREAT)
		flags |= O_CREAT | (f & CHAN_O_EXCL ? O_EXCL : 0);
	if (f & CHAN_O_TRUNC)
		flags |= O_TRUNC;
	if (f & CHAN_O_DIRECTORY)
		flags |= O_DIRECTORY;
	if (f & CHAN_O_SYNC)
		flags |= O_SYNC;
	return flags;
}

static uint8_t access_of(uint64_t f)
{
	uint8_t a = f & (CHAN_O_READ | CHAN_O_WRITE);

	return a ? a : RIGHT_READ; /* EXEC or DIRECTORY alone */
}

/* What the request needs of the file's rights. */
static uint8_t needs(uint64_t f)
{
	return access_of(f) | (f & CHAN_O_TRUNC ? RIGHT_WRITE : 0);
}

static bool may_open(mode_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode);
}

/* Makes the handle of an open descriptor and says what it is; closes fd on failure. */
static int64_t finish(struct request *rq, struct handle *h, const struct statx *stx)
{
	struct chan_attr attr;
	int64_t id;

	h->dir_pos = -1;
	attr_from_handle(rq->s, &attr, h, stx);
	id = handle_add(rq->s, h);
	if (id < 0)
		return id;
	if (rq->msg->op != CHAN_OP_OPENDIR) {
		memcpy(rq->out, &attr, sizeof(attr));
		rq->msg->out_len = sizeof(attr);
	}
	return id;
}

/* The kind of a file in a grant that was just opened. */
static int64_t finish_file(struct request *rq, int fd, const char *name, uint64_t f)
{
	struct handle h = {.fd = fd, .access = access_of(f), .sync = f & CHAN_O_SYNC};
	struct leaf leaf;
	int r = host_statx(fd, "", &leaf.stx);

	if (r)
		goto out_close;
	if (*name) {
		policy_leaf(rq->s, rq->h->grant, &leaf);
	} else {
		leaf.grant = rq->h->grant;
		leaf.rights = rq->h->rights;
	}
	/* Once more on what was really opened: names change hands. */
	if (!may_open(leaf.stx.stx_mode) || !leaf.rights ||
		(S_ISDIR(leaf.stx.stx_mode) && policy_inert(rq->s, fd, &leaf.stx)))
		r = policy_refuse(rq, rq->h, name);
	else if (needs(f) & RIGHT_WRITE)
		r = policy_mutate(rq, rq->h, name, leaf.rights, leaf.grant);
	if (r)
		goto out_close;
	h.kind = S_ISDIR(leaf.stx.stx_mode) ? HANDLE_DIRFILE : HANDLE_FILE;
	h.flags = S_ISREG(leaf.stx.stx_mode) ? HANDLE_REGULAR : 0;
	h.rights = leaf.rights;
	h.grant = leaf.grant;
	h.path = *name ? text_join(rq->h->path, name) : text_copy(rq->h->path);
	return finish(rq, &h, &leaf.stx);
out_close:
	close(fd);
	return r;
}

/* May the name be opened, by what is there now? Tells -ENOENT apart for the caller. */
static int check_leaf(struct request *rq, const char *name, uint64_t f, const struct leaf *leaf)
{
	mode_t mode = leaf->stx.stx_mode;

	if ((f & CHAN_O_CREAT) && (f & CHAN_O_EXCL))
		return -EEXIST;
	if (S_ISLNK(mode))
		return -ELOOP;
	if (!may_open(mode))
		return policy_refuse(rq, rq->h, name);
	if (S_ISDIR(mode))
		return (f & (CHAN_O_WRITE | CHAN_O_CREAT | CHAN_O_TRUNC)) ? -EISDIR : 0;
	if (f & CHAN_O_DIRECTORY)
		return -ENOTDIR;
	if (needs(f) & RIGHT_WRITE)
		return policy_mutate(rq, rq->h, name, leaf->rights, leaf->grant);
	return 0;
}

static int64_t open_name(struct request *rq, const char *name, uint64_t f)
{
	struct handle *dir = rq->h;
	struct leaf leaf;
	int fd, r;

	r = leaf_stat(rq, dir, name, &leaf);
	if (!r)
		r = check_leaf(rq, name, f, &leaf);
	else if (r == -ENOENT && (f & CHAN_O_CREAT))
		r = policy_mutate(rq, dir, name, dir->rights, dir->grant);
	if (r)
		return r;
	if (!(dir->rights & RIGHT_WRITE))
		f &= ~(uint64_t)CHAN_O_CREAT; /* it is there; never make one in a read-only grant */
	fd = host_openat(dir->fd, name, host_flags(f) | O_NOFOLLOW, (mode_t)rq->msg->a[2]);
	return fd < 0 ? fd : finish_file(rq, fd, name, f);
}

static int64_t open_tmpfile(struct request *rq, uint64_t f)
{
	int flags = O_TMPFILE | (f & CHAN_O_READ ? O_RDWR : O_WRONLY) |
		    (f & CHAN_O_EXCL ? O_EXCL : 0) | (f & CHAN_O_SYNC ? O_SYNC : 0);
	int fd = policy_mutate(rq, rq->h, "", rq->h->rights, rq->h->grant);

	if (!fd)
		fd = host_openat(rq->h->fd, ".", flags, (mode_t)rq->msg->a[2]);
	return fd < 0 ? fd : finish_file(rq, fd, "", f);
}

static int64_t open_dir(struct request *rq)
{
	int fd = host_openat(rq->h->fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	return fd < 0 ? fd : finish_file(rq, fd, "", CHAN_O_READ);
}

/* What was inherited keeps its kind: a terminal opened once more is a terminal. */
static int64_t reopen_inherited(struct request *rq, uint64_t f)
{
	struct handle h = *rq->h;
	struct statx stx;
	int r;

	h.fd = host_reopen(rq->s, rq->h->fd, host_flags(f));
	if (h.fd < 0)
		return h.fd;
	r = host_statx(h.fd, "", &stx);
	if (r) {
		close(h.fd);
		return r;
	}
	h.access = access_of(f);
	h.flags |= HANDLE_NONBLOCK; /* host_flags() has it */
	h.path = text_copy(h.path);
	return finish(rq, &h, &stx);
}

/* The handle itself, with other flags, within the rights that it has. */
static int64_t open_self(struct request *rq, uint64_t f)
{
	struct handle *h = rq->h;
	struct statx stx;
	int fd, r;

	if ((f & CHAN_O_CREAT) && (f & CHAN_O_EXCL))
		return -EEXIST;
	if (h->kind == HANDLE_DIR || h->kind == HANDLE_DIRFILE) {
		if (f & CHAN_O_TMPFILE)
			return h->kind == HANDLE_DIR ? open_tmpfile(rq, f) : -ENOTDIR;
		return f & (CHAN_O_WRITE | CHAN_O_CREAT | CHAN_O_TRUNC) ? -EISDIR : open_dir(rq);
	}
	if (f & (CHAN_O_DIRECTORY | CHAN_O_TMPFILE))
		return -ENOTDIR;
	if (h->grant == GRANT_INHERITED) {
		if (needs(f) & ~h->rights)
			return policy_refuse(rq, h, "");
		return reopen_inherited(rq, f);
	}
	/* An O_PATH descriptor is pinned: what it is now it will be when it is opened. */
	r = host_statx(h->fd, "", &stx);
	if (r)
		return r;
	if (S_ISLNK(stx.stx_mode))
		return -ELOOP;
	if (!S_ISREG(stx.stx_mode))
		return policy_refuse(rq, h, "");
	if (needs(f) & RIGHT_WRITE) {
		r = policy_mutate(rq, h, "", h->rights, h->grant);
		if (r)
			return r;
	}
	fd = host_reopen(rq->s, h->fd, host_flags(f));
	return fd < 0 ? fd : finish_file(rq, fd, "", f);
}

int64_t open_op(struct request *rq)
{
	char name[256];

	if (handles_full(rq->s))
		return -ENFILE; /* before anything is created or truncated */
	text_name(name, rq->in, rq->msg->in_len);
	return *name ? open_name(rq, name, rq->msg->a[1]) : open_self(rq, rq->msg->a[1]);
}

int64_t opendir_op(struct request *rq)
{
	return open_dir(rq);
}
