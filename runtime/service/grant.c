/* SPDX-License-Identifier: Apache-2.0
 *
 * What the guest starts with: granted directories and files, inherited descriptors. All of it runs
 * before the jail, where absolute paths still mean something.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

int64_t service_grant(struct service *s, int o_path_fd, bool writable, const char *host_path)
{
	uint8_t rights = RIGHT_READ | (writable ? RIGHT_WRITE : 0);
	struct handle h = {.rights = rights};
	struct statx stx;
	int64_t id;
	int grant;

	h.fd = fcntl(o_path_fd, F_DUPFD_CLOEXEC, 3);
	if (h.fd < 0)
		return -errno;
	grant = host_statx(h.fd, "", &stx);
	if (!grant && policy_denies(s, h.fd, &stx))
		grant = -EACCES;
	if (!grant)
		grant = policy_add(s, &stx, rights, host_path);
	if (grant < 0) {
		close(h.fd);
		return grant;
	}
	h.kind = HANDLE_NODE;
	if (S_ISDIR(stx.stx_mode)) {
		h.kind = HANDLE_DIR;
		h.flags = policy_inert(s, h.fd, &stx);
	}
	h.grant = (uint32_t)grant;
	h.path = text_copy(host_path);
	id = handle_add(s, &h);
	s->policy.grant[grant].root = id > 0 ? (uint32_t)id : 0;
	s->policy.grant[grant].made = S_ISREG(stx.stx_mode) && !stx.stx_nlink;
	s->policy.grant[grant].shown_dev = s->policy.grant[grant].dev;
	s->policy.grant[grant].shown_ino = s->policy.grant[grant].ino;
	return id;
}

int service_deny(struct service *s, int o_path_fd, const char *host_path)
{
	struct statx stx;
	int r = host_statx(o_path_fd, "", &stx);

	if (!r)
		r = policy_add(s, &stx, 0, host_path);
	return r < 0 ? r : 0;
}

static bool is_tty(int fd)
{
	char mode[TTY_MODE_SIZE];

	return !ioctl(fd, TCGETS, mode);
}

/* A pipe or terminal gets a description of our own that never waits; O_NONBLOCK on the inherited
 * one would reach the processes that share it. Fails where /proc or the device's owner does not let
 * us. */
static int open_nonblocking(int fd, int oflags, const struct statx *stx)
{
	char path[32];

	if (S_ISCHR(stx->stx_mode) && stx->stx_rdev_major == 5 && stx->stx_rdev_minor == 2)
		return -1; /* /dev/ptmx: opening it makes another terminal */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, (oflags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void describe_stream(
	struct service *s, int fd, int oflags, struct handle *h, const struct statx *stx)
{
	h->kind = HANDLE_STREAM;
	h->stream = (uint8_t)fd;
	if (S_ISSOCK(stx->stx_mode)) {
		h->flags |= HANDLE_SOCKET;
		return;
	}
	if (S_ISCHR(stx->stx_mode) && is_tty(fd)) {
		h->flags |= HANDLE_TTY | HANDLE_BOUNDED;
		tty_note(s, fd);
	}
	if (S_ISFIFO(stx->stx_mode))
		h->flags |= HANDLE_BOUNDED;
	if (h->flags & HANDLE_BOUNDED) {
		h->fd = open_nonblocking(fd, oflags, stx);
		if (h->fd >= 0)
			h->flags |= HANDLE_NONBLOCK;
	}
}

uint8_t service_access_of(int oflags)
{
	switch (oflags & O_ACCMODE) {
	case O_RDONLY:
		return RIGHT_READ;
	case O_WRONLY:
		return RIGHT_WRITE;
	default:
		return RIGHT_READ | RIGHT_WRITE;
	}
}

char *service_path_of(int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = 0;
	return strdup(path);
}

/* What it is called on the host, for messages. */
static char *describe_path(int fd)
{
	char *path = service_path_of(fd);

	return path || asprintf(&path, "descriptor %d", fd) >= 0 ? path : NULL;
}

int64_t service_inherit(struct service *s, int fd, int *out_oflags)
{
	struct handle h = {.fd = -1, .grant = GRANT_INHERITED, .dir_pos = -1};
	int oflags = fcntl(fd, F_GETFL), r;
	struct statx stx;

	if (oflags < 0)
		return -errno;
	if (oflags & O_PATH)
		return -EBADF;
	r = host_statx(fd, "", &stx);
	if (r)
		return r;
	h.access = h.rights = service_access_of(oflags);
	if (S_ISREG(stx.stx_mode)) {
		h.kind = HANDLE_FILE;
		h.flags = HANDLE_REGULAR;
	} else if (S_ISDIR(stx.stx_mode)) {
		h.kind = HANDLE_DIRFILE;
	} else if (S_ISBLK(stx.stx_mode)) {
		h.kind = HANDLE_FILE;
	} else {
		describe_stream(s, fd, oflags, &h, &stx);
	}
	if (h.fd < 0)
		h.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (h.fd < 0)
		return -errno;
	h.path = describe_path(fd);
	if (out_oflags)
		*out_oflags = oflags & (O_ACCMODE | O_APPEND | O_NONBLOCK);
	return handle_add(s, &h);
}

int service_prepare(struct service *s)
{
	int fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (s->proc_fd >= 0)
		close(s->proc_fd);
	s->proc_fd = fd;
	handles_set_cap(s);
	umask(0);
	return 0;
}
