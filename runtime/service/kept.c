/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that a snapshot has open: found again by its path, below the root of the grant that it was
 * reached through, and then it must be what it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"
#include "runtime/snapshot/coder.h"

void kept_code(struct coder *c, struct kept *k)
{
	coder_u32(c, &k->grant);
	coder_string(c, &k->path);
	coder_u64(c, &k->dev);
	coder_u64(c, &k->ino);
	coder_u64(c, &k->size);
	coder_u64(c, (uint64_t *)&k->mtime_s);
	coder_u32(c, &k->mtime_ns);
	coder_u32(c, &k->mode);
}

void kept_clear(struct kept *k)
{
	free(k->path);
	k->path = NULL;
}

static void describe(struct kept *k, const struct statx *stx)
{
	k->dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	k->ino = stx->stx_ino;
	k->mode = stx->stx_mode;
	k->size = stx->stx_size;
	k->mtime_s = stx->stx_mtime.tv_sec;
	k->mtime_ns = stx->stx_mtime.tv_nsec;
}

static bool is_file(const struct kept *k, const struct statx *stx)
{
	return k->ino == stx->stx_ino && k->dev == makedev(stx->stx_dev_major, stx->stx_dev_minor);
}

/* What was made for the sandbox is another file in each, with the same in it. */
static bool is_made(const struct service *s, const struct kept *k)
{
	return k->grant < s->policy.count && s->policy.grant[k->grant].made;
}

bool kept_same(const struct service *s, const struct kept *k, const struct statx *stx)
{
	return is_made(s, k) || (is_file(k, stx) && k->size == stx->stx_size &&
					k->mtime_s == stx->stx_mtime.tv_sec &&
					k->mtime_ns == stx->stx_mtime.tv_nsec);
}

const char *kept_below(const struct service *s, const struct kept *k)
{
	const char *root = s->policy.grant[k->grant].path, *path = k->path;
	size_t n = strlen(root);

	if (!path)
		return NULL;
	if (n && root[n - 1] == '/')
		n--;
	if (strncmp(path, root, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	path += n;
	while (*path == '/')
		path++;
	return path;
}

static const struct handle *root_of(struct service *s, uint32_t grant)
{
	return grant < s->policy.count ? handle_get(s, s->policy.grant[grant].root) : NULL;
}

/* An image, which is no grant: who restores has been given it again. */
static const struct handle *inherited(struct service *s, const struct kept *k, struct statx *stx)
{
	for (uint32_t i = 0; i < s->handles.used; i++) {
		const struct handle *h = handle_at(s, i);

		if (h->kind == HANDLE_FILE && h->grant == GRANT_INHERITED &&
			!host_statx(h->fd, "", stx) && is_file(k, stx))
			return h;
	}
	return NULL;
}

int kept_find(struct service *s, struct kept *k, int fd)
{
	const struct handle *root = root_of(s, k->grant);
	const char *below;
	struct statx stx;
	int r;

	k->path = text_copy(k->path);
	if (!k->path)
		return -ENOENT;
	if (fd >= 0) {
		r = host_statx(fd, "", &stx);
		if (r)
			return r;
		describe(k, &stx);
	}
	if (k->grant == GRANT_INHERITED) {
		if (fd < 0 && !inherited(s, k, &stx))
			return -ENOENT;
		describe(k, &stx);
		return 0;
	}
	below = root ? kept_below(s, k) : NULL;
	if (!below)
		return -ENOENT;
	r = host_statx(root->fd, below, &stx);
	if (!r && !is_file(k, &stx))
		r = -ESTALE;
	if (!r)
		describe(k, &stx);
	return r;
}

static int open_below(int dirfd, const char *below)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = *below ? syscall(SYS_openat2, dirfd, below, &how, sizeof(how))
			 : fcntl(dirfd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : (int)fd;
}

/* What no request would have opened: a file of procfs, and what is hidden. */
static bool is_allowed(struct service *s, int fd, const struct statx *stx)
{
	return (S_ISDIR(stx->stx_mode) || !policy_inert(s, fd, stx)) && !policy_denies(s, fd, stx);
}

static int open_granted(struct service *s, const struct kept *k, struct statx *stx)
{
	const struct handle *root = root_of(s, k->grant);
	const char *below = root ? kept_below(s, k) : NULL;
	int fd = below ? open_below(root->fd, below) : -ENOENT, r;

	if (fd < 0)
		return fd;
	r = host_statx(fd, "", stx);
	if (!r && !is_made(s, k) && !is_file(k, stx))
		r = -ESTALE;
	if (!r && !is_allowed(s, fd, stx))
		r = -EACCES;
	if (!r)
		return fd;
	close(fd);
	return r;
}

static int open_inherited(struct service *s, const struct kept *k, struct statx *stx)
{
	const struct handle *h = inherited(s, k, stx);
	int fd = h ? fcntl(h->fd, F_DUPFD_CLOEXEC, 3) : -1;

	return fd >= 0 ? fd : h ? -errno : -ESTALE;
}

int kept_open(struct service *s, const struct kept *k, struct statx *stx)
{
	if (k->grant == GRANT_INHERITED)
		return open_inherited(s, k, stx);
	return open_granted(s, k, stx);
}
