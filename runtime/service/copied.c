/* SPDX-License-Identifier: Apache-2.0
 *
 * The service in a process that was forked from the one that made it: what the kernel shares
 * between the two, and must not, is made anew. Handles keep their numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define MEMORY_MAJOR 1 /* /dev/null, /dev/zero (Documentation/admin-guide/devices.txt) */

int service_prepare_copies(struct service *s)
{
	s->proc_root = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->proc_root < 0 ? -errno : 0;
}

/* "self" is who looks. From now on the others are out of reach. */
static int proc_anew(struct service *s)
{
	int fd = host_openat(s->proc_root, "self/fd", O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	close(s->proc_root);
	close(s->proc_fd);
	s->proc_root = -1;
	s->proc_fd = fd;
	return 0;
}

/* -- streams -- */

static int replace_fd(struct handle *h, int fd)
{
	return dup3(fd, h->fd, O_CLOEXEC) < 0 ? -errno : 0;
}

/* Of a pipe, as at the start: a description of our own, that does not wait. */
static void stop_waiting(struct service *s, struct handle *h, int fd, int oflags)
{
	int own = host_reopen(s, fd, (oflags & O_ACCMODE) | O_NONBLOCK);

	if (own < 0)
		return;
	if (!replace_fd(h, own))
		h->flags |= HANDLE_NONBLOCK;
	close(own);
}

static int flags_of(const struct statx *stx, uint8_t *flags)
{
	*flags = 0;
	switch (stx->stx_mode & S_IFMT) {
	case S_IFSOCK:
		*flags = HANDLE_SOCKET;
		return 0;
	case S_IFIFO:
		*flags = HANDLE_BOUNDED;
		return 0;
	case S_IFREG:
		*flags = HANDLE_NO_NOWAIT;
		return 0;
	case S_IFCHR: /* no terminals: the jail has nothing for them */
		return stx->stx_rdev_major == MEMORY_MAJOR ? 0 : -ENOTSUP;
	default:
		return -ENOTSUP;
	}
}

static int stream_replace(struct service *s, struct handle *h, int fd)
{
	int oflags = fcntl(fd, F_GETFL), r;
	struct statx stx;
	uint8_t flags;

	if (oflags < 0)
		return -errno;
	r = host_statx(fd, "", &stx);
	if (!r)
		r = flags_of(&stx, &flags);
	if (!r)
		r = replace_fd(h, fd);
	if (r)
		return r;
	h->flags = flags;
	h->access = h->rights = service_access_of(oflags);
	if (S_ISFIFO(stx.stx_mode))
		stop_waiting(s, h, fd, oflags);
	return 0;
}

/* -- the other handles -- */

static int handle_anew(struct service *s, struct handle *h, const void *none)
{
	int fd, r;

	(void)none;
	if (h->kind == HANDLE_DIRFILE) { /* where it stands is the description's */
		fd = host_reopen(s, h->fd, O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return fd;
		r = replace_fd(h, fd);
		close(fd);
		if (r)
			return r;
		h->dir_pos = -1;
	}
	return h->watch ? watch_anew(s, h) : 0;
}

/* What the program has closed it does not get again; what it has opened once more, through
 * /proc/self/fd, is replaced too. */
static int stream_anew(struct service *s, struct handle *h, const void *fds)
{
	return h->kind == HANDLE_STREAM && h->stream < SERVICE_STREAMS
		       ? stream_replace(s, h, ((const int *)fds)[h->stream])
		       : 0;
}

void service_copy_begin(struct service *s)
{
	pthread_mutex_lock(&s->events.lock);
}

void service_copy_end(struct service *s)
{
	pthread_mutex_unlock(&s->events.lock);
}

int service_copied(struct service *s, const int fds[SERVICE_STREAMS], int until_fd)
{
	int r = proc_anew(s);

	s->copied = true;
	if (!r)
		r = handles_each(s, stream_anew, fds);
	if (!r)
		r = events_anew(s, until_fd);
	return r ? r : handles_each(s, handle_anew, NULL);
}

static int close_stream(struct service *s, struct handle *h, const void *none)
{
	(void)none;
	if (h->kind == HANDLE_STREAM)
		handle_drop(s, h);
	return 0;
}

void service_close_streams(struct service *s)
{
	handles_each(s, close_stream, NULL);
}

/* -- what is only a clone's -- */

void service_ends_output(struct service *s)
{
	s->ends_output = true;
}

void service_put_first(struct service *s, const void *first, size_t size)
{
	s->first_at = 0;
	s->first_size = size < sizeof s->first ? size : sizeof s->first;
	memcpy(s->first, first, s->first_size);
}

bool stream_has_first(const struct service *s, const struct handle *h)
{
	return s->first_at < s->first_size && h->kind == HANDLE_STREAM && h->stream == STDIN_FILENO;
}

size_t stream_take_first(struct service *s, const struct iovec *iov, int n)
{
	size_t taken = 0, part;

	for (int i = 0; i < n; i++, taken += part) {
		part = s->first_size - s->first_at;
		part = part < iov[i].iov_len ? part : iov[i].iov_len;
		memcpy(iov[i].iov_base, s->first + s->first_at, part);
		s->first_at += part;
	}
	return taken;
}

void stream_end(struct service *s, const struct handle *h)
{
	if (s->ends_output && h->kind == HANDLE_STREAM && h->stream == STDOUT_FILENO &&
		(h->flags & HANDLE_SOCKET))
		shutdown(h->fd, SHUT_WR);
}

bool service_is_stdin(struct service *s, uint64_t handle)
{
	const struct handle *h = handle_get(s, handle);

	return h && h->kind == HANDLE_STREAM && h->stream == STDIN_FILENO;
}

bool service_is_stream(struct service *s, uint32_t handle)
{
	const struct handle *h = handle_get(s, handle);

	return h && h->kind == HANDLE_STREAM && !(h->flags & HANDLE_TTY);
}
