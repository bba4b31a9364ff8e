/* SPDX-License-Identifier: Apache-2.0
 *
 * Bulk data, straight between files and guest pages, and what goes with an open file.
 *
 * Streams never wait here: the service has one thread, and the others of the guest need it too. The
 * ways to that, best first: the description is non-blocking; MSG_DONTWAIT; poll, then RWF_NOWAIT;
 * poll, then a piece so small that poll's answer covers it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

struct vec {
	struct iovec iov[CHAN_SEGS_MAX];
	int n;
	size_t total;
};

/* The segments as host memory. They were checked against RAM; the contents are the guest's matter.
 */
/* to_guest: the guest's memory is written. */
static int vec_build(struct request *rq, struct vec *v, bool to_guest)
{
	v->n = 0;
	v->total = 0;
	for (unsigned i = 0; i < rq->msg->nseg; i++) {
		const struct chan_seg *g = &rq->msg->seg[i];
		const struct gpa at = {g->gpa};
		void *p = to_guest ? service_gpa_ptr_write(&rq->s->mem, at, g->len)
				   : service_gpa_ptr(&rq->s->mem, at, g->len);

		if (!p)
			return -EFAULT;
		if (!g->len)
			continue;
		v->iov[v->n++] = (struct iovec){.iov_base = p, .iov_len = g->len};
		v->total += g->len;
	}
	return 0;
}

static void vec_limit(struct vec *v, size_t max)
{
	size_t left = max;

	for (int i = 0; i < v->n; i++) {
		if (v->iov[i].iov_len >= left) {
			v->iov[i].iov_len = left;
			v->n = i + 1;
			v->total = max;
			return;
		}
		left -= v->iov[i].iov_len;
	}
}

#define OFF_OWN ((off_t)-1) /* at the description's own position, as readv(2) does */

/* Not glibc's preadv2 and pwritev2: where they fail those try calls that the jail does not have. */
static ssize_t file_io(int fd, const struct vec *v, bool write, off_t off, int flags)
{
	return syscall(write ? SYS_pwritev2 : SYS_preadv2, fd, v->iov, (long)v->n, off, 0L, flags);
}

static int poll_now(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : p.revents;
}

static ssize_t socket_io(int fd, struct vec *v, bool write)
{
	struct msghdr mh = {.msg_iov = v->iov, .msg_iovlen = (size_t)v->n};

	return write ? sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL)
		     : recvmsg(fd, &mh, MSG_DONTWAIT);
}

static ssize_t polled_io(struct service *s, struct handle *h, struct vec *v, bool write)
{
	int ready = poll_now(h->fd, write ? POLLOUT : POLLIN);
	ssize_t n;

	if (ready < 0) {
		errno = -ready;
		return -1;
	}
	if (!ready) {
		if (!write && (h->flags & HANDLE_TTY))
			tty_check_reader(s, h->fd);
		errno = EAGAIN;
		return -1;
	}
	if (!(h->flags & HANDLE_NO_NOWAIT)) {
		n = file_io(h->fd, v, write, OFF_OWN, RWF_NOWAIT);
		if (n >= 0 || errno != EOPNOTSUPP)
			return n;
		h->flags |= HANDLE_NO_NOWAIT;
	}
	if (write && (h->flags & HANDLE_BOUNDED))
		vec_limit(v, PIPE_BUF);
	return file_io(h->fd, v, write, OFF_OWN, 0);
}

static ssize_t stream_io(struct service *s, struct handle *h, struct vec *v, bool write)
{
	if (h->flags & HANDLE_SOCKET)
		return socket_io(h->fd, v, write);
	if (!(h->flags & HANDLE_NONBLOCK))
		return polled_io(s, h, v, write);
	return file_io(h->fd, v, write, OFF_OWN, 0);
}

static ssize_t file_write(int fd, const struct vec *v, uint64_t off, bool append)
{
	if (off == CHAN_OFF_STREAM)
		return file_io(fd, v, true, OFF_OWN, append ? RWF_APPEND : 0);
	/* RWF_APPEND ignores the offset but wants a valid one */
	return file_io(fd, v, true, append ? 0 : (off_t)off, append ? RWF_APPEND : 0);
}

static int64_t transfer(struct request *rq, bool write)
{
	struct handle *h = rq->h;
	uint64_t off = rq->msg->a[1];
	struct vec v;
	ssize_t n;
	int r = vec_build(rq, &v, !write);

	if (r)
		return r;
	if (h->kind == HANDLE_DIRFILE)
		return write ? -EBADF : -EISDIR;
	if (h->kind == HANDLE_STREAM && off != CHAN_OFF_STREAM)
		return -ESPIPE;
	if (!(h->access & (write ? RIGHT_WRITE : RIGHT_READ)))
		return -EBADF;
	do {
		if (!write && stream_has_first(rq->s, h))
			n = (ssize_t)stream_take_first(rq->s, v.iov, v.n);
		else if (h->kind == HANDLE_STREAM)
			n = v.total ? stream_io(rq->s, h, &v, write) : 0;
		else if (write)
			n = file_write(h->fd, &v, off, rq->msg->a[3] & CHAN_WRITE_APPEND);
		else
			n = file_io(
				h->fd, &v, false, off == CHAN_OFF_STREAM ? OFF_OWN : (off_t)off, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int64_t read_op(struct request *rq)
{
	return transfer(rq, false);
}

int64_t write_op(struct request *rq)
{
	return transfer(rq, true);
}

int64_t seek_op(struct request *rq)
{
	off_t r;

	if (rq->h->kind == HANDLE_STREAM)
		return -ESPIPE;
	rq->h->dir_pos = -1;
	r = lseek(rq->h->fd, (off_t)rq->msg->a[1], (int)rq->msg->a[2]);
	return r < 0 ? -errno : r;
}

/* What the guest can never have changed has nothing of its own to be written. */
int64_t fsync_op(struct request *rq)
{
	if (rq->h->kind == HANDLE_STREAM)
		return -EINVAL; /* as every pipe, socket and terminal says */
	if (!(rq->h->rights & RIGHT_WRITE))
		return 0;
	if (rq->msg->a[1] ? fdatasync(rq->h->fd) : fsync(rq->h->fd))
		return -errno;
	return 0;
}

/* Refused before the host is asked: where nothing can be changed the jail has no such call. Of a
 * pipe the host would say ESPIPE; the shim has, and a shim that asks all the same gets what it says
 * of other streams. */
int64_t fallocate_op(struct request *rq)
{
	if (!rq->msg->a[3])
		return -EINVAL;
	if (!(rq->h->access & RIGHT_WRITE))
		return -EBADF;
	if (rq->h->kind == HANDLE_STREAM)
		return -ENODEV;
	if (fallocate(rq->h->fd, (int)rq->msg->a[1], (off_t)rq->msg->a[2], (off_t)rq->msg->a[3]))
		return -errno;
	return 0;
}

int64_t flock_op(struct request *rq)
{
	int how = (int)rq->msg->a[1];

	if (flock(rq->h->fd, how | LOCK_NB))
		return -errno;
	rq->h->locked = !(how & LOCK_UN);
	return 0;
}

int64_t poll_op(struct request *rq)
{
	int events = (int)rq->msg->a[1];
	int ready = poll_now(rq->h->fd, (short)events);

	if (ready >= 0 && stream_has_first(rq->s, rq->h))
		ready |= events & (POLLIN | POLLRDNORM);
	return ready;
}
