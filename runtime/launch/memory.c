/* SPDX-License-Identifier: Apache-2.0
 * Guest memory: RAM is a sealed memfd, so that it can be shared and given back page by page; the
 * file window is only a reservation of addresses that files are mapped into.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/launch/launch_internal.h"

#define PAGE 4096

/* Of a template all that nobody else maps is its own too, for clones to share by fork. */
static bool all_own(const struct launch *l)
{
	return l->c->template_fd && !l->home->own_ram;
}

/* The shim's own part, if there is one, then the memfd: one range of addresses. */
static int map_ram(struct launch *l, uint64_t size)
{
	uint64_t own = l->home->own_ram ? l->home->own_ram(l) : 0;
	uint8_t *p = mmap(NULL, own + size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	l->mem.ram = p;
	l->mem.ram_size = own + size;
	l->shared_start = own;
	if (!all_own(l) &&
		mmap(p + own, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
			l->ram_fd, 0) == MAP_FAILED)
		return -errno;
	/* a core dump of the launcher must not hold the guest's gigabytes, nor a child */
	madvise(p, own + size, MADV_DONTDUMP);
	madvise(p, own + size, MADV_DONTFORK);
	return 0;
}

static int make_file(uint64_t size, unsigned more_seals)
{
	int fd = memfd_create("sandbox-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) &&
		!fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | more_seals))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Another descriptor of fd that only reads, whoever gets it; -1 where there is no /proc. */
static int open_to_read(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int make_ram(struct launch *l, uint64_t size)
{
	if (all_own(l))
		return 0;
	l->ram_fd = make_file(size, l->c->template_fd ? 0 : F_SEAL_SEAL);
	if (l->ram_fd < 0)
		return l->ram_fd;
	if (l->c->template_fd)
		l->ram_read_fd = open_to_read(l->ram_fd);
	return 0;
}

int launch_memory_create(struct launch *l)
{
	uint64_t size = l->c->mem_size;
	void *p;
	int r = make_ram(l, size);

	if (!r)
		r = map_ram(l, size);
	if (r)
		return r;
	p = mmap(NULL, BOOT_WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		0);
	if (p == MAP_FAILED)
		return -errno;
	l->mem.window = p;
	l->mem.window_size = BOOT_WINDOW_SIZE;
	if (l->home->ram_constant)
		l->home->ram_constant(&l->mem.constant_start, &l->mem.constant_end);
	return 0;
}

/* -- a copy for another process -- */

int launch_memory_seal(const struct launch *l)
{
	return fcntl(l->ram_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) ? -errno : 0;
}

typedef int (*run_fn)(const struct launch *l, int fd, off_t at, off_t end);

static int copy_run(const struct launch *l, int to, off_t at, off_t end)
{
	while (at < end) {
		const struct iovec iov = {l->mem.ram + l->shared_start + at, (size_t)(end - at)};
		/* what the service writes with: one host call fewer for a launcher */
		ssize_t n = syscall(SYS_pwritev2, to, &iov, 1L, at, 0L, 0L);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? n : 0;
	}
	return 0;
}

static int share_run(const struct launch *l, int from, off_t at, off_t end)
{
	uint8_t *p = l->mem.ram + l->shared_start + at;

	return mmap(p, (size_t)(end - at), PROT_READ, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, from,
		       at) == MAP_FAILED
		       ? -errno
		       : 0;
}

static int runs_within(
	const struct launch *l, enum launch_page kind, off_t at, off_t end, run_fn fn, int fd)
{
	int r = 0;

	for (off_t to; at < end && !r; at = to) {
		const bool is = l->home->page(l, (uint64_t)at) == kind;

		to = at + PAGE;
		while (to < end && (l->home->page(l, (uint64_t)to) == kind) == is)
			to += PAGE;
		r = is ? fn(l, fd, at, to) : 0;
	}
	return r;
}

/* Pages of a kind, in runs. Only what is there: what nobody ever wrote to is a hole. */
static int each_run(const struct launch *l, enum launch_page kind, run_fn fn, int fd)
{
	off_t at = lseek(l->ram_fd, 0, SEEK_DATA), end;
	int r = 0;

	while (at >= 0 && !r) {
		end = lseek(l->ram_fd, at, SEEK_HOLE);
		if (end < 0)
			break;
		r = runs_within(l, kind, at, end, fn, fd);
		at = lseek(l->ram_fd, end, SEEK_DATA);
	}
	return r ? r : errno == ENXIO ? 0 : -errno;
}

int launch_memory_copy(const struct launch *l)
{
	int r, fd = make_file(l->c->mem_size, F_SEAL_SEAL);

	if (fd < 0)
		return fd;
	r = each_run(l, LAUNCH_PAGE_COPY, copy_run, fd);
	if (!r)
		return fd;
	close(fd);
	return r;
}

int launch_memory_share(struct launch *l)
{
	size_t size = all_own(l) ? l->mem.ram_size : l->shared_start;

	return madvise(l->mem.ram, size, MADV_DOFORK) ? -errno : 0;
}

int launch_memory_adopt(struct launch *l, int fd)
{
	uint8_t *p = l->mem.ram + l->shared_start;
	size_t size = l->mem.ram_size - l->shared_start;
	int r = mmap(p, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd,
			0) == MAP_FAILED
			? -errno
			: each_run(l, LAUNCH_PAGE_SHARE, share_run, l->ram_read_fd);

	close(l->ram_fd);
	l->ram_fd = fd;
	madvise(p, size, MADV_DONTDUMP);
	return r;
}

void launch_memory_destroy(struct launch *l)
{
	if (l->mem.ram)
		munmap(l->mem.ram, l->mem.ram_size);
	if (l->mem.window)
		munmap(l->mem.window, l->mem.window_size);
	if (l->ram_fd >= 0)
		close(l->ram_fd);
	if (l->ram_read_fd >= 0)
		close(l->ram_read_fd);
	l->ram_fd = l->ram_read_fd = -1;
	l->mem = (struct service_memory){0};
}
