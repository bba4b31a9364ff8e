/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>

#include "tests/unit/sdk/faults/inject.h"

#define PLACES_MAX	 256
#define CALLS_OF_A_PLACE 3
#define CALLER		 __builtin_return_address(0)

static unsigned left; /* calls until the one that fails; 0: none */
static const char *failed;
static struct place {
	const void *at;
	unsigned seen;
} places[PLACES_MAX];
static unsigned nplaces;

void inject_begin(unsigned n)
{
	left = n;
	failed = NULL;
	nplaces = 0;
	memset(places, 0, sizeof places);
}

const char *inject_end(void)
{
	left = 0;
	return failed;
}

/* A loop over all processes is not tried at each of them: of one place in the code, a few calls. */
static bool seen_enough(const void *place)
{
	for (unsigned i = 0; i < nplaces; i++)
		if (places[i].at == place)
			return ++places[i].seen > CALLS_OF_A_PLACE;
	if (nplaces < PLACES_MAX)
		places[nplaces++].at = place;
	return false;
}

static bool fails(const char *call, int err, const void *place)
{
	if (!left || seen_enough(place) || --left)
		return false;
	failed = call;
	errno = err;
	return true;
}

/* A call whose arguments and result are handed on. */
#define WRAP(type, bad, err, name, parameters, arguments)                                          \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return fails(#name, err, CALLER) ? bad : __real_##name arguments;                  \
	}

WRAP(void *, NULL, ENOMEM, malloc, (size_t n), (n))
WRAP(void *, NULL, ENOMEM, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, NULL, ENOMEM, realloc, (void *p, size_t n), (p, n))
WRAP(char *, NULL, ENOMEM, strdup, (const char *s), (s))
WRAP(int, -1, EMFILE, pipe2, (int fd[2], int flags), (fd, flags))
WRAP(int, -1, EMFILE, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(int, -1, EMFILE, epoll_create1, (int flags), (flags))
WRAP(int, -1, ENOSPC, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev), (e, op, fd, ev))
WRAP(int, -1, EMFILE, timerfd_create, (clockid_t clock, int flags), (clock, flags))
WRAP(int, -1, EINVAL, timerfd_settime,
	(int fd, int flags, const struct itimerspec *now, struct itimerspec *old),
	(fd, flags, now, old))
WRAP(ssize_t, -1, EIO, read, (int fd, void *buf, size_t n), (fd, buf, n))
WRAP(ssize_t, -1, EIO, write, (int fd, const void *buf, size_t n), (fd, buf, n))
WRAP(ssize_t, -1, EIO, pread, (int fd, void *buf, size_t n, off_t at), (fd, buf, n, at))
WRAP(ssize_t, -1, ENOSPC, pwrite, (int fd, const void *buf, size_t n, off_t at), (fd, buf, n, at))
WRAP(int, -1, EIO, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, -1, EPERM, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, -1, EINTR, poll, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
WRAP(int, -1, EACCES, access, (const char *path, int mode), (path, mode))
WRAP(void *, (void *)-1, ENOMEM, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t off),
	(at, n, prot, flags, fd, off))
WRAP(void *, NULL, EMFILE, opendir, (const char *path), (path))
WRAP(int, -1, EMFILE, socketpair, (int domain, int type, int protocol, int fd[2]),
	(domain, type, protocol, fd))
WRAP(ssize_t, -1, ETOOMANYREFS, sendmsg, (int fd, const struct msghdr *m, int flags),
	(fd, m, flags))
WRAP(ssize_t, -1, ENOMEM, recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags))
WRAP(int, -1, ESRCH, kill, (pid_t pid, int signo), (pid, signo))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	return fails("open", EMFILE, CALLER) ? -1 : __real_open(path, flags);
}

WRAP(int, -1, EIO, fsync, (int fd), (fd))
WRAP(int, -1, EACCES, linkat, (int from, const char *path, int to, const char *name, int flags),
	(from, path, to, name, flags))
WRAP(int, -1, EACCES, renameat, (int from, const char *path, int to, const char *name),
	(from, path, to, name))

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	unsigned mode;

	va_start(ap, flags);
	mode = va_arg(ap, unsigned);
	va_end(ap);
	return fails("openat", EMFILE, CALLER) ? -1 : __real_openat(dir, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list ap;
	long value;

	va_start(ap, command);
	value = va_arg(ap, long);
	va_end(ap);
	return fails("fcntl", EMFILE, CALLER) ? -1 : __real_fcntl(fd, command, value);
}

bool inject_without_pidfds;

/* Only those that the parent makes and that can fail: it is the child that makes most of these. */
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
__attribute__((no_sanitize("address", "undefined"))) long __wrap_syscall(long nr, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (inject_without_pidfds && (nr == SYS_pidfd_open || nr == SYS_pidfd_send_signal)) {
		errno = ENOSYS;
		return -1;
	}
	if ((nr == SYS_pidfd_open && fails("pidfd_open", EMFILE, CALLER)) ||
		(nr == SYS_pidfd_send_signal && fails("pidfd_send_signal", EPERM, CALLER)))
		return -1;
	/* as if another thread had waited for all children */
	if (nr == SYS_waitid && fails("waitid", ECHILD, CALLER)) {
		__real_syscall(nr, a[0], a[1], a[2], a[3], a[4]);
		errno = ECHILD;
		return -1;
	}
	return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}
