/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls to the device; the unit tests have others in this file's place.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/vmx/user/user.h"

int vmx_system_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vmx_system_ioctl(int fd, unsigned long request, void *argument)
{
	int result = ioctl(fd, request, argument);

	return result < 0 ? -errno : result;
}

void *vmx_system_map(int fd)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

void vmx_system_unmap(void *page)
{
	munmap(page, 4096);
}

void vmx_system_close(int fd)
{
	close(fd);
}
