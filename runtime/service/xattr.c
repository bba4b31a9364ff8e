/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended attributes: user.* may be read. The others say how the host guards its files, which is
 * none of the guest's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define PREFIX	   "user."
#define PREFIX_LEN (sizeof(PREFIX) - 1)

static bool is_user(const char *name)
{
	return !strncmp(name, PREFIX, PREFIX_LEN) && name[PREFIX_LEN];
}

static int64_t xattr_list(struct request *rq, int fd)
{
	char *buf = (char *)rq->s->scratch;
	ssize_t n = flistxattr(fd, buf, sizeof(rq->s->scratch));

	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (ssize_t i = 0; i < n;) {
		size_t len = strnlen(buf + i, (size_t)(n - i)) + 1;

		if (len <= (size_t)(n - i) && is_user(buf + i)) {
			memcpy(rq->out + rq->msg->out_len, buf + i, len);
			rq->msg->out_len += (uint32_t)len;
		}
		i += (ssize_t)len;
	}
	return rq->msg->out_len;
}

static int64_t xattr_get(struct request *rq, int fd, const char *attr)
{
	ssize_t n = fgetxattr(fd, attr, rq->out, CHAN_DATA_SIZE);

	if (n < 0)
		return errno == EOPNOTSUPP ? -ENODATA : -errno;
	rq->msg->out_len = (uint32_t)n;
	return n;
}

/* Takes an O_PATH descriptor, which tells no attributes, or an open one. */
static int64_t xattr_fd(struct request *rq, int fd, bool is_open, const char *attr)
{
	bool list = rq->msg->a[1] == CHAN_XATTR_LIST;
	struct statx stx;
	int64_t result;
	int r = host_statx(fd, "", &stx);

	if (r)
		return r;
	/* Only these two can have user.*; nothing else may be opened to ask. */
	if (!S_ISREG(stx.stx_mode) && !S_ISDIR(stx.stx_mode))
		return list ? 0 : -ENODATA;
	if (!is_open) {
		fd = host_reopen(rq->s, fd, O_RDONLY | O_NONBLOCK);
		if (fd < 0)
			return fd;
	}
	result = list ? xattr_list(rq, fd) : xattr_get(rq, fd, attr);
	if (!is_open)
		close(fd);
	return result;
}

int64_t xattr_op(struct request *rq)
{
	const uint8_t *nul = memchr(rq->in, 0, rq->msg->in_len);
	const char *attr = (const char *)nul + 1; /* ends with a NUL, or a list that has none */
	struct leaf leaf;
	char name[256];
	int64_t result;
	int fd, r;

	text_name(name, rq->in, (size_t)(nul - rq->in));
	if (rq->msg->a[1] == CHAN_XATTR_GET && !is_user(attr))
		return -ENODATA;
	if (!*name)
		return xattr_fd(rq, rq->h->fd,
			rq->h->kind != HANDLE_DIR && rq->h->kind != HANDLE_NODE, attr);
	r = leaf_stat(rq, rq->h, name, &leaf);
	if (r)
		return r;
	fd = host_openat(rq->h->fd, name, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	result = xattr_fd(rq, fd, false, attr);
	close(fd);
	return result;
}
