/* SPDX-License-Identifier: Apache-2.0
 * Guest memory: RAM is a sealed memfd, so that it can be shared and given back page by page; the
 * file window is only a reservation of addresses that files are mapped into.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/launch/launch_internal.h"

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
	if (mmap(p + own, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
		    l->ram_fd, 0) == MAP_FAILED)
		return -errno;
	/* a core dump of the launcher must not hold the guest's gigabytes, nor a child */
	madvise(p, own + size, MADV_DONTDUMP);
	madvise(p, own + size, MADV_DONTFORK);
	return 0;
}

int launch_memory_create(struct launch *l)
{
	uint64_t size = l->c->mem_size;
	void *p;
	int r;

	l->ram_fd = memfd_create("sandbox-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (l->ram_fd < 0)
		return -errno;
	if (ftruncate(l->ram_fd, (off_t)size) ||
		fcntl(l->ram_fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		return -errno;
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

void launch_memory_destroy(struct launch *l)
{
	if (l->mem.ram)
		munmap(l->mem.ram, l->mem.ram_size);
	if (l->mem.window)
		munmap(l->mem.window, l->mem.window_size);
	if (l->ram_fd >= 0)
		close(l->ram_fd);
	l->ram_fd = -1;
	l->mem = (struct service_memory){0};
}
