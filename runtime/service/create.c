/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that come and go: directories, nodes, links, removal, renaming.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

/* The checked names of NAME2 and NAMETGT. Returns what follows the first one's NUL. */
static const uint8_t *first_name(char out[256], const struct request *rq)
{
	const uint8_t *nul = memchr(rq->in, 0, rq->msg->in_len);

	text_name(out, rq->in, (size_t)(nul - rq->in));
	return nul + 1;
}

static void second_name(char out[256], const struct request *rq, const uint8_t *p)
{
	text_name(out, p, (size_t)(rq->in + rq->msg->in_len - 1 - p));
}

/* May name be made in dir? Where it is there already Linux says so even on a read-only file system,
 * and mkdir -p relies on it. */
static int may_create(struct request *rq, struct handle *dir, const char *name)
{
	struct leaf leaf;
	int r;

	if (dir->rights & RIGHT_WRITE)
		return 0;
	r = leaf_stat(rq, dir, name, &leaf);
	if (!r)
		return -EEXIST;
	if (r != -ENOENT)
		return r;
	return policy_mutate(rq, dir, name, dir->rights, dir->grant);
}

/* May the entry called name be taken out of dir, or be replaced? */
static int may_remove(struct request *rq, struct handle *dir, const char *name)
{
	struct leaf leaf;
	int r;

	/* With one grant nothing can be nested, and only a refusal needs to know what is there. */
	if ((dir->rights & RIGHT_WRITE) && rq->s->policy.count <= 2)
		return 0;
	r = leaf_stat(rq, dir, name, &leaf);
	if (r)
		return r;
	r = policy_mutate(rq, dir, name, dir->rights, dir->grant);
	if (r)
		return r;
	return leaf.nested ? -EBUSY : 0; /* as a mount point is */
}

static int64_t put_leaf(struct request *rq, struct handle *dir, const char *name)
{
	struct chan_attr attr;
	struct leaf leaf;
	int r = leaf_stat(rq, dir, name, &leaf);

	if (r)
		return r;
	attr_from_leaf(&attr, &leaf);
	memcpy(rq->out, &attr, sizeof(attr));
	rq->msg->out_len = sizeof(attr);
	return 0;
}

int64_t mkdir_op(struct request *rq)
{
	struct chan_walk_ent ent;
	char name[256];
	int r;

	text_name(name, rq->in, rq->msg->in_len);
	r = may_create(rq, rq->h, name);
	if (r)
		return r;
	if (handles_full(rq->s))
		return -ENFILE; /* before it is made */
	if (mkdirat(rq->h->fd, name, (mode_t)rq->msg->a[1]))
		return -errno;
	r = walk_one(rq, rq->h, name, &ent);
	if (r == -ENFILE) /* the limit of descriptors, not of handles: nothing was done */
		unlinkat(rq->h->fd, name, AT_REMOVEDIR);
	memcpy(rq->out, &ent, sizeof(ent));
	rq->msg->out_len = sizeof(ent);
	return r;
}

int64_t mknod_op(struct request *rq)
{
	char name[256];
	int r;

	text_name(name, rq->in, rq->msg->in_len);
	r = may_create(rq, rq->h, name);
	if (r)
		return r;
	/* decode let files, FIFOs and sockets through only; no device number is passed on */
	if (mknodat(rq->h->fd, name, (mode_t)rq->msg->a[1], 0))
		return -errno;
	return put_leaf(rq, rq->h, name);
}

int64_t symlink_op(struct request *rq)
{
	char name[256], target[4096];
	const uint8_t *p = first_name(name, rq);
	size_t len = (size_t)(rq->in + rq->msg->in_len - p);
	int r = may_create(rq, rq->h, name);

	if (r)
		return r;
	memcpy(target, p, len); /* at most 4095, says decode */
	target[len] = 0;
	if (symlinkat(target, rq->h->fd, name))
		return -errno;
	return put_leaf(rq, rq->h, name);
}

/* A link in a writable grant makes its file writable, so the source must be that already. */
static int link_source(struct request *rq, const char *from)
{
	struct leaf leaf;
	int r;

	if (!*from) {
		if (rq->h->kind == HANDLE_DIR || rq->h->kind == HANDLE_DIRFILE)
			return -EPERM;
		if (rq->h->grant == GRANT_INHERITED)
			return -EXDEV;
		return policy_mutate(rq, rq->h, "", rq->h->rights, rq->h->grant);
	}
	r = leaf_stat(rq, rq->h, from, &leaf);
	return r ? r : policy_mutate(rq, rq->h, from, leaf.rights, leaf.grant);
}

int64_t link_op(struct request *rq)
{
	char from[256], to[256], number[16];
	const uint8_t *p = first_name(from, rq);
	int r;

	second_name(to, rq, p);
	r = link_source(rq, from);
	if (!r)
		r = may_create(rq, rq->h2, to);
	if (r)
		return r;
	if (*from) {
		r = linkat(rq->h->fd, from, rq->h2->fd, to, 0);
	} else {
		/* AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH */
		snprintf(number, sizeof(number), "%d", rq->h->fd);
		r = linkat(rq->s->proc_fd, number, rq->h2->fd, to, AT_SYMLINK_FOLLOW);
	}
	if (r)
		return -errno;
	return put_leaf(rq, rq->h2, to);
}

int64_t unlink_op(struct request *rq)
{
	char name[256];
	int r;

	text_name(name, rq->in, rq->msg->in_len);
	r = may_remove(rq, rq->h, name);
	if (r)
		return r;
	if (unlinkat(rq->h->fd, name, rq->msg->a[1] & CHAN_UNLINK_DIR ? AT_REMOVEDIR : 0))
		return -errno;
	return 0;
}

int64_t rename_op(struct request *rq)
{
	char from[256], to[256];
	const uint8_t *p = first_name(from, rq);
	unsigned flags = 0;
	int r;

	second_name(to, rq, p);
	r = may_remove(rq, rq->h, from);
	if (r)
		return r;
	r = may_remove(rq, rq->h2, to);
	if (r == -ENOENT) /* nothing there to replace: then one is made */
		r = policy_mutate(rq, rq->h2, to, rq->h2->rights, rq->h2->grant);
	if (r)
		return r;
	if (rq->msg->a[2] == CHAN_RENAME_NOREPLACE)
		flags = RENAME_NOREPLACE;
	else if (rq->msg->a[2] == CHAN_RENAME_EXCHANGE)
		flags = RENAME_EXCHANGE;
	/* Not glibc's: without flags that one calls renameat. */
	if (syscall(SYS_renameat2, rq->h->fd, from, rq->h2->fd, to, flags))
		return -errno;
	return 0;
}
