/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev/kvm: opened, looked at, and what is wrong with it in a sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/kvm/kvm_internal.h"
#include "vmm/permission.h"

static const struct {
	int number;
	const char *name;
} caps_needed[] = {
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	{KVM_CAP_SYNC_MMU, "KVM_CAP_SYNC_MMU"},
	{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
	{KVM_CAP_XSAVE, "KVM_CAP_XSAVE"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

/* 0 or more, or -errno. Only for requests that a signal cannot leave half done. */
int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int result;

	do
		result = ioctl(fd, request, arg);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

static int open_explained(const char *path, char *why, size_t why_size)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int error = errno;

	if (fd >= 0)
		return fd;
	switch (error) {
	case ENOENT:
		snprintf(why, why_size,
			"%s does not exist: load the kvm module (modprobe kvm_intel or kvm_amd) or "
			"enable virtualization in firmware",
			path);
		break;
	case EACCES:
	case EPERM:
		vm_permission_explain(path, why, why_size);
		break;
	case ENXIO:
	case ENODEV:
		snprintf(why, why_size,
			"%s has no driver behind it: load the kvm module (modprobe kvm_intel or "
			"kvm_amd)",
			path);
		break;
	case EBUSY:
		snprintf(why, why_size, "%s is busy: another hypervisor uses the CPU", path);
		break;
	default:
		snprintf(why, why_size, "%s cannot be opened: %s", path, strerror(error));
	}
	return -error;
}

int kvm_device_open(const char *path, char *why, size_t why_size)
{
	int fd = open_explained(path, why, why_size);
	int version;

	if (fd < 0)
		return fd;
	version = kvm_ioctl(fd, KVM_GET_API_VERSION, NULL);
	if (version != KVM_API_VERSION) {
		if (version < 0)
			snprintf(why, why_size, "%s is not KVM: it answers %s", path,
				strerror(-version));
		else
			snprintf(why, why_size, "%s speaks KVM API version %d, needed is %d", path,
				version, KVM_API_VERSION);
		close(fd);
		return version < 0 ? -ENODEV : -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(caps_needed) / sizeof(caps_needed[0]); i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, caps_needed[i].number) > 0)
			continue;
		snprintf(why, why_size, "%s lacks %s: the kernel is too old", path,
			caps_needed[i].name);
		close(fd);
		return -ENOTSUP;
	}
	return fd;
}
